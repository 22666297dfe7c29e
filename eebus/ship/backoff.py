"""When to dial a trusted peer again (ship.md 6.3).

For ever, and quickly: §14a availability beats politeness. Only a peer that refused us is asked
slowly, because its user has to act first.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Final, TypeAlias

from eebus.ship.ski import Ski

Spread: TypeAlias = Callable[[int], float]
"""Attempt number → evenly spread fraction 0…1, so that peers do not dial in step."""

_STEPS_S: Final = ((0.0, 3.0), (3.0, 10.0), (10.0, 20.0))
_GIVEN_UP_STEP: Final = 2
_REJECTED_FIRST_S: Final = 20.0
_REJECTED_MOST_S: Final = 120.0


class Redial:
    """Schedule for one SKI; ``due_at`` [s] is when to dial next."""

    def __init__(self, now: float, spread: Spread) -> None:
        self._spread = spread
        self.attempts = 0
        """Dials since the last connection that reached data."""
        self.due_at = now
        self._plan(now, is_rejected=False)

    def failed(self, now: float, *, is_rejected: bool = False) -> None:
        """A dial or a connection ended; ``is_rejected`` when the peer does not trust us (yet)."""
        self.attempts += 1
        self._plan(now, is_rejected=is_rejected)

    def succeeded(self) -> None:
        """The connection reached data: the next loss starts from the beginning."""
        self.attempts = 0

    def lost(self, now: float, *, is_given_up: bool = False) -> None:
        """A connection that had reached data is gone.

        ``is_given_up``: we ended it because the peer had lost its side of it. Some stacks clear
        away what belongs to a peer half a second after the connection ends, the next one included
        [eebus-go]: it is left in peace for at least 10 s.
        """
        self.attempts = _GIVEN_UP_STEP if is_given_up else 0
        self._plan(now, is_rejected=False)

    def hurry(self, now: float) -> None:
        """Something changed (user, mDNS address, link up): dial at once."""
        self.attempts = 0
        self.due_at = now

    def _plan(self, now: float, *, is_rejected: bool) -> None:
        fraction = self._spread(self.attempts)
        if is_rejected:
            base_s = _REJECTED_FIRST_S * 2 ** min(max(self.attempts - 1, 0), 8)
            delay_s = min(base_s * (1.0 + fraction / 4), _REJECTED_MOST_S)
        else:
            low_s, high_s = _STEPS_S[min(self.attempts, len(_STEPS_S) - 1)]
            delay_s = low_s + (high_s - low_s) * fraction
        self.due_at = now + delay_s


def spread_of(own: Ski, peer: Ski) -> Spread:
    """Reproducible jitter from both SKIs."""

    def spread(attempt: int) -> float:
        digest = hashlib.sha256(f"{own}{peer}{attempt}".encode()).digest()
        return int.from_bytes(digest[:4]) / 2**32

    return spread
