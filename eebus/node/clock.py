"""The only file that reads a clock.

Protocol seconds are ``(CLOCK_MONOTONIC - epoch) * speed``. With the default speed of 1 and epoch 0
they are plain monotonic seconds. Programs of one demo share epoch and speed, so that timers, holds
and ramps run together while TCP, TLS, Modbus answers and the disk stay real.
"""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Protocol, TypeVar

if TYPE_CHECKING:
    from collections.abc import Awaitable

T = TypeVar("T")


class Clock(Protocol):
    """The door to time for shells; cores get ``now`` as an argument."""

    def monotonic(self) -> float:
        """Protocol seconds for deadlines; never jumps."""
        ...

    def utcnow(self) -> datetime:
        """Wall time (UTC) for wire timestamps and the journal; may jump (NTP)."""
        ...

    async def sleep_until(self, deadline: float) -> None:
        """Return when ``monotonic()`` has reached ``deadline`` [protocol s]."""
        ...

    async def wait_for(self, awaitable: Awaitable[T], until: float | None) -> T | None:
        """Result of ``awaitable``, or ``None`` when ``until`` [protocol s] came first.

        ``until=None`` waits for ever. The awaitable is cancelled at the deadline.
        """
        ...


class SystemClock:
    """Real time, or real time scaled for a demo."""

    def __init__(self, *, speed: float = 1.0, epoch: float = 0.0) -> None:
        """Scale CLOCK_MONOTONIC by ``speed`` from ``epoch`` [CLOCK_MONOTONIC s] on."""
        if not speed > 0:
            raise ValueError(f"speed must be positive, not {speed}")
        self.speed = speed
        self.epoch = epoch
        self._utc_at_epoch = datetime.now(UTC) - timedelta(seconds=time.monotonic() - epoch)

    def monotonic(self) -> float:
        return (time.monotonic() - self.epoch) * self.speed

    def utcnow(self) -> datetime:
        if self.speed == 1.0:
            return datetime.now(UTC)
        return self._utc_at_epoch + timedelta(seconds=self.monotonic())

    async def sleep_until(self, deadline: float) -> None:
        while (left_s := deadline - self.monotonic()) > 0:
            await asyncio.sleep(left_s / self.speed)

    async def wait_for(self, awaitable: Awaitable[T], until: float | None) -> T | None:
        if until is None:
            return await awaitable
        left_s = max(0.0, until - self.monotonic()) / self.speed
        try:
            async with asyncio.timeout(
                left_s
            ):  # wait_for of Python 3.11 may swallow a cancellation
                return await awaitable
        except TimeoutError:
            return None
