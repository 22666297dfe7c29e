"""I-05 with any disk: who is told "durable" finds the newest limit safe, or has waited 0.1 s."""

from __future__ import annotations

import asyncio
import threading

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ems.control.saved import SavedState
from ems.runtime.durable import StateWriter
from tests.kit.aio import run, turns
from tests.kit.clock import FakeClock


class Disk:
    """A file whose fsync may hang or fail; what it has taken is safe."""

    def __init__(self) -> None:
        self.safe = -1
        self.turning = threading.Event()
        self.turning.set()
        self.full = False

    def save(self, saved: SavedState) -> None:
        self.turning.wait(5)
        if self.full:
            raise OSError("no space left")
        assert saved.failsafe_w is not None
        self.safe = saved.failsafe_w


steps = st.lists(
    st.sampled_from(["limit", "limit", "lazy", "ask", "ask", "hangs", "turns", "full", "room",
                     "second", "moment"]),
    max_size=14,
)  # fmt: skip


@pytest.mark.invariant("I-05")
@settings(max_examples=40, deadline=None)
@given(steps)
def test_an_answer_never_leaves_before_its_limit_is_safe_or_a_tenth_of_a_second_is_over(
    script: list[str],
) -> None:
    async def story() -> None:
        disk, clock, newest = Disk(), FakeClock(), -1
        writer = StateWriter(disk, clock, lambda why: None)
        task = asyncio.ensure_future(writer.run())
        await turns(1)
        loop = asyncio.get_running_loop()
        for number, step in enumerate(script):
            match step:
                case "limit":
                    newest = number
                    writer.request(SavedState(failsafe_w=number), at_once=True)
                case "lazy":
                    writer.request(SavedState(failsafe_w=number), at_once=False)
                case "ask":
                    began = loop.time()
                    durable = await writer.durable()
                    assert disk.safe >= newest if durable else loop.time() - began >= 0.09
                    assert loop.time() - began < 2.0
                case "hangs":
                    disk.turning.clear()
                case "turns":
                    disk.turning.set()
                case "full" | "room":
                    disk.full = step == "full"
                case "second":
                    clock.advance(1.0)
                case _:
                    await turns(3)
        disk.turning.set()
        disk.full = False
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        assert disk.safe >= newest

    run(story())
