"""What falls over starts again; it is told once, and told again when it is well."""

from __future__ import annotations

import asyncio
import logging

import pytest

from ems.runtime.supervise import HEALTHY_AFTER_S, Harmless, keep_running
from tests.kit.aio import run, turns
from tests.kit.clock import FakeClock


class Patient:
    """Fails with what ``errors`` holds, then lives until cancelled."""

    def __init__(self, *errors: Exception | None) -> None:
        self.errors = list(errors)
        self.starts = 0

    async def work(self) -> None:
        self.starts += 1
        if not self.errors:
            await asyncio.Event().wait()
        error = self.errors.pop(0)
        if error is not None:
            raise error


def supervised(patient: Patient, clock: FakeClock, seconds: int) -> list[tuple[str, str | None]]:
    told: list[tuple[str, str | None]] = []

    def failed(name: str, error: BaseException | None) -> None:
        told.append((name, None if error is None else str(error)))

    async def story() -> None:
        task = asyncio.ensure_future(keep_running("load", patient.work, clock, failed=failed))
        for _ in range(seconds):
            await turns()
            clock.advance(1.0)
        await turns()
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    run(story())
    return told


def test_the_same_error_is_told_once_with_its_trace_and_its_end_when_it_lived_for_a_minute(
    caplog: pytest.LogCaptureFixture,
) -> None:
    patient = Patient(OSError("a"), OSError("a"), OSError("a"), OSError("b"))

    told = supervised(patient, FakeClock(), 15 + int(HEALTHY_AFTER_S))

    assert told == [("load", "a"), ("load", "b"), ("load", None)]
    assert patient.starts == 5
    assert sum(record.exc_info is not None for record in caplog.records) == 2
    assert [r.getMessage() for r in caplog.records].count("! load failed as before: a") == 2


def test_the_pause_doubles_to_ten_seconds_and_is_short_again_after_a_healthy_minute() -> None:
    clock, starts = FakeClock(), list[float]()

    async def work() -> None:
        starts.append(clock.seconds - 1_000)
        if len(starts) == 6:
            await clock.sleep_until(clock.monotonic() + HEALTHY_AFTER_S + 1)
        raise OSError("again")

    async def story() -> None:
        task = asyncio.ensure_future(keep_running("load", work, clock))
        for _ in range(130):
            await turns()
            clock.advance(1.0)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    run(story())

    assert starts[:8] == [0, 1, 3, 7, 15, 25, 87, 89]


def test_a_work_that_ends_by_itself_begins_again_and_is_no_failure() -> None:
    patient = Patient(None)

    assert supervised(patient, FakeClock(), 3) == []
    assert patient.starts == 2


def test_what_control_must_not_depend_on_ends_here(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.ERROR)
    harmless = Harmless("proof")

    harmless.do(lambda: 1 / 0)
    harmless.do(lambda: 1 / 0)
    harmless.do(lambda: None)
    harmless.do(lambda: 1 / 0)

    assert [record.getMessage() for record in caplog.records] == ["! proof failed"] * 2
