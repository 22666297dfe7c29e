"""Room on the disk is watched, old proof goes once a day and only by a clock that is right."""

from __future__ import annotations

import asyncio
from concurrent.futures import Future
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from ems.control.commands import Alarm
from ems.journal.errors import JournalError
from ems.runtime.clocksync import WallClock
from ems.runtime.upkeep import LEAST_FREE_BYTES, PRUNE_EVERY_S, Upkeep
from tests.kit.aio import run, turns
from tests.kit.clock import FakeClock


class FakeJournal:
    def __init__(self, error: JournalError | None = None) -> None:
        self.pruned: list[datetime] = []
        self._error = error

    def prune(self, utc: datetime) -> Future[int]:
        self.pruned.append(utc)
        future: Future[int] = Future()
        if self._error is None:
            future.set_result(3)
        else:
            future.set_exception(self._error)
        return future


def upkeep(
    journal: Any, clock: FakeClock, told: list[Alarm], *, free: int, synchronised: bool = True
) -> Upkeep:
    return Upkeep(
        Path(),
        journal,
        clock,
        told.append,
        free_bytes=lambda _folder: free,
        wall=WallClock(clock, synchronised=lambda: synchronised),
    )


async def pass_days(subject: Upkeep, clock: FakeClock, days: int) -> None:
    task = asyncio.ensure_future(subject.run())
    for _ in range(days):
        await turns()
        clock.advance(PRUNE_EVERY_S)
    await turns()
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


def test_little_room_is_an_alarm_with_the_megabytes_left() -> None:
    told: list[Alarm] = []

    upkeep(FakeJournal(), FakeClock(), told, free=LEAST_FREE_BYTES - 1).look()
    upkeep(FakeJournal(), FakeClock(), told, free=LEAST_FREE_BYTES).look()

    disk = [alarm for alarm in told if alarm.code == "E-DISK-001"]
    assert [(alarm.active, alarm.params["free_mb"]) for alarm in disk] == [
        (True, 199),
        (False, 200),
    ]


def test_a_clock_that_stays_unsynchronised_is_an_alarm_and_a_short_while_at_the_start_is_none() -> (
    None
):
    told: list[Alarm] = []
    clock, journal = FakeClock(), FakeJournal()
    right = [False]
    subject = Upkeep(
        Path(),
        journal,  # type: ignore[arg-type]  # pruning is not asked for
        clock,
        told.append,
        free_bytes=lambda _folder: LEAST_FREE_BYTES,
        wall=WallClock(clock, synchronised=lambda: right[0]),
    )

    states: list[bool] = []
    for seconds, is_right in (
        (0.0, False),
        (899.0, False),
        (1.0, False),
        (60.0, True),
        (60, False),
    ):
        clock.advance(seconds)
        right[0] = is_right
        subject.look()
        states.append(next(a.active for a in reversed(told) if a.code == "E-TIME-001"))

    assert states == [False, False, True, False, False]


def test_a_wall_clock_that_was_set_is_told_once_and_one_that_drifts_is_not() -> None:
    clock, steps = FakeClock(), list[float]()
    journal: Any = FakeJournal()
    subject = Upkeep(
        Path(),
        journal,
        clock,
        lambda _alarm: None,
        free_bytes=lambda _folder: LEAST_FREE_BYTES,
        wall=WallClock(clock, stepped=steps.append),
    )

    for jump_s in (0.0, 0.5, 3_600.0, 0.0, -86_400.0):
        clock.advance(60.0)
        clock.epoch += timedelta(seconds=jump_s)
        subject.look()

    assert steps == [pytest.approx(3_600.5), pytest.approx(-86_400.0)]


def test_a_disk_that_cannot_be_asked_changes_no_alarm() -> None:
    def fails(_folder: Path) -> int:
        raise OSError("gone")

    told: list[Alarm] = []
    journal: Any = FakeJournal()

    Upkeep(Path(), journal, FakeClock(), told.append, free_bytes=fails).look()

    assert "E-DISK-001" not in {alarm.code for alarm in told}


def test_old_records_go_once_a_day() -> None:
    async def story() -> None:
        journal, clock = FakeJournal(), FakeClock()
        await pass_days(upkeep(journal, clock, [], free=10**12), clock, 2)
        assert len(journal.pruned) == 2

    run(story())


def test_a_clock_that_may_be_wrong_deletes_nothing() -> None:
    async def story() -> None:
        journal, clock = FakeJournal(), FakeClock()
        await pass_days(upkeep(journal, clock, [], free=10**12, synchronised=False), clock, 3)
        assert journal.pruned == []

    run(story())


def test_a_journal_that_refuses_is_asked_again_the_next_day() -> None:
    async def story() -> None:
        journal, clock = FakeJournal(JournalError("disk")), FakeClock()
        await pass_days(upkeep(journal, clock, [], free=10**12), clock, 2)
        assert len(journal.pruned) == 2

    run(story())
