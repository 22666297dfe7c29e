"""LPC V1.0.0 declared: controllable system on an energy manager, and energy guard."""

from __future__ import annotations

from typing import Final

from eebus.spine.model.device_configuration import (
    DEVICE_CONFIGURATION_KEY_VALUE_DESCRIPTION_LIST_DATA,
    DEVICE_CONFIGURATION_KEY_VALUE_LIST_DATA,
)
from eebus.spine.model.device_diagnosis import DEVICE_DIAGNOSIS_HEARTBEAT_DATA
from eebus.spine.model.electrical_connection import ELECTRICAL_CONNECTION_CHARACTERISTIC_LIST_DATA
from eebus.spine.model.load_control import (
    LOAD_CONTROL_LIMIT_DESCRIPTION_LIST_DATA,
    LOAD_CONTROL_LIMIT_LIST_DATA,
)
from eebus.usecases.limit_values import LPC
from eebus.usecases.spec import Scenario, Serves, UseCaseSpec

CONTROLLABLE_SYSTEM: Final = "ControllableSystem"
ENERGY_GUARD: Final = "EnergyGuard"

LOAD_CONTROL: Final = "LoadControl"
DEVICE_CONFIGURATION: Final = "DeviceConfiguration"
DEVICE_DIAGNOSIS: Final = "DeviceDiagnosis"
ELECTRICAL_CONNECTION: Final = "ElectricalConnection"

LPC_CS: Final = UseCaseSpec(
    name=LPC.use_case,
    actor=CONTROLLABLE_SYSTEM,
    entity_type="CEM",
    peer_actors=(ENERGY_GUARD,),
    peer_entities=("GridGuard", "CEM"),  # CEM: KEO based control boxes
    scenarios=(
        Scenario(
            1,
            serves=(
                Serves(LOAD_CONTROL_LIMIT_DESCRIPTION_LIST_DATA),
                Serves(LOAD_CONTROL_LIMIT_LIST_DATA, write=True, partial=True),
            ),
        ),
        Scenario(
            2,
            serves=(
                Serves(DEVICE_CONFIGURATION_KEY_VALUE_DESCRIPTION_LIST_DATA),
                Serves(DEVICE_CONFIGURATION_KEY_VALUE_LIST_DATA, write=True, partial=True),
            ),
        ),
        Scenario(
            3, serves=(Serves(DEVICE_DIAGNOSIS_HEARTBEAT_DATA),), peer_serves=(DEVICE_DIAGNOSIS,)
        ),
        Scenario(  # recommended only; both actors announce all four (K-17)
            4, mandatory=False, serves=(Serves(ELECTRICAL_CONNECTION_CHARACTERISTIC_LIST_DATA),)
        ),
    ),
)

LPC_EG: Final = UseCaseSpec(
    name=LPC.use_case,
    actor=ENERGY_GUARD,
    entity_type="GridGuard",
    peer_actors=(CONTROLLABLE_SYSTEM,),
    peer_entities=(
        "CEM",
        "Compressor",
        "EVSE",
        "HeatPumpAppliance",
        "Inverter",
        "SmartEnergyAppliance",
        "SubMeterElectricity",
        "BatterySystem",  # added by the guide, L 3.10
    ),
    scenarios=(
        Scenario(1, peer_serves=(LOAD_CONTROL,)),
        Scenario(2, peer_serves=(DEVICE_CONFIGURATION,)),
        Scenario(
            3, serves=(Serves(DEVICE_DIAGNOSIS_HEARTBEAT_DATA),), peer_serves=(DEVICE_DIAGNOSIS,)
        ),
        Scenario(4, peer_serves=(ELECTRICAL_CONNECTION,)),
    ),
    available=True,
)
