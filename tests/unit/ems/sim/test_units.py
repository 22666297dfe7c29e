"""What written registers mean to a simulated device, and what it does when nobody talks to it."""

from __future__ import annotations

import math
from fractions import Fraction
from random import Random

import pytest

from drivers.modbus import registers
from drivers.modbus.mapfile import load_map
from ems.sim.bank import Written
from ems.sim.loads import Battery, Car, HeatPump
from ems.sim.physics import Plant
from ems.sim.setup import bank_of
from ems.sim.units import (
    BatteryUnit,
    HeatPumpUnit,
    MeterUnit,
    Unit,
    WallboxUnit,
    Watchdog,
    model_of,
)


def wallbox(device: str) -> WallboxUnit:
    mapfile = load_map(device)
    return WallboxUnit(mapfile, bank_of(mapfile), Car(Random(1)), max_a=16.0)


def write(unit: Unit, now: float, **values: float) -> None:
    unit.heard(now, wrote=True)
    unit.written([Written(name, Fraction(value)) for name, value in values.items()], now)


def run(unit: Unit, start: float, seconds: float) -> Plant:
    model = model_of(unit)
    plant = Plant({"it": model} if model else {}, seed=1, now=start)
    for tick in range(1, round(seconds * 10) + 1):
        unit.step(start + tick / 10)
        plant.advance(start + tick / 10)
    unit.show(plant)
    return plant


def shown(unit: Unit, name: str) -> float:
    point = unit.bank.points[name]
    words = unit.bank.read(point.reg, unit.bank.place(name).start, registers.word_count(point))
    value = registers.decode(point, words)
    assert value is not None
    return float(value)


@pytest.mark.parametrize("device", ["keba_p30", "abb_terra_ac", "warp", "bender_ecu"])
def test_a_wallbox_nobody_has_told_anything_charges_freely(device: str) -> None:
    unit = wallbox(device)

    run(unit, 0.0, 15.0)

    assert unit.allowed_w() == math.inf
    assert unit.car.power_w > 10_500


@pytest.mark.parametrize("device", ["keba_p30", "abb_terra_ac", "warp", "bender_ecu"])
def test_a_wallbox_offers_what_it_was_told(device: str) -> None:
    unit = wallbox(device)

    write(unit, 0.0, current_limit=8)
    run(unit, 0.0, 15.0)

    assert unit.allowed_w() == 8 * 230 * 3
    assert 7.5 <= unit.car.current_a <= 8.0
    assert 7.5 <= shown(unit, "current_l1") <= 8.0
    assert shown(unit, "current_limit_active") == 8.0


def test_a_wallbox_that_is_switched_off_pauses_and_comes_back_with_its_limit() -> None:
    unit = wallbox("keba_p30")
    write(unit, 0.0, current_limit=10)
    run(unit, 0.0, 10.0)

    write(unit, 10.0, enable=0)
    run(unit, 10.0, 6.0)
    paused_w = unit.car.power_w
    write(unit, 16.0, enable=1)

    assert paused_w == 0
    assert unit.offered_a == 10.0


def test_keba_pauses_at_its_failsafe_current_when_the_watchdog_write_stops() -> None:
    unit = wallbox("keba_p30")
    write(unit, 0.0, failsafe_current=6, failsafe_timeout=30)
    write(unit, 0.0, current_limit=16, enable=1)

    run(unit, 0.0, 29.9)
    before_a = unit.offered_a
    run(unit, 29.9, 1.0)

    assert before_a == 16.0
    assert unit.offered_a == 6.0
    assert shown(unit, "failsafe_timeout_read") == 30


def test_reading_alone_does_not_feed_the_watchdog_of_keba() -> None:
    unit = wallbox("keba_p30")
    write(unit, 0.0, failsafe_timeout=30, current_limit=16)

    for second in range(40):
        unit.heard(float(second), wrote=False)
        unit.step(float(second))

    assert unit.offered_a == 6.0


def test_a_new_set_point_ends_the_failsafe_of_keba() -> None:
    unit = wallbox("keba_p30")
    write(unit, 0.0, failsafe_timeout=30, current_limit=16)
    unit.step(31.0)

    write(unit, 32.0, current_limit=12)

    assert unit.offered_a == 12.0


def test_any_request_keeps_a_station_alive_that_asks_for_nothing_more() -> None:
    unit = wallbox("bender_ecu")
    write(unit, 0.0, failsafe_current=6, failsafe_timeout=20, current_limit=16)

    for second in range(60):
        unit.heard(float(second), wrote=False)
        unit.step(float(second))
    alive_a = unit.offered_a
    unit.step(90.0)

    assert alive_a == 16.0
    assert unit.offered_a == 6.0


def test_abb_stops_the_session_when_its_communication_timeout_is_over() -> None:
    unit = wallbox("abb_terra_ac")
    write(unit, 0.0, comm_timeout=90, current_limit=16)

    unit.step(91.0)

    assert unit.offered_a == 0.0


def test_warp_keeps_the_last_value_for_ever() -> None:
    unit = wallbox("warp")
    write(unit, 0.0, current_limit=9)

    unit.step(100_000.0)

    assert unit.offered_a == 9.0


