"""Whatever is done to the records, verify names it."""

from __future__ import annotations

import sqlite3
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from ems.journal.anchor import anchor_path, read_anchor
from ems.journal.store import Journal
from ems.journal.verify import verify

UTC_0 = datetime(2026, 11, 21, 10, 0, tzinfo=UTC)


@pytest.fixture
def journal(tmp_path: Path) -> Path:
    path = tmp_path / "records.db"
    store = Journal(path, utc=UTC_0)
    for n in range(1, 11):
        data = {"event_id": f"e-{n}", "limit_w": n * 1_000}
        store.append("event_start", data, UTC_0 + timedelta(seconds=n))
    store.close()
    return path


def change(path: Path, *statements: str) -> None:
    connection = sqlite3.connect(path)
    for statement in statements:
        connection.execute(statement)
    connection.commit()
    connection.close()


def flaws(path: Path) -> list[tuple[int | None, str]]:
    return [(flaw.seq, flaw.code) for flaw in verify(path).flaws]


def test_an_untouched_journal_is_valid(journal: Path) -> None:
    verdict = verify(journal)

    assert verdict.ok
    assert (verdict.checked, verdict.first_seq, verdict.last_seq) == (10, 1, 10)


def test_an_empty_journal_is_valid(tmp_path: Path) -> None:
    Journal(tmp_path / "records.db", utc=UTC_0).close()

    assert verify(tmp_path / "records.db").ok


def test_a_missing_journal_is_not_valid(tmp_path: Path) -> None:
    assert flaws(tmp_path / "records.db") == [(None, "unreadable")]


def test_an_index_that_hides_records_is_a_flaw(journal: Path) -> None:
    connection = sqlite3.connect(journal)
    connection.execute("PRAGMA writable_schema=ON")
    connection.execute(
        "UPDATE sqlite_schema SET sql = replace(sql, 'record (kind, utc)', 'record (utc, kind)')"
        " WHERE name = 'record_kind'"
    )
    connection.commit()
    connection.close()

    assert flaws(journal) == [(None, "unreadable")]


