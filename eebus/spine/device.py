"""The local device: one object for all peers, one owner, no I/O (SPINE 1.3.0).

The shell tells it connections, datagrams and time and takes datagrams and closures; use cases set
and judge data and take events. Nothing a peer sends makes it raise; only our own misuse does
(``LocalUseError``). Detailed discovery, use case data, destination list and the relation tables are
derived from the declarations.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, TypeVar, cast

import msgspec

from eebus.spine.addresses import is_within, node_management
from eebus.spine.client import Client
from eebus.spine.events import PeerGone
from eebus.spine.inbound import Inbound
from eebus.spine.intake import Intake
from eebus.spine.model import node_management as nm
from eebus.spine.node_management import NodeManagement
from eebus.spine.restricted import PARTIAL
from eebus.spine.session import Session
from eebus.spine.state import DeviceState
from eebus.spine.timings import SpineTimings
from eebus.spine.tree import LocalTree
from eebus.wire.errors import LocalUseError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from eebus.spine.addresses import Entity, FeatureAddress, Peer
    from eebus.spine.events import SpineEvent
    from eebus.spine.functions import AnyFunction, Function
    from eebus.spine.guards import BindingJudge, Judge, View
    from eebus.spine.relations import Relation
    from eebus.spine.remote import RemoteDevice
    from eebus.spine.restricted import Filter
    from eebus.spine.specs import DeviceInfo, EntitySpec, UseCaseAnnouncement
    from eebus.wire.ejson import JsonValue

D = TypeVar("D", bound=msgspec.Struct)


class LocalDevice:
    """See the module; every method is synchronous, ``now`` is monotonic seconds."""

    def __init__(
        self,
        info: DeviceInfo,
        entities: Sequence[EntitySpec],
        *,
        use_cases: Sequence[UseCaseAnnouncement] = (),
        timings: SpineTimings | None = None,
    ) -> None:
        """Build the tree.

        Raises:
            LocalUseError: a declaration breaks a rule of the address model.
        """
        self._state = DeviceState(LocalTree(info, entities), timings or SpineTimings(), use_cases)
        self._node = NodeManagement(self._state)
        self._client = Client(self._state)
        intake = Intake(self._state, self._client)
        self._inbound = Inbound(self._state, self._node, intake)

    # --- shell side ---

    @property
    def deadline(self) -> float | None:
        """When ``handle_timer`` is wanted next."""
        dues = [session.requests.deadline for session in self._state.sessions.values()]
        return min((due for due in dues if due is not None), default=None)

    def connect(self, peer: Peer, now: float) -> None:
        """The SHIP data phase is reached: the discovery read goes out at once.

        A peer that is still connected loses its old session first.
        """
        if peer in self._state.sessions:
            self.disconnect(peer, now)
        if len(self._state.sessions) >= self._state.timings.max_peers:
            self._state.closures.append((peer, "too many peers"))
            return
        session = Session.of(peer)
        self._state.sessions[peer] = session
        self._client.discover(session, now)

    def disconnect(self, peer: Peer, now: float) -> None:
        """Drop bindings, subscriptions and requests of ``peer``; use cases get ``PeerGone``."""
        del now  # part of the contract; nothing here waits
        state = self._state
        if state.sessions.pop(peer, None) is None:
            return
        state.bindings.remove(peer, lambda _: True)
        state.subscriptions.remove(peer, lambda _: True)
        state.datagrams = [one for one in state.datagrams if one[0] != peer]
        state.events.append(PeerGone(peer))

    def receive(self, peer: Peer, payload: JsonValue, now: float) -> None:
        """Handle one datagram (EEBUS JSON value of ``{"datagram": ...}``)."""
        session = self._state.sessions.get(peer)
        if session is not None and not session.is_banned:
            self._inbound.receive(session, payload, now)

    def handle_timer(self, now: float) -> None:
        """Repeat or give up requests that are due at ``now``."""
        for session in list(self._state.sessions.values()):
            self._client.handle_timer(session, now)

    def take_datagrams(self) -> list[tuple[Peer, JsonValue]]:
        """Hand over what must be sent, in order, and forget it."""
        datagrams, self._state.datagrams = self._state.datagrams, []
        return datagrams

    def take_events(self) -> list[SpineEvent]:
        """Hand over what happened, in order, and forget it."""
        events, self._state.events = self._state.events, []
        return events

    def close(self, peer: Peer, reason: str) -> None:
        """Ask the shell to close the link to ``peer`` and to make it anew."""
        if peer in self._state.sessions:
            self._state.closures.append((peer, reason))

    def take_closures(self) -> list[tuple[Peer, str]]:
        """Hand over the peers whose link must be closed, with the reason (H-07)."""
        closures, self._state.closures = self._state.closures, []
        return closures

    # --- use case side: our servers ---

    def feature(self, entity: Entity, feature_type: str, role: str) -> FeatureAddress:
        """Return the address of our feature; ``LocalUseError`` if it was not declared."""
        return self._state.tree.find(entity, feature_type, role).address

    def data(self, address: FeatureAddress, function: Function[D]) -> D | None:
        """Return what we hold for a function of a server feature of ours."""
        feature = self._state.tree.serving(address, function)
        return cast("D | None", feature.data.get(function.name))

    def set_data(
        self,
        address: FeatureAddress,
        function: Function[D],
        data: D,
        now: float,
        *,
        notify: bool = True,
    ) -> None:
        """Store ``data`` and notify the subscribers when it changed (guide P 2.4)."""
        feature = self._state.tree.serving(address, function)
        is_changed = feature.data.get(function.name) != data
        feature.data[function.name] = data
        if notify and is_changed:
            self.announce(address, function, now)

    def announce(self, address: FeatureAddress, function: AnyFunction, now: float) -> None:
        """Notify the subscribers although nothing changed (heartbeat)."""
        feature = self._state.tree.serving(address, function)
        data = feature.data.get(function.name)
        if data is not None:
            shown = feature.shown(function.name, data, now)
            self._state.notify(feature.address, function, shown)

    def view(self, address: FeatureAddress, function: AnyFunction, view: View) -> None:
        """Let ``view(stored, now)`` make what peers read and are notified of."""
        self._state.tree.serving(address, function).views[function.name] = view

    def guard(self, address: FeatureAddress, function: AnyFunction, judge: Judge) -> None:
        """Set who judges remote writes of ``function``; without a judge every write is taken."""
        self._state.tree.serving(address, function).judges[function.name] = judge

    def bind_guard(self, address: FeatureAddress, judge: BindingJudge) -> None:
        """Set who may veto bindings to our feature, on top of one binding per feature."""
        feature = self._state.tree.at(address)
        if feature is None:
            raise LocalUseError(f"no feature at {address}")
        feature.binding_judge = judge

    def subscribers(self, server: FeatureAddress) -> tuple[tuple[Peer, FeatureAddress], ...]:
        """Return who gets notifies of our ``server`` feature."""
        return tuple((r.peer, r.client) for r in self._state.subscriptions.of_server(server))

    def bound(self, server: FeatureAddress) -> tuple[tuple[Peer, FeatureAddress], ...]:
        """Return who may write our ``server`` feature."""
        return tuple((r.peer, r.client) for r in self._state.bindings.of_server(server))

    # --- use case side: our tree changes ---

    def add_entity(self, spec: EntitySpec, use_cases: Sequence[UseCaseAnnouncement] = ()) -> None:
        """Add an entity at run time and tell the subscribers of the node management."""
        self._state.tree.add(spec)
        self._tell_tree([spec], "added")
        self._tell_use_cases((*self._state.use_cases, *use_cases))

    def remove_entity(self, entity: Entity) -> None:
        """Remove an entity, its children, relations and use cases, and tell the subscribers."""
        gone = [s for place, s in self._state.tree.entities.items() if is_within(place, entity)]
        for peer in self._state.sessions:
            self._state.drop_relations(peer, lambda one: self._touches(one, entity))
        self._state.tree.remove(entity)
        self._tell_tree([replace(spec, features=()) for spec in gone], "removed")
        left = [one for one in self._state.use_cases if not is_within(one.entity, entity)]
        self._tell_use_cases(left)

    def _touches(self, relation: Relation, entity: Entity) -> bool:
        own = self._state.tree.device
        ends = (relation.client, relation.server)
        return any(end.device == own and is_within(end.entity, entity) for end in ends)

    def _tell_tree(self, entities: list[EntitySpec], change: str) -> None:
        data = self._node.discovery(entities, change)
        server = node_management(self._state.tree.device)
        self._state.notify(server, nm.NODE_MANAGEMENT_DETAILED_DISCOVERY_DATA, data, (PARTIAL,))

    def _tell_use_cases(self, use_cases: Sequence[UseCaseAnnouncement]) -> None:
        if tuple(use_cases) == self._state.use_cases:
            return
        self._state.use_cases = tuple(use_cases)
        server = node_management(self._state.tree.device)
        self._state.notify(server, nm.NODE_MANAGEMENT_USE_CASE_DATA, self._node.use_cases())

    # --- use case side: servers of peers ---

    def peers(self) -> tuple[Peer, ...]:
        """Return the connected peers."""
        return tuple(self._state.sessions)

    def remote(self, peer: Peer) -> RemoteDevice | None:
        """Return what ``peer`` told about itself; ``None`` while it is not connected."""
        session = self._state.sessions.get(peer)
        return session.remote if session else None

    def read(
        self,
        peer: Peer,
        client: FeatureAddress,
        server: FeatureAddress,
        function: AnyFunction,
        now: float,
        *,
        selectors: msgspec.Struct | None = None,
    ) -> int:
        """Read a remote function; the number names the request in later events.

        ``selectors`` restrict the read where the peer announced partial reads, else all is read.
        """
        session = self._session(peer)
        return self._client.read(session, (client, server), function, now, selectors=selectors)

    def write(  # noqa: PLR0913  # the parts of a datagram, frozen in docs/borders.md
        self,
        peer: Peer,
        client: FeatureAddress,
        server: FeatureAddress,
        function: AnyFunction,
        data: msgspec.Struct | None,
        now: float,
        *,
        filters: Sequence[Filter] = (),
    ) -> int:
        """Write a remote function with ackRequest, once; the device never repeats a write."""
        route = (client, server)
        return self._client.write(self._session(peer), route, function, (data, filters), now)

    def subscribe(
        self, peer: Peer, client: FeatureAddress, server: FeatureAddress, now: float
    ) -> int:
        """Ask ``peer`` for notifies of its ``server`` feature."""
        return self._client.subscribe(self._session(peer), client, server, now)

    def bind(self, peer: Peer, client: FeatureAddress, server: FeatureAddress, now: float) -> int:
        """Ask ``peer`` for the right to write its ``server`` feature."""
        return self._client.bind(self._session(peer), client, server, now)

    def _session(self, peer: Peer) -> Session:
        session = self._state.sessions.get(peer)
        if session is None:
            raise LocalUseError(f"{peer} is not connected")
        return session
