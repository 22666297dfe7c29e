"""Every Modbus map in the package, driven against a device made from the same map."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.api import ControlUnit, Driver, Meter, Setpoint
from drivers.modbus.mapfile import load_map
from drivers.registry import open_load, open_meter, static_capability
from tests.kit.aio import run
from tests.kit.modbus_device import (
    MapDevice,
    load_config,
    maps_of,
    meter_config,
    simulated_device,
)

LOADS = maps_of("wallbox", "heatpump", "battery")
METERS = maps_of("meter")
CAP = Setpoint(power_w=4_140, current_ma=6_000)
OFF = Setpoint(power_w=0, current_ma=0)
pytestmark = pytest.mark.loopback


def granted_now(device: MapDevice) -> float:
    """Highest power [W] or current [mA] the registers of the device allow right now."""
    if device.mapfile.kind == "wallbox":
        enabled = "enable" not in device.mapfile.points or device.get("enable") != 0
        limit = device.get("current_limit")
        return float((limit or 0) * 1000) if enabled else 0.0
    if device.mapfile.kind == "heatpump":
        limit = device.get("power_limit")
        return math.inf if limit is None or limit < 0 else float(limit)
    if device.get("grid_charge_enable") == 0:
        return 0.0
    mode, rate = device.get("control_mode"), device.get("charge_rate")
    capped = mode is not None and int(mode) & 1
    return (
        float((rate or 0) * (device.get("rated_charge_power") or 0) / 100) if capped else math.inf
    )


@pytest.mark.parametrize("name", LOADS)
def test_a_load_is_limited_paused_and_released_and_shows_it(name: str) -> None:
    async def story() -> None:
        device = simulated_device(name)
        async with (
            device.serving(),
            open_load(load_config(name, device.port), device.clock) as load,
        ):
            assert isinstance(load, Driver)
            can = load.capability
            unit_cap = 6_000 if can.control is ControlUnit.CURRENT else 4_140
            free = can.max_ma if can.control is ControlUnit.CURRENT else can.max_w

            await load.limit(CAP)
            assert unit_cap - 100 <= granted_now(device) <= unit_cap
            assert (await load.read()).setpoint == CAP

            await load.limit(OFF)
            assert granted_now(device) == 0
            shown = (await load.read()).setpoint
            assert shown is not None
            assert shown.power_w == 0

            await load.limit(CAP)
            assert unit_cap - 100 <= granted_now(device) <= unit_cap

            await load.release()
            assert granted_now(device) >= free
            shown = (await load.read()).setpoint
            assert shown is not None
            assert shown.power_w >= (11_000 if can.control is ControlUnit.CURRENT else can.max_w)

            await load.stop()
            assert granted_now(device) == 0

    run(story())


@pytest.mark.parametrize("name", LOADS)
def test_preparing_and_keeping_alive_does_not_touch_the_limit(name: str) -> None:
    async def story() -> None:
        device = simulated_device(name)
        async with (
            device.serving(),
            open_load(load_config(name, device.port), device.clock) as load,
        ):
            await load.limit(CAP)
            before = granted_now(device)
            await load.prepare()
            for _ in range(3):
                await load.keep_alive()
            assert granted_now(device) == before
            assert load.capability.keeps_limit_s >= 10

    run(story())


@pytest.mark.parametrize("name", LOADS)
def test_the_limit_is_the_first_write_a_device_sees(name: str) -> None:
    async def story() -> None:
        device = simulated_device(name)
        async with (
            device.serving(),
            open_load(load_config(name, device.port), device.clock) as load,
        ):
            assert device.writes == []
            await load.limit(OFF)
            assert granted_now(device) == 0
            first = len(device.writes)
            await load.prepare()
            assert first <= 2

    run(story())


@pytest.mark.parametrize("name", LOADS)
def test_nothing_that_can_be_known_before_needs_a_connection(name: str) -> None:
    async def story() -> None:
        device = simulated_device(name)
        async with device.serving():
            config = load_config(name, device.port)
            async with open_load(config, device.clock) as load:
                assert load.capability == static_capability(config)

    run(story())


@pytest.mark.invariant("I-09")
@pytest.mark.field("F-21")
@pytest.mark.parametrize("name", LOADS)
@given(current_ma=st.integers(-1_000, 40_000), power_w=st.integers(-1_000, 30_000))
def test_no_device_is_ever_granted_more_than_the_set_point(
    name: str, current_ma: int, power_w: int
) -> None:
    async def story() -> None:
        device = simulated_device(name)
        async with (
            device.serving(),
            open_load(load_config(name, device.port), device.clock) as load,
        ):
            await load.limit(Setpoint(power_w=power_w, current_ma=current_ma))
            control = load.capability.control
            cap = current_ma if control is ControlUnit.CURRENT else power_w
            granted = granted_now(device)
            assert granted <= max(cap, 0)
            if control is ControlUnit.CURRENT:
                assert granted == 0 or granted >= 6_000

    run(story())


@pytest.mark.parametrize("name", METERS)
def test_a_meter_gives_signed_power_per_phase(name: str) -> None:
    async def story() -> None:
        device = MapDevice(load_map(name))
        device.set(power=-500, power_l1=1_000, power_l2=-2_000, power_l3=500)
        for phase, current in ((1, 4.5), (2, 8.75), (3, 2.25)):
            device.set(**{f"current_l{phase}": current, f"voltage_l{phase}": 230})
        async with (
            device.serving(),
            open_meter(meter_config(name, device.port), device.clock) as meter,
        ):
            assert isinstance(meter, Meter)
            reading = await meter.read()

        assert reading.power_w == -500
        assert reading.phases_w == (1_000, -2_000, 500)
        assert reading.currents_ma == (4_500, -8_750, 2_250)
        assert reading.voltages_mv == (230_000, 230_000, 230_000)

    run(story())
