"""The look through the journal in the background: what it finds, and how it ends."""

from __future__ import annotations

import sqlite3
import threading
from pathlib import Path

import pytest

from ems.journal import database, integrity
from ems.journal.integrity import IntegrityCheck
from ems.journal.store import Journal
from tests.kit.journal import UTC_0, WAIT_S


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "records.db"
    journal = Journal(path, utc=UTC_0)
    for number in range(500):
        journal.append("boot", {"n": number, "filler": "x" * 200}, UTC_0)
    journal.close()
    return path


def looked(path: Path) -> list[str]:
    found: list[str] = []
    check = IntegrityCheck(path, found.append)
    check._thread.join(WAIT_S)
    return found


def test_a_sound_file_gives_nothing(path: Path) -> None:
    assert looked(path) == []


def test_a_damaged_page_is_told_once(path: Path) -> None:
    raw = bytearray(path.read_bytes())
    raw[10 * 4_096 : 11 * 4_096] = b"\xff" * 4_096
    path.write_bytes(raw)

    assert len(looked(path)) == 1


def test_a_file_that_is_not_there_is_told_in_the_log_only(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    assert looked(tmp_path / "records.db") == []
    assert "cannot be looked through" in caplog.text


def test_a_disk_that_refuses_is_no_damage(
    path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def refuses(_connection: sqlite3.Connection) -> str | None:
        raise sqlite3.OperationalError("disk I/O error")

    monkeypatch.setattr(database, "structural_flaw", refuses)

    assert looked(path) == []
    assert "disk I/O error" in caplog.text


@pytest.mark.invariant("I-15")
def test_a_disk_that_hangs_does_not_hold_up_the_end(
    path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    reads, hangs, found = threading.Event(), threading.Event(), list[str]()

    def hang(_connection: sqlite3.Connection) -> str | None:
        reads.set()
        hangs.wait(WAIT_S)
        return "late"

    monkeypatch.setattr(integrity, "STOP_TRY_S", 0.001)
    monkeypatch.setattr(database, "structural_flaw", hang)
    check = IntegrityCheck(path, found.append)
    assert reads.wait(WAIT_S)

    check.stop()

    assert "the disk does not answer" in caplog.text
    hangs.set()
    check._thread.join(WAIT_S)
    assert found == []  # nobody wants to know any more
