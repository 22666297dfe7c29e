"""The SQLite file of the journal: schema, opening, the few statements.

WAL with ``synchronous=FULL``: a committed transaction survives a power cut. STRICT tables. Columns
beside ``body`` only serve searching; ``verify`` compares them with it.
"""

from __future__ import annotations

import sqlite3
from typing import TYPE_CHECKING, TypeAlias

from ems.journal.errors import JournalError
from ems.journal.record import GENESIS, Record, unseal

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

VERSION = 1
BUSY_MS = 5_000
SCHEMA = """
CREATE TABLE IF NOT EXISTS record (
    seq       INTEGER PRIMARY KEY,
    utc       TEXT NOT NULL,
    segment   TEXT NOT NULL,
    kind      TEXT NOT NULL,
    event_id  TEXT,
    body      TEXT NOT NULL,
    prev_hash TEXT NOT NULL,
    hash      TEXT NOT NULL
) STRICT;
CREATE INDEX IF NOT EXISTS record_event ON record (event_id) WHERE event_id IS NOT NULL;
CREATE INDEX IF NOT EXISTS record_kind ON record (kind, utc);
CREATE INDEX IF NOT EXISTS record_segment ON record (segment);
CREATE TABLE IF NOT EXISTS head (
    one  INTEGER PRIMARY KEY CHECK (one = 1),
    seq  INTEGER NOT NULL,
    hash TEXT NOT NULL
) STRICT;
"""
Row: TypeAlias = tuple[int, str, str, str, str | None, str, str, str]
_COLUMNS = "seq, utc, segment, kind, event_id, body, prev_hash, hash"


def open_for_writing(path: Path) -> sqlite3.Connection:
    """Open or create the journal.

    Raises:
        sqlite3.DatabaseError: the file is no journal, or damaged.
        sqlite3.OperationalError: the disk refuses (a subclass of the former: test it first).
    """
    connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    try:
        connection.execute(f"PRAGMA busy_timeout={BUSY_MS}")
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=FULL")
        connection.executescript(SCHEMA)
        connection.execute(f"PRAGMA user_version={VERSION}")
        _check_columns(connection)
    except BaseException:
        connection.close()
        raise
    return connection


def _check_columns(connection: sqlite3.Connection) -> None:
    try:
        connection.execute(f"SELECT {_COLUMNS} FROM record LIMIT 0")  # noqa: S608  # constant
    except sqlite3.OperationalError as error:
        raise sqlite3.DatabaseError(f"another kind of database: {error}") from error


def structural_flaw(connection: sqlite3.Connection, *, thorough: bool = False) -> str | None:
    """What is wrong with the file; ``None``: every page is sound. Reads all of it.

    ``thorough``: also whether every index tells the same as the records; takes longer.

    Raises:
        sqlite3.OperationalError: the disk refuses, or the look was interrupted.
    """
    check = "integrity_check" if thorough else "quick_check"
    try:
        verdict = connection.execute(f"PRAGMA {check}(1)").fetchone()
    except sqlite3.OperationalError:
        raise
    except sqlite3.DatabaseError as error:
        return str(error)
    return None if verdict == ("ok",) else f"{check}: {verdict[0] if verdict else 'no answer'}"


def open_for_reading(path: Path, *, any_thread: bool = False) -> sqlite3.Connection:
    """Open the journal without changing it, beside a running writer.

    ``any_thread``: another thread may interrupt it.

    Raises:
        JournalError: there is no readable journal at ``path``.
        OSError: no right to read it.
    """
    if not path.exists():
        raise JournalError(f"there is no journal at {path}")
    path.open("rb").close()  # no right to read it is no damage
    try:
        return _reader(path, "mode=ro", any_thread=any_thread)
    except sqlite3.OperationalError as error:
        if not _is_at_rest(path):
            raise JournalError(f"the journal {path} cannot be read: {error}") from error
    except sqlite3.Error as error:
        raise JournalError(f"the journal {path} cannot be read: {error}") from error
    try:  # SQLite wants files beside one in WAL mode, which a mere reader may not make
        return _reader(path, "mode=ro&immutable=1", any_thread=any_thread)
    except sqlite3.Error as error:
        raise JournalError(f"the journal {path} cannot be read: {error}") from error


def _reader(path: Path, how: str, *, any_thread: bool) -> sqlite3.Connection:
    uri = f"{path.absolute().as_uri()}?{how}"
    connection = sqlite3.connect(uri, uri=True, check_same_thread=not any_thread)
    try:
        connection.text_factory = _readable
        connection.execute(f"PRAGMA busy_timeout={BUSY_MS}")
        connection.execute("SELECT 1 FROM record LIMIT 1").fetchall()
    except BaseException:
        connection.close()
        raise
    return connection


def _is_at_rest(path: Path) -> bool:
    """Whether nobody writes: the last writer took its log with it."""
    log = path.with_name(path.name + "-wal")
    return not log.exists() or log.stat().st_size == 0


def _readable(raw: bytes) -> str:
    """Text of a cell, also of a damaged one, so that ``verify`` can go on behind it."""
    return raw.decode("utf-8", "replace")


def newest(connection: sqlite3.Connection) -> tuple[int, str]:
    """Sequence number and hash of the newest record; ``(0, GENESIS)`` without one."""
    row = connection.execute("SELECT seq, hash FROM record ORDER BY seq DESC LIMIT 1").fetchone()
    return (int(row[0]), str(row[1])) if row else (0, GENESIS)


def head(connection: sqlite3.Connection) -> tuple[int, str]:
    """What the table says the newest record is."""
    row = connection.execute("SELECT seq, hash FROM head").fetchone()
    return (int(row[0]), str(row[1])) if row else (0, GENESIS)


def insert(connection: sqlite3.Connection, records: Iterable[Record]) -> None:
    """Add ``records`` and move the head, inside the caller's transaction."""
    last: Record | None = None
    for record in records:
        row = (record.seq, record.utc, record.segment, record.kind, record.event_id)
        connection.execute(
            f"INSERT INTO record ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",  # noqa: S608  # constant
            (*row, record.body, record.prev_hash, record.hash),
        )
        last = record
    if last is not None:
        connection.execute(
            "INSERT INTO head (one, seq, hash) VALUES (1, ?, ?) "
            "ON CONFLICT (one) DO UPDATE SET seq = excluded.seq, hash = excluded.hash",
            (last.seq, last.hash),
        )


def records(
    connection: sqlite3.Connection, where: str = "1", parameters: tuple[object, ...] = ()
) -> Iterator[Record]:
    """Records in order; ``where`` is a constant condition of this package with ``?`` marks.

    Raises:
        ValueError: a record cannot be read; ``verify`` names it.
    """
    statement = f"SELECT body, prev_hash, hash FROM record WHERE {where} ORDER BY seq"  # noqa: S608
    for body, prev_hash, stored_hash in connection.execute(statement, parameters):
        yield unseal(body, prev_hash=prev_hash, stored_hash=stored_hash)


def rows(connection: sqlite3.Connection) -> Iterator[Row]:
    """Everything that is stored, in order, unjudged."""
    yield from connection.execute(f"SELECT {_COLUMNS} FROM record ORDER BY seq")  # noqa: S608
