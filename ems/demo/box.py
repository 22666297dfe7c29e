"""What the control box simulator tells on its standard output, as far as the demo needs it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ems.demo.trace import Answer

if TYPE_CHECKING:
    from ems.demo.trace import Json


@dataclass(slots=True)
class BoxLog:
    """The box so far. Times are protocol seconds.

    Attributes:
        ski: its identifier, 40 hex digits; empty: not told yet.
        connected: whether it has found the EMS as a controllable system.
        answers: answers to its writes of limits, in order.
        beats: when its heartbeats went out.
    """

    ski: str = ""
    connected: bool = False
    answers: list[Answer] = field(default_factory=list[Answer])
    beats: list[float] = field(default_factory=list[float])

    def take(self, line: Json, now: float) -> None:
        """Learn from one line."""
        match line.get("event"):
            case "started":
                self.ski = str(line["ski"])
            case "cs_found":
                self.connected = True
            case "disconnected":
                self.connected = False
            case "answer":
                self.answers.append(Answer(now, int(line["error_number"])))
            case "heartbeat":
                self.beats.append(now)
            case _:
                pass
