"""What a load really wants: learnt below its cap, forgotten as soon as it comes near."""

from __future__ import annotations

from drivers.api import Capability, ControlUnit, LoadKind, Measurement
from ems.control.demand import Demand
from ems.control.plant import ControlTimings, Load
from ems.control.scale import Scale

PUMP = Load(
    load_id="hp", name="", kind=LoadKind.HEATPUMP, rated_w=6_000,
    capability=Capability(control=ControlUnit.POWER, min_w=1_500, max_w=6_000, step_w=100),
)  # fmt: skip
CAR = Load(
    load_id="cp", name="", kind=LoadKind.WALLBOX, rated_w=11_000,
    capability=Capability(control=ControlUnit.CURRENT, step_ma=1_000),
)  # fmt: skip


def observed(load: Load, powers_w: list[int], allowed_x: int) -> Demand:
    demand = Demand(Scale(load, load.capability), ControlTimings())
    for second, power_w in enumerate(powers_w):
        demand.observe(Measurement(power_w=power_w), allowed_x, float(second))
    return demand


def test_a_steady_draw_below_the_cap_is_learnt_after_thirty_seconds() -> None:
    assert observed(PUMP, [3_100] * 30, 6_000).cap_x is None
    assert observed(PUMP, [3_100] * 31, 6_000).cap_x == 3_255


def test_a_draw_that_still_rises_is_not_learnt() -> None:
    assert observed(PUMP, [1_500 + 40 * s for s in range(60)], 6_000).cap_x is None


def test_a_draw_at_its_cap_says_nothing() -> None:
    assert observed(PUMP, [3_000] * 60, 3_000).cap_x is None


def test_coming_near_the_learnt_demand_forgets_it() -> None:
    demand = observed(PUMP, [3_100] * 31, 6_000)

    demand.observe(Measurement(power_w=3_200), 3_300, 32.0)

    assert demand.cap_x is None


def test_a_car_that_draws_a_little_less_than_offered_keeps_its_offer() -> None:
    assert observed(CAR, [10_700] * 60, 16_000).cap_x is None


def test_a_full_car_keeps_the_minimum_so_that_it_can_start_again() -> None:
    assert observed(CAR, [0] * 60, 16_000).cap_x == 6_000


def test_without_a_car_nothing_is_wanted() -> None:
    demand = Demand(Scale(CAR, CAR.capability), ControlTimings())

    assert demand.observe(Measurement(power_w=0, status="A"), 16_000, 0.0)
    assert demand.absent
    demand.observe(Measurement(power_w=0, status="B"), 16_000, 1.0)

    assert not demand.absent


def test_nothing_is_learnt_from_a_paused_load() -> None:
    assert observed(PUMP, [0] * 60, 0).cap_x is None


def test_a_reading_without_power_says_nothing_about_the_demand() -> None:
    demand = observed(PUMP, [3_100] * 31, 6_000)

    assert not demand.observe(Measurement(), 6_000, 40.0)
    assert demand.cap_x == 3_255
