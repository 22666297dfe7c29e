"""Meters: signs, phases, and what a meter says when it knows nothing."""

from __future__ import annotations

import math
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from drivers.api import ImplausibleError, Meter, SetupError
from drivers.modbus.mapfile import load_map
from drivers.registry import open_meter
from tests.kit.aio import run
from tests.kit.clock import FakeClock
from tests.kit.modbus_device import MapDevice, meter_config

pytestmark = pytest.mark.loopback


@asynccontextmanager
async def opened_meter(device: MapDevice, **more: object) -> AsyncIterator[Meter]:
    async with device.serving():
        config = meter_config(device.mapfile.id, device.port, **more)
        async with open_meter(config, device.clock) as meter:
            yield meter


def janitza() -> MapDevice:
    device = MapDevice(load_map("janitza"))
    device.set(power=3_000, power_l1=1_000, power_l2=1_000, power_l3=1_000)
    for phase in (1, 2, 3):
        device.set(**{f"current_l{phase}": 4.4, f"voltage_l{phase}": 229.5})
    return device


def test_currents_without_a_sign_take_that_of_the_phase_power() -> None:
    async def story() -> None:
        device = janitza()
        device.set(power_l2=-1_000)
        async with opened_meter(device) as meter:
            assert (await meter.read()).currents_ma == (4_400, -4_400, 4_400)

    run(story())


def test_a_meter_wired_the_other_way_is_turned_round() -> None:
    async def story() -> None:
        device = janitza()
        async with opened_meter(device, options={"invert": True}) as meter:
            reading = await meter.read()
        assert (reading.power_w, reading.phases_w) == (-3_000, (-1_000, -1_000, -1_000))
        assert reading.currents_ma == (-4_400, -4_400, -4_400)

    run(story())


def test_a_missing_total_is_the_sum_of_the_phases() -> None:
    async def story() -> None:
        device = janitza()
        device.set_raw("power", math.nan)
        async with opened_meter(device) as meter:
            assert (await meter.read()).power_w == 3_000

    run(story())


@pytest.mark.field("C-13")
@pytest.mark.parametrize("garbage", [math.nan, math.inf, 1e9, -1e9])
def test_a_meter_that_knows_nothing_says_so_instead_of_zero(garbage: float) -> None:
    async def story() -> None:
        device = janitza()
        device.set_raw("power", garbage)
        device.set_raw("power_l2", garbage)
        async with opened_meter(device) as meter:
            with pytest.raises(ImplausibleError, match="shows no power"):
                await meter.read()

    run(story())


def test_a_poll_takes_few_requests() -> None:
    async def story() -> None:
        device = janitza()
        async with opened_meter(device) as meter:
            await meter.read()
        assert len(device.reads) <= 3

    run(story())


def test_a_wallbox_is_no_meter_and_a_meter_needs_a_host() -> None:
    async def story() -> None:
        for config in (meter_config("warp"), meter_config("janitza", host=None)):
            with pytest.raises(SetupError):
                async with open_meter(config, FakeClock()):
                    pass

    run(story())
