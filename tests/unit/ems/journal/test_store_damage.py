"""Damage and cut files are set aside and told; a full or missing disk is waited for."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
import textwrap
import threading
from datetime import timedelta
from pathlib import Path

import pytest

from ems.journal import chain, database
from ems.journal.errors import JournalError
from ems.journal.record import Kind, Record
from ems.journal.store import Journal
from ems.journal.verify import verify
from tests.kit.journal import UTC_0, WAIT_S, stored


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
    moved: list[Path] = []

    journal = Journal(path, utc=UTC_0, on_damage=moved.extend)
    record = journal.append("boot", {}, UTC_0).result(WAIT_S)
    journal.close()

    assert record.seq == 2
    assert [one.read_bytes() for one in moved] == [content]
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

    moved: list[Path] = []
    journal = Journal(path, utc=UTC_0, on_damage=moved.extend)
    journal.append("boot", {}, UTC_0).result(WAIT_S)
    journal.close()

    assert len(moved) == 1
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
    journal = Journal(path, utc=UTC_0, timer=lambda: 0.0)  # how long it takes is not its subject
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


@pytest.mark.field("F-14")
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


@pytest.mark.field("F-14")
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
