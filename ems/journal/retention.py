"""Old records go, whole days at a time, and leave an anchor behind.

A day is deleted when it lies more than 760 days back and every event with a record in it ended more
than 760 days ago (A1 7.3: two years after the measure; 14a.md 4.2). Days go from the oldest on
without gaps, so that the chain keeps one beginning: the hash that the anchor record holds. A record
written before the clock was set (a Pi without RTC starts in 1970) is as old as its successor.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from ems.journal.record import Json, Kind, utc_text

if TYPE_CHECKING:
    import sqlite3
    from datetime import datetime

KEEP = timedelta(days=760)
CLOCK_WAS_SET = "2025-01-01"  # no record is older than this program
_HELD = """
    SELECT MIN(seq) FROM record WHERE segment IN (
        SELECT segment FROM record WHERE event_id IS NOT NULL AND event_id NOT IN (
            SELECT event_id FROM record WHERE kind = ? AND utc < ? AND event_id IS NOT NULL))
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """What is to be deleted: everything up to and including ``last_seq``."""

    first_seq: int
    last_seq: int
    last_hash: str
    first_day: str
    last_day: str

    def as_data(self) -> dict[str, Json]:
        """The anchor record's data."""
        return {
            "first_seq": self.first_seq,
            "last_seq": self.last_seq,
            "last_hash": self.last_hash,
            "first_day": self.first_day,
            "last_day": self.last_day,
        }


def outdated(connection: sqlite3.Connection, utc: datetime) -> Span | None:
    """The oldest days that may go at ``utc``; ``None`` when none may."""
    limit = utc_text(utc - KEEP)
    kept_from = _first_record_to_keep(connection, limit)
    row = connection.execute(
        "SELECT MIN(seq), MAX(seq), MIN(segment), MAX(segment) FROM record WHERE seq < ?",
        (kept_from,),
    ).fetchone()
    if row is None or row[0] is None:
        return None
    last = connection.execute("SELECT hash FROM record WHERE seq = ?", (row[1],)).fetchone()
    return Span(
        first_seq=row[0], last_seq=row[1], last_hash=last[0], first_day=row[2], last_day=row[3]
    )


def _first_record_to_keep(connection: sqlite3.Connection, limit: str) -> int:
    """First record of the first day that is young or holds a record of an event not long over."""
    kept = [
        _number(connection, "SELECT MIN(seq) FROM record WHERE segment >= ?", limit[:10]),
        _number(connection, _HELD, str(Kind.EVENT_END), limit),
    ]
    newest = _number(connection, "SELECT MAX(seq) FROM record") or 0
    first = min([seq for seq in kept if seq is not None] or [newest + 1])
    before = "SELECT MAX(seq) FROM record WHERE seq < ? AND segment >= ?"
    dated = _number(connection, before, first, CLOCK_WAS_SET)
    return 0 if dated is None else dated + 1


def delete(connection: sqlite3.Connection, span: Span) -> int:
    """Delete the records of ``span`` inside the caller's transaction; returns how many."""
    return connection.execute("DELETE FROM record WHERE seq <= ?", (span.last_seq,)).rowcount


def _number(connection: sqlite3.Connection, statement: str, *parameters: object) -> int | None:
    row = connection.execute(statement, parameters).fetchone()
    return None if row is None or row[0] is None else int(row[0])
