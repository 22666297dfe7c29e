"""Where a controllable system keeps its data points: feature addresses of one entity of a peer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from eebus.spine.model.device_configuration import DEVICE_CONFIGURATION_KEY_VALUE_LIST_DATA
from eebus.spine.model.device_diagnosis import DEVICE_DIAGNOSIS_HEARTBEAT_DATA
from eebus.spine.model.electrical_connection import ELECTRICAL_CONNECTION_CHARACTERISTIC_LIST_DATA
from eebus.spine.model.load_control import LOAD_CONTROL_LIMIT_LIST_DATA

if TYPE_CHECKING:
    from eebus.spine.addresses import Entity, FeatureAddress
    from eebus.spine.functions import AnyFunction
    from eebus.spine.remote import RemoteDevice


@dataclass(frozen=True, slots=True)
class Places:
    """Our client feature and the server features of the controllable system."""

    client: FeatureAddress
    load_control: FeatureAddress
    configuration: FeatureAddress | None
    diagnosis: FeatureAddress | None
    connection: FeatureAddress | None


def find_places(remote: RemoteDevice, entity: Entity, client: FeatureAddress) -> Places | None:
    """The features of ``entity``; ``None``: it has no LoadControl, so nothing can be limited."""

    def server(function: AnyFunction) -> FeatureAddress | None:
        feature = remote.server_of(entity, function)
        return feature.address if feature else None

    limits = server(LOAD_CONTROL_LIMIT_LIST_DATA)
    if limits is None:
        return None
    return Places(
        client=client,
        load_control=limits,
        configuration=server(DEVICE_CONFIGURATION_KEY_VALUE_LIST_DATA),
        diagnosis=server(DEVICE_DIAGNOSIS_HEARTBEAT_DATA),
        connection=server(ELECTRICAL_CONNECTION_CHARACTERISTIC_LIST_DATA),
    )
