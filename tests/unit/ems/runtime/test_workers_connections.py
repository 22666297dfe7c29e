"""Connections that come and go, refusals, and the pauses between attempts."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from itertools import pairwise

import pytest
from typing_extensions import override

from drivers.api import MeterReading, RefusedError, UnreachableError
from ems.control.commands import Release, Stop
from ems.control.events import (
    Event,
    LoadFound,
    LoadLost,
    LoadMeasured,
    SetpointWritten,
)
from ems.runtime.workers import MeterWorker
from tests.kit.aio import run, turns, until
from tests.kit.clock import FakeClock
from tests.kit.driver import WALLBOX, FakeDriver
from tests.kit.worker import WHY, FakeMeter, limit_of, working


def test_a_release_waits_for_the_write_interval_unless_the_service_ends() -> None:
    async def story() -> tuple[int, int]:
        driver = FakeDriver()
        async with working(driver) as (worker, _, _):
            worker.post(limit_of(4_200))
            await until(lambda: "read" in driver.names())
            worker.post(Release(load_id="garage", reason=WHY))
            await turns(30)
            waiting = driver.names().count("release")
            worker.let_go()
            await until(worker.freed.is_set)
            return waiting, driver.names().count("release")

    assert run(story()) == (0, 1)


def test_a_connection_that_comes_and_goes_gives_no_release_before_its_time() -> None:
    async def story() -> tuple[list[str], list[str]]:
        driver = FakeDriver(capability=replace(WALLBOX, min_write_interval_s=60.0))
        async with working(driver) as (worker, clock, events):
            worker.post(Release(load_id="garage", reason=WHY))
            await until(lambda: "read" in driver.names())
            driver.failures = {"keep_alive": [UnreachableError("gone")]}
            clock.advance(10.0)
            await until(lambda: any(isinstance(e, LoadLost) for e in events))
            before = len(driver.calls)
            worker.post(Release(load_id="garage", reason=WHY))
            clock.advance(1.0)
            await until(lambda: driver.connections == 2)
            await turns(60)
            early = driver.names()[before:]
            clock.advance(49.0)
            await turns(60)
            return early, driver.names()[before:]

    early, later = run(story())
    assert "release" not in early
    assert "prepare" in early  # the watchdog of the device does not wait for the release
    assert "release" in later


def test_the_first_cap_on_a_new_connection_goes_at_once() -> None:
    async def story() -> list[str]:
        driver = FakeDriver()
        async with working(driver) as (worker, clock, events):
            worker.post(limit_of(9_000))
            await until(lambda: "read" in driver.names())
            driver.failures = {"limit": [UnreachableError("gone")]}
            worker.post(limit_of(4_200))
            await until(lambda: any(isinstance(e, LoadLost) for e in events))
            before = len(driver.calls)
            worker.post(limit_of(4_200, urgent=False))
            clock.advance(1.0)
            await until(lambda: driver.connections == 2)
            await turns(60)
            return driver.names()[before:][:2]

    assert run(story()) == ["limit", "prepare"]


def test_a_device_that_only_lets_itself_be_dialled_is_left_in_peace_longer_and_longer(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def story() -> list[float]:
        driver = FakeDriver()
        at = list[float]()
        async with working(driver) as (worker, clock, events):
            for _ in range(60):
                driver.failures = {"limit": [UnreachableError("no answer in time")]}
                worker.post(limit_of(0))
                await turns(20)
                if driver.connections > len(at):
                    at.append(clock.monotonic())
                clock.advance(1.0)
            assert not [e for e in events if isinstance(e, LoadMeasured | SetpointWritten)]
        return [later - earlier for earlier, later in pairwise(at)]

    with caplog.at_level(logging.INFO):
        pauses = run(story())

    assert pauses[:3] == [1.0, 2.0, 4.0]
    assert max(pauses) == 10.0
    assert [r.message for r in caplog.records] == ["x garage: no answer in time"]


def test_a_device_that_refuses_to_be_read_keeps_its_connection_and_takes_orders(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def story() -> None:
        driver = FakeDriver(failures={"read": [RefusedError("exception 4") for _ in range(9)]})
        async with working(driver) as (worker, clock, events):
            worker.post(limit_of(9_000))
            for _ in range(8):
                await turns(30)
                clock.advance(2.0)
            worker.post(limit_of(4_200))
            await until(lambda: driver.names().count("limit") == 2)
            assert driver.connections == 1
            assert not [e for e in events if isinstance(e, LoadLost | LoadMeasured)]
            assert worker.info.last_error == "exception 4"

    run(story())

    assert [r.message for r in caplog.records] == ["! garage: exception 4"]


def test_a_device_that_refuses_its_fail_safe_settings_is_asked_again_and_still_fed() -> None:
    async def story() -> None:
        driver = FakeDriver(
            failures={
                "prepare": [RefusedError("busy"), RefusedError("busy")],
                "keep_alive": [RefusedError("not this register")],
            }
        )
        async with working(driver) as (worker, clock, events):
            worker.post(limit_of(0))
            for _ in range(130):
                await turns(20)
                clock.advance(1.0)
            assert driver.names().count("prepare") == 3
            assert driver.names().count("keep_alive") >= 12
            assert driver.connections == 1
            assert not [e for e in events if isinstance(e, LoadLost)]

    run(story())


def test_a_switch_off_is_repeated_like_any_order_and_told_to_nobody() -> None:
    async def story() -> None:
        driver = FakeDriver(capability=replace(WALLBOX, rewrite_interval_s=30.0))
        async with working(driver) as (worker, clock, events):
            worker.post(Stop(load_id="garage", reason=WHY))
            for _ in range(31):
                await turns(20)
                clock.advance(1.0)
            await turns(20)
            assert driver.names().count("stop") == 2
            assert not [e for e in events if isinstance(e, SetpointWritten)]

    run(story())


def test_a_prepare_that_learns_something_tells_the_core() -> None:
    class Learning(FakeDriver):
        @override
        async def prepare(self) -> None:
            await super().prepare()
            self.capability = replace(WALLBOX, max_ma=10_000)

    async def story() -> list[int]:
        driver = Learning()
        async with working(driver) as (worker, _, events):
            worker.post(limit_of(0))
            await until(lambda: "read" in driver.names())
            return [e.capability.max_ma for e in events if isinstance(e, LoadFound)]

    assert run(story()) == [16_000, 10_000]


def test_a_meter_that_only_lets_itself_be_dialled_is_dialled_less_and_less_often() -> None:
    async def story() -> tuple[int, int]:
        meter, clock, events = FakeMeter(), FakeClock(), list[Event]()
        dialled = list[float]()

        @asynccontextmanager
        async def opening() -> AsyncIterator[FakeMeter]:
            dialled.append(clock.monotonic())
            yield meter

        worker = MeterWorker("grid", "grid", opening, clock, events.append)
        task = asyncio.ensure_future(worker.run())
        for _ in range(100):
            await turns(20)
            clock.advance(1.0)
        silent = len(dialled)
        meter.answers = [MeterReading(power_w=1)]
        for _ in range(30):
            await turns(20)
            clock.advance(1.0)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        return silent, len(dialled) - silent

    silent, after = run(story())
    assert silent <= 12
    assert after >= 3  # once read, the pauses begin anew
