"""``ems records``: whatever is done to the proof, ``verify`` leaves with 1 and names the record."""

from __future__ import annotations

import csv
import io
import json
import sqlite3
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from ems.cli.main import main
from ems.control.grid_limit import Source
from ems.journal.evidence import Evidence, SiteFacts
from ems.journal.record import Kind
from ems.journal.store import Journal
from tests.kit.decisions import decision, source

DELETE_LAST = "DELETE FROM record WHERE seq = (SELECT max(seq) FROM record)"
ZERO = datetime(2026, 11, 21, 17, 0, tzinfo=UTC)


@dataclass
class Outcome:
    code: int
    out: str
    err: str


@pytest.fixture
def ems(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Callable[..., Outcome]:
    monkeypatch.setenv("EMS_LANG", "en")
    monkeypatch.delenv("EMS_CONFIG", raising=False)

    def run(*words: str | Path) -> Outcome:
        with pytest.raises(SystemExit) as ended:
            main([str(word) for word in words])
        told = capsys.readouterr()
        return Outcome(int(ended.value.code or 0), told.out, told.err)

    return run


@pytest.fixture
def records(tmp_path: Path) -> Path:
    """A limit of 4,200 W for 60 s, with what stands around it."""
    path = tmp_path / "records.db"
    journal = Journal(path, utc=ZERO)
    evidence = Evidence(SiteFacts(site="Haus"), new_id=lambda: "3f2a91c0-0001")
    journal.append_draft(evidence.note(Kind.BOOT, {"config_hash": "ab"}, ZERO))
    for second in range(90):
        limit_w = 4_200 if 10 <= second < 70 else None
        drawn_w = 4_000 if limit_w else 11_000
        picture = decision(source(Source.EEBUS, limit_w), drawn_w=drawn_w, at=float(second))
        for draft in evidence.observe(picture, float(second), ZERO + timedelta(seconds=second)):
            journal.append_draft(draft)
    journal.append_draft(
        evidence.note(Kind.WRITE_REFUSED, {"reason": "negative"}, ZERO + timedelta(seconds=91))
    )
    journal.close()
    return path


def change(path: Path, *statements: str) -> None:
    connection = sqlite3.connect(path)
    for statement in statements:
        connection.execute(statement)
    connection.commit()
    connection.close()


def last_seq(path: Path) -> int:
    connection = sqlite3.connect(path)
    (seq,) = connection.execute("SELECT max(seq) FROM record").fetchone()
    connection.close()
    return int(seq)


def flip(path: Path) -> set[int]:
    """One bit of the body of record 4, on the disk itself."""
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    (body,) = connection.execute("SELECT body FROM record WHERE seq = 4").fetchone()
    connection.close()
    raw = bytearray(path.read_bytes())
    place = raw.index(body.encode())
    raw[place + len(body) // 2] ^= 0x01
    path.write_bytes(bytes(raw))
    return {4}


def delete_in_the_middle(path: Path) -> set[int]:
    change(path, "DELETE FROM record WHERE seq = 5")
    return {5}


def delete_at_the_end(path: Path) -> set[int]:
    last = last_seq(path)
    change(path, DELETE_LAST)
    return {last}


def delete_at_the_end_with_the_head(path: Path) -> set[int]:
    last = last_seq(path)
    change(
        path,
        DELETE_LAST,
        "UPDATE head SET seq = (SELECT max(seq) FROM record), "
        "hash = (SELECT hash FROM record ORDER BY seq DESC LIMIT 1)",
    )
    return {last}


def swap(path: Path) -> set[int]:
    change(
        path,
        "UPDATE record SET seq = 0 WHERE seq = 3",
        "UPDATE record SET seq = 3 WHERE seq = 6",
        "UPDATE record SET seq = 6 WHERE seq = 0",
    )
    return {3, 6}


TAMPERING = pytest.mark.parametrize(
    "tamper",
    [flip, delete_in_the_middle, delete_at_the_end, delete_at_the_end_with_the_head, swap],
)


@pytest.mark.rule("R-14A-59")
@pytest.mark.invariant("I-14")
def test_untouched_records_are_proven(ems: Callable[..., Outcome], records: Path) -> None:
    outcome = ems("records", "verify", records, "--json")

    document = json.loads(outcome.out)
    assert outcome.code == 0
    assert document["ok"] is True
    assert document["data"]["flaws"] == []
    assert document["data"]["checked"] == last_seq(records)


@pytest.mark.rule("R-14A-59")
@pytest.mark.invariant("I-14")
@TAMPERING
def test_verify_leaves_with_1_and_names_the_record(
    ems: Callable[..., Outcome], records: Path, tamper: Callable[[Path], set[int]]
) -> None:
    touched = tamper(records)

    outcome = ems("records", "verify", records)

    assert outcome.code == 1
    assert "E-REC-002" in outcome.err
    assert all(f"record #{seq} " in outcome.err for seq in touched)
    german = ems("records", "verify", records, "--lang", "de")
    assert (german.code, all(f"Eintrag #{seq} " in german.err for seq in touched)) == (1, True)


@pytest.mark.rule("R-14A-59")
@pytest.mark.invariant("I-14")
@TAMPERING
def test_machines_are_told_the_same(
    ems: Callable[..., Outcome], records: Path, tamper: Callable[[Path], set[int]]
) -> None:
    touched = tamper(records)

    outcome = ems("records", "verify", records, "--json")

    document = json.loads(outcome.out)
    assert outcome.code == 1
    assert document["ok"] is False
    assert touched <= {flaw["seq"] for flaw in document["data"]["flaws"]}
    assert json.loads(outcome.err)["error"]["code"] == "E-REC-002"


@pytest.mark.field("F-14")
def test_a_file_that_is_no_journal_is_no_proof(ems: Callable[..., Outcome], tmp_path: Path) -> None:
    path = tmp_path / "records.db"
    path.write_bytes(b"SQLite format 3\x00" + b"\xff" * 5_000)

    assert ems("records", "verify", path).code == 1


def test_a_wholly_rewritten_journal_lists_ten_flaws_and_counts_the_rest(
    ems: Callable[..., Outcome], records: Path
) -> None:
    change(records, "UPDATE record SET hash = 'x'")

    outcome = ems("records", "verify", records)

    assert outcome.code == 1
    assert outcome.err.count("#") == 10
    assert "; +" in outcome.err


def test_the_event_is_listed_shown_and_exported(ems: Callable[..., Outcome], records: Path) -> None:
    listed = json.loads(ems("records", "list", "--db", records, "--json").out)["data"]["events"]
    shown: Any = json.loads(ems("records", "show", "3f2a91c0", "--db", records, "--json").out)
    table = list(
        csv.reader(io.StringIO(ems("records", "export", "--db", records).out), delimiter=";")
    )

    assert [(event["source"], event["ceilings_w"]) for event in listed] == [("eebus", [4_200])]
    assert shown["data"]["event_id"] == "3f2a91c0-0001"
    assert len(table) == 2
    assert "4200" in table[1]


def test_an_event_outside_the_asked_days_is_not_listed(
    ems: Callable[..., Outcome], records: Path
) -> None:
    outcome = ems("records", "list", "--db", records, "--from", "2026-11-22", "--json")

    assert json.loads(outcome.out)["data"]["events"] == []


def test_notes_tell_what_was_refused(ems: Callable[..., Outcome], records: Path) -> None:
    outcome = ems("records", "list", "--db", records, "--notes", "--json")

    notes = json.loads(outcome.out)["data"]["notes"]
    assert [note["kind"] for note in notes] == ["boot", "write_refused"]


def test_an_unknown_event_and_a_missing_file_are_told_in_german(
    ems: Callable[..., Outcome], records: Path, tmp_path: Path
) -> None:
    unknown = ems("records", "show", "nope", "--db", records, "--lang", "de")
    missing = ems("records", "verify", tmp_path / "no.db", "--lang", "de")

    assert (unknown.code, missing.code) == (1, 1)
    assert "E-REC-003: Ein Ereignis nope gibt es nicht." in unknown.err
    assert "E-REC-001: Es gibt keine Aufzeichnungen" in missing.err


def test_export_writes_a_file_with_a_mark_for_spreadsheets(
    ems: Callable[..., Outcome], records: Path, tmp_path: Path
) -> None:
    target = tmp_path / "limits.csv"

    outcome = ems("records", "export", "--db", records, "--out", target, "--bom")

    assert outcome.code == 0
    assert target.read_bytes().startswith(b"\xef\xbb\xbf")


def test_an_unknown_format_is_wrong_usage(ems: Callable[..., Outcome], records: Path) -> None:
    assert ems("records", "export", "--db", records, "--format", "pdf").code == 2
