"""Whatever happens, the proof is whole: no record lost or changed, one event per limit."""

from __future__ import annotations

import itertools
import shutil
import sqlite3
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ems.control.grid_limit import Source
from ems.journal.evidence import Evidence, SiteFacts
from ems.journal.record import GENESIS, Kind, Record, RecordDraft, canonical, seal
from ems.journal.report import assemble, reopened
from ems.journal.store import Journal
from ems.journal.verify import verify
from tests.kit.decisions import decision, source

UTC_0 = datetime(2026, 11, 21, 17, 0, tzinfo=UTC)

json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**12), 10**12) | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3)
    ),
    max_leaves=8,
)
data = st.dictionaries(
    st.text(max_size=8).filter(lambda key: key != "event_id"), json_values, max_size=4
)


@given(value=data)
def test_canonical_json_is_one_text_per_value(value: dict[str, Any]) -> None:
    turned = dict(reversed(value.items()))

    assert canonical(value) == canonical(turned)


@given(first=data, second=data)
def test_records_with_different_content_have_different_hashes(
    first: dict[str, Any], second: dict[str, Any]
) -> None:
    one = seal(RecordDraft(kind="boot", data=first, utc=UTC_0), seq=1, prev_hash=GENESIS)
    two = seal(RecordDraft(kind="boot", data=second, utc=UTC_0), seq=1, prev_hash=GENESIS)

    assert (one.hash == two.hash) == (canonical(first) == canonical(second))


