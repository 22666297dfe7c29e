"""A device worker at work on a fake driver, and a meter that answers what a test tells it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from drivers.api import MeterReading, Setpoint, UnreachableError
from ems.control.commands import SetLimit
from ems.control.events import Event
from ems.control.reasons import Reason, ReasonCode
from ems.runtime.workers import LoadWorker
from tests.kit.clock import FakeClock
from tests.kit.driver import FakeDriver

WHY = Reason(ReasonCode.OK_FAIR)


def limit_of(power_w: int, *, urgent: bool = True) -> SetLimit:
    setpoint = Setpoint(power_w=power_w, current_ma=power_w)
    return SetLimit(load_id="garage", setpoint=setpoint, reason=WHY, urgent=urgent)


@asynccontextmanager
async def working(driver: FakeDriver) -> AsyncIterator[tuple[LoadWorker, FakeClock, list[Event]]]:
    clock, events = FakeClock(), list[Event]()
    worker = LoadWorker("garage", driver.open, clock, events.append, poll_s=2.0)
    task = asyncio.ensure_future(worker.run())
    try:
        yield worker, clock, events
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


class FakeMeter:
    def __init__(self) -> None:
        self.answers: list[MeterReading | UnreachableError] = []

    @asynccontextmanager
    async def open(self) -> AsyncIterator[FakeMeter]:
        yield self

    async def read(self) -> MeterReading:
        answer = self.answers.pop(0) if self.answers else UnreachableError("silent")
        if isinstance(answer, UnreachableError):
            raise answer
        return answer
