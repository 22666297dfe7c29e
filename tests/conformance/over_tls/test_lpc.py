"""A slim set of the LPC controllable-system cases again, over loopback TLS."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest

from eebus.usecases.power_limit import State
from tests.conformance.spine.rig import GuardTool

pytestmark = pytest.mark.loopback

ON, OFF = {"isLimitActive": True}, {"isLimitActive": False}
KEYS = "deviceConfigurationKeyValueListData"
MAXIMA = "electricalConnectionCharacteristicListData"


def watts(number: int) -> dict[str, Any]:
    return {"value": [{"number": number}, {"scale": 0}]}


def lasting(text: str) -> dict[str, Any]:
    return {"timePeriod": [{"endTime": text}]}


def number_of(answers: list[Any]) -> int:
    (result,) = [one for one in answers if one.classifier == "result"]
    return result.error_number


def in_init(tool: GuardTool) -> GuardTool:
    """Bound, subscribed; no heartbeat and no limit yet."""
    tool.open()
    for kind, type_ in (
        ("Subscription", "LoadControl"),
        ("Binding", "LoadControl"),
        ("Binding", "DeviceConfiguration"),
        ("Subscription", "DeviceDiagnosis"),
    ):
        assert tool.ask(kind, type_) == 0
    assert tool.server.state is State.INIT
    return tool


def controlled(tool: GuardTool) -> GuardTool:
    in_init(tool).beat()
    assert number_of(tool.write_limit(OFF, watts(20_000))) == 0
    assert tool.server.state is State.UNLIMITED_CONTROLLED
    return tool


def limited(tool: GuardTool, *more: dict[str, Any]) -> GuardTool:
    in_init(tool).beat()
    assert number_of(tool.write_limit(ON, *more, watts(4_201))) == 0
    assert tool.server.state is State.LIMITED
    return tool


def write_failsafe(tool: GuardTool, key: int, value: dict[str, Any]) -> int:
    entry = [{"keyId": key}, {"value": [value]}]
    cmd = [
        {"function": KEYS},
        {"filter": [[{"cmdControl": [{"partial": []}]}]]},
        {KEYS: [{"deviceConfigurationKeyValueData": [entry]}]},
    ]
    to = tool.address_of("DeviceConfiguration")
    return number_of(tool.send("write", cmd, source=tool.client, to=to, ackRequest=True))


def beats_of(tool: GuardTool) -> int:
    return sum(
        one.classifier == "notify" and "deviceDiagnosisHeartbeatData" in one.cmd
        for one in tool.sent
    )


@pytest.mark.rule("ATC_LPC_COM_PT_CSHeartbeat_001")
def test_heartbeats_arrive_at_most_a_minute_apart(tool: GuardTool) -> None:
    controlled(tool)
    seen, arrived = beats_of(tool), list[float]()

    for _ in range(200):
        tool.let_pass(1.0)
        if beats_of(tool) > seen:
            seen = beats_of(tool)
            arrived.append(tool.now)

    gaps = [later - earlier for earlier, later in pairwise(arrived)]
    assert len(gaps) >= 4
    assert max(gaps) <= 60.0


@pytest.mark.rule("ATC_LPC_COM_NT_CSConnection_001")
def test_no_limit_is_taken_before_the_first_heartbeat(tool: GuardTool) -> None:
    in_init(tool)

    assert number_of(tool.write_limit(OFF, watts(20_000))) == 7
    assert tool.server.state is State.INIT
    tool.beat()
    assert number_of(tool.write_limit(OFF, watts(20_000))) == 0


@pytest.mark.rule("ATC_LPC_COM_PT_CSConnection_002")
def test_the_failsafe_limit_is_writable_only_after_heartbeat_and_limit(tool: GuardTool) -> None:
    in_init(tool).beat()

    assert write_failsafe(tool, 0, {"scaledNumber": [{"number": 8_400}, {"scale": 0}]}) == 7
    tool.write_limit(OFF, watts(20_000))
    assert write_failsafe(tool, 0, {"scaledNumber": [{"number": 8_400}, {"scale": 0}]}) == 0
    assert tool.server.machine.failsafe.limit_w == 8_400


@pytest.mark.rule("ATC_LPC_COM_PT_CSConnection_005")
def test_a_failsafe_duration_above_our_maximum_sets_the_maximum(tool: GuardTool) -> None:
    controlled(tool)

    assert write_failsafe(tool, 1, {"duration": "PT90720S"}) == 7
    to = tool.address_of("DeviceConfiguration")
    told = tool.read(KEYS, to=to, source=tool.client)[0].cmd[KEYS]
    assert told["deviceConfigurationKeyValueData"][1]["value"] == {"duration": "PT86400S"}


@pytest.mark.rule("ATC_LPC_COM_PT_CSInit_001")
def test_after_the_start_the_failsafe_limit_applies(tool: GuardTool) -> None:
    in_init(tool)

    assert tool.limit()["isLimitActive"] is False
    assert tool.server.machine.in_force_w == 4_200


@pytest.mark.rule("ATC_LPC_COM_NT_CSLimited_001")
def test_a_refused_limit_leaves_the_one_in_force(tool: GuardTool) -> None:
    limited(tool)

    assert number_of(tool.write_limit(watts(-1_000))) == 7
    assert (tool.limit()["isLimitActive"], tool.limit()["value"]["number"]) == (True, 4_201)


@pytest.mark.rule("ATC_LPC_COM_PT_CSUnlCntrl_002")
def test_the_contractual_maximum_is_told(tool: GuardTool) -> None:
    controlled(tool)

    to = tool.address_of("ElectricalConnection")
    (told,) = tool.read(MAXIMA, to=to, source=tool.client)[0].cmd[MAXIMA][
        "electricalConnectionCharacteristicData"
    ]
    assert told["characteristicType"] == "contractualConsumptionNominalMax"
    assert told["value"] == {"number": 40_000, "scale": 0}


@pytest.mark.rule("ATC_LPC_COM_PT_CSTransition1_001")
def test_t1_a_refused_limit_ends_init(tool: GuardTool) -> None:
    in_init(tool).beat()

    assert number_of(tool.write_limit(ON, watts(-1_000))) == 7
    assert tool.server.state is State.UNLIMITED_CONTROLLED


@pytest.mark.rule("ATC_LPC_COM_PT_CSTransition2_001")
def test_t2_an_activated_limit_ends_init(tool: GuardTool) -> None:
    limited(tool, lasting("PT60S"))

    assert tool.limit()["isLimitActive"] is True
    assert tool.server.machine.in_force_w == 4_201


@pytest.mark.rule("ATC_LPC_COM_PT_CSTransition6_001")
def test_t6_an_expired_limit_is_told_inactive_and_without_end(tool: GuardTool) -> None:
    limited(tool, lasting("PT60S"))

    tool.let_pass(60.0)

    assert tool.server.state is State.UNLIMITED_CONTROLLED
    assert "timePeriod" not in tool.limit()
    assert tool.limit()["isLimitActive"] is False


@pytest.mark.rule("ATC_LPC_COM_PT_CSTransition7_001")
@pytest.mark.parametrize("break_link", [False, True], ids=["silent", "cut"])
def test_t7_a_lost_heartbeat_replaces_the_limit_by_the_failsafe_limit(
    tool: GuardTool, *, break_link: bool
) -> None:
    limited(tool)

    if break_link:
        tool.disconnect()
        assert tool.server.state is State.LIMITED
    tool.let_pass(120.5)

    assert tool.server.state is State.FAILSAFE
    assert tool.server.machine.in_force_w == 4_200


@pytest.mark.rule("ATC_LPC_COM_PT_CSFS_001")
@pytest.mark.rule("ATC_LPC_COM_PT_CSTransition9_001")
def test_t9_failsafe_is_left_by_heartbeat_and_following_limit(tool: GuardTool) -> None:
    limited(tool).let_pass(120.5)

    assert number_of(tool.write_limit(ON, watts(3_300))) == 7
    tool.beat()
    assert tool.server.state is State.FAILSAFE
    assert number_of(tool.write_limit(ON, watts(3_300))) == 0
    assert tool.server.state is State.LIMITED
    assert tool.limit()["value"] == {"number": 3_300, "scale": 0}
