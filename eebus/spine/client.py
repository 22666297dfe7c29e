"""The client side: our requests to peers, their repetition, and what peers tell us.

A request that nobody answers is repeated after 30 s, 5 min and 15 min, each time with a fresh
counter (guide P 2.6.2). Writes are never repeated here: an outdated limit must not arrive late,
the use case decides (K-04).
"""

from __future__ import annotations

import logging
from dataclasses import replace
from typing import TYPE_CHECKING, Final, Literal, TypeAlias

from eebus.spine.addresses import FeatureAddress, is_within, node_management
from eebus.spine.datagram import CALL, READ, WRITE, Header, build_command, to_wire
from eebus.spine.discovery import change_tree, device_of, read_tree, read_use_cases
from eebus.spine.events import (
    DataReceived,
    EntityGone,
    PeerReady,
    RequestUnanswered,
    ResultReceived,
)
from eebus.spine.model import node_management as nm
from eebus.spine.model.binding_management import BindingManagementRequestCall
from eebus.spine.model.result import ResultData
from eebus.spine.model.subscription_management import SubscriptionManagementRequestCall
from eebus.spine.requests import Request
from eebus.spine.restricted import PARTIAL, Filter, entries, merge
from eebus.wire.errors import SpineError

if TYPE_CHECKING:
    from collections.abc import Sequence

    import msgspec

    from eebus.spine.addresses import Entity
    from eebus.spine.datagram import Command
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
    """Sends requests and takes replies, results and notifies."""

    def __init__(self, state: DeviceState) -> None:
        self._state = state
        self._own = node_management(state.tree.device)
        self._to_primary: Route = (self._own, node_management(None))

    # --- requests ---

    def discover(self, session: Session, now: float) -> int:
        """Read the detailed discovery; without destination device until it is known."""
        number = self.read(session, self._to_primary, DISCOVERY, now)
        request, timings = session.requests.find(number), self._state.timings
        if request is not None and request.waits_s:
            first_s = max(timings.discovery_repeat_s - request.response_s, 0.0)
            request.waits_s = (first_s, *request.waits_s[1:])
        return number

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
            self._without_use_cases(session, request)
            if is_final:
                session.requests.close(request)
            else:
                request.due, request.waiting = now + request.waits_s[0], True
                request.waits_s = request.waits_s[1:]

    # --- answers and notifies ---

    def take_result(self, session: Session, reference: int | None, result: ResultData) -> None:
        """Match a result with its request; a success is no answer to a read."""
        request = session.requests.find(reference)
        number = result.error_number or 0
        if request is None or (request.classifier == READ and number == 0):
            return
        session.requests.close(request)
        description = result.description or ""
        event = ResultReceived(session.peer, request.number, number, description[:4096])
        self._state.events.append(event)
        if number == 0 and request.function in {SUBSCRIBE, BIND}:
            self._keep_relation(session, request)
        self._without_use_cases(session, request)

    def _without_use_cases(self, session: Session, request: Request) -> None:
        """A peer that does not tell its use cases is ready without them."""
        if request.function is USE_CASES and not session.are_use_cases_known:
            session.are_use_cases_known = True
            self._ready(session)

    def _keep_relation(self, session: Session, request: Request) -> None:
        """Remember what the peer granted, for the tables (H-32)."""
        if request.relation is None:
            return
        client, server = request.relation
        client, server = client.on(self._own.device), server.on(session.remote.address)
        table = self._state.bindings if request.function is BIND else self._state.subscriptions
        try:
            table.add(session.peer, client, server)
        except SpineError:
            LOGGER.debug("x granted relations of %s are full", session.peer)

    def take_reply(self, session: Session, header: Header, command: Command, now: float) -> None:
        """Take the data we asked this peer for; anything else is discarded (H-65)."""
        request = session.requests.find(header.reference)
        if (
            request is None
            or request.classifier != READ
            or request.function is not command.function
            or command.data is None
            or (request.server.entity, request.server.feature)
            != (header.source.entity, header.source.feature)
        ):
            LOGGER.debug("x unexpected reply of %s", session.peer)
            return
        if request.restricted and not command.filters:
            command = replace(command, filters=(PARTIAL,))
        if self._take(session, header, command, "reply", now):
            session.requests.close(request)

    def take_notify(self, session: Session, header: Header, command: Command, now: float) -> None:
        """Take what a server of this peer tells; also without a read before."""
        self._take(session, header, command, "notify", now)

    def _take(
        self,
        session: Session,
        header: Header,
        command: Command,
        classifier: Literal["reply", "notify"],
        now: float,
    ) -> bool:
        match command.data:
            case nm.NodeManagementDetailedDiscoveryData() as discovery:
                return self._take_discovery(
                    session, discovery, now, is_partial=bool(command.filters)
                )
            case nm.NodeManagementUseCaseData() as use_cases:
                return self._take_use_cases(session, use_cases, is_partial=bool(command.filters))
            case _ if command.function.feature == "NodeManagement":
                return False  # tables of others, and deletions nobody can mean (H-30)
            case _:
                return self._take_data(session, header.source, command, classifier)

    def _take_discovery(
        self,
        session: Session,
        data: nm.NodeManagementDetailedDiscoveryData,
        now: float,
        *,
        is_partial: bool,
    ) -> bool:
        remote, bounds = session.remote, self._state.timings
        told, device_type = device_of(data)
        remote.address = remote.address or told  # the header's address wins (H-50)
        remote.device_type = device_type or remote.device_type
        if is_partial and session.is_discovered:
            tree, removed = change_tree(remote.entities, data, remote.address, bounds)
        else:
            tree = read_tree(data, remote.address, bounds)
            removed = [place for place in remote.entities if place not in tree]
        for entity in removed:
            self._forget(session, entity)
        remote.entities = tree
        if session.is_discovered:
            self._ready(session)
            return True
        session.is_discovered = True
        self.subscribe(session, self._own, node_management(None), now)
        self.read(session, self._to_primary, USE_CASES, now)
        return True

    def _forget(self, session: Session, entity: Entity) -> None:
        """Drop everything that touches an entity that is gone, and nothing else."""
        session.remote.forget(entity)
        session.requests.forget(lambda place: is_within(place, entity))
        own = self._state.tree.device
        self._state.drop_relations(
            session.peer,
            lambda one: is_within(
                (one.client if one.server.device == own else one.server).entity, entity
            ),
        )
        self._state.events.append(EntityGone(session.peer, entity))

    def _take_use_cases(
        self, session: Session, data: nm.NodeManagementUseCaseData, *, is_partial: bool
    ) -> bool:
        remote = session.remote
        told = read_use_cases(data, self._state.timings)
        if is_partial:  # an entry is one entity and actor; what is not named stays (H-30)
            named = {(one.entity, one.actor) for one in told}
            kept = (one for one in remote.use_cases if (one.entity, one.actor) not in named)
            told = (*kept, *told)[: self._state.timings.max_features]
        remote.use_cases = told
        session.are_use_cases_known = True
        self._ready(session)
        return True

    def _ready(self, session: Session) -> None:
        if session.is_discovered and session.are_use_cases_known:
            self._state.events.append(PeerReady(session.peer))

    def _take_data(
        self,
        session: Session,
        source: FeatureAddress,
        command: Command,
        classifier: Literal["reply", "notify"],
    ) -> bool:
        remote, function = session.remote, command.function
        source = source.on(remote.address)
        stored = remote.data(source, function)
        bounds = self._state.timings
        try:
            data = merge(function, stored, command.data, command.filters)
        except SpineError as error:
            LOGGER.debug("x %s of %s not usable: %s", function.name, session.peer, error)
            return False
        is_new = stored is None and remote.cached() >= bounds.max_cached
        if is_new or len(entries(function, data)) > bounds.max_remote_items:
            LOGGER.warning("%s of %s exceeds the bounds, ignored", function.name, session.peer)
            return False
        remote.store(source, function, data)
        event = DataReceived(session.peer, source, function, data, classifier, command.data)
        self._state.events.append(event)
        return True
