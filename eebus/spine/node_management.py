"""The server side of node management: what peers read and call at ``[0]/0`` (spine.md 3).

Everything is derived from the declarations and tables at the moment it is asked for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from eebus.spine.addresses import FeatureAddress
from eebus.spine.datagram import to_wire
from eebus.spine.events import Bound, Subscribed
from eebus.spine.guards import BindingRequest, Refuse
from eebus.spine.model import common_data_types as common
from eebus.spine.model import network_management as network
from eebus.spine.model import node_management as nm
from eebus.spine.model.binding_management import BindingManagementEntryData
from eebus.spine.model.subscription_management import SubscriptionManagementEntryData
from eebus.spine.model.use_case_information import UseCaseInformationData, UseCaseSupport
from eebus.spine.specs import SPECIFICATION_VERSION
from eebus.wire.errors import SpineError
from eebus.wire.times import format_duration

if TYPE_CHECKING:
    from collections.abc import Iterable

    import msgspec

    from eebus.spine.datagram import Header
    from eebus.spine.model.binding_management import (
        BindingManagementDeleteCall,
        BindingManagementRequestCall,
    )
    from eebus.spine.model.subscription_management import (
        SubscriptionManagementDeleteCall,
        SubscriptionManagementRequestCall,
    )
    from eebus.spine.relations import Relation, Relations
    from eebus.spine.session import Session
    from eebus.spine.specs import EntitySpec, FunctionSpec, UseCaseAnnouncement
    from eebus.spine.state import DeviceState
    from eebus.spine.tree import LocalFeature

    RequestCall = BindingManagementRequestCall | SubscriptionManagementRequestCall
    DeleteCall = BindingManagementDeleteCall | SubscriptionManagementDeleteCall

GENERAL: Final = 1
DESTINATION_UNKNOWN: Final = 4
NOT_SUPPORTED: Final = 6
REJECTED: Final = 7

TAG: Final = common.ElementTag()


class NodeManagement:
    """Answers reads and calls of peers."""

    def __init__(self, state: DeviceState) -> None:
        self._state = state
        self._own = state.tree.device

    def data(self, session: Session, name: str) -> msgspec.Struct | None:
        """Return what ``session``'s peer may read under this name; ``None``: no such data."""
        state = self._state
        match name:
            case "nodeManagementDetailedDiscoveryData":
                return self.discovery(state.tree.entities.values())
            case "nodeManagementUseCaseData":
                return self.use_cases()
            case "nodeManagementDestinationListData":
                return self._destinations()
            case "nodeManagementSubscriptionData":
                subscriptions = state.subscriptions.of_peer(session.peer)
                return nm.NodeManagementSubscriptionData(
                    subscription_entry=tuple(_subscription(one) for one in subscriptions) or None
                )
            case "nodeManagementBindingData":
                bindings = state.bindings.of_peer(session.peer)
                return nm.NodeManagementBindingData(
                    binding_entry=tuple(_binding(one) for one in bindings) or None
                )
            case _:
                return None

    def discovery(
        self, entities: Iterable[EntitySpec], change: str | None = None
    ) -> nm.NodeManagementDetailedDiscoveryData:
        """Return the discovery data of some entities; ``change`` is their ``lastStateChange``."""
        chosen = list(entities)
        features = [f for e in chosen for f in self._state.tree.features(e.address)]
        return nm.NodeManagementDetailedDiscoveryData(
            specification_version_list=nm.NodeManagementSpecificationVersionList(
                specification_version=(SPECIFICATION_VERSION,)
            ),
            device_information=nm.NodeManagementDetailedDiscoveryDeviceInformation(
                description=self._device()
            ),
            entity_information=tuple(_entity(one, change) for one in chosen),
            feature_information=tuple(_feature(one) for one in features) or None,
        )

    def _device(self) -> network.NetworkManagementDeviceDescriptionData:
        return network.NetworkManagementDeviceDescriptionData(
            device_address=common.DeviceAddress(device=self._own),
            device_type=self._state.tree.info.device_type,
            network_feature_set=network.NetworkManagementFeatureSet.SMART,
        )

    def _destinations(self) -> nm.NodeManagementDestinationListData:
        own = network.NetworkManagementDeviceDescriptionData(
            device_address=common.DeviceAddress(device=self._own),
            network_feature_set=network.NetworkManagementFeatureSet.SMART,
        )
        return nm.NodeManagementDestinationListData(
            node_management_destination_data=(
                nm.NodeManagementDestinationData(device_description=own),
            )
        )

    def use_cases(self) -> nm.NodeManagementUseCaseData:
        """Return the use case data: one entry per entity and actor."""
        grouped: dict[tuple[tuple[int, ...], str], list[UseCaseAnnouncement]] = {}
        for one in self._state.use_cases:
            grouped.setdefault((one.entity, one.actor), []).append(one)
        information = tuple(
            UseCaseInformationData(
                address=common.FeatureAddress(device=self._own, entity=entity),
                actor=actor,
                use_case_support=tuple(_support(one) for one in announced),
            )
            for (entity, actor), announced in grouped.items()
        )
        return nm.NodeManagementUseCaseData(use_case_information=information or None)

    # --- calls ---

    def call(self, session: Session, header: Header, data: msgspec.Struct, now: float) -> None:
        """Carry out a call.

        Raises:
            SpineError: the error number of the refusal.
        """
        match data:
            case nm.NodeManagementSubscriptionRequestCall(subscription_request=request):
                self._subscribe(session, header, request)
            case nm.NodeManagementBindingRequestCall(binding_request=request):
                self._bind(session, header, request, now)
            case nm.NodeManagementSubscriptionDeleteCall(subscription_delete=request):
                number = request.subscription_id if request else None
                self._delete(self._state.subscriptions, session, request, number)
            case nm.NodeManagementBindingDeleteCall(binding_delete=request):
                number = request.binding_id if request else None
                self._delete(self._state.bindings, session, request, number)
            case _:
                raise SpineError("no such call", error_number=NOT_SUPPORTED)

    def _subscribe(
        self, session: Session, header: Header, request: SubscriptionManagementRequestCall | None
    ) -> None:
        client, feature = self._pair(session, header, request)
        if self._state.subscriptions.add(session.peer, client, feature.address):
            self._state.events.append(Subscribed(session.peer, client, feature.address))

    def _bind(
        self,
        session: Session,
        header: Header,
        request: BindingManagementRequestCall | None,
        now: float,
    ) -> None:
        client, feature = self._pair(session, header, request)
        server = feature.address
        if feature.spec.role != "server":  # TC BIND_001: node management is not bound
            raise SpineError("this feature cannot be bound", error_number=REJECTED)
        held = session.remote.feature_at(client)
        if held is not None and held.role == "server":
            raise SpineError("a server feature cannot bind", error_number=REJECTED)
        bindings = self._state.bindings
        if bindings.find(session.peer, client, server) is not None:
            return
        bound = tuple((one.peer, one.client) for one in bindings.of_server(server))
        if bound:  # one partner per feature (guide L 3.5)
            session.complain("binding", f"cannot bind {server}, {bound[0][0][-8:]} holds it", now)
            raise SpineError("bound by another client", error_number=REJECTED)
        if feature.binding_judge is not None:
            verdict = feature.binding_judge(
                BindingRequest(session.peer, client, server, bound), now
            )
            if isinstance(verdict, Refuse):
                raise SpineError(verdict.description, error_number=verdict.error_number)
        bindings.add(session.peer, client, server)
        self._state.events.append(Bound(session.peer, client, server))

    def _pair(
        self, session: Session, header: Header, request: RequestCall | None
    ) -> tuple[FeatureAddress, LocalFeature]:
        """Return the client address and our feature of a request, both checked."""
        if request is None:
            raise SpineError("an empty call", error_number=GENERAL)
        client = self._client(session, header, request.client_address)
        feature = self._server(request.server_address)
        if feature.spec.role not in {"server", "special"}:
            raise SpineError("not a server feature", error_number=REJECTED)
        if request.server_feature_type not in {None, feature.spec.type}:
            raise SpineError("another feature type", error_number=REJECTED)
        return client, feature

    def _client(
        self, session: Session, header: Header, raw: common.FeatureAddress | None
    ) -> FeatureAddress:
        """Return the peer's address; a missing device is that of the header (H-46)."""
        if raw is None or not raw.entity or raw.feature is None:
            raise SpineError("no client address", error_number=GENERAL)
        device = header.source.device or session.remote.address
        if raw.device not in {None, device}:
            raise SpineError("client of another device", error_number=REJECTED)
        return FeatureAddress(device, raw.entity, raw.feature)

    def _server(self, raw: common.FeatureAddress | None) -> LocalFeature:
        if raw is None or not raw.entity or raw.feature is None:
            raise SpineError("no server address", error_number=GENERAL)
        feature = self._state.tree.at(FeatureAddress(raw.device, raw.entity, raw.feature))
        if feature is None:
            raise SpineError("no such server feature", error_number=DESTINATION_UNKNOWN)
        return feature

    def _delete(
        self,
        table: Relations,
        session: Session,
        request: DeleteCall | None,
        number: int | None,
    ) -> None:
        """Remove what the call names, only between the caller and us; nothing to remove is fine."""
        if request is None:
            raise SpineError("an empty call", error_number=GENERAL)
        client, server = request.client_address, request.server_address
        if number is None and client is None and server is None:
            raise SpineError("nothing named", error_number=GENERAL)
        ends = {device for device in (_device(client), _device(server)) if device}
        if ends - {self._own, session.remote.address}:
            raise SpineError("relation of another device", error_number=REJECTED)
        gone = table.remove(
            session.peer,
            lambda one: (
                number in {None, one.id} and _fits(client, one.client) and _fits(server, one.server)
            ),
        )
        self._state.tell_dropped(table, gone)


