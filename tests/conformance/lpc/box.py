"""The control box of the LPC bench: a SPINE device with one energy guard, or with several."""

from __future__ import annotations

from eebus.spine.device import LocalDevice
from eebus.spine.model.device_diagnosis import DEVICE_DIAGNOSIS_HEARTBEAT_DATA
from eebus.spine.specs import DeviceInfo, EntitySpec, FeatureSpec, FunctionSpec, UseCaseAnnouncement


def box_device(*entities: EntitySpec, scenarios: tuple[int, ...] = (1, 2, 3, 4)) -> LocalDevice:
    """A control box with one energy guard, or with the entities given."""
    places = entities or (guard_entity((1,)),)
    return LocalDevice(
        DeviceInfo(address="d:_n:Box_1", device_type="ElectricitySupplySystem"),
        places,
        use_cases=[
            UseCaseAnnouncement(
                entity=place.address,
                actor="EnergyGuard",
                name="limitationOfPowerConsumption",
                version="1.0.0",
                sub_revision="release",
                scenarios=scenarios,
                available=True,
            )
            for place in places
        ],
    )


def guard_entity(address: tuple[int, ...], entity_type: str = "GridGuard") -> EntitySpec:
    return EntitySpec(
        address=address,
        type=entity_type,
        features=(
            FeatureSpec(type="Generic", role="client"),
            FeatureSpec(
                type="DeviceDiagnosis",
                role="server",
                functions=(FunctionSpec(function=DEVICE_DIAGNOSIS_HEARTBEAT_DATA),),
            ),
        ),
    )
