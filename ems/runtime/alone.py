"""One service per state folder: a second one would write the same state and the same chain."""

from __future__ import annotations

import fcntl
import logging
import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

LOGGER = logging.getLogger(__name__)

LOCK_FILE = "lock"


class AlreadyRunningError(Exception):
    """Another process serves this state folder."""

    def __init__(self, folder: Path) -> None:
        """``folder``: the state folder both want."""
        super().__init__(f"another service runs with {folder}")
        self.folder = folder


class Claim:
    """The state folder belongs to this process until it ends, however it ends (``flock``)."""

    def __init__(self, folder: Path) -> None:
        """Claim ``folder``; one that cannot be locked (read-only disk) is served nevertheless.

        Raises:
            AlreadyRunningError: a living process has it.
        """
        self._handle: int | None = None
        try:
            folder.mkdir(parents=True, exist_ok=True)
            handle = os.open(folder / LOCK_FILE, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o640)
        except OSError as error:
            LOGGER.warning("! %s cannot be locked: %s", folder, error)
            return
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(handle)
            raise AlreadyRunningError(folder) from None
        except OSError as error:
            LOGGER.warning("! %s cannot be locked: %s", folder, error)
        self._handle = handle

    def release(self) -> None:
        """Give the folder back; the file stays, only its lock counts."""
        if self._handle is not None:
            os.close(self._handle)
            self._handle = None
