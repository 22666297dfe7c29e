"""The announced tree of a box and the forms of its messages that the client tests share."""

from __future__ import annotations

from typing import Any

from eebus.spine.addresses import FeatureAddress
from eebus.spine.device import LocalDevice
from tests.kit.spine import BOX

DISCOVERY = "nodeManagementDetailedDiscoveryData"
USE_CASES = "nodeManagementUseCaseData"


def entity(address: list[int], type_: str, change: str | None = None) -> dict[str, Any]:
    description: dict[str, Any] = {"entityAddress": {"entity": address}, "entityType": type_}
    return {"description": description | ({"lastStateChange": change} if change else {})}


def feature(address: list[int], number: int, type_: str, role: str, **more: Any) -> dict[str, Any]:
    description = {"featureAddress": {"entity": address, "feature": number}, "featureType": type_}
    return {"description": description | {"role": role} | more}


def offers(function: str, *operations: str, partial: bool = False) -> dict[str, Any]:
    allowed = {name: ({"partial": []} if partial else []) for name in operations}
    return {"function": function, "possibleOperations": allowed}


def discovery(entities: list[Any], features: list[Any]) -> dict[str, Any]:
    return {
        DISCOVERY: {
            "deviceInformation": {
                "description": {"deviceAddress": {"device": BOX}, "deviceType": "Generic"}
            },
            "entityInformation": entities,
            "featureInformation": features,
        }
    }


def partly(cmd: dict[str, Any]) -> dict[str, Any]:
    """The command with a partial filter, in EEBUS form where it would be ambiguous."""
    return {"function": next(iter(cmd)), "filter": [[{"cmdControl": {"partial": []}}]]} | cmd


BOX_TREE = discovery(
    [entity([0], "DeviceInformation"), entity([1], "GridGuard"), entity([2], "EVSE")],
    [
        feature([1], 1000, "DeviceDiagnosis", "server",
                supportedFunction=[offers("deviceDiagnosisHeartbeatData", "read")]),
        feature([1], 1, "Generic", "client"),
        feature([2], 3, "LoadControl", "server", maxResponseDelay="PT60S",
                supportedFunction=[
                    offers("loadControlLimitListData", "read", "write", partial=True)]),
    ],
)  # fmt: skip
BOX_USE_CASES = {
    USE_CASES: {
        "useCaseInformation": [
            {
                "address": {"device": BOX, "entity": [1]},
                "actor": "EnergyGuard",
                "useCaseSupport": [
                    {"useCaseName": "limitationOfPowerConsumption", "scenarioSupport": [1, 2]},
                    {"useCaseName": "limitationOfPowerConsumption", "scenarioSupport": [2, 3]},
                ],
            }
        ]
    }
}
HEARTBEAT_SERVER = FeatureAddress(BOX, (1,), 1000)
LIMIT_SERVER = FeatureAddress(BOX, (2,), 3)


def client_of(device: LocalDevice) -> FeatureAddress:
    return device.feature((1,), "Generic", "client")