def test_a_wallbox_that_ignores_its_set_point_still_shows_it() -> None:
    unit = wallbox("warp")
    unit.ignores = True

    write(unit, 0.0, current_limit=6)
    run(unit, 0.0, 15.0)

    assert unit.car.power_w > 10_500
    assert shown(unit, "current_limit_active") == 6.0
    assert unit.allowed_w() == math.inf


@pytest.mark.parametrize(
    ("device", "plugged", "expected"),
    [("warp", False, 0), ("warp", True, 2), ("abb_terra_ac", True, 4 << 8)],
)
def test_the_status_register_tells_the_letter_in_the_code_of_the_map(
    device: str, plugged: bool, expected: int
) -> None:
    unit = wallbox(device)
    unit.car.plugged = plugged

    run(unit, 0.0, 10.0)

    assert shown(unit, "status") == expected


def test_a_negative_power_limit_frees_the_heat_pump() -> None:
    mapfile = load_map("idm")
    unit = HeatPumpUnit(mapfile, bank_of(mapfile), HeatPump(Random(1)))

    write(unit, 0.0, power_limit=2_000)
    limited_w = unit.allowed_w()
    write(unit, 1.0, power_limit=-1_000)

    assert limited_w == 2_000
    assert unit.allowed_w() == math.inf


def test_the_heat_pump_shows_what_it_draws() -> None:
    mapfile = load_map("idm")
    unit = HeatPumpUnit(mapfile, bank_of(mapfile), HeatPump(Random(1)))

    run(unit, 0.0, 1.0)

    assert 3_080 <= shown(unit, "power") <= 3_120


def battery() -> BatteryUnit:
    mapfile = load_map("sunspec_storage")
    return BatteryUnit(mapfile, bank_of(mapfile), Battery(Random(1)))


def test_a_battery_obeys_its_charge_rate_only_when_the_mode_bit_says_so() -> None:
    unit = battery()

    write(unit, 0.0, charge_rate=20)
    without_bit_w = unit.allowed_w()
    write(unit, 1.0, control_mode=1)

    assert without_bit_w == math.inf
    assert unit.allowed_w() == 1_000


def test_a_battery_kept_from_the_grid_is_allowed_nothing_from_it() -> None:
    unit = battery()

    write(unit, 0.0, grid_charge_enable=0)
    run(unit, 0.0, 3.0)

    assert unit.allowed_w() == 0.0
    assert unit.battery.power_w == 0.0


def test_a_battery_forgets_its_cap_when_the_revert_timer_runs_out() -> None:
    unit = battery()
    write(unit, 0.0, control_mode=1, charge_rate=0, revert_s=60)

    unit.step(59.0)
    before_w = unit.allowed_w()
    unit.step(61.0)

    assert before_w == 0.0
    assert unit.allowed_w() == math.inf


def test_charging_is_negative_where_the_map_counts_delivery() -> None:
    unit = battery()

    run(unit, 0.0, 5.0)

    assert -5_020 <= shown(unit, "ac_power") <= -4_980


@pytest.mark.parametrize("device", ["janitza", "kostal_ksem", "siemens_pac"])
def test_the_grid_meter_shows_signed_phases_that_add_up(device: str) -> None:
    mapfile = load_map(device)
    unit = MeterUnit(mapfile, bank_of(mapfile), "grid")
    plant = Plant({}, seed=1, now=0.0)
    plant.pv.shine(6_000)
    plant.advance(20.0)

    unit.show(plant)

    phases = [shown(unit, f"power_l{phase}") for phase in (1, 2, 3)]
    assert all(power_w < 0 for power_w in phases)
    assert sum(phases) == pytest.approx(shown(unit, "power"), abs=3)
    assert -5_600 < shown(unit, "power") < -5_200


def test_a_pv_meter_counts_generation_as_export_and_a_sub_meter_nothing() -> None:
    mapfile = load_map("janitza")
    plant = Plant({}, seed=1, now=0.0)
    plant.pv.shine(6_000)
    plant.advance(20.0)

    assert sum(MeterUnit(mapfile, bank_of(mapfile), "pv").phases_w(plant)) == -6_000
    assert sum(MeterUnit(mapfile, bank_of(mapfile), "sub").phases_w(plant)) == 0


def test_a_watchdog_that_never_heard_anybody_does_not_bite() -> None:
    watchdog = Watchdog(10.0)

    assert not watchdog.expired(1_000.0)
    watchdog.feed(1_000.0)
    assert not watchdog.expired(1_010.0)
    assert watchdog.expired(1_010.1)


def test_a_meter_hears_its_client_without_minding() -> None:
    mapfile = load_map("janitza")
    meter = MeterUnit(mapfile, bank_of(mapfile), "sub")

    meter.heard(0.0, wrote=True)
    meter.written([], 0.0)
    meter.step(1.0)

    assert meter.allowed_w() == math.inf
    assert model_of(meter) is None


def test_a_battery_that_takes_watts_is_capped_in_watts() -> None:
    mapfile = load_map("sunspec_storage")
    battery = BatteryUnit(mapfile, bank_of(mapfile), Battery(Random(1)))

    write(battery, 0.0, charge_limit=1_200, control_mode=1)

    assert battery.allowed_w() == 1_200
