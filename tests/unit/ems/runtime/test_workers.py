"""The worker of a device: latest set-point wins, a limit interrupts, nothing waits for the slow."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from itertools import pairwise

import pytest
from typing_extensions import override

from drivers.api import Measurement, MeterReading, RefusedError, Setpoint, UnreachableError
from ems.control.commands import Release, SetLimit
from ems.control.events import (
    Event,
    GridLost,
    GridMeasured,
    LoadFound,
    LoadLost,
    LoadMeasured,
    SetpointFailed,
    SetpointWritten,
)
from ems.control.reasons import Reason, ReasonCode
from ems.runtime.supervise import keep_running
from ems.runtime.workers import LoadWorker, MeterWorker
from tests.kit.aio import run, turns, until
from tests.kit.clock import FakeClock
from tests.kit.driver import WALLBOX, FakeDriver

WHY = Reason(ReasonCode.OK_FAIR)


def limit_of(power_w: int, *, urgent: bool = True) -> SetLimit:
    setpoint = Setpoint(power_w=power_w, current_ma=power_w)
    return SetLimit(load_id="garage", setpoint=setpoint, reason=WHY, urgent=urgent)


@asynccontextmanager
async def working(driver: FakeDriver) -> AsyncIterator[tuple[LoadWorker, FakeClock, list[Event]]]:
    clock, events = FakeClock(), list[Event]()
    worker = LoadWorker("garage", driver.open, clock, events.append, poll_s=2.0)
    task = asyncio.ensure_future(worker.run())
    try:
        yield worker, clock, events
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def test_the_limit_goes_before_init_and_everything_else() -> None:
    async def story() -> None:
        driver = FakeDriver()
        async with working(driver) as (worker, _, _):
            worker.post(limit_of(4_200))
            await until(lambda: "prepare" in driver.names())

        assert driver.names()[:2] == ["limit", "prepare"]

    run(story())


def test_only_the_newest_setpoint_is_sent() -> None:
    async def story() -> None:
        driver = FakeDriver()
        async with working(driver) as (worker, _, _):
            worker.post(limit_of(9_000))
            worker.post(limit_of(4_200))
            await until(lambda: "limit" in driver.names())
            await turns()

        sent = [argument for name, argument in driver.calls if name == "limit"]
        assert sent == [Setpoint(power_w=4_200, current_ma=4_200)]

    run(story())


@pytest.mark.invariant("I-08")
def test_a_limit_interrupts_a_slow_reading() -> None:
    async def story() -> None:
        driver = FakeDriver(slow_read=asyncio.Event())
        async with working(driver) as (worker, _, events):
            worker.post(limit_of(9_000))
            await until(lambda: "read" in driver.names())
            worker.post(limit_of(0))
            await until(lambda: driver.names().count("limit") == 2)

        assert [
            e.setpoint.power_w for e in events if isinstance(e, SetpointWritten) and e.setpoint
        ] == [9_000, 0]

    run(story())


def test_an_increase_waits_for_the_write_interval_and_a_decrease_does_not() -> None:
    async def story() -> None:
        driver = FakeDriver()
        async with working(driver) as (worker, clock, _):
            worker.post(limit_of(4_200))
            await until(lambda: "read" in driver.names())
            worker.post(limit_of(9_000, urgent=False))
            await turns(30)
            waiting = driver.names().count("limit")
            clock.advance(5.0)
            await until(lambda: driver.names().count("limit") == 2)
            worker.post(limit_of(0))
            await until(lambda: driver.names().count("limit") == 3)

        assert waiting == 1

    run(story())


def test_a_device_that_is_not_there_is_told_and_tried_again() -> None:
    async def story() -> None:
        driver = FakeDriver(connect_error=UnreachableError("garage: no answer"))
        async with working(driver) as (worker, clock, events):
            worker.post(limit_of(4_200))
            await until(lambda: bool(events))
            driver.connect_error = None
            clock.advance(1.0)
            await until(lambda: "limit" in driver.names())

        assert events[0] == LoadLost(load_id="garage", why="garage: no answer")
        assert isinstance(events[1], LoadFound)

    run(story())


def test_three_missed_polls_lose_the_device_and_two_do_not() -> None:
    async def story() -> None:
        missed = [UnreachableError("time-out") for _ in range(3)]
        driver = FakeDriver(failures={"read": list(missed)})
        async with working(driver) as (worker, clock, events):
            worker.post(limit_of(4_200))
            for _ in range(2):
                await turns(30)
                clock.advance(2.0)
            assert not [e for e in events if isinstance(e, LoadLost)]
            await until(lambda: any(isinstance(e, LoadLost) for e in events))

    run(story())


def test_a_refused_setpoint_is_told_as_refused_and_keeps_the_connection() -> None:
    async def story() -> None:
        driver = FakeDriver(failures={"limit": [RefusedError("illegal value")]})
        async with working(driver) as (worker, _, events):
            worker.post(limit_of(4_200))
            await until(lambda: "read" in driver.names())

        failed = [e for e in events if isinstance(e, SetpointFailed)]
        assert [(e.refused, e.why) for e in failed] == [(True, "illegal value")]
        assert driver.connections == 1

    run(story())


@pytest.mark.field("F-18")
def test_the_watchdog_of_the_device_is_refreshed_at_a_third_of_its_time() -> None:
    async def story() -> None:
        driver = FakeDriver()
        async with working(driver) as (worker, clock, _):
            worker.post(limit_of(4_200))
            await until(lambda: "keep_alive" in driver.names())
            await turns(50)
            beats = driver.names().count("keep_alive")
            for _ in range(9):
                clock.advance(1.0)
                await turns(50)
            early = driver.names().count("keep_alive")
            clock.advance(1.0)
            await until(lambda: driver.names().count("keep_alive") == beats + 1)

        assert early == beats

    run(story())


def test_a_release_is_acknowledged_without_a_setpoint() -> None:
    async def story() -> None:
        driver = FakeDriver()
        async with working(driver) as (worker, clock, events):
            worker.post(Release(load_id="garage", reason=WHY))
            await until(lambda: any(isinstance(e, LoadMeasured) for e in events))
            clock.advance(0.0)

        written = [e for e in events if isinstance(e, SetpointWritten)]
        assert [e.setpoint for e in written] == [None]

    run(story())


class FakeMeter:
    def __init__(self) -> None:
        self.answers: list[MeterReading | UnreachableError] = []

    @asynccontextmanager
    async def open(self) -> AsyncIterator[FakeMeter]:
        yield self

    async def read(self) -> MeterReading:
        answer = self.answers.pop(0) if self.answers else UnreachableError("silent")
        if isinstance(answer, UnreachableError):
            raise answer
        return answer


@pytest.mark.field("F-30")
def test_a_silent_grid_meter_is_lost_after_three_polls() -> None:
    async def story() -> None:
        meter, clock, events = FakeMeter(), FakeClock(), list[Event]()
        meter.answers = [MeterReading(power_w=-1_500)]
        worker = MeterWorker("grid", "grid", meter.open, clock, events.append)
        task = asyncio.ensure_future(worker.run())
        for _ in range(4):
            await turns(20)
            clock.advance(1.0)
        await until(lambda: len(events) >= 2)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

        assert events[0] == GridMeasured(power_w=-1_500, at=1_000.0)
        assert events[1] == GridLost(why="silent")

    run(story())


def test_a_meter_that_is_not_at_the_connection_point_feeds_no_events() -> None:
    async def story() -> None:
        meter, clock, events = FakeMeter(), FakeClock(), list[Event]()
        meter.answers = [MeterReading(power_w=-6_000)]
        worker = MeterWorker("pv", "pv", meter.open, clock, events.append)
        task = asyncio.ensure_future(worker.run())
        await until(lambda: worker.reading is not None)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

        assert events == []

    run(story())


@pytest.mark.invariant("I-08")
def test_a_limit_does_not_wait_for_a_release_that_takes_several_attempts() -> None:
    class Stubborn(FakeDriver):
        @override
        async def release(self) -> None:
            await super().release()
            await asyncio.Event().wait()

    async def story() -> None:
        driver = Stubborn()
        async with working(driver) as (worker, _, events):
            worker.post(Release(load_id="garage", reason=WHY))
            await until(lambda: "release" in driver.names())
            worker.post(limit_of(0))
            await until(lambda: "limit" in driver.names())

        told = [event.setpoint for event in events if isinstance(event, SetpointWritten)]
        assert told == [Setpoint(power_w=0, current_ma=0)]

    run(story())


def test_a_worker_that_fell_over_has_the_core_order_anew_and_feeds_the_watchdog_again() -> None:
    class Fragile(FakeDriver):
        @override
        async def read(self) -> Measurement:
            if self.names().count("read") == 1:
                self.calls.append(("read", None))
                raise ValueError("a fault of ours")
            return await super().read()

    async def story() -> None:
        driver, clock, events = Fragile(), FakeClock(), list[Event]()

        def submit(event: Event) -> None:
            events.append(event)
            if isinstance(event, LoadFound):
                worker.post(limit_of(4_200))

        worker = LoadWorker("garage", driver.open, clock, submit, poll_s=2.0)
        task = asyncio.ensure_future(keep_running("load", worker.run, clock))
        for _ in range(10):
            await turns(30)
            clock.advance(2.0)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

        kinds = [type(event) for event in events if isinstance(event, LoadFound | LoadLost)]
        assert kinds == [LoadFound, LoadLost, LoadFound]
        after = driver.names()[driver.names().index("read") + 1 :]
        assert after[after.index("limit") :][:2] == ["limit", "prepare"]
        assert "keep_alive" in after

    run(story())


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
