"""A clock that only moves when told; tests never wait for protocol time."""

from __future__ import annotations

import asyncio
import heapq
import itertools
from collections.abc import Awaitable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TypeVar

T = TypeVar("T")


@dataclass
class FakeClock:
    """Implements the ``Clock`` protocol; ``advance`` wakes those whose deadline has come."""

    seconds: float = 1_000.0
    epoch: datetime = datetime(2026, 1, 1, tzinfo=UTC)
    _sleepers: list[tuple[float, int, asyncio.Future[None]]] = field(default_factory=list)
    _order: itertools.count[int] = field(default_factory=itertools.count)

    def monotonic(self) -> float:
        return self.seconds

    def utcnow(self) -> datetime:
        return self.epoch + timedelta(seconds=self.seconds)

    def advance(self, seconds: float) -> None:
        self.seconds += seconds
        while self._sleepers and self._sleepers[0][0] <= self.seconds:
            future = heapq.heappop(self._sleepers)[2]
            if not future.done():
                future.set_result(None)

    async def sleep_until(self, deadline: float) -> None:
        while self.seconds < deadline:
            future = asyncio.get_running_loop().create_future()
            heapq.heappush(self._sleepers, (deadline, next(self._order), future))
            await future

    async def wait_for(self, awaitable: Awaitable[T], until: float | None) -> T | None:
        if until is None:
            return await awaitable
        task = asyncio.ensure_future(awaitable)
        alarm = asyncio.ensure_future(self.sleep_until(until))
        try:
            await asyncio.wait({task, alarm}, return_when=asyncio.FIRST_COMPLETED)
            return task.result() if task.done() else None
        finally:
            for pending in (task, alarm):
                if not pending.done():
                    pending.cancel()
                    await asyncio.gather(pending, return_exceptions=True)
