"""A driver that does what a test tells it, and remembers what it was told."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from drivers.api import Capability, ControlUnit, DriverError, Measurement, Setpoint

WALLBOX = Capability(control=ControlUnit.CURRENT, keeps_limit_s=30.0, min_write_interval_s=5.0)


@dataclass
class FakeDriver:
    """Implements ``drivers.api.Driver``; ``failures`` are raised by the next calls of that name."""

    capability: Capability = WALLBOX
    calls: list[tuple[str, object]] = field(default_factory=list)
    failures: dict[str, list[DriverError]] = field(default_factory=dict)
    reading: Measurement = field(default_factory=lambda: Measurement(power_w=0))
    slow_read: asyncio.Event | None = None
    connect_error: DriverError | None = None
    connections: int = 0

    @asynccontextmanager
    async def open(self) -> AsyncIterator[FakeDriver]:
        if self.connect_error is not None:
            raise self.connect_error
        self.connections += 1
        yield self

    def names(self) -> list[str]:
        return [name for name, _ in self.calls]

    async def _do(self, name: str, argument: object = None) -> None:
        self.calls.append((name, argument))
        if self.failures.get(name):
            raise self.failures[name].pop(0)

    async def read(self) -> Measurement:
        await self._do("read")
        if self.slow_read is not None:
            await self.slow_read.wait()
        return self.reading

    async def limit(self, setpoint: Setpoint) -> None:
        await self._do("limit", setpoint)

    async def release(self) -> None:
        await self._do("release")

    async def stop(self) -> None:
        await self._do("stop")

    async def prepare(self) -> None:
        await self._do("prepare")

    async def keep_alive(self) -> None:
        await self._do("keep_alive")
