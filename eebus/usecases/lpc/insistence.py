"""When an energy guard writes a limit again: after a refusal, after silence."""

from __future__ import annotations

from typing import Final

REFUSED_STEP_S: Final = 60.0
REFUSED_EARLY_S: Final = 5.0
"""Retries after a refusal: just under 60 s, then a minute more each time (guide L 2.5, K-03)."""
SILENCE_RETRIES_S: Final = (30.0, 300.0, 900.0)
"""Retries of an unanswered write (guide P 2.6.2, K-04)."""


class Insistence:
    """Counts refusals and silences of one target; a newer target starts anew."""

    def __init__(self) -> None:
        self.refusals = 0
        self.silences = 0

    def reset(self) -> None:
        """Accepted, or superseded."""
        self.refusals = self.silences = 0

    def refused(self) -> float:
        """Seconds until the next try; refusals never end the trying (LPC-TS-046)."""
        self.silences = 0
        self.refusals += 1
        return self.refusals * REFUSED_STEP_S - REFUSED_EARLY_S

    def unanswered(self) -> float | None:
        """Seconds until the next try; ``None``: the peer is given up until something changes."""
        if self.silences == len(SILENCE_RETRIES_S):
            return None
        self.silences += 1
        return SILENCE_RETRIES_S[self.silences - 1]
