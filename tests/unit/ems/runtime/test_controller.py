"""The shell of the core: commands go where they belong, the watchdog is fed by finished cycles."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import threading
from collections.abc import AsyncIterator, Iterator, Sequence
from pathlib import Path

import pytest

from drivers.api import Measurement
from eebus.node.clock import SystemClock
from ems.control.commands import Alarm, Command, SetLimit
from ems.control.core import Core
from ems.control.events import (
    Event,
    LoadFound,
    LoadMeasured,
    Restored,
)
from ems.control.grid_limit import Limited, Source
from ems.runtime.controller import COALESCE_S
from ems.runtime.sd_notify import Systemd
from ems.runtime.workers import LoadWorker
from tests.kit.aio import run, turns
from tests.kit.clock import FakeClock
from tests.kit.driver import FakeDriver
from tests.kit.plant import first_plant
from tests.kit.stage import Stage, limit

ALIVE = b"WATCHDOG=1"
SPEED = 100.0  # a control cycle of one second takes 10 ms


class HangingCore(Core):
    """A core whose timer does not return while ``may_go`` is closed."""

    def __init__(self, clock: SystemClock) -> None:
        super().__init__(first_plant(), clock.monotonic())
        self.may_go = threading.Event()
        self.may_go.set()

    def handle_timer(self, now: float) -> list[Command]:
        self.may_go.wait(5.0)
        return super().handle_timer(now)


@contextlib.contextmanager
def listening(path: Path) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.bind(str(path))
        listener.settimeout(2.0)
        yield listener


def drained(listener: socket.socket, silent_s: float) -> int:
    """Messages that come until nothing comes for ``silent_s`` real seconds."""
    count = 0
    listener.settimeout(silent_s)
    with contextlib.suppress(TimeoutError):
        while listener.recv(100) == ALIVE and count < 1_000:
            count += 1
    listener.settimeout(2.0)
    return count


@contextlib.contextmanager
def in_a_thread(core: HangingCore, clock: SystemClock, systemd: Systemd) -> Iterator[None]:
    """The control task in a loop of its own, as in the service."""
    stop = threading.Event()

    async def live() -> None:
        controller = Stage(clock, core).controller
        controller.submit(Restored(saved=None))
        task = asyncio.ensure_future(controller.run(systemd.alive))
        while not stop.is_set():
            await asyncio.sleep(0.005)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    thread = threading.Thread(target=lambda: asyncio.run(live()))
    thread.start()
    try:
        yield
    finally:
        core.may_go.set()
        stop.set()
        thread.join(5)
        assert not thread.is_alive()


@pytest.mark.invariant("I-12")
def test_a_blocked_control_cycle_stops_the_watchdog(tmp_path: Path) -> None:
    clock = SystemClock(speed=SPEED)
    core = HangingCore(clock)
    with (
        listening(tmp_path / "notify") as listener,
        in_a_thread(core, clock, Systemd({"NOTIFY_SOCKET": str(tmp_path / "notify")})),
    ):
        alive = [listener.recv(100) for _ in range(3)]
        core.may_go.clear()
        drained(listener, 0.1)
        while_hanging = drained(listener, 0.2)
        core.may_go.set()
        again = listener.recv(100)

    assert alive == [ALIVE] * 3
    assert while_hanging == 0
    assert again == ALIVE


@pytest.mark.invariant("I-12")
def test_a_control_task_that_broke_feeds_nobody() -> None:
    class BrokenCore(Core):
        def handle_timer(self, now: float) -> list[Command]:
            raise ArithmeticError("a bug")

        def fall_back(self, why: str, now: float) -> list[Command]:
            raise ArithmeticError("nothing left")

    async def story() -> None:
        clock, fed = FakeClock(), list[float]()
        stage = Stage(clock, BrokenCore(first_plant(), clock.seconds))
        task = asyncio.ensure_future(stage.controller.run(lambda: fed.append(clock.seconds)))
        for _ in range(5):
            clock.advance(1.0)
            await turns()
        assert isinstance(task.exception(), ArithmeticError)
        assert fed == []

    run(story())


@contextlib.asynccontextmanager
async def running(stage: Stage, fed: list[float], clock: FakeClock) -> AsyncIterator[None]:
    task = asyncio.ensure_future(stage.controller.run(lambda: fed.append(clock.seconds)))
    await turns()
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


@pytest.mark.invariant("I-12")
def test_the_watchdog_is_fed_once_per_second_whatever_else_happens() -> None:
    async def story() -> None:
        clock, fed = FakeClock(), list[float]()
        stage = Stage(clock)
        async with running(stage, fed, clock):
            for number in range(40):
                stage.controller.submit(limit(4_200 + number))
                clock.advance(0.1)
                await turns()
        assert len(fed) == 4
        assert stage.controller.cycles == 4

    run(story())


def test_the_timer_of_the_core_is_called_when_it_is_due_and_never_spins() -> None:
    class EagerCore(Core):
        """Says for ever that it is due."""

        calls = 0

        @property
        def deadline(self) -> float:
            return 0.0

        def handle_timer(self, now: float) -> list[Command]:
            self.calls += 1
            return []

    async def story() -> None:
        clock = FakeClock()
        core = EagerCore(first_plant(), clock.seconds)
        async with running(Stage(clock, core), [], clock):
            await turns(50)
            at_once = core.calls
            clock.advance(COALESCE_S)
            await turns(50)
            assert (at_once, core.calls) == (1, 2)

    run(story())


@pytest.mark.invariant("I-08")
def test_a_limit_is_in_the_slot_of_every_device_before_submit_returns() -> None:
    async def story() -> None:
        clock = FakeClock()
        stage = Stage(clock)
        posted: dict[str, object] = {}

        class Slot(LoadWorker):
            def post(self, command: object) -> None:
                posted[self.load_id] = command

        loads = first_plant().loads
        slots = [
            Slot(load.load_id, FakeDriver().open, clock, lambda _e: None, poll_s=2.0)
            for load in loads
        ]
        stage.controller.connect({slot.load_id: slot for slot in slots})
        stage.controller.submit(Restored(saved=None))
        for load in loads:
            stage.controller.submit(LoadFound(load_id=load.load_id, capability=load.capability))
        stage.controller.submit(limit(0))
        caps = {
            name: command.setpoint.power_w
            for name, command in posted.items()
            if isinstance(command, SetLimit)
        }
        assert caps == dict.fromkeys((load.load_id for load in loads), 0)
        assert stage.controller.decision.effective == Limited(0, Source.EEBUS)
        assert stage.decisions[-1] != stage.controller.decision  # proof waits for the workers
        await turns(1)
        assert stage.decisions[-1] == stage.controller.decision

    run(story())


@pytest.mark.rule("R-14A-57")
@pytest.mark.invariant("I-16")
def test_proof_sees_every_limit_also_when_two_come_in_one_turn_of_the_loop() -> None:
    async def story() -> None:
        stage = Stage(FakeClock())
        for event in (Restored(saved=None), limit(4_200), limit(9_000), limit(0)):
            stage.controller.submit(event)
        await turns(1)
        seen = [one.effective for one in stage.decisions]
        assert seen[-3:] == [Limited(watts, Source.EEBUS) for watts in (4_200, 9_000, 0)]
        stage.controller.settle()
        await turns(1)
        assert len(stage.decisions) == len(seen)  # nothing is told twice

    run(story())


@pytest.mark.invariant("I-05")
def test_a_limit_is_to_be_remembered_at_once() -> None:
    async def story() -> None:
        stage = Stage(FakeClock())
        stage.controller.submit(Restored(saved=None))
        stage.controller.submit(limit(4_200))
        stage.controller.settle()
        newest = stage.remembered[-1]
        assert newest.at_once
        assert [entry.power_w for entry in newest.saved.limits if entry.source == "eebus"] == [
            4_200
        ]

    run(story())


def test_an_alarm_is_told_once_when_it_begins_and_once_when_it_ends() -> None:
    async def story() -> None:
        stage = Stage(FakeClock())
        on = Alarm(code="E-DISK-002", subject="state", active=True, params={"why": "full"})
        off = Alarm(code="E-DISK-002", subject="state", active=False)
        for alarm in (off, on, on, off, off):
            stage.controller.alarm(alarm)
        assert stage.alarms == [on, off]
        assert stage.controller.alarms == {}

    run(story())


class PoisonedCore(Core):
    """A core that cannot digest what the garage tells."""

    def book(self, events: Sequence[Event], now: float) -> bool:
        if any(isinstance(event, LoadMeasured) and event.load_id == "garage" for event in events):
            raise ZeroDivisionError("a reading nobody thought of")
        return super().book(events, now)


@pytest.mark.invariant("I-08")
def test_a_reading_that_nobody_can_digest_takes_no_limit_with_it(
    caplog: pytest.LogCaptureFixture,
) -> None:
    clock = FakeClock()
    stage = Stage(clock, PoisonedCore(first_plant(), clock.monotonic()))
    stage.controller.submit(Restored(saved=None))
    poison = LoadMeasured(load_id="garage", measurement=Measurement(power_w=1), at=1_000.0)
    stage.controller.submit(poison)

    stage.controller.submit(limit(4_200))

    assert stage.controller.decision.effective == Limited(4_200, Source.EEBUS)
    assert "a reading nobody thought of" in caplog.text
