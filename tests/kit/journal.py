"""A moment to write at, and what a journal file holds."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from ems.journal import database
from ems.journal.record import Record

UTC_0 = datetime(2026, 11, 21, 10, 0, tzinfo=UTC)
WAIT_S = 10.0


def stored(path: Path) -> list[Record]:
    connection = database.open_for_reading(path)
    try:
        return list(database.records(connection))
    finally:
        connection.close()
