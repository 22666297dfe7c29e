"""Looks through the whole database in the background; a start must not wait for two years of proof.

Source: reliability.md 10, start order (9); P-7.
"""

from __future__ import annotations

import contextlib
import logging
import sqlite3
import threading
from typing import TYPE_CHECKING

from ems.journal import database
from ems.journal.errors import JournalError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

LOGGER = logging.getLogger(__name__)

STOP_TRY_S = 0.05  # real seconds
STOP_TRIES = 20


class IntegrityCheck:
    """One look at one file, on a thread and a read-only connection of its own."""

    def __init__(self, path: Path, found: Callable[[str], None]) -> None:
        """Begin at once. ``found`` hears, from that thread, what is damaged; nothing if whole."""
        self._path = path
        self._found = found
        self._connection: sqlite3.Connection | None = None
        self._stopped = False
        self._thread = threading.Thread(target=self._run, name="journal check", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Give up what is not finished; a disk that hangs is left to itself after a second."""
        self._stopped = True
        for _ in range(STOP_TRIES):
            connection = self._connection
            if connection is not None:
                with contextlib.suppress(sqlite3.ProgrammingError):  # just closed
                    connection.interrupt()
            self._thread.join(STOP_TRY_S)
            if not self._thread.is_alive():
                return
        LOGGER.warning("! the look through the journal hangs: the disk does not answer")

    def _run(self) -> None:
        try:
            self._connection = connection = database.open_for_reading(self._path, any_thread=True)
        except (JournalError, OSError) as error:
            LOGGER.warning("! the journal cannot be looked through: %s", error)
            return
        try:
            flaw = None if self._stopped else database.structural_flaw(connection)
        except sqlite3.OperationalError as error:  # the disk refuses, or we were told to stop
            if not self._stopped:
                LOGGER.warning("! the journal cannot be looked through: %s", error)
            return
        finally:
            self._connection = None
            connection.close()
        if flaw is not None and not self._stopped:
            self._found(flaw)
