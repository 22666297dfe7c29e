"""The answer to the box leaves when the state is durable, or after 100 ms (I-05)."""

from __future__ import annotations

import asyncio
import threading

import pytest

from ems.control.saved import SavedState
from ems.runtime.durable import StateWriter
from ems.runtime.supervise import keep_running
from tests.kit.aio import run, turns, until
from tests.kit.clock import FakeClock


class SlowFile:
    """A file whose fsync returns when the test says so."""

    def __init__(self) -> None:
        self.saved: list[SavedState] = []
        self.may_sync = threading.Event()
        self.error: OSError | ValueError | None = None

    def save(self, saved: SavedState) -> None:
        self.may_sync.wait(5)
        if self.error is not None:
            raise self.error
        self.saved.append(saved)


def state(power_w: int) -> SavedState:
    return SavedState(failsafe_w=power_w)


@pytest.mark.invariant("I-05")
def test_nobody_is_told_durable_before_the_disk_has_it() -> None:
    async def story() -> None:
        file = SlowFile()
        writer = StateWriter(file, FakeClock(), lambda why: None)
        task = asyncio.ensure_future(writer.run())
        writer.request(state(4_200), at_once=True)
        waiting = asyncio.ensure_future(writer.durable())
        await asyncio.sleep(0.03)
        early = waiting.done()
        file.may_sync.set()
        assert await waiting is True
        assert early is False
        assert file.saved == [state(4_200)]
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    run(story())


@pytest.mark.invariant("I-05")
def test_a_blocked_disk_holds_the_answer_no_longer_than_a_tenth_of_a_second() -> None:
    async def story() -> None:
        file = SlowFile()
        writer = StateWriter(file, FakeClock(), lambda why: None)
        task = asyncio.ensure_future(writer.run())
        writer.request(state(4_200), at_once=True)
        began = asyncio.get_running_loop().time()
        durable = await writer.durable()
        took_s = asyncio.get_running_loop().time() - began
        file.may_sync.set()
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

        assert durable is False
        assert 0.09 < took_s < 1.0

    run(story())


def test_older_states_are_skipped_and_the_newest_is_written() -> None:
    async def story() -> None:
        file = SlowFile()
        file.may_sync.set()
        writer = StateWriter(file, FakeClock(), lambda why: None)
        for power_w in (1, 2, 3):
            writer.request(state(power_w), at_once=True)
        task = asyncio.ensure_future(writer.run())
        assert await writer.durable() is True
        assert file.saved == [state(3)]
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    run(story())


def test_changes_that_are_not_urgent_wait_for_the_second() -> None:
    async def story() -> None:
        file, clock = SlowFile(), FakeClock()
        file.may_sync.set()
        writer = StateWriter(file, clock, lambda why: None)
        task = asyncio.ensure_future(writer.run())
        await turns()
        writer.request(state(7), at_once=False)
        await turns(20)
        assert file.saved == []
        assert await writer.durable() is True
        clock.advance(1.0)
        for _ in range(100):
            await asyncio.sleep(0.001)
            if file.saved:
                break
        assert file.saved == [state(7)]
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    run(story())


@pytest.mark.parametrize("error", [OSError("full"), ValueError("too large")])
def test_a_full_disk_is_told_and_tried_again(error: OSError | ValueError) -> None:
    async def story() -> None:
        file, clock, told = SlowFile(), FakeClock(), list[str | None]()
        file.may_sync.set()
        file.error = error
        writer = StateWriter(file, clock, told.append)
        task = asyncio.ensure_future(writer.run())
        writer.request(state(5), at_once=True)
        for _ in range(100):
            await asyncio.sleep(0.001)
            if told:
                break
        assert told == [str(error)]
        file.error = None
        clock.advance(1.0)
        for _ in range(100):
            await asyncio.sleep(0.001)
            if file.saved:
                break
        assert file.saved == [state(5)]
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    run(story())


def test_what_is_not_written_yet_is_written_on_the_way_out() -> None:
    async def story() -> None:
        file = SlowFile()
        file.may_sync.set()
        writer = StateWriter(file, FakeClock(), lambda why: None)
        task = asyncio.ensure_future(writer.run())
        await turns()
        writer.request(state(9), at_once=False)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

        assert file.saved == [state(9)]

    run(story())


def test_until_helper_is_honest() -> None:
    async def story() -> None:
        with pytest.raises(AssertionError):
            await until(lambda: False)

    run(story())


def test_a_full_disk_does_not_keep_the_service_from_ending() -> None:
    async def story() -> None:
        file, clock = SlowFile(), FakeClock()
        file.may_sync.set()
        file.error = OSError("No space left on device")
        writer = StateWriter(file, clock, lambda why: None)
        task = asyncio.ensure_future(keep_running("state", writer.run, clock))
        await turns()
        writer.request(state(4_200), at_once=True)
        task.cancel()
        await turns(30)

        assert task.cancelled()

    run(story())


@pytest.mark.invariant("I-05")
def test_what_comes_after_the_writer_ended_is_written_by_the_last_flush() -> None:
    async def story() -> None:
        file = SlowFile()
        file.may_sync.set()
        writer = StateWriter(file, FakeClock(), lambda why: None)
        task = asyncio.ensure_future(writer.run())
        await turns()
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        writer.request(state(4_200), at_once=True)
        writer.flush()
        writer.flush()

        assert file.saved == [state(4_200)]

    run(story())


@pytest.mark.invariant("I-05")
def test_a_write_that_is_under_way_at_the_end_does_not_bury_the_newest_state() -> None:
    file = SlowFile()

    async def story() -> None:
        writer = StateWriter(file, FakeClock(), lambda why: None)
        task = asyncio.ensure_future(writer.run())
        await turns()
        writer.request(state(20_000), at_once=True)
        await asyncio.sleep(0.03)  # a thread is at work on it
        writer.request(state(4_200), at_once=True)
        threading.Timer(0.05, file.may_sync.set).start()
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    run(story())

    assert file.saved == [state(20_000), state(4_200)]


@pytest.mark.invariant("I-05")
def test_a_write_whose_thread_comes_after_the_last_one_is_left_out() -> None:
    file = SlowFile()
    file.may_sync.set()
    writer = StateWriter(file, FakeClock(), lambda why: None)

    for version, power_w in ((2, 4_200), (1, 20_000)):
        writer._save(state(power_w), version)

    assert file.saved == [state(4_200)]
