"""Old days go as a whole, young and open events stay, the chain keeps one beginning."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from ems.journal import database
from ems.journal.store import Journal
from ems.journal.verify import verify

DAY_0 = datetime(2026, 1, 1, 12, 0, tzinfo=UTC)
WAIT_S = 10.0


class Book:
    """A journal with events on days."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.journal = Journal(path, utc=DAY_0)

    def event(self, name: str, first_day: int, last_day: int | None) -> None:
        start = DAY_0 + timedelta(days=first_day)
        self.journal.append("event_start", {"event_id": name}, start)
        if last_day is not None:
            end = DAY_0 + timedelta(days=last_day)
            self.journal.append("event_end", {"event_id": name}, end).result(WAIT_S)

    def note(self, day: int) -> None:
        self.journal.append("boot", {}, DAY_0 + timedelta(days=day)).result(WAIT_S)

    def prune(self, day: float) -> int:
        return self.journal.prune(DAY_0 + timedelta(days=day)).result(WAIT_S)

    def left(self) -> list[tuple[int, str]]:
        connection = database.open_for_reading(self.path)
        try:
            return [(record.seq, record.kind) for record in database.records(connection)]
        finally:
            connection.close()


@pytest.fixture
def book(tmp_path: Path) -> Iterator[Book]:
    one = Book(tmp_path / "records.db")
    yield one
    one.journal.close()


@pytest.mark.rule("R-14A-58")
@pytest.mark.parametrize(("day", "deleted"), [(730, 0), (760, 0), (761, 2), (5_000, 2)])
def test_an_event_is_kept_for_760_days_after_its_end(book: Book, day: int, deleted: int) -> None:
    book.event("one", 0, 0)
    book.note(720)

    assert book.prune(day) == (deleted if day < 5_000 else 3)
    assert verify(book.path).ok


@pytest.mark.rule("R-14A-58")
def test_a_long_event_keeps_its_first_day(book: Book) -> None:
    book.event("long", 0, 30)
    book.note(700)

    assert book.prune(780) == 0
    assert book.prune(791) == 2


@pytest.mark.rule("R-14A-58")
@pytest.mark.invariant("I-16")
def test_an_open_event_is_never_deleted(book: Book) -> None:
    book.note(0)
    book.event("open", 1, None)
    book.event("later", 2, 2)
    book.note(3)

    assert book.prune(2_000) == 1
    assert [kind for _, kind in book.left()][:1] == ["event_start"]


@pytest.mark.rule("R-14A-58")
def test_whole_days_only(book: Book) -> None:
    book.event("old", 0, 0)
    book.event("same day", 0, 10)
    book.note(700)

    assert book.prune(765) == 0


@pytest.mark.rule("R-14A-59")
def test_an_anchor_record_takes_the_place_of_what_went(book: Book) -> None:
    book.event("one", 0, 0)
    book.event("two", 1, 1)
    book.note(700)
    book.prune(762)

    assert book.left() == [(5, "boot"), (6, "anchor")]
    assert verify(book.path).ok
    book.event("three", 763, 763)
    assert book.prune(1_461) == 1
    assert verify(book.path).ok
    assert verify(book.path).first_seq == 6


@pytest.mark.rule("R-14A-59")
def test_deleting_more_than_the_anchor_says_is_found(book: Book) -> None:
    book.event("one", 0, 0)
    book.note(700)
    book.note(700)
    book.prune(762)
    book.journal.close()
    connection = sqlite3.connect(book.path)
    connection.execute("DELETE FROM record WHERE seq = 3")
    connection.commit()
    connection.close()

    assert [flaw.seq for flaw in verify(book.path).flaws] == [3]


def test_nothing_old_leaves_no_anchor(book: Book) -> None:
    book.note(0)

    assert book.prune(10) == 0
    assert book.left() == [(1, "boot")]


def test_an_empty_journal_can_be_pruned(book: Book) -> None:
    assert book.prune(10_000) == 0


def test_records_of_a_clock_that_was_not_set_are_as_old_as_what_follows(book: Book) -> None:
    unset = datetime(1970, 1, 1, 0, 0, 30, tzinfo=UTC)
    book.journal.append("event_start", {"event_id": "one"}, unset)
    book.journal.append("event_end", {"event_id": "one"}, unset + timedelta(days=2))
    book.note(0)
    book.note(400)

    assert book.prune(300) == 0
    assert book.prune(760) == 0
    assert book.prune(761) == 3


def test_a_failed_deletion_leaves_everything(book: Book, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*_args: object) -> int:
        raise sqlite3.OperationalError("disk I/O error")

    book.event("one", 0, 0)
    book.note(700)
    monkeypatch.setattr("ems.journal.retention.delete", fails)

    future = book.journal.prune(DAY_0 + timedelta(days=761))

    assert "disk I/O error" in str(future.exception(WAIT_S))
    assert len(book.left()) == 3
    assert verify(book.path).ok
