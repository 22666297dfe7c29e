"""Watts and ampere of one load by one voltage snapshot."""

from __future__ import annotations

import pytest

from drivers.api import Capability, ControlUnit, LoadKind, Measurement, Setpoint
from ems.control.plant import Load
from ems.control.scale import Scale


def wallbox(**changes: int) -> Scale:
    capability = Capability(control=ControlUnit.CURRENT, **changes)  # type: ignore[arg-type]  # mA
    load = Load(load_id="cp", name="", kind=LoadKind.WALLBOX, rated_w=11_000, capability=capability)
    return Scale(load, capability)


def volts(scale: Scale, *millivolts: int | None) -> None:
    scale.observe(Measurement(voltages_mv=millivolts), 0.0)


def test_sixteen_ampere_fit_a_wallbox_registered_with_eleven_kilowatts() -> None:
    assert wallbox(max_ma=32_000).max_x == 16_000


@pytest.mark.rule("R-14A-19")
def test_the_highest_phase_voltage_counts_in_whole_volts() -> None:
    scale = wallbox()
    volts(scale, 231_200, 229_000, 233_400)

    assert scale.watts(6_000) == 4_212  # 234 V


def test_a_voltage_below_nominal_is_no_reason_for_more_current() -> None:
    scale = wallbox()
    volts(scale, 222_000, 222_000, 222_000)

    assert scale.watts(6_000) == 4_140


def test_noise_of_the_mains_moves_nothing() -> None:
    scale = wallbox()
    volts(scale, 234_000, 234_000, 234_000)
    volts(scale, 232_100, 232_100, 232_100)
    assert scale.uw_per_x == 3 * 234_000

    volts(scale, 231_900, 231_900, 231_900)

    assert scale.uw_per_x == 3 * 232_000


def test_induced_and_broken_voltages_are_ignored() -> None:
    scale = wallbox()
    volts(scale, 140_000, None, 400_000)

    assert scale.uw_per_x == 690_000


@pytest.mark.rule("R-14A-19")
def test_a_one_phase_car_counts_with_one_phase_after_ten_seconds_and_never_longer() -> None:
    scale = wallbox()
    one = Measurement(currents_ma=(15_800, 0, 20))
    scale.observe(one, 0.0)
    assert scale.phases == 3
    scale.observe(one, 10.0)
    assert scale.phases == 1

    scale.observe(Measurement(currents_ma=(0, 0, 0)), 11.0)

    assert scale.phases == 3


def test_below_the_minimum_there_is_only_zero() -> None:
    assert wallbox().floor(5_999) == 0
    assert wallbox().floor(6_999) == 6_000


def test_a_set_point_in_watts_means_the_current_that_covers_it() -> None:
    assert wallbox().x_of_setpoint(Setpoint(power_w=4_140)) == 6_000
    assert wallbox().x_of_setpoint(Setpoint(power_w=4_140, current_ma=6_500)) == 6_500


@pytest.mark.invariant("I-03")
def test_an_unknown_phase_begins_the_ten_seconds_anew_and_more_phases_count_at_once() -> None:
    scale = wallbox()
    one = Measurement(currents_ma=(15_800, 0, 20))
    scale.observe(one, 0.0)
    scale.observe(Measurement(currents_ma=(15_800, None, 20)), 5.0)
    scale.observe(one, 10.0)
    assert scale.phases == 3
    scale.observe(one, 20.0)
    assert scale.phases == 1

    scale.observe(Measurement(currents_ma=(15_800, 15_700, None)), 21.0)

    assert scale.phases == 3


def test_what_may_be_drawn_is_rounded_up_to_whole_watts() -> None:
    scale = wallbox()

    assert (scale.watts(6_000), scale.watts(6_001), scale.watts(1)) == (4_140, 4_141, 1)
    assert scale.x_of(4_141) == 6_002
