"""The worker of a device: latest set-point wins, a limit interrupts, nothing waits for the slow."""

from __future__ import annotations

import asyncio

import pytest
from typing_extensions import override

from drivers.api import Measurement, MeterReading, RefusedError, Setpoint, UnreachableError
from ems.control.commands import Release
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
from ems.runtime.supervise import keep_running
from ems.runtime.workers import LoadWorker, MeterWorker
from tests.kit.aio import run, turns, until
from tests.kit.clock import FakeClock
from tests.kit.driver import FakeDriver
from tests.kit.worker import WHY, FakeMeter, limit_of, working


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
