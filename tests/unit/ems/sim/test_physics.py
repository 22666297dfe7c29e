"""The plant adds up: meter, NWLB, determinism."""

from __future__ import annotations

import math
from random import Random

import pytest

from ems.sim.loads import Battery, Car, HeatPump
from ems.sim.physics import Plant, phase_powers_w


def plant(seed: int = 1) -> tuple[Plant, Car, Battery]:
    car = Car(Random(f"{seed}/car"))
    car.order(16.0, 0.0)
    battery = Battery(Random(f"{seed}/battery"))
    return Plant({"car": car, "battery": battery}, seed=seed, now=0.0), car, battery


def test_the_grid_meter_is_the_signed_sum_of_everything() -> None:
    site, car, battery = plant()
    site.pv.shine(6_000)

    site.advance(30.0)

    truth = site.truth({})
    parts_w = car.power_w + battery.power_w + truth.house_w - truth.pv_w
    assert truth.grid_w == pytest.approx(parts_w)
    assert sum(site.grid_phases_w()) == pytest.approx(parts_w)
    assert truth.pv_w == pytest.approx(6_000)


def test_sun_alone_is_export_on_every_phase() -> None:
    site = Plant({}, seed=1, now=0.0)
    site.pv.shine(6_000)

    site.advance(20.0)

    assert all(power_w < 0 for power_w in site.grid_phases_w())
    assert site.truth({}).nwlb_w == 0


@pytest.mark.parametrize(
    ("sun_w", "expected"),
    [(0, "steuve"), (10_000, "grid"), (40_000, "nothing")],
)
def test_nwlb_is_the_smaller_of_grid_and_steuve_and_never_negative(
    sun_w: int, expected: str
) -> None:
    site, _car, _battery = plant()
    site.pv.shine(sun_w)

    site.advance(30.0)

    truth = site.truth({})
    wanted = {"steuve": truth.steuve_w, "grid": truth.grid_w, "nothing": 0.0}
    assert truth.nwlb_w == pytest.approx(wanted[expected])


def test_a_battery_that_follows_the_surplus_leaves_nothing_to_the_grid() -> None:
    site, car, battery = plant()
    car.order(6.0, 0.0)
    battery.order(0.0, 0.0)
    site.pv.shine(6_000)

    worst_w = 0.0
    for second in range(20, 60):
        site.advance(float(second))
        worst_w = max(worst_w, abs(site.truth({}).grid_w))

    assert battery.power_w > 1_000
    assert worst_w < 5.0


def test_the_pace_of_the_caller_does_not_change_the_plant() -> None:
    fine, _, _ = plant(seed=5)
    coarse, _, _ = plant(seed=5)

    for tick in range(1, 400):
        fine.advance(tick * 0.05)
    coarse.advance(399 * 0.05)

    assert fine.truth({}) == coarse.truth({})


def test_different_seeds_give_different_plants() -> None:
    first, _, _ = plant(seed=1)
    second, _, _ = plant(seed=2)

    first.advance(20.0)
    second.advance(20.0)

    assert first.truth({}).steuve_w != second.truth({}).steuve_w


def test_time_never_runs_back() -> None:
    site, _, _ = plant()
    site.advance(10.0)

    site.advance(5.0)

    assert site.now == pytest.approx(10.0)


def test_a_reading_is_wrong_by_twenty_watts_at_most_and_right_about_nothing() -> None:
    site, _, _ = plant()

    readings = [site.measured(1_000.0) for _ in range(500)]

    assert min(readings) >= 980
    assert max(readings) <= 1_020
    assert len(set(readings)) > 400
    assert site.measured(0.0) == 0.0


def test_truth_tells_free_from_allowed() -> None:
    site, _, _ = plant()

    truth = site.truth({"car": math.inf, "battery": 0.0})

    assert truth.loads["car"].allowed_w is None
    assert truth.loads["battery"].allowed_w == 0.0


def test_a_load_that_is_off_loads_no_phase() -> None:
    pump = HeatPump(Random(1))
    pump.power_w = 0.0

    assert phase_powers_w(pump) == (0.0, 0.0, 0.0)
