"""Is the proof whole? Walks the chain and names every record that does not fit.

Finds a flipped byte, a record deleted in the middle or at the end, two swapped, a column that
contradicts its record, a damaged file, and what the service itself reported as lost.
"""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ems.journal import database
from ems.journal.anchor import read_anchor
from ems.journal.errors import JournalError
from ems.journal.record import GENESIS, Kind, chain_hash, unseal

if TYPE_CHECKING:
    from pathlib import Path

    from ems.journal.record import Record

MAX_FLAWS = 100


@dataclass(frozen=True, slots=True)
class Flaw:
    """One thing that does not fit. ``seq`` names the record; ``None``: the whole file.

    ``to_seq``: the last one where several are meant.
    """

    seq: int | None
    code: str
    why: str
    to_seq: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What a check found. ``ok`` exactly when there are no flaws."""

    checked: int
    first_seq: int | None
    last_seq: int | None
    last_hash: str
    flaws: tuple[Flaw, ...]

    @property
    def ok(self) -> bool:
        return not self.flaws


def verify(path: Path) -> Verdict:
    """Check the journal at ``path`` without changing it. A missing journal is a flaw."""
    walk = _Walk()
    anchor = read_anchor(path)  # before the snapshot: the service may go on writing
    try:
        connection = database.open_for_reading(path)
    except JournalError as error:
        walk.flaw(None, "unreadable", str(error))
        return walk.verdict()
    try:
        connection.execute("BEGIN")
        for row in database.rows(connection):
            walk.step(row)
        walk.end(*database.head(connection))
        walk.compare(anchor, connection)
        if walk.verdict().ok and (flaw := database.structural_flaw(connection, thorough=True)):
            walk.flaw(None, "unreadable", f"the records are whole, the file is not: {flaw}")
    except sqlite3.Error as error:
        walk.flaw(walk.next_seq, "unreadable", f"after record {walk.last_seq}: {error}")
    finally:
        connection.close()
    return walk.verdict()


class _Walk:
    def __init__(self) -> None:
        self.flaws: list[Flaw] = []
        self.checked = 0
        self.first_seq: int | None = None
        self.last_seq: int | None = None
        self.last_hash = GENESIS
        self._first_prev = GENESIS
        self._anchor: tuple[int, str] | None = None

    @property
    def next_seq(self) -> int:
        return 1 if self.last_seq is None else self.last_seq + 1

    def flaw(self, seq: int | None, code: str, why: str, *, to_seq: int | None = None) -> None:
        if len(self.flaws) < MAX_FLAWS:
            self.flaws.append(Flaw(seq, code, why, to_seq))

    def verdict(self) -> Verdict:
        return Verdict(
            checked=self.checked,
            first_seq=self.first_seq,
            last_seq=self.last_seq,
            last_hash=self.last_hash,
            flaws=tuple(self.flaws),
        )

    def step(self, row: database.Row) -> None:
        seq, prev_hash, stored_hash = row[0], row[6], row[7]
        if self.last_seq is None:
            self.first_seq, self._first_prev = seq, prev_hash
        else:
            self._link(seq, prev_hash)
        self._content(row)
        self.checked += 1
        self.last_seq, self.last_hash = seq, stored_hash

    def _link(self, seq: int, prev_hash: str) -> None:
        if seq != self.next_seq:
            missing = str(self.next_seq)
            if seq - 1 > self.next_seq:
                missing += f" to {seq - 1}"
            self.flaw(self.next_seq, "missing", f"record {missing} is missing", to_seq=seq - 1)
        elif prev_hash != self.last_hash:
            self.flaw(seq, "chain", f"record {seq} does not follow record {seq - 1}")

    def _content(self, row: database.Row) -> None:
        seq, utc, segment, kind, event_id, body, prev_hash, stored_hash = row
        try:
            fits = chain_hash(prev_hash, body) == stored_hash
            record = unseal(body, prev_hash=prev_hash, stored_hash=stored_hash)
        except ValueError:
            self.flaw(seq, "changed", f"record {seq} is not readable")
            return
        if not fits:
            self.flaw(seq, "changed", f"record {seq} was changed")
            return
        columns = (record.seq, record.utc, record.segment, record.kind, record.event_id)
        if columns != (seq, utc, segment, kind, event_id):
            self.flaw(seq, "moved", f"record {seq} stands in the wrong place (it is {record.seq})")
            return
        self._reported(record)

    def _reported(self, record: Record) -> None:
        if record.kind == Kind.ANCHOR:
            self._anchor = (int(record.data["last_seq"]), str(record.data["last_hash"]))
        elif record.kind == Kind.TAIL_LOST:
            lost = int(record.data["found_seq"]) + 1
            self.flaw(lost, "tail_lost", f"records from {lost} on were gone at a start")

    def end(self, head_seq: int, head_hash: str) -> None:
        """Compare with the head in the database, and the beginning with the last anchor record."""
        self._same_end(head_seq, head_hash, "the head")
        if self.first_seq is None:
            return
        before = (0, GENESIS) if self._anchor is None else self._anchor
        if (self.first_seq - 1, self._first_prev) != before:
            why = f"the records before {self.first_seq} are missing"
            self.flaw(before[0] + 1, "missing", why, to_seq=self.first_seq - 1)

    def _same_end(self, seq: int, digest: str, where: str) -> None:
        last = self.last_seq or 0
        if seq > last:
            why = f"the records from {last + 1} to {seq} are missing ({where})"
            self.flaw(last + 1, "missing", why, to_seq=seq)
        elif seq < last or (seq == last and digest != self.last_hash):
            self.flaw(last, "chain", f"record {last} is not what {where} says")

    def compare(self, anchor: tuple[int, str] | None, connection: sqlite3.Connection) -> None:
        """Compare with the anchor outside, which may lag behind but never ahead."""
        if anchor is None:
            return
        seq, digest = anchor
        if seq > (self.last_seq or 0):
            if not any(flaw.code == "missing" and flaw.seq == self.next_seq for flaw in self.flaws):
                self._same_end(seq, digest, "the anchor file")
            return
        row = connection.execute("SELECT hash FROM record WHERE seq = ?", (seq,)).fetchone()
        if row is not None and row[0] != digest:
            self.flaw(seq, "chain", f"record {seq} is not what the anchor file says")
