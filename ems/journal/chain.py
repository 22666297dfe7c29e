"""The chain on disk: open, append, set aside. Blocking, one owner (the writer of ``store``)."""

from __future__ import annotations

import logging
import sqlite3
from typing import TYPE_CHECKING

from ems.journal import database, retention
from ems.journal.anchor import anchor_path, read_anchor, write_anchor
from ems.journal.errors import JournalError
from ems.journal.record import GENESIS, Kind, Record, RecordDraft, seal, utc_text

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime
    from pathlib import Path

LOGGER = logging.getLogger(__name__)


class ChainFile:
    """One database and its head.

    ``OSError`` and ``sqlite3.OperationalError`` mean: the disk refuses, try again. Damage is dealt
    with inside: the file is set aside under a new name and a new chain begins (F-14).
    """

    def __init__(self, path: Path, on_damage: Callable[[Sequence[Path]], None]) -> None:
        """Nothing is opened yet. ``on_damage`` hears which files were set aside."""
        self.path = path
        self._on_damage = on_damage
        self.head = (0, GENESIS)
        self._connection: sqlite3.Connection | None = None

    def open(self, utc: datetime) -> None:
        """Open the file unless it is open; ``utc`` dates what opening has to tell."""
        if self._connection is not None:
            return
        existed, anchor = self.path.exists(), read_anchor(self.path)
        try:
            connection = database.open_for_writing(self.path)
        except sqlite3.OperationalError:
            raise
        except sqlite3.DatabaseError as error:
            self.begin_anew(str(error), utc)
            return
        if not existed and anchor is not None:
            connection.close()
            self.begin_anew("the file was missing", utc)
            return
        self._connection, self.head = connection, database.newest(connection)
        expected = max(database.head(connection), anchor or (0, GENESIS))
        if expected[0] > self.head[0]:
            self._tell_lost_tail(expected, utc)

    def append(self, drafts: Sequence[RecordDraft]) -> list[Record]:
        """Make ``drafts`` durable in one transaction; a file found damaged is replaced first.

        Raises:
            sqlite3.OperationalError, OSError: the disk refuses; nothing was written.
        """
        if self._connection is None:
            self.open(drafts[0].utc)
        try:
            return self._commit(drafts)
        except sqlite3.OperationalError:
            raise
        except sqlite3.DatabaseError as error:
            self.begin_anew(str(error), drafts[0].utc)
            return self._commit(drafts)

    def prune(self, utc: datetime) -> int:
        """Delete outdated days; the anchor record and the deletion are one transaction.

        Raises:
            sqlite3.Error, JournalError: nothing was deleted.
        """
        if self._connection is None:
            raise JournalError("the journal is not open")
        span = retention.outdated(self._connection, utc)
        if span is None:
            return 0
        deleted: list[int] = []
        draft = RecordDraft(kind=Kind.ANCHOR, data=span.as_data(), utc=utc)
        self._commit([draft], also=lambda open_: deleted.append(retention.delete(open_, span)))
        return deleted[0]

    def close(self) -> None:
        """Give the file back."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _commit(
        self,
        drafts: Sequence[RecordDraft],
        also: Callable[[sqlite3.Connection], None] | None = None,
    ) -> list[Record]:
        connection = self._connection
        if connection is None:
            raise JournalError("the journal is not open")
        seq, digest = self.head
        sealed: list[Record] = []
        for draft in drafts:
            record = seal(draft, seq=seq + 1, prev_hash=digest)
            seq, digest = record.seq, record.hash
            sealed.append(record)
        try:
            connection.execute("BEGIN IMMEDIATE")
            database.insert(connection, sealed)
            if also is not None:
                also(connection)
            connection.execute("COMMIT")
        except sqlite3.Error:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise
        self.head = (seq, digest)
        try:
            write_anchor(self.path, seq, digest)
        except OSError as error:  # the record itself is safe
            LOGGER.warning("! the anchor of the journal cannot be written: %s", error)
        return sealed

    def _tell_lost_tail(self, expected: tuple[int, str], utc: datetime) -> None:
        """Mark, never repair, that records are gone which were durable once (I-14)."""
        seq, digest = self.head
        LOGGER.error("! journal: records %d to %d are gone", seq + 1, expected[0])
        data = {
            "expected_seq": expected[0],
            "expected_hash": expected[1],
            "found_seq": seq,
            "found_hash": digest,
        }
        self._commit([RecordDraft(kind=Kind.TAIL_LOST, data=data, utc=utc)])

    def begin_anew(self, why: str, utc: datetime) -> None:
        """Set the damaged files aside; the new chain says so in its first record.

        Raises:
            sqlite3.Error, OSError: the disk refuses.
        """
        self.close()
        anchor = read_anchor(self.path)
        moved: list[Path] = []
        for suffix in ("", "-wal", "-shm"):
            source = self.path.with_name(self.path.name + suffix)
            if source.exists():
                moved.append(source.rename(self._free_name(suffix, utc)))
        anchor_path(self.path).unlink(missing_ok=True)
        LOGGER.error("! journal set aside (%s): %s", why, ", ".join(path.name for path in moved))
        self._connection = database.open_for_writing(self.path)
        self.head = (0, GENESIS)
        data = {
            "why": why,
            "files": [path.name for path in moved],
            "last_seq": None if anchor is None else anchor[0],
            "last_hash": None if anchor is None else anchor[1],
        }
        self._commit([RecordDraft(kind=Kind.JOURNAL_SET_ASIDE, data=data, utc=utc)])
        self._on_damage(moved)

    def _free_name(self, suffix: str, utc: datetime) -> Path:
        stamp = utc_text(utc).translate({ord(mark): None for mark in ":.-"})
        number = 1
        while True:
            name = f"{self.path.name}.damaged-{stamp}-{number}{suffix}"
            if not self.path.with_name(name).exists():
                return self.path.with_name(name)
            number += 1
