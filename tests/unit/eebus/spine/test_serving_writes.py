"""Guards of a write in their order, judges, and what a write does (spine.md 1.7)."""

from __future__ import annotations

from typing import Any

import pytest

from eebus.spine.device import LocalDevice
from eebus.spine.events import WriteRefused
from eebus.spine.guards import Accept, Refuse, Verdict, Write
from eebus.spine.model.common_data_types import ScaledNumber
from eebus.spine.model.load_control import (
    LOAD_CONTROL_LIMIT_LIST_DATA,
    LoadControlLimitData,
    LoadControlLimitListData,
)
from eebus.spine.specs import EntitySpec, FeatureSpec, FunctionSpec
from tests.kit.spine import EMS, RawPeer, at, info
from tests.unit.eebus.spine.serving import (
    CLIENT,
    DIAGNOSIS,
    LOAD_CONTROL,
    PARTIAL,
    box_client,
    list_of,
    list_of_value,
    load_control,
    stored,
    write,
    write_cmd,
)

# --- guards in their order (spine.md 1.7) ---


@pytest.mark.parametrize(
    ("cmd", "changes", "expected"),
    [
        (write_cmd({"limitId": 0}), {"specificationVersion": "2.0.0"}, 1),
        (write_cmd({"limitId": 0}), {"cmdClassifier": "order"}, 1),
        (write_cmd({"limitId": 0}), {"addressDestination": at("d:_n:X_1", [1], 1)}, 4),
        (write_cmd({"limitId": 0}), {"addressDestination": at(EMS, [7], 1)}, 4),
        (write_cmd({"limitId": 0}), {"addressDestination": at(EMS, [1], 9)}, 4),
        ({"noSuchFunctionAnywhere": {}}, {}, 6),
        ({"measurementListData": {}}, {}, 6),
        ({"loadControlLimitDescriptionListData": {}}, {}, 6),
        ({"function": "measurementListData", "loadControlLimitListData": {}}, {}, 1),
        (write_cmd({"limitId": 0}), {"addressDestination": DIAGNOSIS}, 6),
        (write_cmd({"limitId": 0}, filters=[{"cmdControl": {}}]), {}, 8),
        (write_cmd({"limitId": 0}, filters=[PARTIAL, PARTIAL, PARTIAL]), {}, 8),
        (write_cmd({"limitId": 0}, filters=[PARTIAL | {"odd": {}}]), {}, 8),
        (write_cmd({"limitId": 0, "value": [{"number": "4200"}]}), {}, 1),
    ],
    ids=[
        "version", "classifier", "other device", "entity", "feature", "unknown function",
        "not of this feature", "not writable", "function and element differ", "H-79",
        "no control", "three filters", "unknown filter element", "text instead of number",
    ],
)  # fmt: skip
def test_refused_write_tells_the_error_number(
    bound: RawPeer, device: LocalDevice, cmd: Any, changes: dict[str, Any], expected: int
) -> None:
    header = {"ackRequest": False} | changes
    to = header.pop("addressDestination", LOAD_CONTROL)
    classifier = header.pop("cmdClassifier", "write")

    answers = bound.send(classifier, cmd, source=CLIENT, to=to, **header)

    assert [answer.error_number for answer in answers] == [expected]
    assert stored(device).value == ScaledNumber(number=11_000, scale=0)


@pytest.mark.rule("H-44")
@pytest.mark.parametrize("count", [0, 2])
def test_exactly_one_command_is_executed(bound: RawPeer, device: LocalDevice, count: int) -> None:
    cmd = list_of(write_cmd(list_of_value(5)))
    message = {
        "datagram": {
            "header": {
                "specificationVersion": "1.3.0",
                "addressSource": CLIENT,
                "addressDestination": LOAD_CONTROL,
                "msgCounter": 77,
                "cmdClassifier": "write",
            },
            "payload": {"cmd": [cmd] * count},
        }
    }

    assert [answer.error_number for answer in bound.raw(message)] == [1]
    assert stored(device).value == ScaledNumber(number=11_000, scale=0)


def test_unbound_write_is_refused_with_nine(tester: RawPeer) -> None:
    answer = write(tester, write_cmd(list_of_value(5)))[0]

    assert answer.error_number == 9
    assert tester.take_events()[-1] == WriteRefused(
        peer=tester.ski,
        client=box_client(),
        server=load_control(),
        function="loadControlLimitListData",
        msg_counter=1,
        error_number=9,
        description="binding required",
    )


@pytest.mark.parametrize(
    ("cmd", "expected"),
    [
        ({"function": "measurementListData", "filter": [[{"odd": []}]],
          "measurementListData": {}}, 6),
        (write_cmd({"limitId": 0}, filters=[PARTIAL, PARTIAL]), 8),
        (write_cmd({"limitId": 0}, filters=[
            PARTIAL | {"loadControlLimitDataElements": [{"value": []}]}]), 8),
        (write_cmd({"limitId": 99}), 9),
    ],
    ids=["function before filter", "filters before binding", "elements before binding",
         "binding before content"],
)  # fmt: skip
def test_of_two_faults_the_earlier_guard_answers(
    tester: RawPeer, cmd: dict[str, Any], expected: int
) -> None:
    assert [answer.error_number for answer in write(tester, cmd)] == [expected]
    refused = tester.take_events()[-1]
    assert isinstance(refused, WriteRefused)
    assert refused.function in cmd


