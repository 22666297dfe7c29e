"""What the parts of the local device share, and the one way datagrams leave it."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

from eebus.spine.datagram import NOTIFY, REPLY, RESULT, Header, build, build_command
from eebus.spine.events import Unbound, Unsubscribed
from eebus.spine.model.result import RESULT_DATA, ResultData
from eebus.spine.relations import Relations
from eebus.spine.session import Session

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    import msgspec

    from eebus.spine.addresses import FeatureAddress, Peer
    from eebus.spine.events import SpineEvent
    from eebus.spine.functions import AnyFunction
    from eebus.spine.relations import Relation
    from eebus.spine.restricted import Filter
    from eebus.spine.specs import UseCaseAnnouncement
    from eebus.spine.timings import SpineTimings
    from eebus.spine.tree import LocalTree
    from eebus.wire.ejson import JsonValue

Json: TypeAlias = "JsonValue"


class DeviceState:
    """Tree, sessions, relations and what waits to be taken."""

    def __init__(
        self, tree: LocalTree, timings: SpineTimings, use_cases: Sequence[UseCaseAnnouncement]
    ) -> None:
        self.tree = tree
        self.timings = timings
        self.use_cases = tuple(use_cases)
        self.sessions: dict[Peer, Session] = {}
        self.bindings = Relations(tree.device, timings.max_relations)
        self.subscriptions = Relations(tree.device, timings.max_relations)
        self.events: list[SpineEvent] = []
        self.datagrams: list[tuple[Peer, Json]] = []
        self.closures: list[tuple[Peer, str]] = []

    def is_taken(self, session: Session, device: str) -> bool:
        """Tell whether a device address belongs to us or to another peer (H-07)."""
        others = (one.remote.address for one in self.sessions.values() if one is not session)
        return device == self.tree.device or device in others

    def send(self, session: Session, header: Header, command: Json) -> int:
        """Queue a datagram; its counter is assigned here, so the wire sees it ascending."""
        counter = session.next_counter()
        numbered = Header(
            source=header.source.on(self.tree.device),
            destination=header.destination,
            counter=counter,
            classifier=header.classifier,
            reference=header.reference,
            ack_request=header.ack_request,
        )
        self.datagrams.append((session.peer, build(numbered, command)))
        return counter

    def reply(
        self,
        session: Session,
        request: Header,
        function: AnyFunction,
        data: msgspec.Struct,
        filters: Sequence[Filter] = (),
    ) -> None:
        """Answer a read."""
        self._answer(session, request, REPLY, build_command(function, data, filters))

    def result(
        self, session: Session, request: Header, error_number: int = 0, description: str = ""
    ) -> None:
        """Answer with a result; never used for a result."""
        data = ResultData(error_number=error_number, description=_plain(description) or None)
        self._answer(session, request, RESULT, build_command(RESULT_DATA, data))

    def _answer(self, session: Session, request: Header, classifier: str, command: Json) -> None:
        destination = request.source
        if destination.device is None:
            destination = destination.on(session.remote.address)
        answer = Header(
            source=request.destination,
            destination=destination,
            counter=0,
            classifier=classifier,
            reference=request.counter,
        )
        self.send(session, answer, command)

    def notify(
        self,
        server: FeatureAddress,
        function: AnyFunction,
        data: msgspec.Struct,
        filters: Sequence[Filter] = (),
    ) -> None:
        """Tell all subscribers of a feature of ours."""
        command = build_command(function, data, filters)
        for relation in self.subscriptions.of_server(server):
            header = Header(
                source=server, destination=relation.client, counter=0, classifier=NOTIFY
            )
            self.send(self.sessions[relation.peer], header, command)

    def drop_relations(self, peer: Peer, matches: Callable[[Relation], bool]) -> None:
        """Remove bindings and subscriptions of a peer and tell the use cases of granted ones."""
        for table in (self.bindings, self.subscriptions):
            self.tell_dropped(table, table.remove(peer, matches))

    def tell_dropped(self, table: Relations, gone: Iterable[Relation]) -> None:
        """Tell the use cases which of the relations we had granted are gone."""
        event = Unbound if table is self.bindings else Unsubscribed
        for one in gone:
            if one.server.device == self.tree.device:
                self.events.append(event(one.peer, one.client, one.server))


def _plain(text: str) -> str:
    """Without brackets and braces, which some peers take for JSON (spine.md 1.11)."""
    return text.translate(str.maketrans("[]{}", "()()"))[:200]
