"""House, sun and mains behave as first-plant.md 2 says."""

from __future__ import annotations

import itertools
from random import Random

from ems.sim.ambient import House, Mains, Photovoltaics, SlowNoise, approach


def test_the_house_draws_600_watts_give_or_take_150() -> None:
    house = House(Random(1))

    totals = [sum(house.phases_w(float(second))) for second in range(2_000)]

    assert 450 <= min(totals) < 560
    assert 640 < max(totals) <= 750


def test_the_kettle_adds_2000_watts_on_the_first_phase_for_90_seconds() -> None:
    house = House(Random(1))
    before = house.phases_w(10.0)

    house.kettle_on(10.0)

    assert house.phases_w(10.0)[0] == before[0] + 2_000
    assert house.phases_w(10.0)[1:] == before[1:]
    assert house.phases_w(99.9)[0] > 2_000
    assert house.phases_w(100.0)[0] < 1_000


def test_the_kettle_can_be_taken_off_early() -> None:
    house = House(Random(1))
    house.kettle_on(10.0)

    house.kettle_off()

    assert sum(house.phases_w(11.0)) < 1_000


def test_the_sun_needs_ten_seconds_up_and_ten_seconds_down() -> None:
    pv = Photovoltaics()

    pv.shine(6_000)
    for _ in range(50):
        pv.step(0.1)
    halfway_w = pv.power_w
    for _ in range(50):
        pv.step(0.1)
    full_w = pv.power_w
    pv.shine(0)
    for _ in range(100):
        pv.step(0.1)

    assert round(halfway_w) == 3_000
    assert round(full_w) == 6_000
    assert round(pv.power_w) == 0


def test_a_negative_sun_is_night() -> None:
    pv = Photovoltaics()

    pv.shine(-500)

    assert pv.target_w == 0


def test_slow_noise_never_leaves_its_band_nor_runs_away_from_a_follower() -> None:
    noise = SlowNoise(150.0, Random(3))

    values = [noise.at(second / 2) for second in range(6_000)]
    steps = [abs(later - sooner) for sooner, later in itertools.pairwise(values)]

    assert max(abs(value) for value in values) <= 150.0
    assert max(steps) / 0.5 <= 12.0


def test_mains_stay_within_a_volt_of_230() -> None:
    mains = Mains(Random(1))

    seen = [volt for second in range(500) for volt in mains.voltages_v(float(second))]

    assert min(seen) >= 229.0
    assert max(seen) <= 231.0


def test_the_same_seed_gives_the_same_house() -> None:
    assert House(Random("7/house")).phases_w(33.0) == House(Random("7/house")).phases_w(33.0)
    assert House(Random("7/house")).phases_w(33.0) != House(Random("8/house")).phases_w(33.0)


def test_approach_moves_at_most_the_given_step_either_way() -> None:
    assert approach(0.0, 10.0, 3.0) == 3.0
    assert approach(10.0, 0.0, 3.0) == 7.0
    assert approach(9.0, 10.0, 3.0) == 10.0
    assert approach(5.0, 5.0, 3.0) == 5.0
