"""What an energy guard writes, and what it makes of what it is told."""

from __future__ import annotations

from decimal import Decimal

import pytest

from eebus.spine.model.common_data_types import ScaledNumber, TimePeriod
from eebus.spine.model.load_control import LoadControlLimitData, LoadControlLimitListData
from eebus.usecases.lpc.requests import (
    Limit,
    Target,
    differs,
    failsafe_message,
    limit_message,
    readable_watts,
)
from eebus.wire.codec import to_eebus

TIMED = Limit(active=True, value_w=Decimal(4_201), duration_s=300.0)


def test_a_timed_limit_is_one_partial_write() -> None:
    message = limit_message(7, TIMED, None, partial=True)

    assert [each.control for each in message.filters] == ["partial"]
    assert message.data.load_control_limit_data == (
        LoadControlLimitData(
            limit_id=7,
            is_limit_active=True,
            time_period=TimePeriod(end_time="PT300S"),
            value=ScaledNumber(number=4_201, scale=0),
        ),
    )


def test_an_open_limit_deletes_the_old_end_first() -> None:
    message = limit_message(7, Limit(active=True, value_w=Decimal(0)), None, partial=True)

    delete, partial = message.filters
    assert (delete.control, partial.control) == ("delete", "partial")
    assert to_eebus(delete.selectors[0]) == [{"limitId": 7}]
    assert delete.elements is not None
    assert to_eebus(delete.elements) == [{"timePeriod": [{"endTime": []}]}]


def test_a_full_write_without_knowledge_carries_the_one_entry() -> None:
    message = limit_message(7, TIMED, LoadControlLimitListData(), partial=False)

    assert message.filters == ()
    assert [entry.limit_id for entry in message.data.load_control_limit_data] == [7]


def test_only_the_failsafe_values_that_are_meant_are_written() -> None:
    both = failsafe_message((5, Decimal("3000.5")), (6, 9_000.0)).data
    one = failsafe_message(None, (6, 9_000.0)).data

    values = [entry.value for entry in both.device_configuration_key_value_data]
    assert values[0].scaled_number == ScaledNumber(number=30_005, scale=-1)
    assert values[1].duration == "PT9000S"
    assert [entry.key_id for entry in one.device_configuration_key_value_data] == [6]


def test_a_target_tells_the_rest_of_its_time_and_ends() -> None:
    target = Target(TIMED, 1_300.0)

    assert target.at(1_000.0) == TIMED
    assert target.at(1_100.0).duration_s == 200.0
    assert target.at(1_300.0) == Limit(active=False, value_w=Decimal(4_201))
    assert Target(TIMED).at(9_999.0) == TIMED


@pytest.mark.parametrize(
    ("entry", "wanted", "differ"),
    [
        (LoadControlLimitData(), Limit(active=False, value_w=Decimal(1)), False),
        (LoadControlLimitData(is_limit_active=True), Limit(active=False, value_w=Decimal(1)), True),
        (LoadControlLimitData(is_limit_active=True), Limit(active=True, value_w=Decimal(1)), True),
        (
            LoadControlLimitData(is_limit_active=True, value=ScaledNumber(number=10, scale=-1)),
            Limit(active=True, value_w=Decimal(1)),
            False,
        ),
    ],
)
def test_what_differs_is_activation_and_the_value_in_force(
    entry: LoadControlLimitData, wanted: Limit, differ: bool
) -> None:
    assert differs(entry, wanted) is differ


@pytest.mark.parametrize(
    "value", [None, ScaledNumber(), ScaledNumber(number=1, scale=99), ScaledNumber(scale=1)]
)
def test_a_value_that_is_none_is_not_zero(value: ScaledNumber | None) -> None:
    assert readable_watts(value) is None
