"""Does the kernel say that the wall clock is synchronised (NTP)? Asked with ``adjtimex(2)``.

Only stored wall times lean on it (first-plant.md 4); every duration of control is monotonic (I-07).
"""

from __future__ import annotations

import ctypes
import logging
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from drivers.api import Clock

LOGGER = logging.getLogger(__name__)

TIME_ERROR = 5  # adjtimex(2): the clock is not synchronised
SIZEOF_TIMEX = 512  # more than struct timex has on any Linux
UNSYNCHRONISED_S = 900.0  # a Pi without a clock of its own finds its time server after the start
STEP_S = 1.0  # NTP slews a clock by 0.03 s in a minute at most; more was a step


def is_synchronised() -> bool:
    """``True`` when the kernel's clock is disciplined; ``False`` when unknown."""
    try:
        libc = ctypes.CDLL(None, use_errno=True)
        state: int = libc.adjtimex(ctypes.create_string_buffer(SIZEOF_TIMEX))
    except (OSError, AttributeError):
        return False
    return 0 <= state < TIME_ERROR


class WallClock:
    """Watches what dates the records: is it right, and did somebody set it?"""

    def __init__(
        self,
        clock: Clock,
        *,
        synchronised: Callable[[], bool] = is_synchronised,
        stepped: Callable[[float], None] | None = None,
    ) -> None:
        """``stepped`` is told by how many seconds the clock was set."""
        self._clock = clock
        self._stepped = stepped
        self.is_synchronised = synchronised
        self._right_at = clock.monotonic()
        self._ahead_s = self._ahead()

    def look(self) -> bool:
        """Whether the clock has been without synchronisation for too long (E-TIME-001)."""
        step_s = self._ahead() - self._ahead_s
        if abs(step_s) >= STEP_S:
            self._ahead_s += step_s
            LOGGER.warning("! the wall clock was set by %+.1f s", step_s)
            if self._stepped is not None:
                self._stepped(step_s)
        now = self._clock.monotonic()
        if self.is_synchronised():
            self._right_at = now
        return now - self._right_at >= UNSYNCHRONISED_S

    def _ahead(self) -> float:
        """How far the wall clock is ahead of the one that never jumps [s]."""
        return self._clock.utcnow().timestamp() - self._clock.monotonic()
