"""Cars, heat pump and battery follow as first-plant.md 2 says; protocol time is a number."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from random import Random

import pytest

from ems.sim.loads import Battery, Car, Delayed, HeatPump, LoadModel, Surroundings, spread

STEP_S = 0.1
SEEDS = range(20)


def walk(
    load: LoadModel,
    start: float,
    seconds: float,
    *,
    surplus_w: float = 0.0,
    look: Callable[[float], None] | None = None,
) -> float:
    """Step ``load`` through ``seconds`` and return where time has arrived."""
    around = Surroundings(surplus_w=surplus_w)
    steps = round(seconds / STEP_S)
    for step in range(1, steps + 1):
        load.step(start + step * STEP_S, STEP_S, around)
        if look is not None:
            look(start + step * STEP_S)
    return start + steps * STEP_S


def charging_car(seed: int = 1) -> tuple[Car, float]:
    car = Car(Random(seed))
    car.order(16.0, 0.0)
    return car, walk(car, 0.0, 15.0)


@pytest.mark.parametrize("seed", SEEDS)
def test_a_car_draws_up_to_half_an_ampere_less_than_offered_and_never_more(seed: int) -> None:
    car, _ = charging_car(seed)

    assert 15.5 <= car.current_a <= 16.0
    assert car.currents_a() == (car.current_a, car.current_a, car.current_a)
    assert car.power_w == pytest.approx(3 * 230 * car.current_a)


def test_a_car_starts_three_seconds_after_it_may() -> None:
    car = Car(Random(1))
    car.order(16.0, 0.0)

    at = walk(car, 0.0, 3.1)
    drawn_early_w = car.power_w
    walk(car, at, 1.5)

    assert drawn_early_w == 0.0
    assert car.power_w > 0.0


@pytest.mark.parametrize("seed", SEEDS)
def test_a_car_follows_a_lower_current_within_five_seconds(seed: int) -> None:
    car, at = charging_car(seed)

    car.order(8.0, at)
    walk(car, at, 5.0)

    assert car.current_a <= 8.0


def test_a_car_ramps_at_three_ampere_per_second_at_most() -> None:
    car, at = charging_car()
    seen = [car.current_a]

    car.order(6.0, at)
    walk(car, at, 8.0, look=lambda _: seen.append(car.current_a))

    drops = [sooner - later for sooner, later in itertools.pairwise(seen)]
    assert max(drops) <= 3.0 * STEP_S + 1e-9


@pytest.mark.parametrize("seed", SEEDS)
def test_a_car_offered_less_than_six_ampere_stops_within_five_seconds(seed: int) -> None:
    car, at = charging_car(seed)

    car.order(5.9, at)
    walk(car, at, 5.0)

    assert car.power_w == 0.0
    assert not car.charging


def test_a_car_at_six_ampere_keeps_charging() -> None:
    car, at = charging_car()

    car.order(6.0, at)
    walk(car, at, 20.0)

    assert 5.5 <= car.current_a <= 6.0


def test_an_unplugged_car_draws_nothing() -> None:
    car, at = charging_car()

    car.plugged = False
    walk(car, at, 6.0)

    assert car.power_w == 0.0


def test_a_single_phase_car_loads_one_phase_only() -> None:
    car = Car(Random(1), phases=1)
    car.order(16.0, 0.0)

    walk(car, 0.0, 15.0)

    assert car.currents_a()[1:] == (0.0, 0.0)
    assert 3_500 < car.power_w < 3_700


@pytest.mark.parametrize("seed", SEEDS)
def test_a_heat_pump_follows_a_limit_within_forty_seconds_but_not_within_five(seed: int) -> None:
    pump = HeatPump(Random(seed))

    pump.order(1_600.0, 0.0)
    at = walk(pump, 0.0, 5.0)
    early_w = pump.power_w
    walk(pump, at, 35.0)

    assert early_w > 2_500
    assert pump.power_w <= 1_600


@pytest.mark.parametrize("seed", SEEDS)
def test_a_heat_pump_below_its_minimum_stops_and_rests_a_minute(seed: int) -> None:
    pump = HeatPump(Random(seed))
    pump.order(1_499.0, 0.0)
    stopped: list[float] = []
    at = walk(pump, 0.0, 40.0, look=lambda now: None if pump.running else stopped.append(now))

    pump.order(math.inf, at)
    started: list[float] = []
    walk(pump, at, 110.0, look=lambda now: started.append(now) if pump.running else None)

    assert stopped
    assert started[0] - stopped[0] >= 60.0
    assert pump.power_w == 3_100


def test_a_heat_pump_starts_at_its_minimum_not_below() -> None:
    pump = HeatPump(Random(1))
    pump.order(0.0, 0.0)
    at = walk(pump, 0.0, 120.0)
    seen: list[float] = []

    pump.order(2_000.0, at)
    walk(pump, at, 60.0, look=lambda _: seen.append(pump.power_w))

    assert {power_w for power_w in seen if 0 < power_w < 1_500} == set()
    assert seen[-1] == 2_000


@pytest.mark.parametrize("seed", SEEDS)
def test_a_battery_follows_within_two_seconds(seed: int) -> None:
    battery = Battery(Random(seed))
    at = walk(battery, 0.0, 2.0)
    full_w = battery.power_w

    battery.order(0.0, at)
    walk(battery, at, 2.1)

    assert full_w == 5_000
    assert battery.power_w == 0


@pytest.mark.parametrize(("cap_w", "drawn_w"), [(0.0, 1_800), (500.0, 1_800), (3_000.0, 3_000)])
def test_surplus_may_always_charge_a_battery_and_its_cap_holds_back_the_grid(
    cap_w: float, drawn_w: float
) -> None:
    battery = Battery(Random(1))

    battery.order(cap_w, 0.0)
    at = walk(battery, 0.0, 5.0, surplus_w=0.0)
    without_sun_w = battery.power_w
    walk(battery, at, 5.0, surplus_w=1_800.0)

    assert without_sun_w == cap_w
    assert battery.power_w == drawn_w


def test_a_battery_never_charges_with_more_than_it_can() -> None:
    battery = Battery(Random(1))

    walk(battery, 0.0, 5.0, surplus_w=9_000.0)

    assert battery.power_w == 5_000


def test_orders_that_follow_each_other_quickly_take_effect_in_their_order() -> None:
    value = Delayed(0.0, 1.0)

    value.set(5.0, 0.0)
    value.set(7.0, 0.5)

    assert value.at(0.9) == 0.0
    assert value.at(1.0) == 5.0
    assert value.at(1.5) == 7.0


def test_setting_the_same_value_again_does_not_delay_it() -> None:
    value = Delayed(0.0, 1.0)
    value.set(5.0, 0.0)

    value.set(5.0, 0.9)

    assert value.at(1.0) == 5.0


def test_power_spreads_evenly_over_the_wired_phases() -> None:
    assert spread(690.0, 3) == (1.0, 1.0, 1.0)
    assert spread(230.0, 1) == (1.0, 0.0, 0.0)
