from __future__ import annotations

from typing import Any

import pytest

from eebus.spine.addresses import FeatureAddress
from eebus.spine.datagram import (
    Header,
    build,
    build_command,
    is_compatible,
    parse_command,
    parse_header,
)
from eebus.spine.model.common_data_types import TimePeriodElements
from eebus.spine.model.load_control import (
    LOAD_CONTROL_LIMIT_LIST_DATA as LIMITS,
)
from eebus.spine.model.load_control import (
    LoadControlLimitData,
    LoadControlLimitDataElements,
    LoadControlLimitListData,
    LoadControlLimitListDataSelectors,
)
from eebus.spine.restricted import PARTIAL, Filter
from eebus.wire.errors import SpineError, WireError

DELETE = Filter(
    "delete",
    (LoadControlLimitListDataSelectors(limit_id=0),),
    LoadControlLimitDataElements(time_period=TimePeriodElements()),
)
DATA = LoadControlLimitListData(
    load_control_limit_data=(LoadControlLimitData(limit_id=0, is_limit_active=True),)
)
HEADER = Header(
    source=FeatureAddress("d:_n:A_1", (1, 1), 2),
    destination=FeatureAddress(None, (0,), 0),
    counter=2**64 - 1,
    classifier="write",
    reference=7,
    ack_request=True,
)


def test_datagram_is_built_in_wire_order() -> None:
    assert build(HEADER, build_command(LIMITS, DATA, (DELETE, PARTIAL))) == {
        "datagram": [
            {
                "header": [
                    {"specificationVersion": "1.3.0"},
                    {"addressSource": [{"device": "d:_n:A_1"}, {"entity": [1, 1]}, {"feature": 2}]},
                    {"addressDestination": [{"entity": [0]}, {"feature": 0}]},
                    {"msgCounter": 2**64 - 1},
                    {"msgCounterReference": 7},
                    {"cmdClassifier": "write"},
                    {"ackRequest": True},
                ]
            },
            {
                "payload": [
                    {
                        "cmd": [
                            [
                                {"function": "loadControlLimitListData"},
                                {
                                    "filter": [
                                        [
                                            {"cmdControl": [{"delete": []}]},
                                            {"loadControlLimitListDataSelectors": [{"limitId": 0}]},
                                            {"loadControlLimitDataElements": [{"timePeriod": []}]},
                                        ],
                                        [{"cmdControl": [{"partial": []}]}],
                                    ]
                                },
                                {
                                    "loadControlLimitListData": [
                                        {
                                            "loadControlLimitData": [
                                                [{"limitId": 0}, {"isLimitActive": True}]
                                            ]
                                        }
                                    ]
                                },
                            ]
                        ]
                    }
                ]
            },
        ]
    }


def test_what_was_built_is_read_back() -> None:
    header, payload = parse_header(build(HEADER, build_command(LIMITS, DATA, (DELETE, PARTIAL))))
    command = parse_command(payload, "write")

    assert header == HEADER
    assert (command.function, command.data, command.faults) == (LIMITS, DATA, ())
    assert command.filters == (DELETE, PARTIAL)


def cmd(value: Any) -> Any:
    return {"cmd": [value]}


@pytest.mark.parametrize(
    ("content", "number"),
    [
        ({"function": 5, "loadControlLimitListData": {}}, 1),
        ({"function": "measurementListData", "loadControlLimitListData": {}}, 1),
        ({"loadControlLimitListData": {}, "measurementListData": {}}, 1),
        ([{"function": "x"}, {"function": "y"}], 1),
        ({"function": "electricalConnectionCharacteristicData"}, 6),
        ({}, 6),
        ({"loadControlLimitListData": {"loadControlLimitData": [[{"limitId": 1.5}]]}}, 1),
    ],
    ids=["function no text", "function and element differ", "two elements", "function twice",
         "no function of the standard", "empty", "float for an integer"],
)  # fmt: skip
def test_malformed_command_has_an_error_number(content: Any, number: int) -> None:
    with pytest.raises(SpineError) as caught:
        parse_command(cmd(content), "write")
    assert caught.value.error_number == number


@pytest.mark.parametrize(
    "one",
    [
        [],
        [{"cmdControl": []}],
        [{"cmdControl": [{"delete": []}, {"partial": []}]}],
        [{"cmdControl": [{"delete": []}]}, {"loadControlLimitListDataSelectors": []}],
        [{"cmdControl": [{"partial": []}]}, {"measurementListDataSelectors": [{"id": 1}]}],
        [{"cmdControl": [{"partial": []}]}, {"loadControlLimitListDataSelectors": [{"colour": 1}]}],
        [{"cmdControl": [{"delete": []}]}, {"loadControlLimitDataElements": [{"colour": []}]}],
        [
            {"cmdControl": [{"delete": []}]},
            {"loadControlLimitDataElements": [{"timePeriod": [{"colour": []}]}]},
        ],
    ],
    ids=["nothing", "no control", "both", "empty selectors", "other function's selectors",
         "unknown selector", "unknown element", "unknown child of an element"],
)  # fmt: skip
def test_filter_that_is_not_understood_is_refused_not_ignored(one: Any) -> None:
    content = {"function": LIMITS.name, "filter": [one], LIMITS.name: {}}

    with pytest.raises(SpineError) as caught:
        parse_command(cmd(content), "write")

    assert caught.value.error_number == 8


def test_unreadable_elements_of_a_reply_are_named_and_dropped() -> None:
    content = {LIMITS.name: {"loadControlLimitData": [[{"limitId": 0}, {"value": 5}]]}}

    command = parse_command(cmd(content), "reply")

    assert command.data == LoadControlLimitListData(
        load_control_limit_data=(LoadControlLimitData(limit_id=0),)
    )
    assert command.faults == ("loadControlLimitData/value",)


@pytest.mark.parametrize(
    "value", [None, 5, "x", [], {}, {"datagram": 5}, {"datagram": {"header": 1}}]
)
def test_what_is_no_datagram_has_no_header(value: Any) -> None:
    with pytest.raises(WireError):
        parse_header(value)


@pytest.mark.parametrize(
    "change",
    [
        {"msgCounter": -1}, {"msgCounter": 2**64}, {"msgCounter": "1"},
        {"addressSource": {"device": "d:_n:A_1", "entity": [1] * 16, "feature": 0}},
        {"addressSource": {"device": "d:_n:A_1", "entity": [-1], "feature": 0}},
        {"addressSource": {"device": "d:_n:A_1", "entity": ["1"], "feature": None}},
        {"cmdClassifier": 5},
    ],
)  # fmt: skip
def test_header_with_an_unusable_part_is_refused(change: dict[str, Any]) -> None:
    header = {
        "addressSource": {"device": "d:_n:A_1", "entity": [1], "feature": 0},
        "addressDestination": {"entity": [0], "feature": 0},
        "msgCounter": 1,
        "cmdClassifier": "read",
    }

    with pytest.raises(WireError):
        parse_header({"datagram": {"header": header | change, "payload": {}}})


@pytest.mark.parametrize(
    ("version", "expected"),
    [
        ("1.3.0", True), ("1.999.999", True), ("v1.3.0", True), ("", True), ("draft", True),
        ("1.3.0-RC1", True), ("TS1.3.0", True),
        ("0.3.0", False), ("2.0.0", False), ("V0.3.0", False), ("10.0.0", False),
    ],
)  # fmt: skip
def test_major_version_decides_compatibility(version: str, expected: bool) -> None:
    assert is_compatible(version) is expected
