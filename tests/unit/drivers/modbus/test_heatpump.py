"""A heat pump with a real power limit."""

from __future__ import annotations

import math

import pytest

from drivers.api import ControlUnit, ImplausibleError, RefusedError, Setpoint, SetupError
from drivers.modbus.heatpump import heatpump_capability
from drivers.modbus.mapfile import load_map
from tests.kit.aio import run
from tests.kit.modbus_device import load_config, opened, simulated_device

pytestmark = pytest.mark.loopback


def test_the_limit_is_written_in_kilowatts_rounded_down_to_the_step() -> None:
    async def story() -> None:
        device = simulated_device("idm")
        async with opened(device) as load:
            await load.limit(Setpoint(power_w=3_199))
            limit = device.get("power_limit")
            assert limit is not None
            assert 3_099 < limit <= 3_100
            assert (await load.read()).setpoint == Setpoint(power_w=3_199)

    run(story())


def test_what_it_can_be_told() -> None:
    can = heatpump_capability(load_config("idm"), load_map("idm"))

    assert (can.control, can.min_w, can.max_w, can.step_w) == (ControlUnit.POWER, 100, 6_000, 100)
    assert (can.min_write_interval_s, can.t_react_s, can.keeps_limit_s) == (60, 60, math.inf)


def test_less_than_the_pump_can_run_with_is_zero_and_never_more() -> None:
    async def story() -> None:
        device = simulated_device("idm")
        async with opened(device, options={"min_w": 1_500}) as load:
            await load.limit(Setpoint(power_w=1_499))
            assert device.get("power_limit") == 0

    run(story())


@pytest.mark.field("F-17")
def test_a_release_is_read_back_and_repeated_until_the_pump_shows_it() -> None:
    async def story() -> None:
        device = simulated_device("idm")
        async with opened(device) as load:
            await load.limit(Setpoint(power_w=1_500))
            device.ignore_writes = True
            with pytest.raises(ImplausibleError, match="still shows a cap of 1500 W"):
                await load.release()
            device.ignore_writes = False
            await load.release()
            assert device.get("power_limit") == -1_000
            assert (await load.read()).setpoint == Setpoint(power_w=6_000)

    run(story())


def test_a_firmware_without_the_register_refuses() -> None:
    async def story() -> None:
        device = simulated_device("idm")
        device.forget("power_limit")
        async with opened(device) as load:
            with pytest.raises(RefusedError, match="illegal address"):
                await load.limit(Setpoint(power_w=3_000))

    run(story())


@pytest.mark.parametrize(
    ("raw", "power_w"), [(3.1, 3_100), (-1.0, None), (math.nan, None), (900.0, None)]
)
def test_a_power_that_cannot_be_is_unknown(raw: float, power_w: int | None) -> None:
    async def story() -> None:
        device = simulated_device("idm")
        device.set_raw("power", raw)
        async with opened(device) as load:
            assert (await load.read()).power_w == power_w

    run(story())


def test_stopping_writes_zero() -> None:
    async def story() -> None:
        device = simulated_device("idm")
        async with opened(device) as load:
            await load.stop()
            assert device.get("power_limit") == 0

    run(story())


def test_a_wallbox_map_is_no_heat_pump() -> None:
    with pytest.raises(SetupError):
        heatpump_capability(load_config("idm"), load_map("warp"))