@pytest.mark.rule("H-18")
def test_feature_that_needs_no_binding_is_written_without() -> None:
    entity = EntitySpec(
        address=(1,),
        type="CEM",
        features=(
            FeatureSpec(
                type="LoadControl",
                role="server",
                functions=(
                    FunctionSpec(function=LOAD_CONTROL_LIMIT_LIST_DATA, write=True, partial=True),
                ),
                writes_need_binding=False,
            ),
        ),
    )
    device = LocalDevice(info(EMS), [entity])
    device.set_data(
        device.feature((1,), "LoadControl", "server"),
        LOAD_CONTROL_LIMIT_LIST_DATA,
        LoadControlLimitListData(
            load_control_limit_data=(LoadControlLimitData(limit_id=0, is_limit_changeable=True),)
        ),
        0.0,
    )
    tester = RawPeer(device)
    tester.connect()

    assert write(tester, write_cmd(list_of_value(5)))[0].error_number == 0


@pytest.mark.rule("H-69")
def test_filter_is_refused_where_only_full_writes_are_announced() -> None:
    spec = FunctionSpec(function=LOAD_CONTROL_LIMIT_LIST_DATA, write=True)
    feature = FeatureSpec(type="LoadControl", role="server", functions=(spec,))
    device = LocalDevice(info(EMS), [EntitySpec(address=(1,), type="CEM", features=(feature,))])
    tester = RawPeer(device)
    tester.connect()
    tester.relate("Binding", CLIENT, LOAD_CONTROL)

    assert write(tester, write_cmd(list_of_value(5)))[0].error_number == 8


def test_too_long_list_is_an_overload(bound: RawPeer) -> None:
    entries = [{"limitId": number} for number in range(129)]

    assert write(bound, write_cmd(*entries))[0].error_number == 3


# --- writes ---


def test_write_is_stored_acknowledged_and_then_told_to_all_subscribers(
    bound: RawPeer, device: LocalDevice
) -> None:
    bound.relate("Subscription", CLIENT, LOAD_CONTROL, "LoadControl")

    result, notify = write(bound, write_cmd(list_of_value(4_201)))

    assert (result.classifier, result.error_number) == ("result", 0)
    assert notify.classifier == "notify"
    assert notify.header["addressDestination"] == CLIENT
    assert "msgCounterReference" not in notify.header
    assert notify.cmd["loadControlLimitListData"]["loadControlLimitData"][0]["value"] == {
        "number": 4_201,
        "scale": 0,
    }
    assert stored(device).value == ScaledNumber(number=4_201, scale=0)


def test_write_without_ack_request_is_silent(bound: RawPeer, device: LocalDevice) -> None:
    assert write(bound, write_cmd(list_of_value(5)), ackRequest=False) == []
    assert stored(device).value == ScaledNumber(number=5, scale=0)


def test_judge_sees_what_was_sent_and_what_it_would_become(
    bound: RawPeer, device: LocalDevice
) -> None:
    seen: list[Write] = []

    def judge(asked: Write, now: float) -> Verdict:
        seen.append(asked)
        return Refuse(7, "no [room]")

    device.guard(load_control(), LOAD_CONTROL_LIMIT_LIST_DATA, judge)

    answer = write(bound, write_cmd({"limitId": 0, "isLimitActive": True}))[0]

    assert answer.cmd["resultData"] == {"errorNumber": 7, "description": "no (room)"}
    assert seen[0].msg_counter == answer.header["msgCounterReference"]
    assert seen[0].merged == LoadControlLimitListData(
        load_control_limit_data=(
            LoadControlLimitData(
                limit_id=0,
                is_limit_changeable=True,
                is_limit_active=True,
                value=ScaledNumber(number=11_000, scale=0),
            ),
        )
    )
    assert stored(device).is_limit_active is False


def test_judge_may_store_something_else(bound: RawPeer, device: LocalDevice) -> None:
    instead = LoadControlLimitListData(
        load_control_limit_data=(LoadControlLimitData(limit_id=0, is_limit_changeable=True),)
    )
    device.guard(load_control(), LOAD_CONTROL_LIMIT_LIST_DATA, lambda _w, _now: Accept(instead))

    write(bound, write_cmd(list_of_value(5)))

    assert stored(device) == LoadControlLimitData(limit_id=0, is_limit_changeable=True)


@pytest.mark.rule("H-60")
def test_delete_and_partial_filter_in_one_command(bound: RawPeer, device: LocalDevice) -> None:
    write(bound, write_cmd({"limitId": 0, "timePeriod": [{"endTime": "PT2H"}]}))
    delete = {
        "cmdControl": [{"delete": []}],
        "loadControlLimitListDataSelectors": [{"limitId": 0}],
        "loadControlLimitDataElements": [{"timePeriod": [{"endTime": []}]}],
    }

    answer = write(bound, write_cmd(list_of_value(6_000), filters=[delete, PARTIAL]))[0]

    assert answer.error_number == 0
    assert stored(device).time_period is None
    assert stored(device).value == ScaledNumber(number=6_000, scale=0)
