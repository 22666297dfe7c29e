"""Run a coroutine in a test, and let others run until something is true."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

T = TypeVar("T")

TURNS = 200


def run(work: Coroutine[Any, Any, T]) -> T:
    """Run ``work`` in a fresh loop; nothing may hang longer than ten real seconds."""

    async def bounded() -> T:
        async with asyncio.timeout(10):
            return await work

    return asyncio.run(bounded())


async def turns(count: int = 10) -> None:
    """Let the other tasks run for ``count`` turns of the loop."""
    for _ in range(count):
        await asyncio.sleep(0)


async def until(true: Callable[[], bool]) -> None:
    """Let the other tasks run until ``true()``; fails after many turns without."""
    for _ in range(TURNS):
        if true():
            return
        await asyncio.sleep(0)
    raise AssertionError("it did not become true")
