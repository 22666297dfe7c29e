"""Writes the trust book to disk after changes, off the event loop."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from eebus.node.clock import Clock
    from eebus.node.trust_store import TrustStore
    from eebus.ship.trust import TrustBook

LOGGER = logging.getLogger(__name__)

RETRY_S: Final = 10.0


class Saver:
    """``mark`` after a change, ``flush`` to know that it is on the disk."""

    def __init__(self, store: TrustStore, book: TrustBook, clock: Clock) -> None:
        self.problem = ""
        """Why the last change is not on the disk; empty when it is."""
        self._store = store
        self._book = book
        self._clock = clock
        self._wanted = 0
        self._tried = 0
        self._bell = asyncio.Event()
        self._done = asyncio.Event()

    def mark(self) -> None:
        """Something changed that must survive a restart."""
        self._wanted += 1
        self._bell.set()

    async def flush(self) -> None:
        """Return when everything marked so far is on the disk, or could not be written."""
        target = self._wanted
        while self._tried < target:
            self._done.clear()
            await self._done.wait()

    async def run(self) -> None:
        """Save until cancelled; what is marked then is written before the end."""
        try:
            while True:
                retry_at = self._clock.monotonic() + RETRY_S if self.problem else None
                await self._clock.wait_for(self._bell.wait(), until=retry_at)
                self._bell.clear()
                await self._save()
        finally:
            if self._tried < self._wanted:
                self._write()

    async def _save(self) -> None:
        wanted, content = self._wanted, self._book.to_dict()
        try:
            await asyncio.to_thread(self._store.save, content)
            self.problem = ""
        except OSError as error:
            self._complain(error)
        self._tried = wanted
        self._done.set()

    def _write(self) -> None:
        try:
            self._store.save(self._book.to_dict())
        except OSError as error:
            self._complain(error)

    def _complain(self, error: OSError) -> None:
        self.problem = f"trust store cannot be written: {error}"
        LOGGER.error("! %s", self.problem)  # the cause is in the text