def _device(address: common.FeatureAddress | None) -> str | None:
    return address.device if address else None


def _fits(named: common.FeatureAddress | None, held: FeatureAddress) -> bool:
    """Tell whether a relation's end is the named one; parts that are missing fit."""
    if named is None:
        return True
    return (
        (named.device or held.device) == held.device
        and (named.entity or held.entity) == held.entity
        and (held.feature if named.feature is None else named.feature) == held.feature
    )


def _entity(
    spec: EntitySpec, change: str | None
) -> nm.NodeManagementDetailedDiscoveryEntityInformation:
    return nm.NodeManagementDetailedDiscoveryEntityInformation(
        description=network.NetworkManagementEntityDescriptionData(
            entity_address=common.EntityAddress(entity=spec.address),
            entity_type=spec.type,
            last_state_change=change,
            description=spec.description or None,
        )
    )


def _feature(feature: LocalFeature) -> nm.NodeManagementDetailedDiscoveryFeatureInformation:
    spec, address = feature.spec, feature.address
    delay_s = spec.max_response_delay_s
    return nm.NodeManagementDetailedDiscoveryFeatureInformation(
        description=network.NetworkManagementFeatureDescriptionData(
            feature_address=common.FeatureAddress(entity=address.entity, feature=address.feature),
            feature_type=spec.type,
            role=spec.role,
            supported_function=tuple(_property(one) for one in feature.functions.values()) or None,
            description=spec.description or None,
            max_response_delay=None if delay_s is None else format_duration(delay_s),
        )
    )


def _property(spec: FunctionSpec) -> common.FunctionProperty:
    partial = TAG if spec.partial else None
    return common.FunctionProperty(
        function=spec.function.name,
        possible_operations=common.PossibleOperations(
            read=common.PossibleOperationsRead(partial=partial) if spec.read else None,
            write=common.PossibleOperationsWrite(partial=partial) if spec.write else None,
        ),
    )


def _support(one: UseCaseAnnouncement) -> UseCaseSupport:
    return UseCaseSupport(
        use_case_name=one.name,
        use_case_version=one.version,
        use_case_available=one.available,
        scenario_support=one.scenarios,
        use_case_document_sub_revision=one.sub_revision,
    )


def _subscription(one: Relation) -> SubscriptionManagementEntryData:
    return SubscriptionManagementEntryData(
        subscription_id=one.id,
        client_address=to_wire(one.client),
        server_address=to_wire(one.server),
    )


def _binding(one: Relation) -> BindingManagementEntryData:
    return BindingManagementEntryData(
        binding_id=one.id, client_address=to_wire(one.client), server_address=to_wire(one.server)
    )
