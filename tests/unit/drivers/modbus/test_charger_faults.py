"""Wallboxes: what they show, and what goes wrong with them."""

from __future__ import annotations

import asyncio
import math
from itertools import pairwise

import pytest

from drivers.api import (
    ImplausibleError,
    RefusedError,
    Setpoint,
    UnreachableError,
)
from drivers.registry import open_load
from tests.kit.aio import run
from tests.kit.modbus_device import (
    JumpClock,
    load_config,
    obey_charger,
    opened,
    simulated_device,
)

pytestmark = pytest.mark.loopback
SIX_AMPERE = Setpoint(power_w=4_140, current_ma=6_000)
OFF = Setpoint(power_w=0, current_ma=0)


def test_a_slow_bus_reads_the_power_every_time_and_the_rest_in_turn() -> None:
    async def story() -> None:
        device = simulated_device("keba_p30")
        device.set(power=6_900, current_l1=10, current_l2=10, current_l3=10)
        async with opened(device) as load:
            await load.read()
            first = len(device.reads)
            readings = [await load.read() for _ in range(6)]
        assert first == 5
        assert [reading.power_w for reading in readings] == [6_900] * 6
        seen = [reading.currents_ma for reading in readings]
        assert [max(c or 0 for c in phase) for phase in zip(*seen, strict=True)] == [10_000] * 3
        assert readings[-1].voltages_mv == (230_000, 230_000, 230_000)
        at = [request.at for request in device.reads]
        assert min(later - earlier for earlier, later in pairwise(at)) >= 0.5

    run(story())


@pytest.mark.parametrize(
    ("values", "field", "expected"),
    [
        ({"power": math.nan}, "power_w", None),
        ({"power": -7_000}, "power_w", None),
        ({"power": 900_000}, "power_w", None),
        ({"power": -20}, "power_w", -20),
        ({"power": 10_980.6}, "power_w", 10_981),
        ({"current_l1": math.nan}, "currents_ma", (None, 0, 0)),
        ({"current_l2": -16}, "currents_ma", (0, None, 0)),
        ({"current_l3": 4_000}, "currents_ma", (0, 0, None)),
        ({"voltage_l1": 2_300}, "voltages_mv", (None, 230_000, 230_000)),
        ({"voltage_l1": math.inf}, "voltages_mv", (None, 230_000, 230_000)),
    ],
)
def test_garbage_is_unknown_and_never_a_number(
    values: dict[str, float], field: str, expected: object
) -> None:
    async def story() -> None:
        device = simulated_device("warp")
        for name, value in values.items():
            device.set_raw(name, value)
        async with opened(device) as load:
            assert getattr(await load.read(), field) == expected

    run(story())


def test_a_legacy_station_tells_its_power_per_phase() -> None:
    async def story() -> None:
        device = simulated_device("bender_ecu")
        device.forget("power")
        device.set(power_l1=2_300, power_l2=2_300, power_l3=2_290)
        async with opened(device) as load:
            assert (await load.read()).power_w == 6_890

    run(story())


def test_a_point_the_station_does_not_have_is_asked_again_only_after_an_hour() -> None:
    async def story() -> None:
        device = simulated_device("warp")
        device.forget("power")
        async with opened(device) as load:
            assert (await load.read()).power_w is None
            await load.read()
            asked = [r for r in device.reads if r.address == 2002]
            assert len(asked) <= 2
            device.clock.advance(3_601)
            device._define(device.mapfile.points["power"])
            device.set(power=5_000)
            assert (await load.read()).power_w == 5_000

    run(story())


def test_a_station_that_shows_another_current_is_reported_as_it_shows() -> None:
    async def story() -> None:
        device = simulated_device("warp")
        async with opened(device) as load:
            await load.limit(SIX_AMPERE)
            device.set(current_limit_active=16)
            shown = (await load.read()).setpoint
        assert shown == Setpoint(power_w=11_040, current_ma=16_000)

    run(story())


@pytest.mark.field("F-17")
def test_a_release_the_station_does_not_take_is_repeated_and_then_said() -> None:
    async def story() -> None:
        device = simulated_device("warp")
        async with opened(device) as load:
            await load.limit(SIX_AMPERE)
            device.ignore_writes = True
            with pytest.raises(ImplausibleError, match="released, but shows 6000 mA"):
                await load.release()
            assert len(device.writes_to("current_limit")) == 4
            device.ignore_writes = False
            await load.release()
            assert device.get("current_limit") == 16

    run(story())


