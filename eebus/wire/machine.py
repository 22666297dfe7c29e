"""The base of every sans-IO machine of the stack."""

from __future__ import annotations

import logging
from enum import Enum
from typing import Generic, TypeVar

LOGGER = logging.getLogger(__name__)

S = TypeVar("S", bound=Enum)
F = TypeVar("F")
E = TypeVar("E")


class Machine(Generic[S, F, E]):
    """Time enters as ``now`` [s, monotonic]; frames ``F`` and events ``E`` leave by being taken."""

    def __init__(self, initial: S) -> None:
        self.state: S = initial
        self.deadline: float | None = None
        self._frames: list[F] = []
        self._events: list[E] = []

    def take_frames(self) -> list[F]:
        """Hand over what must be sent, in order, and forget it."""
        frames, self._frames = self._frames, []
        return frames

    def take_events(self) -> list[E]:
        """Hand over what happened, in order, and forget it."""
        events, self._events = self._events, []
        return events

    def _enter(self, state: S, *, deadline: float | None = None) -> None:
        LOGGER.debug("= %s -> %s", self.state.name, state.name)
        self.state, self.deadline = state, deadline
