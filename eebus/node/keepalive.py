"""When to ping and when to give a silent peer up (SHIP 10.4); pure."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto
from typing import Final

PING_INTERVAL_S: Final = 50.0  # SHIP 10.4: at least 50 s
PONG_TIMEOUT_S: Final = 10.0


@dataclass(frozen=True, slots=True)
class KeepaliveTimings:
    """Protocol seconds."""

    ping_interval_s: float = PING_INTERVAL_S
    pong_timeout_s: float = PONG_TIMEOUT_S


class Silence(Enum):
    """What the owner must do now."""

    PING = auto()
    DEAD = auto()


class Keepalive:
    """Idle timer of one WebSocket: any frame of the peer, a pong too, proves that it lives."""

    def __init__(self, now: float, timings: KeepaliveTimings | None = None) -> None:
        """Start counting silence at ``now`` [protocol s]."""
        self._timings = timings or KeepaliveTimings()
        self._asked_at: float | None = None
        self.heard_at = now
        self.deadline = now + self._timings.ping_interval_s

    def heard(self, now: float) -> None:
        """Take note of a frame from the peer: an open question is answered by it."""
        self._asked_at = None
        self.heard_at = now
        self.deadline = now + self._timings.ping_interval_s

    def probe(self, now: float) -> Silence | None:
        """Ask at once; ``None`` when a question is already open, so that it cannot be put off."""
        if self._asked_at is not None:
            return None
        self._asked_at = now
        self.deadline = now + self._timings.pong_timeout_s
        return Silence.PING

    def handle_timer(self, now: float) -> Silence | None:
        """Return what is due at ``now``, nothing before ``deadline``."""
        if now < self.deadline:
            return None
        if self._asked_at is not None:
            return Silence.DEAD
        return self.probe(now)
