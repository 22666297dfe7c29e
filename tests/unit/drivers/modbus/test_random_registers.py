"""Devices whose registers hold anything: only driver errors, and nothing absurd is believed."""

from __future__ import annotations

import contextlib
from random import Random

import pytest

from drivers.api import DriverError, Setpoint
from drivers.modbus.mapfile import load_map
from drivers.registry import open_load, open_meter
from tests.kit.aio import run
from tests.kit.modbus_device import (
    MapDevice,
    load_config,
    maps_of,
    meter_config,
    simulated_device,
)

pytestmark = pytest.mark.loopback
LOADS = maps_of("wallbox", "heatpump", "battery")
METERS = maps_of("meter")
#: NaN and infinity as floats, sign flips, all ones, nothing
NASTY = (0xFFFF, 0x7FC0, 0xFFC0, 0x7F80, 0xFF80, 0x8000, 0x7FFF, 0x0000)
SEEDS = range(15)


def scramble(device: MapDevice, random: Random) -> None:
    """Anything in every register, but for the chain of models that a SunSpec client has to walk."""
    keep = device.mapfile.addressing == "sunspec" and random.random() < 0.7
    named = {
        point.address + offset
        for point in device.mapfile.points.values()
        if point.address is not None
        for offset in range(4)
    }
    for bank in device.words.values():
        for address in bank:
            if not keep or address in named:
                bank[address] = random.choice((*NASTY, random.getrandbits(16)))
    device.obey = None


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("name", LOADS)
def test_a_load_with_absurd_registers_is_told_its_limit_and_believed_only_what_can_be(
    name: str, seed: int
) -> None:
    async def story() -> None:
        random = Random(f"{name} {seed}")
        device = simulated_device(name)
        scramble(device, random)
        async with device.serving():
            config = load_config(name, device.port)
            with contextlib.suppress(DriverError):
                async with open_load(config, device.clock) as load:
                    with contextlib.suppress(DriverError):
                        await load.limit(Setpoint(power_w=4_140, current_ma=6_000))
                    for call in (load.prepare, load.keep_alive, load.release, load.stop):
                        with contextlib.suppress(DriverError):
                            await call()
                        scramble(device, random)
                    with contextlib.suppress(DriverError):
                        reading = await load.read()
                        assert reading.power_w is None or abs(reading.power_w) <= 3 * config.rated_w
                        assert all(
                            v is None or 150_000 <= v <= 290_000 for v in reading.voltages_mv
                        )
                        assert all(a is None or 0 <= a <= 500_000 for a in reading.currents_ma)
                        assert reading.soc_pct is None or 0 <= reading.soc_pct <= 100
                        assert reading.setpoint is None or reading.setpoint.power_w >= 0
                    assert load.capability.max_ma <= 16_000
                    assert load.capability.max_w <= config.rated_w
                    assert load.capability.keeps_limit_s > 0

    run(story())


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("name", METERS)
def test_a_meter_with_absurd_registers_shows_a_possible_power_or_none(name: str, seed: int) -> None:
    async def story() -> None:
        random = Random(f"{name} {seed}")
        device = MapDevice(load_map(name))
        scramble(device, random)
        async with device.serving():
            with contextlib.suppress(DriverError):
                async with open_meter(meter_config(name, device.port), device.clock) as meter:
                    for _ in range(3):
                        scramble(device, random)
                        with contextlib.suppress(DriverError):
                            reading = await meter.read()
                            assert abs(reading.power_w) <= 5_000_000

    run(story())
