"""Was a ceiling kept? Reaction, overshoot and compliance of one event. Pure.

A tightening (the start, or a lower ceiling) may take 60 s (R-14A-37); what exceeds the ceiling
until it is reached is a transient, afterwards it is overshoot. Compliance is judged on means of one
minute with the tolerance of the scenarios, 100 W or 2 % (14a.md 1.3.3, 3.7; first-plant.md 3).
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Mapping

Json: TypeAlias = Any

REACH_WITHIN_S = 60.0
MINUTE_S = 60.0
TOLERANCE_W = 100
TOLERANCE_PCT = 2


class Reaction(StrEnum):
    """How an event took effect (R-14A-61)."""

    COMMANDED = "COMMANDED"
    ALREADY_BELOW = "ALREADY_BELOW"
    NOT_REACHED = "NOT_REACHED"


def tolerance_w(ceiling_w: int) -> int:
    """What measurement noise may add to a ceiling [W]."""
    return max(TOLERANCE_W, ceiling_w * TOLERANCE_PCT // 100)


@dataclass(slots=True)
class Judgement:
    """Running result of one event; survives a restart through :meth:`as_json`.

    Attributes:
        reaction, reaction_s: of the first ceiling; ``None``: not reached yet.
        worst_overshoot_w, overshoot_s: after a ceiling was reached or should have been.
        transient_worst_w: on the way there.
        late: whether a tightening was not reached within 60 s.
        breach_minutes: minutes whose mean exceeded the ceiling by more than the tolerance.
    """

    reaction: str | None = None
    reaction_s: float | None = None
    worst_overshoot_w: int = 0
    overshoot_s: float = 0.0
    transient_worst_w: int = 0
    late: bool = False
    breach_minutes: int = 0
    max_nwlb_w: int = 0
    nwlb_ws: float = 0.0
    covered_s: float = 0.0
    waiting_s: float = 0.0
    settled: bool = False
    minute_s: float = 0.0
    minute_over_ws: float = 0.0

    def begin(self, power_w: int, ceiling_w: int) -> None:
        """The first ceiling comes into force while the SteuVE draw ``power_w``."""
        if power_w <= ceiling_w + tolerance_w(ceiling_w):
            self.reaction, self.reaction_s, self.settled = Reaction.ALREADY_BELOW, 0.0, True

    def tighten(self) -> None:
        """A lower ceiling comes into force: it may take its time again."""
        self.settled, self.waiting_s = False, 0.0

    def hold(self, power_w: int, ceiling_w: int, span_s: float) -> None:
        """The SteuVE drew ``power_w`` under ``ceiling_w`` for ``span_s``."""
        self.covered_s += span_s
        self.nwlb_ws += power_w * span_s
        self.max_nwlb_w = max(self.max_nwlb_w, power_w)
        over_w = power_w - ceiling_w
        if not self.settled:
            self._wait(over_w, span_s)
            return
        self.worst_overshoot_w = max(self.worst_overshoot_w, over_w)
        if over_w > tolerance_w(ceiling_w):
            self.overshoot_s += span_s
        self.minute_s += span_s
        self.minute_over_ws += over_w * span_s
        if self.minute_s >= MINUTE_S:
            if self.minute_over_ws / self.minute_s > tolerance_w(ceiling_w):
                self.breach_minutes += 1
            self.minute_s = self.minute_over_ws = 0.0

    def _wait(self, over_w: int, span_s: float) -> None:
        self.transient_worst_w = max(self.transient_worst_w, over_w)
        self.waiting_s += span_s
        if self.waiting_s >= REACH_WITHIN_S:
            self.late, self.settled = True, True

    def see(self, power_w: int, ceiling_w: int, since_start_s: float) -> bool:
        """A new reading; tell whether the first ceiling was reached by it."""
        if power_w > ceiling_w + tolerance_w(ceiling_w):
            return False
        self.settled = True
        if self.reaction is not None:
            return False
        self.reaction, self.reaction_s = Reaction.COMMANDED, round(since_start_s, 1)
        return True

    @property
    def compliant(self) -> bool:
        """Whether the event is kept so far."""
        return not self.late and self.breach_minutes == 0

    def result(self) -> dict[str, Json]:
        """The part of the event record that is called *result*."""
        mean_w = round(self.nwlb_ws / self.covered_s) if self.covered_s > 0 else None
        return {
            "compliant": self.compliant,
            "reaction": self.reaction or str(Reaction.NOT_REACHED),
            "reaction_s": self.reaction_s,
            "worst_overshoot_w": self.worst_overshoot_w,
            "overshoot_s": round(self.overshoot_s, 1),
            "transient_worst_w": self.transient_worst_w,
            "late": self.late,
            "breach_minutes": self.breach_minutes,
            "max_nwlb_w": self.max_nwlb_w,
            "mean_nwlb_w": mean_w,
            "covered_s": round(self.covered_s, 1),
        }

    def as_json(self) -> dict[str, Json]:
        """Everything, to go on after a restart."""
        return asdict(self)

    @classmethod
    def from_json(cls, stored: Mapping[str, Json]) -> Judgement:
        """What :meth:`as_json` wrote; unknown fields are left out."""
        names = cls.__dataclass_fields__
        return cls(**{name: value for name, value in stored.items() if name in names})
