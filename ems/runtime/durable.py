"""State and proof reach the disk without holding up the devices.

One task writes ``state.json`` in a thread, newest state first. Whoever must not answer before the
state is durable waits for it, 100 ms at the longest (I-05); a longer wait is reported.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable

    from drivers.api import Clock
    from ems.control.saved import SavedState

LOGGER = logging.getLogger(__name__)

ANSWER_WITHIN_S = 0.1  # real seconds: the disk does not follow the protocol clock (I-05)
LAZY_S = 1.0  # other changes at most once per second (reliability.md 10)


class _File(Protocol):
    def save(self, saved: SavedState) -> None: ...


class StateWriter:
    """Writes the newest state; older ones that were not written yet are skipped."""

    def __init__(self, file: _File, clock: Clock, failed: Callable[[str | None], None]) -> None:
        """``failed`` is told why the disk refuses, and ``None`` when it works again."""
        self._file = file
        self._clock = clock
        self._failed = failed
        self._newest: SavedState | None = None
        self._version = 0
        self._written = 0
        self._wake = asyncio.Event()
        self._done = asyncio.Condition()
        self._at_once = False
        self._is_failing = False
        self._saving = threading.Lock()
        self._saved = 0

    def request(self, saved: SavedState, *, at_once: bool) -> None:
        """Have ``saved`` written; ``at_once`` for limits and contact levels."""
        self._newest = saved
        self._version += 1
        self._at_once = self._at_once or at_once
        if self._at_once:
            self._wake.set()

    async def durable(self) -> bool:
        """Wait until everything requested so far is on disk; ``False`` after 100 ms without."""
        wanted = self._version if self._at_once or self._wake.is_set() else self._written
        if self._written >= wanted:
            return True
        try:
            async with asyncio.timeout(ANSWER_WITHIN_S), self._done:
                await self._done.wait_for(lambda: self._written >= wanted)
        except TimeoutError:
            return False
        return True

    async def run(self) -> None:
        """Write what is requested, for ever; on cancellation the newest state is still written."""
        try:
            while True:
                await self._clock.wait_for(self._wake.wait(), self._clock.monotonic() + LAZY_S)
                self._wake.clear()
                await self._write()
        finally:
            self.flush()

    def flush(self) -> None:
        """Write what is not written yet, now; for the end of the service, which no disk stops."""
        if self._newest is None or self._written >= self._version:
            return
        try:
            self._save(self._newest, self._version)
        except (OSError, ValueError) as error:
            LOGGER.error("! state cannot be written: %s", error)  # noqa: TRY400  # no trace wanted
        else:
            self._written = self._version

    def _save(self, saved: SavedState, version: int) -> None:
        """Save unless something newer is safe: a cancelled write may only now get its thread."""
        with self._saving:
            if version > self._saved:
                self._file.save(saved)
                self._saved = version

    async def _write(self) -> None:
        saved, version = self._newest, self._version
        if saved is None or self._written >= version:
            return
        try:
            await asyncio.to_thread(self._save, saved, version)
        except (OSError, ValueError) as error:
            LOGGER.error("! state cannot be written: %s", error)  # noqa: TRY400  # no trace wanted
            self._is_failing = True
            self._failed(str(error))
            await self._clock.sleep_until(self._clock.monotonic() + LAZY_S)
            self._wake.set()
            return
        if self._is_failing:
            self._is_failing = False
            self._failed(None)
        async with self._done:
            self._written = version
            if self._version == version:
                self._at_once = False
            else:
                self._wake.set()
            self._done.notify_all()
