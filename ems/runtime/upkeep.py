"""What must be looked after now and then: room on the disk, and proof older than the law wants."""

from __future__ import annotations

import asyncio
import logging
import shutil
from typing import TYPE_CHECKING

from ems.control.commands import Alarm
from ems.journal.errors import JournalError
from ems.runtime.clocksync import WallClock

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from drivers.api import Clock
    from ems.journal.store import Journal

LOGGER = logging.getLogger(__name__)

LOOK_EVERY_S = 60.0
PRUNE_EVERY_S = 86_400.0
LEAST_FREE_BYTES = 200_000_000  # ux.md 11, E-DISK-001
MEGABYTE = 1_000_000


class Upkeep:
    """Looks once a minute; deletes once a day, only while the wall clock can be trusted."""

    def __init__(
        self,
        folder: Path,
        journal: Journal,
        clock: Clock,
        alarm: Callable[[Alarm], None],
        *,
        free_bytes: Callable[[Path], int] = lambda folder: shutil.disk_usage(folder).free,
        wall: WallClock | None = None,
    ) -> None:
        """Watch the file system of ``folder``, the age of ``journal`` and the wall clock."""
        self._folder = folder
        self._journal = journal
        self._clock = clock
        self._alarm = alarm
        self._free_bytes = free_bytes
        self._wall = WallClock(clock) if wall is None else wall

    async def run(self) -> None:
        """Look after both until cancelled."""
        prune_at = self._clock.monotonic() + PRUNE_EVERY_S
        while True:
            self.look()
            await self._clock.sleep_until(self._clock.monotonic() + LOOK_EVERY_S)
            if self._clock.monotonic() >= prune_at and self._wall.is_synchronised():
                prune_at = self._clock.monotonic() + PRUNE_EVERY_S
                await self._prune()

    def look(self) -> None:
        """Raise or end the alarms about little room and a wrong clock (E-DISK-001, E-TIME-001)."""
        self._look_at_disk()
        self._alarm(Alarm(code="E-TIME-001", subject="clock", active=self._wall.look()))

    def _look_at_disk(self) -> None:
        try:
            free = self._free_bytes(self._folder)
        except OSError as error:
            LOGGER.warning("! free space of %s is unknown: %s", self._folder, error)
            return
        is_low = free < LEAST_FREE_BYTES
        self._alarm(
            Alarm(
                code="E-DISK-001",
                subject="disk",
                active=is_low,
                params={"free_mb": free // MEGABYTE},
            )
        )

    async def _prune(self) -> None:
        try:
            deleted = await asyncio.wrap_future(self._journal.prune(self._clock.utcnow()))
        except JournalError as error:
            LOGGER.warning("! old records stay: %s", error)
            return
        LOGGER.info("= %d records were older than the retention", deleted)
