"""The client side: our requests to peers and their repetition.

A request that nobody answers is repeated after 30 s, 5 min and 15 min, each time with a fresh
counter (guide P 2.6.2). Writes are never repeated here: an outdated limit must not arrive late,
the use case decides (K-04).
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Final, TypeAlias

from eebus.spine.addresses import FeatureAddress, node_management
from eebus.spine.datagram import CALL, READ, WRITE, Header, build_command, to_wire
from eebus.spine.events import (
    PeerReady,
    RequestUnanswered,
)
from eebus.spine.model import node_management as nm
from eebus.spine.model.binding_management import BindingManagementRequestCall
from eebus.spine.model.subscription_management import SubscriptionManagementRequestCall
from eebus.spine.requests import Request
from eebus.spine.restricted import Filter

if TYPE_CHECKING:
    from collections.abc import Sequence

    import msgspec

    from eebus.spine.functions import AnyFunction
    from eebus.spine.session import Session
    from eebus.spine.state import DeviceState
    from eebus.wire.ejson import JsonValue

Json: TypeAlias = "JsonValue"
Route: TypeAlias = "tuple[FeatureAddress, FeatureAddress]"

LOGGER = logging.getLogger(__name__)

DISCOVERY: Final = nm.NODE_MANAGEMENT_DETAILED_DISCOVERY_DATA
USE_CASES: Final = nm.NODE_MANAGEMENT_USE_CASE_DATA
SUBSCRIBE: Final = nm.NODE_MANAGEMENT_SUBSCRIPTION_REQUEST_CALL
BIND: Final = nm.NODE_MANAGEMENT_BINDING_REQUEST_CALL


class Client:
    """Sends requests and repeats or gives up what is not answered."""

    def __init__(self, state: DeviceState) -> None:
        self._state = state
        self._own = node_management(state.tree.device)
        self._to_primary: Route = (self._own, node_management(None))

    def discover(self, session: Session, now: float) -> int:
        """Read the detailed discovery; without destination device until it is known."""
        session.asked_at = now
        number = self.read(session, self._to_primary, DISCOVERY, now)
        request, timings = session.requests.find(number), self._state.timings
        if request is not None and request.waits_s:
            first_s = max(timings.discovery_repeat_s - request.response_s, 0.0)
            request.waits_s = (first_s, *request.waits_s[1:])
        return number

    def ask_again(self, session: Session, now: float) -> None:
        """A peer that asks us but never told who it is has woken up: do not wait for the timer."""
        due_at = session.asked_at + self._state.timings.discovery_repeat_s
        if not session.is_discovered and now >= due_at:
            self.discover(session, now)

    def read(
        self,
        session: Session,
        route: Route,
        function: AnyFunction,
        now: float,
        *,
        selectors: msgspec.Struct | None = None,
    ) -> int:
        """Ask for data; an open request that asks the same is not doubled (spine.md 8.2, 13)."""
        feature = session.remote.feature_at(route[1])
        operations = feature.functions.get(function.name) if feature else None
        is_restricted = selectors is not None and bool(operations and operations.read_partial)
        filters = (Filter("partial", (selectors,)),) if selectors and is_restricted else ()
        command = build_command(function, function.data(), filters, named=True)
        request = self._request(session, READ, route, (function, command), now)
        request.restricted = is_restricted
        return self._open(session, request, now)

    def write(
        self,
        session: Session,
        route: Route,
        function: AnyFunction,
        content: tuple[msgspec.Struct | None, Sequence[Filter]],
        now: float,
    ) -> int:
        """Write once, with ackRequest; ``content`` is data and filters."""
        command = build_command(function, *content)
        request = self._request(session, WRITE, route, (function, command), now)
        request.waits_s = ()
        return self._open(session, request, now, may_join=False)

    def subscribe(
        self, session: Session, client: FeatureAddress, server: FeatureAddress, now: float
    ) -> int:
        """Ask for notifies; the server's feature type always goes along, old stacks need it."""
        call = nm.NodeManagementSubscriptionRequestCall(
            subscription_request=SubscriptionManagementRequestCall(
                client_address=to_wire(client.on(self._own.device)),
                server_address=to_wire(server.on(session.remote.address)),
                server_feature_type=self._type_of(session, server),
            )
        )
        return self._call(session, SUBSCRIBE, call, (client, server), now)

    def bind(
        self, session: Session, client: FeatureAddress, server: FeatureAddress, now: float
    ) -> int:
        """Ask for the right to write."""
        call = nm.NodeManagementBindingRequestCall(
            binding_request=BindingManagementRequestCall(
                client_address=to_wire(client.on(self._own.device)),
                server_address=to_wire(server.on(session.remote.address)),
                server_feature_type=self._type_of(session, server),
            )
        )
        return self._call(session, BIND, call, (client, server), now)

    def _call(
        self,
        session: Session,
        function: AnyFunction,
        call: msgspec.Struct,
        relation: Route,
        now: float,
    ) -> int:
        command = build_command(function, call)
        request = self._request(session, CALL, self._to_primary, (function, command), now)
        request.relation = relation
        return self._open(session, request, now)

    def _type_of(self, session: Session, server: FeatureAddress) -> str | None:
        if (server.entity, server.feature) == (self._own.entity, self._own.feature):
            return "NodeManagement"
        feature = session.remote.feature_at(server)
        return feature.type if feature else None

    def _request(
        self,
        session: Session,
        classifier: str,
        route: Route,
        content: tuple[AnyFunction, Json],
        now: float,
    ) -> Request:
        client, server = route
        function, command = content
        feature = session.remote.feature_at(server)
        announced_s = feature.max_response_delay_s if feature else None
        timings = self._state.timings
        response_s = max(announced_s or timings.response_s, timings.response_s)
        return Request(
            number=0,
            classifier=classifier,
            client=client,
            server=server.on(None),
            function=function,
            command=command,
            response_s=response_s,
            due=now + response_s,
            waits_s=timings.retries_s,
        )

    def _open(
        self, session: Session, request: Request, now: float, *, may_join: bool = True
    ) -> int:
        same = session.requests.same(request) if may_join else None
        if same is not None and not same.waiting:
            return same.number
        if len(session.requests) >= self._state.timings.max_requests:
            request.number = session.next_counter()
            self._state.events.append(RequestUnanswered(session.peer, request.number))
            return request.number
        if same is not None:  # asked again while waiting: at once, and under the old number
            self._transmit(session, same, now)
            return same.number
        request.number = self._transmit(session, request, now)
        session.requests.add(request)
        return request.number

    def _transmit(self, session: Session, request: Request, now: float) -> int:
        header = Header(
            source=request.client,
            destination=request.server.on(session.remote.address),
            counter=0,
            classifier=request.classifier,
            ack_request=request.classifier in {WRITE, CALL},
        )
        counter = self._state.send(session, header, request.command)
        request.counters.add(counter)
        request.waiting, request.due = False, now + request.response_s
        return counter

    def handle_timer(self, session: Session, now: float) -> None:
        """Repeat, or give up, what was not answered in time."""
        for request in session.requests.take_due(now):
            if request.waiting:
                self._transmit(session, request, now)
                continue
            is_final = not request.waits_s
            event = RequestUnanswered(session.peer, request.number, final=is_final)
            self._state.events.append(event)
            self.without_use_cases(session, request)
            if is_final:
                session.requests.close(request)
            else:
                request.due, request.waiting = now + request.waits_s[0], True
                request.waits_s = request.waits_s[1:]

    def without_use_cases(self, session: Session, request: Request) -> None:
        """A peer that does not tell its use cases is ready without them."""
        if request.function is USE_CASES and not session.are_use_cases_known:
            session.are_use_cases_known = True
            self.ready(session)

    def ready(self, session: Session) -> None:
        """Tell that the picture of the peer is complete, or complete again."""
        if session.is_discovered and session.are_use_cases_known:
            self._state.events.append(PeerReady(session.peer))
