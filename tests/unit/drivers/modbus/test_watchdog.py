"""The dead-man of a station: set where it can be, believed where it can be read, fed as told."""

from __future__ import annotations

import math
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from drivers.modbus.device import ModbusDevice
from drivers.modbus.link import ModbusLink, Pacing
from drivers.modbus.mapfile import KeepAlive, MapFile, load_map
from drivers.modbus.watchdog import Watchdog
from tests.kit.aio import run
from tests.kit.modbus_device import MapDevice, load_config

pytestmark = pytest.mark.loopback


def without(mapfile: MapFile, *names: str, **changes: Any) -> MapFile:
    points = {name: point for name, point in mapfile.points.items() if name not in names}
    return mapfile.model_copy(update={"points": points, **changes})


@asynccontextmanager
async def watched(mapfile: MapFile) -> AsyncIterator[tuple[MapDevice, Watchdog]]:
    simulated = MapDevice(mapfile)
    async with simulated.serving():
        link = ModbusLink("127.0.0.1", simulated.port, Pacing(timeout_s=0.5), simulated.clock)
        device = ModbusDevice(link, mapfile.transport.unit_id, mapfile, simulated.clock)
        try:
            yield simulated, Watchdog(load_config(mapfile.id, simulated.port), device)
        finally:
            link.close()


def test_settings_that_cannot_be_read_are_written_at_every_start() -> None:
    async def story() -> tuple[int, float, int | None]:
        blind = without(load_map("keba_p30"), "failsafe_current_read", "failsafe_timeout_read")
        async with watched(blind) as (simulated, watchdog):
            await watchdog.prepare()
            await watchdog.prepare()
            assert (simulated.get("failsafe_current"), simulated.get("failsafe_timeout")) == (6, 30)
            return len(simulated.writes), watchdog.keeps_limit_s, watchdog.failsafe_ma

    assert run(story()) == (4, 30.0, 6_000)


def test_what_the_station_shows_counts_more_than_what_was_written() -> None:
    async def story() -> tuple[float, int | None]:
        async with watched(load_map("bender_ecu")) as (simulated, watchdog):
            simulated.ignore_writes = True
            simulated.set(failsafe_current=10, failsafe_timeout=0)
            await watchdog.prepare()
            return watchdog.keeps_limit_s, watchdog.failsafe_ma

    assert run(story()) == (math.inf, 10_000)  # a time-out of 0 is none at all


@pytest.mark.parametrize("missing", ["failsafe_current", "failsafe_timeout"])
def test_a_station_with_half_a_dead_man_gets_that_half(missing: str) -> None:
    other = {"failsafe_current": "failsafe_timeout", "failsafe_timeout": "failsafe_current"}

    async def story() -> None:
        async with watched(without(load_map("bender_ecu"), missing)) as (simulated, watchdog):
            await watchdog.prepare()
            assert [r.address for r in simulated.writes] == [
                simulated.mapfile.points[other[missing]].address
            ]
            assert (watchdog.keeps_limit_s, watchdog.failsafe_ma) == (60.0, 6_000)

    run(story())


def test_a_map_that_names_no_registers_has_nothing_set() -> None:
    keba = load_map("keba_p30")
    assert keba.failsafe is not None
    bare = keba.failsafe.model_copy(update={"current_point": None, "timeout_point": None})

    async def story() -> int:
        async with watched(without(keba, failsafe=bare)) as (simulated, watchdog):
            await watchdog.prepare()
            return len(simulated.requests)

    assert run(story()) == 0


@pytest.mark.field("F-18")
def test_it_is_fed_by_the_write_the_map_asks_for() -> None:
    async def story() -> list[tuple[int, tuple[int, ...]]]:
        async with watched(load_map("keba_p30")) as (simulated, watchdog):
            await watchdog.refresh()
            return [(r.address, r.words) for r in simulated.writes]

    assert run(story()) == [(5018, (30,))]


@pytest.mark.parametrize(
    "keepalive",
    [
        KeepAlive(kind="write_point", point="failsafe_timeout", value="{nobody_knows}"),
        KeepAlive(kind="write_point", point=None, value=1),
        KeepAlive(kind="none"),
    ],
)
def test_what_the_map_leaves_open_is_not_written(keepalive: KeepAlive) -> None:
    async def story() -> int:
        async with watched(without(load_map("keba_p30"), keepalive=keepalive)) as (
            simulated,
            watchdog,
        ):
            await watchdog.refresh()
            return len(simulated.requests)

    assert run(story()) == 0


def test_any_request_needs_something_to_ask_for() -> None:
    keepalive = KeepAlive(kind="any_request")

    async def story(mapfile: MapFile) -> int:
        async with watched(mapfile) as (simulated, watchdog):
            await watchdog.refresh()
            return len(simulated.reads)

    keba = load_map("keba_p30")
    assert run(story(without(keba, keepalive=keepalive))) == 1
    assert run(story(without(keba, keepalive=keepalive, status=None))) == 0