def test_who_may_only_read_can_verify_a_journal_at_rest(
    journal: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = sqlite3.connect

    def without_a_right_to_make_files(place: str, **options: Any) -> Any:
        if "immutable" not in place:
            raise sqlite3.OperationalError("attempt to write a readonly database")
        return real(place, **options)

    monkeypatch.setattr(sqlite3, "connect", without_a_right_to_make_files)

    assert verify(journal).ok
    log = journal.with_name("records.db-wal")
    log.write_bytes(b"somebody writes")
    assert flaws(journal) == [(None, "unreadable")]


def test_no_right_to_read_is_no_damage(journal: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any) -> Any:
        raise PermissionError(13, "Permission denied", str(journal))

    monkeypatch.setattr(Path, "open", refuse)

    with pytest.raises(PermissionError):
        verify(journal)


def test_a_journal_being_written_can_be_verified(tmp_path: Path) -> None:
    store = Journal(tmp_path / "records.db", utc=UTC_0)
    futures = [store.append("boot", {}, UTC_0) for _ in range(300)]

    verdicts = [verify(tmp_path / "records.db") for _ in range(20)]

    assert all(verdict.ok for verdict in verdicts)
    futures[-1].result(10)
    store.close()


@pytest.mark.rule("R-14A-59")
def test_a_flipped_byte_names_the_record(journal: Path) -> None:
    change(journal, "UPDATE record SET body = replace(body, '4000', '4001') WHERE seq = 4")

    assert flaws(journal) == [(4, "changed")]


@pytest.mark.rule("R-14A-59")
def test_a_flipped_byte_with_its_hash_mended_breaks_the_chain_after_it(journal: Path) -> None:
    from ems.journal.record import chain_hash

    connection = sqlite3.connect(journal)
    body, prev_hash = connection.execute(
        "SELECT body, prev_hash FROM record WHERE seq = 4"
    ).fetchone()
    forged = body.replace("4000", "4001")
    connection.execute(
        "UPDATE record SET body = ?, hash = ? WHERE seq = 4",
        (forged, chain_hash(prev_hash, forged)),
    )
    connection.commit()
    connection.close()

    assert flaws(journal) == [(5, "chain")]


@pytest.mark.rule("R-14A-59")
def test_a_byte_flipped_on_the_disk_itself_names_the_record(journal: Path) -> None:
    raw = journal.read_bytes()
    places = [raw.index(b'"limit_w":%d}' % (n * 1_000)) + 3 for n in range(1, 11)]

    for number, place in enumerate(places, 1):
        flipped = bytearray(raw)
        flipped[place] ^= 0x80  # no UTF-8 any more
        journal.write_bytes(bytes(flipped))
        assert flaws(journal) == [(number, "changed")]


@pytest.mark.rule("R-14A-59")
def test_a_record_deleted_in_the_middle_is_named(journal: Path) -> None:
    change(journal, "DELETE FROM record WHERE seq = 5")

    assert flaws(journal) == [(5, "missing")]


def test_a_record_deleted_and_the_rest_renumbered_is_found(journal: Path) -> None:
    change(
        journal,
        "DELETE FROM record WHERE seq = 5",
        "UPDATE record SET seq = seq - 1 WHERE seq > 5",
        "UPDATE head SET seq = 9",
    )
    anchor_path(journal).unlink()

    assert flaws(journal)[0] == (5, "chain")


@pytest.mark.rule("R-14A-59")
def test_a_record_deleted_at_the_end_is_named(journal: Path) -> None:
    change(journal, "DELETE FROM record WHERE seq = 10")

    assert flaws(journal) == [(10, "missing")]


def test_the_end_deleted_together_with_the_head_is_found_by_the_anchor_file(journal: Path) -> None:
    change(
        journal,
        "DELETE FROM record WHERE seq > 8",
        "UPDATE head SET seq = 8, hash = (SELECT hash FROM record WHERE seq = 8)",
    )

    assert flaws(journal) == [(9, "missing")]


def test_everything_deleted_is_found(journal: Path) -> None:
    change(journal, "DELETE FROM record", "DELETE FROM head")

    assert flaws(journal) == [(1, "missing")]


def test_the_beginning_deleted_without_an_anchor_record_is_found(journal: Path) -> None:
    change(journal, "DELETE FROM record WHERE seq < 4")

    assert flaws(journal) == [(1, "missing")]


@pytest.mark.rule("R-14A-59")
def test_two_swapped_records_are_named(journal: Path) -> None:
    change(
        journal,
        "UPDATE record SET seq = 0 WHERE seq = 3",
        "UPDATE record SET seq = 3 WHERE seq = 7",
        "UPDATE record SET seq = 7 WHERE seq = 0",
    )

    assert {seq for seq, code in flaws(journal) if code == "moved"} == {3, 7}


def test_two_swapped_contents_are_named(journal: Path) -> None:
    change(
        journal,
        "CREATE TEMP TABLE t AS SELECT * FROM record",
        "UPDATE record SET body = (SELECT body FROM t WHERE t.seq = 10 - record.seq) "
        "WHERE seq IN (3, 7)",
    )

    assert flaws(journal) == [(3, "changed"), (7, "changed")]


@pytest.mark.parametrize("column", ["utc", "segment", "kind", "event_id"])
def test_a_column_that_contradicts_its_record_is_found(journal: Path, column: str) -> None:
    change(journal, f"UPDATE record SET {column} = 'x' WHERE seq = 6")  # noqa: S608

    assert flaws(journal) == [(6, "moved")]


def test_a_tail_that_was_lost_stays_marked_after_the_next_start(journal: Path) -> None:
    change(journal, "DELETE FROM record WHERE seq > 8")

    store = Journal(journal, utc=UTC_0)
    store.append("boot", {}, UTC_0)
    store.close()

    assert flaws(journal) == [(9, "tail_lost")]


def test_a_torn_anchor_file_is_no_flaw(journal: Path) -> None:
    anchor_path(journal).write_text("1")

    assert read_anchor(journal) is None
    assert verify(journal).ok


def test_a_lagging_anchor_file_is_no_flaw_but_a_wrong_one_is(journal: Path) -> None:
    connection = sqlite3.connect(journal)
    digest = connection.execute("SELECT hash FROM record WHERE seq = 7").fetchone()[0]
    connection.close()

    anchor_path(journal).write_text(f"7 {digest}\n")
    assert verify(journal).ok
    anchor_path(journal).write_text(f"8 {digest}\n")
    assert flaws(journal) == [(8, "chain")]


def test_a_torn_page_is_told_and_what_lies_before_it_is_checked(tmp_path: Path) -> None:
    path = tmp_path / "records.db"
    store = Journal(path, utc=UTC_0)
    for n in range(200):
        store.append("boot", {"text": f"{n:04d}" * 50}, UTC_0)
    store.close()
    raw = bytearray(path.read_bytes())
    place = raw.index(b"0150" * 50)
    page = place // 4096 * 4096
    raw[page : page + 4096] = b"\xff" * 4096
    path.write_bytes(bytes(raw))

    verdict = verify(path)

    assert not verdict.ok
    assert 0 < verdict.checked < 200
    assert verdict.flaws[0].seq == verdict.checked + 1


def test_at_most_a_hundred_flaws_are_listed(tmp_path: Path) -> None:
    path = tmp_path / "records.db"
    store = Journal(path, utc=UTC_0)
    for _ in range(150):
        store.append("boot", {}, UTC_0)
    store.close()
    change(path, "UPDATE record SET utc = 'x'")

    assert len(verify(path).flaws) == 100
