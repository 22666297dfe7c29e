"""Records last and nobody waits for the disk."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from pathlib import Path

import pytest

from ems.journal import chain, database
from ems.journal.errors import JournalError, JournalFullError
from ems.journal.record import GENESIS, Kind, Record
from ems.journal.store import Journal
from ems.journal.verify import verify
from tests.kit.journal import UTC_0, WAIT_S, stored


def test_a_record_is_on_disk_when_its_future_is_done(tmp_path: Path) -> None:
    path = tmp_path / "records.db"
    journal = Journal(path, utc=UTC_0)

    record = journal.append("boot", {"version": "1"}, UTC_0).result(WAIT_S)

    assert stored(path) == [record]
    assert (record.seq, record.prev_hash) == (1, GENESIS)
    assert record.utc == "2026-11-21T10:00:00.000Z"
    journal.close()


def test_the_next_process_continues_the_chain(tmp_path: Path) -> None:
    path = tmp_path / "records.db"
    first = Journal(path, utc=UTC_0)
    before = first.append("boot", {}, UTC_0).result(WAIT_S)
    first.close()

    second = Journal(path, utc=UTC_0)
    after = second.append("boot", {}, UTC_0).result(WAIT_S)
    second.close()

    assert (after.seq, after.prev_hash) == (2, before.hash)
    assert verify(path).ok


def test_the_database_is_durable_and_strict(tmp_path: Path) -> None:
    connection = database.open_for_writing(tmp_path / "records.db")

    assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    assert connection.execute("PRAGMA synchronous").fetchone() == (2,)
    with pytest.raises(sqlite3.IntegrityError):
        connection.execute("INSERT INTO head VALUES (1, 'no number', 'x')")
    connection.close()


@pytest.mark.parametrize("data", [{"w": float("nan")}, {"w": object()}, {"when": UTC_0}])
def test_what_is_no_plain_json_is_refused_at_once(tmp_path: Path, data: dict[str, object]) -> None:
    journal = Journal(tmp_path / "records.db", utc=UTC_0)

    future = journal.append("boot", data, UTC_0)

    assert isinstance(future.exception(0), TypeError | ValueError)
    journal.close()


def test_changing_the_data_after_append_changes_no_record(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "records.db", utc=UTC_0)
    data = {"limit_w": 4_200}

    future = journal.append("boot", data, UTC_0)
    data["limit_w"] = 0

    assert future.result(WAIT_S).data == {"limit_w": 4_200}
    journal.close()


class SlowDisk:
    """Holds every commit until told."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.free = threading.Event()
        self.entered = threading.Event()
        real = chain.ChainFile.append

        def append(file: chain.ChainFile, drafts: object) -> list[Record]:
            self.entered.set()
            assert self.free.wait(WAIT_S)
            return real(file, drafts)  # type: ignore[arg-type]

        monkeypatch.setattr(chain.ChainFile, "append", append)


@pytest.mark.invariant("I-05")
def test_a_commit_of_more_than_100_ms_is_itself_recorded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    disk = SlowDisk(monkeypatch)
    seconds = [50.0]
    path = tmp_path / "records.db"
    journal = Journal(path, utc=UTC_0, timer=lambda: seconds[0])
    future = journal.append("boot", {}, UTC_0)
    disk.entered.wait(WAIT_S)

    seconds[0] += 0.25
    disk.free.set()
    future.result(WAIT_S)
    journal.close()

    delays = [record.data for record in stored(path) if record.kind == Kind.DISK_DELAY]
    assert delays == [{"count": 1, "delay_ms": 250, "through_seq": 1}]


def test_a_fast_commit_leaves_no_delay_record(tmp_path: Path) -> None:
    path = tmp_path / "records.db"
    journal = Journal(path, utc=UTC_0, timer=lambda: 50.0)
    journal.append("boot", {}, UTC_0)
    journal.close()

    assert [record.kind for record in stored(path)] == ["boot"]


@pytest.mark.invariant("I-08")
@pytest.mark.invariant("I-15")
def test_a_full_queue_refuses_at_once_and_the_loss_is_recorded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    disk = SlowDisk(monkeypatch)
    path = tmp_path / "records.db"
    journal = Journal(path, utc=UTC_0, timer=lambda: 0.0, queue_limit=2)
    kept = [journal.append("boot", {"n": n}, UTC_0) for n in range(2)]

    refused = [journal.append("boot", {"n": n}, UTC_0) for n in range(2, 5)]

    assert all(isinstance(future.exception(0), JournalFullError) for future in refused)
    disk.entered.wait(WAIT_S)
    disk.free.set()
    assert [future.result(WAIT_S).data["n"] for future in kept] == [0, 1]
    journal.append("boot", {"n": 5}, UTC_0).result(WAIT_S)
    journal.close()
    losses = [record.data for record in stored(path) if record.kind == Kind.RECORDS_LOST]
    assert losses == [{"count": 3, "why": "queue full"}]


def test_a_waiter_that_gives_up_does_not_stop_the_writer(tmp_path: Path) -> None:
    async def impatient() -> None:
        wrapped = asyncio.wrap_future(journal.append("boot", {"n": 1}, UTC_0))
        wrapped.cancel()
        await asyncio.sleep(0)

    journal = Journal(tmp_path / "records.db", utc=UTC_0)

    asyncio.run(impatient())

    assert journal.append("boot", {"n": 2}, UTC_0).result(WAIT_S).seq == 2
    journal.close()


def test_closing_twice_is_harmless_and_appending_later_fails(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "records.db", utc=UTC_0)
    journal.close()
    journal.close()

    assert isinstance(journal.append("boot", {}, UTC_0).exception(0), JournalError)
    assert isinstance(journal.prune(UTC_0).exception(0), JournalError)


def test_the_head_is_the_newest_durable_record(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "records.db", utc=UTC_0)
    assert journal.head == (0, GENESIS)

    record = journal.append("boot", {}, UTC_0).result(WAIT_S)

    assert journal.head == (1, record.hash)
    assert journal.waiting == 0
    journal.close()