@pytest.mark.invariant("I-14")
@settings(max_examples=25, deadline=None)
@given(runs=st.lists(st.lists(data, max_size=6), min_size=1, max_size=4))
def test_what_was_committed_is_read_back_unchanged_after_any_number_of_starts(
    runs: list[list[dict[str, Any]]],
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "records.db"
        committed: list[Record] = []
        for run in runs:
            journal = Journal(path, utc=UTC_0)
            futures = [journal.append("boot", one, UTC_0) for one in run]
            journal.close()
            committed += [future.result(0) for future in futures]

        rows = [(r.seq, r.body, r.hash) for r in committed]
        assert _rows(path) == rows
        assert verify(path).ok
        assert [r.data for r in committed] == [one for run in runs for one in run]


@pytest.mark.invariant("I-14")
@pytest.mark.rule("R-14A-59")
@settings(max_examples=40, deadline=None)
@given(
    column=st.sampled_from(["body", "hash", "prev_hash", "utc", "kind", "segment"]),
    seq=st.integers(1, 8),
    place=st.integers(0, 400),
    mask=st.integers(1, 127),
)
def test_any_flipped_character_is_found(
    ten_records: Path, column: str, seq: int, place: int, mask: int
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "records.db"
        shutil.copy(ten_records, path)
        connection = sqlite3.connect(path)
        select = f"SELECT {column} FROM record WHERE seq = ?"  # noqa: S608
        text = connection.execute(select, (seq,)).fetchone()[0]
        index = place % len(text)
        changed = text[:index] + chr(ord(text[index]) ^ mask) + text[index + 1 :]
        connection.execute(f"UPDATE record SET {column} = ? WHERE seq = ?", (changed, seq))  # noqa: S608
        connection.commit()
        connection.close()

        assert {flaw.seq for flaw in verify(path).flaws} & {seq, seq + 1}


@pytest.mark.rule("R-14A-59")
@settings(max_examples=40, deadline=None)
@given(gone=st.sets(st.integers(1, 8), min_size=1))
def test_any_deleted_records_are_named(ten_records: Path, gone: set[int]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "records.db"
        shutil.copy(ten_records, path)
        connection = sqlite3.connect(path)
        connection.executemany("DELETE FROM record WHERE seq = ?", [(seq,) for seq in gone])
        connection.commit()
        connection.close()

        named = {flaw.seq for flaw in verify(path).flaws if flaw.code == "missing"}
        assert named == {seq for seq in gone if seq - 1 not in gone}


@pytest.fixture(scope="module")
def ten_records(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("journal") / "records.db"
    journal = Journal(path, utc=UTC_0)
    for n in range(8):
        journal.append("event_start", {"event_id": f"e{n}", "n": n}, UTC_0 + timedelta(hours=n))
    journal.close()
    return path


def _rows(path: Path) -> list[tuple[int, str, str]]:
    connection = sqlite3.connect(path)
    try:
        return connection.execute("SELECT seq, body, hash FROM record ORDER BY seq").fetchall()
    finally:
        connection.close()


# --- one event per limit ---------------------------------------------------------------------

Moment = tuple[int | None, int | None, int, float, bool]
moments = st.lists(
    st.tuples(
        st.none() | st.integers(0, 40_000),  # eebus
        st.none() | st.integers(0, 20_000),  # contact
        st.integers(-5_000, 60_000),  # drawn
        st.floats(0.0, 100.0),  # seconds until the next moment
        st.booleans(),  # killed afterwards
    ),
    max_size=25,
)


def periods(told: list[Moment], index: int) -> int:
    """How often a source begins to limit; a kill while it limits does not end the period."""
    limits = [moment[index] is not None for moment in told]
    return sum(1 for before, now in itertools.pairwise([False, *limits]) if now and not before)


@pytest.mark.invariant("I-16")
@pytest.mark.field("F-29")
@settings(max_examples=80, deadline=None)
@given(told=moments)
def test_every_period_of_limiting_has_exactly_one_event_also_over_kills(told: list[Moment]) -> None:
    ids = itertools.count()
    records: list[Record] = []
    now, utc = 100.0, UTC_0

    def keep(drafts: list[RecordDraft]) -> None:
        for draft in drafts:
            prev = records[-1].hash if records else GENESIS
            records.append(seal(draft, seq=len(records) + 1, prev_hash=prev))

    evidence = Evidence(SiteFacts(), new_id=lambda: str(next(ids)))
    for eebus_w, contact_w, drawn_w, span_s, killed in told:
        picture = decision(
            source(Source.EEBUS, eebus_w), source(Source.CONTACT, contact_w), drawn_w=drawn_w
        )
        keep(evidence.observe(picture, now, utc))
        keep(evidence.observe(picture, now + 6.0, utc + timedelta(seconds=6)))
        now, utc = now + 6.0 + span_s, utc + timedelta(seconds=6.0 + span_s)
        if killed:
            evidence = Evidence(SiteFacts(), new_id=lambda: str(next(ids)))
            keep(evidence.restore(reopened(records), utc))
            now = 100.0

    found = assemble(records)
    for index, name in enumerate(("eebus", "contact")):
        assert sum(1 for one in found if one.source == name) == periods(told, index)
    limiting = {n for i, n in enumerate(("eebus", "contact")) if told and told[-1][i] is not None}
    assert {one.source for one in found if one.open} == limiting
    starts = [record.event_id for record in records if record.kind == Kind.EVENT_START]
    ends = [record.event_id for record in records if record.kind == Kind.EVENT_END]
    assert len(starts) == len(set(starts))
    assert len(ends) == len(set(ends))
    assert set(ends) <= set(starts)


@pytest.mark.invariant("I-16")
@given(told=moments)
def test_no_sequence_of_decisions_makes_the_evidence_raise_or_turn_back(told: list[Moment]) -> None:
    evidence = Evidence(SiteFacts(), new_id=lambda: "one")
    now, utc = 0.0, UTC_0

    for eebus_w, contact_w, drawn_w, span_s, backwards in told:
        picture = decision(
            source(Source.EEBUS, eebus_w, expires_at=now + span_s),
            source(Source.CONTACT, contact_w),
            drawn_w=drawn_w,
            metered=not backwards,
        )
        drafts = evidence.observe(picture, now, utc)
        assert all(canonical(dict(draft.data)) for draft in drafts)
        now += span_s
        utc += timedelta(days=-1 if backwards else 1)
