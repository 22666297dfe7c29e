"""What peers tell us: results, replies and notifies (spine.md 1.5, 1.8, 3.3).

Nothing here is ever answered with an error; what cannot be used is left aside (spine.md 1.6).
"""

from __future__ import annotations

import logging
from dataclasses import replace
from typing import TYPE_CHECKING, Final, Literal

from eebus.spine.addresses import (
    FeatureAddress,
    is_usable_device,
    is_within,
    node_management,
)
from eebus.spine.client import BIND, USE_CASES
from eebus.spine.datagram import READ, Header
from eebus.spine.discovery import change_tree, device_of, read_tree, read_use_cases
from eebus.spine.events import DataReceived, EntityGone, ResultReceived
from eebus.spine.model import node_management as nm
from eebus.spine.model.result import ResultData
from eebus.spine.restricted import PARTIAL, entries, merge
from eebus.wire.errors import SpineError

if TYPE_CHECKING:
    import msgspec

    from eebus.spine.addresses import Entity
    from eebus.spine.client import Client, Route
    from eebus.spine.datagram import Command
    from eebus.spine.functions import AnyFunction
    from eebus.spine.remote import RemoteDevice
    from eebus.spine.session import Session
    from eebus.spine.state import DeviceState

LOGGER = logging.getLogger(__name__)

GENERAL: Final = 1


class Intake:
    """Matches answers with requests and keeps the pictures of the peers."""

    def __init__(self, state: DeviceState, client: Client) -> None:
        self._state = state
        self._client = client
        self._own = node_management(state.tree.device)

    def asked_by(self, session: Session, now: float) -> None:
        """The peer asks something, so it listens: what we still do not know is asked for again."""
        self._client.ask_again(session, now)

    def take_result(self, session: Session, reference: int | None, result: ResultData) -> None:
        """Match a result with its request; a success is no answer to a read."""
        request = session.requests.find(reference)
        number = result.error_number or 0
        if request is None or (request.classifier == READ and number == 0):
            return
        session.requests.close(request)
        if number == GENERAL and request.relation is not None and len(request.counters) > 1:
            number = 0  # "already present": an earlier transmission was granted (spine-go)
        description = result.description or ""
        event = ResultReceived(session.peer, request.number, number, description[:4096])
        self._state.events.append(event)
        if number == 0 and request.relation is not None:
            self._keep_relation(session, request.function, request.relation)
        self._client.without_use_cases(session, request)

    def _keep_relation(self, session: Session, function: AnyFunction, relation: Route) -> None:
        """Remember what the peer granted, for the tables (H-32)."""
        client, server = relation
        client, server = client.on(self._own.device), server.on(session.remote.address)
        table = self._state.bindings if function is BIND else self._state.subscriptions
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
                return self._take_data(session, header.source, command, classifier, now)

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
        if told and is_usable_device(told) and not self._state.is_taken(session, told):
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
            self._client.ready(session)
            return True
        session.is_discovered = True
        self._client.subscribe(session, self._own, node_management(None), now)
        self._client.read(session, (self._own, node_management(None)), USE_CASES, now)
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
        self._client.ready(session)
        return True

    def _take_data(
        self,
        session: Session,
        source: FeatureAddress,
        command: Command,
        classifier: Literal["reply", "notify"],
        now: float,
    ) -> bool:
        remote, function = session.remote, command.function
        source = source.on(remote.address)
        stored = remote.data(source, function)
        try:
            data = merge(function, stored, command.data, command.filters)
        except SpineError as error:
            LOGGER.debug("x %s of %s not usable: %s", function.name, session.peer, error)
            return False
        if not self._keep(remote, source, function, data, is_new=stored is None):
            session.complain("bounds", f"told too much {function.name}, ignored", now)
            return False
        event = DataReceived(session.peer, source, function, data, classifier, command.data)
        self._state.events.append(event)
        return True

    def _keep(
        self,
        remote: RemoteDevice,
        source: FeatureAddress,
        function: AnyFunction,
        data: msgspec.Struct,
        *,
        is_new: bool,
    ) -> bool:
        bounds = self._state.timings
        if is_new and remote.cached() >= bounds.max_cached:
            return False
        if len(entries(function, data)) > bounds.max_remote_items:
            return False
        return remote.store(source, function, data, bounds.max_cached_chars)
