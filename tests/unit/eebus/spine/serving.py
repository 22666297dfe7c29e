"""Addresses, commands and the bound peer that the tests of our servers share."""

from __future__ import annotations

from typing import Any

from eebus.spine.device import LocalDevice
from eebus.spine.model.load_control import (
    LOAD_CONTROL_LIMIT_LIST_DATA,
    LoadControlLimitData,
)
from tests.kit.spine import BOX, EMS, RawPeer, at

LOAD_CONTROL = at(EMS, [1], 1)
DIAGNOSIS = at(EMS, [1], 2)
CLIENT = at(BOX, [1], 1)
PARTIAL = {"cmdControl": {"partial": {}}}


def write_cmd(*entries: dict[str, Any], filters: list[Any] | None = None) -> dict[str, Any]:
    data = {"loadControlLimitData": [list_of(entry) for entry in entries]}
    return {
        "function": "loadControlLimitListData",
        "filter": [list_of(one) for one in ([PARTIAL] if filters is None else filters)],
        "loadControlLimitListData": data,
    }


def list_of(members: dict[str, Any]) -> list[dict[str, Any]]:
    return [{name: value} for name, value in members.items()]


def write(tester: RawPeer, cmd: dict[str, Any], **header: Any) -> list[Any]:
    return tester.send(
        "write", cmd, source=CLIENT, to=LOAD_CONTROL, **{"ackRequest": True} | header
    )


def stored(device: LocalDevice) -> LoadControlLimitData:
    data = device.data(device.feature((1,), "LoadControl", "server"), LOAD_CONTROL_LIMIT_LIST_DATA)
    assert data is not None
    assert data.load_control_limit_data is not None
    return data.load_control_limit_data[0]


def list_of_value(number: int) -> dict[str, Any]:
    return {"limitId": 0, "value": [{"number": number}, {"scale": 0}]}


def box_client() -> Any:
    from eebus.spine.addresses import FeatureAddress

    return FeatureAddress(BOX, (1,), 1)


def load_control() -> Any:
    from eebus.spine.addresses import FeatureAddress

    return FeatureAddress(EMS, (1,), 1)
