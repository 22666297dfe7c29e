from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator

import pytest

from eebus.node.hub import MAX_JOBS, Hub
from eebus.node.peers import Session
from eebus.ship.ski import Ski
from eebus.wire.ejson import JsonValue
from eebus.wire.errors import EebusError, LocalUseError
from tests.kit.clock import FakeClock
from tests.kit.node import FakeActors, datagram, run

BOX = Ski("b" * 40)


class FakeRouter:
    def __init__(self) -> None:
        self.deadline: float | None = None
        self.sent: list[tuple[str, JsonValue]] = []
        self.closed: list[tuple[str, str]] = []
        self.sessions: list[Session] = []
        self.events: list[object] = []
        self.timers = 0

    def handle_timer(self, now: float) -> None:
        self.timers += 1
        self.deadline = None

    def take_sessions(self) -> list[Session]:
        taken, self.sessions = self.sessions, []
        return taken

    def take_events(self) -> list[object]:
        taken, self.events = self.events, []
        return taken

    def send(self, peer: str, payload: JsonValue) -> None:
        self.sent.append((peer, payload))

    def close_peer(self, peer: str, reason: str) -> None:
        self.closed.append((peer, reason))


class Stage:
    """A hub with fakes around it and a diary of what happened in which order."""

    def __init__(self) -> None:
        self.actors, self.router, self.clock = FakeActors(), FakeRouter(), FakeClock()
        self.diary: list[object] = []
        self.gate = asyncio.Event()
        self.gate.set()
        self.hub: Hub[FakeActors] = Hub(self.actors, self.router, self.clock, self.deliver)

    async def deliver(self, event: object) -> None:
        self.diary.append(event)
        await self.gate.wait()

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        task = asyncio.ensure_future(self.hub.run())
        try:
            yield
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


async def turns(count: int = 5) -> None:
    for _ in range(count):
        await asyncio.sleep(0)


def write_in(actors: FakeActors, _now: float) -> str:
    actors.events.append("written")
    actors.outgoing.append((BOX, datagram(1)))
    return "done"


@pytest.mark.invariant("I-05")
def test_no_datagram_leaves_before_its_event_is_durable() -> None:
    async def work() -> None:
        stage = Stage()
        stage.gate.clear()
        async with stage.running():
            call = asyncio.ensure_future(stage.hub.call(write_in))
            await turns()
            assert stage.diary == ["written"]
            assert stage.router.sent == []
            assert not call.done()

            stage.gate.set()
            assert await call == "done"
            assert stage.router.sent == [(BOX, datagram(1))]

    run(work())


def test_calls_run_one_after_the_other_in_order() -> None:
    async def work() -> None:
        stage = Stage()
        async with stage.running():
            results = await asyncio.gather(
                *[stage.hub.call(lambda _actors, _now, n=n: n * 10) for n in range(5)]
            )
            assert results == [0, 10, 20, 30, 40]

    run(work())


def test_due_timer_runs_before_waiting_calls() -> None:
    async def work() -> None:
        stage = Stage()
        order: list[str] = []
        stage.actors.handle_timer = lambda _now: order.append("timer")  # type: ignore[method-assign]
        stage.router.deadline = stage.clock.seconds - 1
        calls = [
            asyncio.ensure_future(stage.hub.call(lambda _a, _n: order.append("call")))
            for _ in range(3)
        ]
        await turns(1)
        async with stage.running():
            await asyncio.gather(*calls)
            assert order == ["timer", "call", "call", "call"]

    run(work())


def test_hub_sleeps_until_the_earliest_deadline() -> None:
    async def work() -> None:
        stage = Stage()
        stage.router.deadline = 1_010.0
        stage.actors.deadline = 1_005.0
        async with stage.running():
            await turns()
            stage.clock.advance(4.9)
            await turns()
            assert stage.actors.timers == []
            stage.clock.advance(0.1)
            await turns(10)
            assert stage.actors.timers == [1_005.0]

    run(work())


def test_fault_of_a_call_reaches_its_caller_only() -> None:
    async def work() -> None:
        stage = Stage()

        def fail(_actors: FakeActors, _now: float) -> None:
            raise EebusError("no")

        async with stage.running():
            with pytest.raises(EebusError, match="no"):
                await stage.hub.call(fail)
            assert await stage.hub.call(write_in) == "done"

    run(work())


@pytest.mark.field("F-07")
def test_hub_refuses_to_wait_for_itself() -> None:
    async def work() -> None:
        stage = Stage()
        caught: list[LocalUseError] = []

        async def deliver(_event: object) -> None:
            try:
                await stage.hub.call(write_in)
            except LocalUseError as error:
                caught.append(error)

        stage.hub._deliver = deliver
        async with stage.running():
            await stage.hub.call(write_in)
            assert len(caught) == 1

    run(work())


@pytest.mark.invariant("I-15")
def test_waiting_calls_are_bounded() -> None:
    async def work() -> None:
        stage = Stage()
        waiting = [asyncio.ensure_future(stage.hub.call(write_in)) for _ in range(MAX_JOBS)]
        await turns(1)
        with pytest.raises(LocalUseError, match="1024"):
            await stage.hub.call(write_in)
        for task in waiting:
            task.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)

    run(work())


def test_sessions_begin_with_what_was_held_and_end_in_order() -> None:
    async def work() -> None:
        stage = Stage()
        stage.router.sessions = [
            Session(BOX, is_up=True, held=(datagram(1), datagram(2))),
            Session(BOX, is_up=False),
        ]
        async with stage.running():
            await stage.hub.call(lambda _actors, _now: None)
            assert stage.actors.log == [("up", BOX), ("down", BOX)]
            assert stage.actors.received == [(BOX, datagram(1)), (BOX, datagram(2))]

    run(work())


@pytest.mark.rule("H-10")
def test_closures_of_spine_reach_the_router() -> None:
    async def work() -> None:
        stage = Stage()
        stage.actors.closures = [(BOX, "does not answer")]
        async with stage.running():
            await stage.hub.call(lambda _actors, _now: None)
            assert stage.router.closed == [(BOX, "does not answer")]

    run(work())


def test_stop_cancels_who_waits() -> None:
    async def work() -> None:
        stage = Stage()
        stage.gate.clear()
        async with stage.running():
            waiting = [asyncio.ensure_future(stage.hub.call(write_in)) for _ in range(2)]
            await turns()
        results = await asyncio.gather(*waiting, return_exceptions=True)
        assert [type(result) for result in results] == [asyncio.CancelledError] * 2

    run(work())
