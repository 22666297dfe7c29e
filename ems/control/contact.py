"""Conditioning of the potential-free contact: level in, debounced meaning out; pure.

A level is ``"open"``, ``"closed"`` or ``None`` (cannot be read). The very first sample counts at
once, so that a contact that limits at boot is obeyed before any set-point (R-14A-24); afterwards a
level must hold before it counts, quickly towards the limit and slowly towards the release. What is
unknown, unreadable or flapping limits (I-03). Source: 14a.md 3.2, R-14A-21 to R-14A-24.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import Literal

from ems.control.events import ContactChanged

Level = Literal["open", "closed"]

FLAPPING = "flapping"
UNREADABLE = "unreadable"
BOUNCE_S = 0.05
"""Changes closer together than this are the bounce of one edge, not several edges [s]."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ContactConfig:
    """How the contact is wired and judged (14a.md 3.2).

    Attributes:
        limiting_when: the level that means "limit"; ``open`` survives a broken wire. ``None``: not
            known any more, every level does.
        debounce_limit_s, debounce_release_s: how long a level must hold [s].
        flap_changes, flap_window_s: more changes than this in the window are a fault.
        read_failure_s: unreadable so long is a fault [s].
    """

    limiting_when: Level | None = "open"
    debounce_limit_s: float = 0.3
    debounce_release_s: float = 2.0
    flap_changes: int = 6
    flap_window_s: float = 60.0
    read_failure_s: float = 10.0


class ContactFilter:
    """One contact. Call ``sample`` at every edge and at least ten times a second."""

    def __init__(self, config: ContactConfig, now: float) -> None:
        """Start limiting: before the first sample nothing is known."""
        self.config = config
        self._raw: Level | None = None
        self._raw_since = now
        self._unread = False
        self._readable_at = now
        self._changes: deque[float] = deque(maxlen=config.flap_changes + 1)
        self._flapping = False
        self._told: ContactChanged | None = None
        self._state = ContactChanged(limiting=True, level="unknown")

    @property
    def state(self) -> ContactChanged:
        """What counts now."""
        return self._state

    @property
    def deadline(self) -> float | None:
        """When ``handle_timer`` must be called [protocol s]; ``None``: only a sample matters."""
        due = [self._candidate_due(), self._unreadable_due(), self._calm_due()]
        times = [at for at in due if at is not None]
        return min(times) if times else None

    def sample(self, level: Level | None, now: float) -> list[ContactChanged]:
        """Take one reading of the line; gives the change of meaning it brings, if any."""
        if self._told is None:
            self._first(level, now)
        elif level is None:
            self._unread = True
        else:
            self._take(level, now)
        return self._judge(now)

    def handle_timer(self, now: float) -> list[ContactChanged]:
        """Complete a debounce, a flap window or a read failure that is due."""
        return self._judge(now) if self._told is not None else []

    def _first(self, level: Level | None, now: float) -> None:
        self._raw, self._raw_since = level, now
        if level is not None:
            self._readable_at = now
            self._state = ContactChanged(limiting=self._is_limiting(level), level=level)

    def _take(self, level: Level, now: float) -> None:
        changed = self._raw is not None and level != self._raw
        if changed and (not self._changes or now - self._changes[-1] >= BOUNCE_S):
            self._changes.append(now)
        gap = self._unread and not self._is_limiting(level)  # a release holds without any
        if level != self._raw or gap or self._state.fault == UNREADABLE:
            self._raw_since = now
        self._raw, self._readable_at, self._unread = level, now, False

    def _judge(self, now: float) -> list[ContactChanged]:
        self._flapping = self._is_flapping(now)
        self._state = self._decide(now)
        if self._state == self._told:
            return []
        self._told = self._state
        return [self._state]

    def _decide(self, now: float) -> ContactChanged:
        level = self._raw or "unknown"
        if now >= self._readable_at + self.config.read_failure_s:
            return ContactChanged(limiting=True, level="unknown", fault=UNREADABLE)
        if self._flapping:
            return ContactChanged(limiting=True, level=level, fault=FLAPPING)
        due = self._candidate_due()
        if due is not None and now >= due:
            return ContactChanged(limiting=self._is_limiting(self._raw), level=level)
        if self._state.fault is not None:  # over; the release still has to hold
            return ContactChanged(limiting=True, level=level)
        if self._state.limiting and self._is_limiting(self._raw):
            return ContactChanged(limiting=True, level=level)  # unknown before, or failed
        return self._state

    def _is_flapping(self, now: float) -> bool:
        window_s = self.config.flap_window_s
        if self._flapping:
            return now < self._changes[-1] + window_s
        full = len(self._changes) == self._changes.maxlen
        return full and now - self._changes[0] <= window_s

    def _is_limiting(self, level: Level | None) -> bool:
        return level is None or self.config.limiting_when in (None, level)

    def _candidate_due(self) -> float | None:
        """When the raw level will count, if it is not what counts already."""
        limiting = self._is_limiting(self._raw)
        if self._raw is None or self._flapping or limiting == self._state.limiting:
            return None
        if self._unread and not limiting:
            return None  # what cannot be read completes no release
        hold_s = self.config.debounce_limit_s if limiting else self.config.debounce_release_s
        return self._raw_since + hold_s

    def _unreadable_due(self) -> float | None:
        if self._state.fault == UNREADABLE:
            return None
        return self._readable_at + self.config.read_failure_s

    def _calm_due(self) -> float | None:
        return self._changes[-1] + self.config.flap_window_s if self._flapping else None
