"""The door to time: deadlines, scaling, and cancellation that always arrives."""

from __future__ import annotations

import asyncio

import pytest

from eebus.node.clock import SystemClock


async def answer() -> str:
    return "done"


def test_what_is_done_before_the_deadline_is_returned() -> None:
    clock = SystemClock()

    assert asyncio.run(clock.wait_for(answer(), clock.monotonic() + 10.0)) == "done"


def test_what_is_not_done_at_the_deadline_is_cancelled_and_gives_none() -> None:
    async def story() -> tuple[str | None, bool]:
        clock, future = SystemClock(), asyncio.get_running_loop().create_future()
        result = await clock.wait_for(future, clock.monotonic() + 0.005)
        return result, future.cancelled()

    assert asyncio.run(story()) == (None, True)


def test_without_a_deadline_the_result_is_awaited() -> None:
    assert asyncio.run(SystemClock().wait_for(answer(), None)) == "done"


@pytest.mark.parametrize("delay_s", [0.0, 10.0])
def test_a_cancellation_arrives_even_when_the_event_comes_in_the_same_turn(delay_s: float) -> None:
    async def story() -> bool:
        clock, event, rounds = SystemClock(), asyncio.Event(), 0

        async def serve() -> None:
            nonlocal rounds
            while rounds < 3:
                await clock.wait_for(event.wait(), clock.monotonic() + delay_s)
                event.clear()
                rounds += 1
                await asyncio.sleep(0)

        task = asyncio.ensure_future(serve())
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        event.set()
        await asyncio.sleep(0)
        task.cancel()
        await asyncio.wait({task}, timeout=1.0)
        return task.cancelled()

    assert asyncio.run(story())


def test_a_scaled_clock_runs_faster() -> None:
    async def story() -> float:
        clock = SystemClock(speed=100.0)
        before = clock.monotonic()
        await clock.sleep_until(before + 1.0)
        return clock.monotonic() - before

    assert 1.0 <= asyncio.run(story()) < 20.0


def test_a_clock_that_stands_still_is_refused() -> None:
    with pytest.raises(ValueError, match="positive"):
        SystemClock(speed=0.0)
