"""Records last, nobody waits for the disk, damage is set aside and told."""

from __future__ import annotations

import asyncio
import sqlite3
import subprocess
import sys
import textwrap
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from ems.journal import chain, database
from ems.journal.errors import JournalError, JournalFullError
from ems.journal.record import GENESIS, Kind, Record
from ems.journal.store import Journal
from ems.journal.verify import verify

UTC_0 = datetime(2026, 11, 21, 10, 0, tzinfo=UTC)
WAIT_S = 10.0


def stored(path: Path) -> list[Record]:
    connection = database.open_for_reading(path)
    try:
        return list(database.records(connection))
    finally:
        connection.close()


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


def test_a_full_disk_is_told_retried_and_forgotten(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ems.journal.store.RETRY_FIRST_S", 0.01)
    monkeypatch.setattr("ems.journal.store.RETRY_MOST_S", 0.01)
    real, broken = database.insert, threading.Event()
    broken.set()
    seen = threading.Event()

    def insert(connection: sqlite3.Connection, records: list[Record]) -> None:
        real(connection, records)
        if broken.is_set():
            raise sqlite3.OperationalError("database or disk is full")

    monkeypatch.setattr(database, "insert", insert)
    faults: list[str | None] = []

    def on_fault(why: str | None) -> None:
        faults.append(why)
        seen.set()

    path = tmp_path / "records.db"
    journal = Journal(path, utc=UTC_0, on_fault=on_fault)

    future = journal.append("boot", {}, UTC_0)
    assert seen.wait(WAIT_S)
    assert journal.fault == "database or disk is full"
    broken.clear()

    assert future.result(WAIT_S).seq == 1
    journal.close()
    assert faults == ["database or disk is full", None]
    assert verify(path).ok


def test_a_folder_that_cannot_be_written_stops_nobody(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "missing" / "records.db", utc=UTC_0)

    future = journal.append("boot", {}, UTC_0)
    journal.close()

    assert isinstance(future.exception(0), JournalError)
    assert journal.fault is not None


@pytest.mark.field("F-14")
@pytest.mark.parametrize(
    "content", [b"no database at all" * 100, b"SQLite format 3\0" + b"x" * 5000]
)
def test_a_damaged_file_is_set_aside_and_the_service_goes_on(
    tmp_path: Path, content: bytes
) -> None:
    path = tmp_path / "records.db"
    path.write_bytes(content)

    journal = Journal(path, utc=UTC_0)
    record = journal.append("boot", {}, UTC_0).result(WAIT_S)
    journal.close()

    assert record.seq == 2
    assert [one.read_bytes() for one in journal.set_aside] == [content]
    first = stored(path)[0]
    assert first.kind == Kind.JOURNAL_SET_ASIDE
    assert first.data["files"] == ["records.db.damaged-20261121T100000000Z-1"]
    assert verify(path).ok


@pytest.mark.field("F-14")
def test_another_kind_of_database_is_set_aside(tmp_path: Path) -> None:
    path = tmp_path / "records.db"
    foreign = sqlite3.connect(path)
    foreign.execute(
        "CREATE TABLE record (seq INTEGER, utc TEXT, segment TEXT, kind TEXT, event_id)"
    )
    foreign.commit()
    foreign.close()

    journal = Journal(path, utc=UTC_0)
    journal.append("boot", {}, UTC_0).result(WAIT_S)
    journal.close()

    assert len(journal.set_aside) == 1
    assert [record.kind for record in stored(path)] == ["journal_set_aside", "boot"]


@pytest.mark.field("F-14")
def test_damage_found_while_running_costs_no_record(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = database.insert
    once = iter([True])

    def insert(connection: sqlite3.Connection, records: list[Record]) -> None:
        if next(once, False):
            raise sqlite3.DatabaseError("database disk image is malformed")
        real(connection, records)

    path = tmp_path / "records.db"
    journal = Journal(path, utc=UTC_0)
    monkeypatch.setattr(database, "insert", insert)

    journal.append("boot", {"n": 1}, UTC_0).result(WAIT_S)
    journal.close()

    assert [record.kind for record in stored(path)] == ["journal_set_aside", "boot"]
    assert verify(path).ok


def test_a_deleted_file_begins_a_new_chain_that_says_so(tmp_path: Path) -> None:
    path = tmp_path / "records.db"
    journal = Journal(path, utc=UTC_0)
    journal.append("boot", {}, UTC_0).result(WAIT_S)
    journal.close()
    path.unlink()

    Journal(path, utc=UTC_0).close()

    first = stored(path)[0]
    assert (first.kind, first.data["last_seq"]) == (Kind.JOURNAL_SET_ASIDE, 1)


@pytest.mark.invariant("I-14")
def test_kill_9_loses_no_acknowledged_record(tmp_path: Path) -> None:
    path = tmp_path / "records.db"
    script = textwrap.dedent(
        """
        import sys
        from datetime import UTC, datetime
        from pathlib import Path
        from ems.journal.store import Journal
        utc = datetime(2026, 11, 21, tzinfo=UTC)
        journal = Journal(Path(sys.argv[1]), utc=utc)
        while True:
            record = journal.append("boot", {}, utc).result()
            sys.stdout.write(f"{record.seq} {record.hash}\\n")
            sys.stdout.flush()
        """
    )
    acknowledged: dict[int, str] = {}
    for _ in range(2):
        writer = subprocess.Popen(
            [sys.executable, "-c", script, str(path)], stdout=subprocess.PIPE, text=True
        )
        assert writer.stdout is not None
        lines = [writer.stdout.readline() for _ in range(30)]
        writer.kill()
        lines += writer.stdout.readlines()
        writer.wait()
        writer.stdout.close()
        acknowledged |= {
            int(line.split()[0]): line.split()[1] for line in lines if line[-1:] == "\n"
        }

    Journal(path, utc=UTC_0).close()

    kept = {record.seq: record.hash for record in stored(path)}
    assert acknowledged.items() <= kept.items()
    assert verify(path).ok


@pytest.mark.invariant("I-14")
def test_a_cut_write_ahead_log_never_changes_what_remains_and_is_told(tmp_path: Path) -> None:
    path = tmp_path / "records.db"
    wal = tmp_path / "records.db-wal"
    journal = Journal(path, utc=UTC_0)
    for n in range(20):
        journal.append("boot", {"n": n}, UTC_0 + timedelta(seconds=n)).result(WAIT_S)
    files = {one.name: one.read_bytes() for one in tmp_path.iterdir() if one.suffix != ".db-shm"}
    whole = stored(path)
    journal.close()

    for length in range(0, len(files[wal.name]), 4_001):
        folder = tmp_path / str(length)
        folder.mkdir()
        for name, content in files.items():
            (folder / name).write_bytes(content)
        (folder / wal.name).write_bytes(files[wal.name][:length])
        Journal(folder / "records.db", utc=UTC_0).close()
        left = stored(folder / "records.db")
        own = [record for record in left if record.kind == "boot"]
        assert own == whole[: len(own)]
        assert (len(own) == len(whole)) == verify(folder / "records.db").ok


def test_closing_twice_is_harmless_and_appending_later_fails(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "records.db", utc=UTC_0)
    journal.close()
    journal.close()

    assert isinstance(journal.append("boot", {}, UTC_0).exception(0), JournalError)
    assert isinstance(journal.prune(UTC_0).exception(0), JournalError)


@pytest.mark.field("F-14")
def test_a_second_damage_in_the_same_moment_gets_a_name_of_its_own(tmp_path: Path) -> None:
    path = tmp_path / "records.db"
    for content in (b"first" * 300, b"second" * 300):
        for leftover in tmp_path.glob("records.db-*"):
            leftover.unlink()
        path.write_bytes(content)
        Journal(path, utc=UTC_0).close()

    kept = sorted(one.name for one in tmp_path.glob("*.damaged-*"))
    assert kept == [
        "records.db.damaged-20261121T100000000Z-1",
        "records.db.damaged-20261121T100000000Z-2",
    ]


def test_the_head_is_the_newest_durable_record(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "records.db", utc=UTC_0)
    assert journal.head == (0, GENESIS)

    record = journal.append("boot", {}, UTC_0).result(WAIT_S)

    assert journal.head == (1, record.hash)
    assert journal.waiting == 0
    journal.close()


def test_an_anchor_that_cannot_be_written_costs_no_record(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_args: object) -> None:
        raise OSError("no space left")

    monkeypatch.setattr(chain, "write_anchor", fails)
    journal = Journal(tmp_path / "records.db", utc=UTC_0)

    assert journal.append("boot", {}, UTC_0).result(WAIT_S).seq == 1
    journal.close()


def test_a_disk_that_comes_back_is_opened_late(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ems.journal.store.RETRY_FIRST_S", 0.01)
    monkeypatch.setattr("ems.journal.store.RETRY_MOST_S", 0.01)
    folder = tmp_path / "mounted late"
    journal = Journal(folder / "records.db", utc=UTC_0)
    future = journal.append("boot", {}, UTC_0)

    folder.mkdir()

    assert future.result(WAIT_S).seq == 1
    assert journal.fault is None
    journal.close()
