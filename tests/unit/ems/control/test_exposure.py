"""Upper and lower bound of one load's draw (allocation.md 3.5)."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest
import yaml

from drivers.api import Capability, ControlUnit, LoadKind, Measurement, Setpoint
from ems.control.exposure import Exposure
from ems.control.plant import ControlTimings, Load

DOCUMENT = yaml.safe_load(Path(__file__).with_name("allocation_cases.yaml").read_text("utf-8"))
[E05] = [case for case in DOCUMENT["cases"] if case["id"] == "E05"]


def wallbox(
    failsafe_ma: int | None = 6_000, keeps_s: float = 30.0, *, measures: bool = True
) -> Load:
    return Load(
        load_id="cp", name="", kind=LoadKind.WALLBOX, rated_w=11_000,
        capability=Capability(
            control=ControlUnit.CURRENT, step_ma=100, keeps_limit_s=keeps_s, t_react_s=10.0,
            failsafe_ma=failsafe_ma, measures_power=measures,
        ),
    )  # fmt: skip


def told(load: Load, x: int, at: float) -> Exposure:
    """An exposure whose device was found at 0 and follows ``x`` since ``at``."""
    exposure = Exposure(load, ControlTimings(), 0.0)
    exposure.found(load.capability)
    exposure.order(x, at)
    exposure.written(x, at)
    exposure.measured(Measurement(power_w=0), at)
    return exposure


def watts(ampere: float) -> int:
    return round(ampere * 690)


def row_result(row: dict[str, Any]) -> tuple[float, bool]:
    load = wallbox(
        None if row["failsafe_a"] is None else row["failsafe_a"] * 1000,
        math.inf if row["failsafe_a"] is None else 30.0,
    )
    now = 1_000.0
    exposure = told(load, row["last_confirmed_a"] * 1000, 900.0)
    if row["pending_a"] is not None:
        ordered_at = now - row["pending_age_s"]
        exposure.order(row["pending_a"] * 1000, ordered_at)
        exposure.written(row["pending_a"] * 1000, ordered_at)
        exposure.measured(Measurement(power_w=watts(row["measured_a"])), ordered_at + 0.1)
        exposure.measured(Measurement(power_w=watts(row["measured_a"])), now)
    if not row["online"]:
        exposure.lost(now - row["offline_s"])
    return exposure.upper_x(now) / 1000, exposure.disobeys(now)


@pytest.mark.parametrize("number", range(len(E05["given"]["rows"])))
def test_case_e05_bounds_and_faults(number: int) -> None:
    bound_a, fault = row_result(E05["given"]["rows"][number])

    assert bound_a == E05["expect"]["exposure_a"][number]
    assert fault == E05["expect"]["fault"][number]


def test_a_load_never_seen_counts_with_its_maximum_and_later_with_its_fallback() -> None:
    exposure = Exposure(wallbox(), ControlTimings(), 0.0)

    assert exposure.upper_x(35.0) == 16_000
    assert exposure.upper_x(35.1) == 6_000


def test_a_load_that_forgets_its_limit_with_an_unknown_fallback_may_draw_everything() -> None:
    exposure = told(wallbox(failsafe_ma=None), 0, 10.0)
    exposure.lost(20.0)

    assert exposure.upper_x(55.0) == 0
    assert exposure.upper_x(55.1) == 16_000


@pytest.mark.field("F-15")
def test_an_increase_is_reserved_before_it_is_written() -> None:
    exposure = told(wallbox(), 6_000, 10.0)

    exposure.order(16_000, 20.0)

    assert exposure.upper_x(20.0) == 16_000


def test_an_answer_to_an_older_order_proves_nothing() -> None:
    exposure = told(wallbox(), 16_000, 10.0)
    exposure.order(0, 20.0)

    exposure.written(16_000, 20.1)
    exposure.measured(Measurement(power_w=0), 21.0)

    assert exposure.upper_x(21.0) == 16_000
    assert not exposure.confirmed


def test_a_reading_from_before_the_answer_proves_nothing() -> None:
    exposure = told(wallbox(), 16_000, 10.0)
    exposure.order(0, 20.0)
    exposure.written(0, 20.5)

    exposure.measured(Measurement(power_w=0), 20.4)
    assert exposure.upper_x(21.0) == 16_000
    exposure.measured(Measurement(power_w=0), 20.6)

    assert exposure.upper_x(21.0) == 0


def test_without_a_meter_read_back_and_reaction_time_confirm() -> None:
    load = wallbox()
    exposure = told(load, 16_000, 10.0)
    exposure.order(0, 20.0)
    exposure.written(0, 20.0)
    exposure.measured(Measurement(setpoint=Setpoint(power_w=0, current_ma=0)), 21.0)

    exposure.settle(29.9)
    assert exposure.upper_x(29.9) == 16_000
    exposure.settle(30.0)

    assert exposure.upper_x(30.0) == 0


def test_what_is_measured_above_the_cap_counts() -> None:
    exposure = told(wallbox(), 6_000, 10.0)

    exposure.measured(Measurement(power_w=9_000), 12.0)

    assert exposure.upper_w(12.0) >= 9_000


def test_surplus_above_the_cap_does_not_count() -> None:
    exposure = told(wallbox(), 6_000, 10.0)
    exposure.excused = True

    exposure.measured(Measurement(power_w=9_000), 12.0)

    assert exposure.upper_x(12.0) == 6_000
    assert not exposure.disobeys(60.0)


def test_a_device_back_after_a_gap_may_have_forgotten_its_cap() -> None:
    load = wallbox()
    exposure = told(load, 0, 10.0)
    exposure.lost(20.0)

    exposure.found(load.capability)

    assert exposure.upper_x(21.0) == 16_000
    assert exposure.order_x is None


def test_a_refined_capability_of_a_connected_device_keeps_its_order() -> None:
    load = wallbox()
    exposure = told(load, 6_000, 10.0)

    exposure.found(load.capability)

    assert exposure.order_x == 6_000
    assert exposure.upper_x(11.0) == 6_000


def test_the_lower_bound_is_the_lowest_reading_around_the_moment() -> None:
    exposure = told(wallbox(), 16_000, 10.0)
    for at, power_w in [(20.0, 1_000), (22.0, 5_000), (24.0, 9_000), (26.0, 10_000)]:
        exposure.measured(Measurement(power_w=power_w), at)

    assert exposure.between(23.0, 26.0) == (5_000, 10_000)
    assert exposure.between(21.0, 26.0, until=23.0) == (1_000, 9_000)
    assert exposure.between(41.5, 41.5) == (0, 0)  # too old to say anything


def test_delivery_is_no_consumption() -> None:
    exposure = told(wallbox(), 16_000, 10.0)
    exposure.measured(Measurement(power_w=-3_000), 11.0)

    assert exposure.between(10.5, 11.0) == (0, 0)
    assert exposure.drawn_w(11.0) == 0