@pytest.mark.field("F-13")
def test_a_station_that_is_not_there_is_unreachable_at_once_and_found_later() -> None:
    async def story() -> None:
        device = simulated_device("warp")
        async with device.serving():
            port = device.port
        with pytest.raises(UnreachableError):
            async with open_load(load_config("warp", port), JumpClock()):
                pass
        again = simulated_device("warp")
        again.port = port
        async with opened(again) as load:
            await load.limit(SIX_AMPERE)
            assert again.get("current_limit") == 6

    run(story())


def test_refused_writes_are_refusals_and_not_a_lost_connection() -> None:
    async def story() -> None:
        device = simulated_device("warp")
        device.exceptions[1002] = 1
        async with opened(device) as load:
            with pytest.raises(RefusedError, match="writing switched off"):
                await load.limit(SIX_AMPERE)
            assert (await load.read()).status == "A"

    run(story())


def test_a_connection_lost_in_the_middle_of_two_steps_starts_from_the_safe_side() -> None:
    async def story() -> None:
        device = simulated_device("keba_p30")
        async with opened(device) as load:
            await load.limit(OFF)
            device.exceptions[5014] = 11  # the gateway loses the station behind the limit
            with pytest.raises(UnreachableError):
                await load.limit(SIX_AMPERE)
            assert device.get("enable") == 0
            device.exceptions.clear()
            await load.limit(SIX_AMPERE)
            assert device.get("enable") == 1
            assert device.get("current_limit") == 6

    run(story())


@pytest.mark.invariant("I-08")
def test_a_reading_is_cancelled_for_a_limit_and_the_latest_limit_wins() -> None:
    async def story() -> None:
        device = simulated_device("warp")
        async with opened(device) as load:
            await load.limit(Setpoint(power_w=11_040, current_ma=16_000))
            device.delay_s = 0.02
            reading = asyncio.ensure_future(load.read())
            await asyncio.sleep(0.01)
            reading.cancel()
            stale = asyncio.ensure_future(load.limit(Setpoint(power_w=9_660, current_ma=14_000)))
            await asyncio.sleep(0.01)
            stale.cancel()
            await load.limit(SIX_AMPERE)
            assert device.get("current_limit") == 6
            assert device.most_at_once == 1
            await asyncio.sleep(0.05)
            assert device.get("current_limit") == 6

    run(story())


def test_the_test_station_itself_draws_nothing_below_six_ampere() -> None:
    device = simulated_device("warp")
    device.set(current_limit=5)
    device.set_raw("enable", 1)
    obey_charger(device)

    assert device.get("current_limit_active") == 0


def test_currents_of_an_earlier_poll_are_not_told_and_voltages_only_while_they_are_fresh() -> None:
    async def story() -> None:
        device = simulated_device("keba_p30")
        async with opened(device) as load:
            readings = [await load.read() for _ in range(6)]
            assert readings[-1].voltages_mv == (230_000, 230_000, 230_000)
            assert all(reading.currents_ma.count(None) >= 2 for reading in readings)
            device.clock.advance(31)
            reading = await load.read()
            known = [v for v in reading.currents_ma + reading.voltages_mv if v is not None]
            assert len(known) == 1

    run(story())


def test_a_pause_that_was_cancelled_half_way_may_have_happened() -> None:
    async def story() -> None:
        device = simulated_device("keba_p30")
        async with opened(device) as load:
            await load.limit(SIX_AMPERE)
            device.delay_s = 0.03
            pause = asyncio.ensure_future(load.limit(OFF))
            await asyncio.sleep(0.01)
            pause.cancel()
            await load.limit(SIX_AMPERE)
            assert device.get("enable") == 1

    run(story())


def test_a_station_that_is_switched_off_obeys_zero_whatever_current_it_shows() -> None:
    async def story() -> None:
        device = simulated_device("warp")
        device.set(current_limit_active=16)
        device.set_raw("enable", 0)
        async with opened(device) as load:
            assert (await load.read()).setpoint == OFF

    run(story())
