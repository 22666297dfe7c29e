"""Time-weighted sums of what a decision shows, for means and energies. Pure."""

from __future__ import annotations

import collections
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ems.control.decision import Decision

Json: TypeAlias = Any

BASELINE_MINUTES = 15  # 14a.md 4.2: means of the last 15 min before
MINUTE_S = 60.0


def drawn_w(decision: Decision) -> int:
    """What the SteuVE draw, unmeasured ones counted with what they may draw [W, ≥ 0]."""
    drawn = (
        view.exposure_w if view.power_w is None else view.power_w for view in _steuve(decision)
    )
    return sum(max(0, power_w) for power_w in drawn)


def judged_w(decision: Decision) -> int:
    """The power that is compared with a ceiling: NWLB, without a grid meter what is drawn [W]."""
    return drawn_w(decision) if decision.nwlb_w is None else decision.nwlb_w


def _steuve(decision: Decision) -> Iterable[Any]:
    return (view for view in decision.loads if view.steuve)


@dataclass(slots=True)
class Sum:
    """Joules over the seconds in which a value was known."""

    joule: float = 0.0
    seconds: float = 0.0

    def add(self, power_w: int | None, span_s: float) -> None:
        if power_w is not None:
            self.joule += power_w * span_s
            self.seconds += span_s

    def merge(self, other: Sum) -> None:
        self.joule += other.joule
        self.seconds += other.seconds

    @property
    def mean_w(self) -> int | None:
        """Mean [W], rounded; ``None``: never known."""
        return round(self.joule / self.seconds) if self.seconds > 0 else None


@dataclass(slots=True)
class Means:
    """Sums of the connection point, the SteuVE, NWLB and each load over one span."""

    span_s: float = 0.0
    grid: Sum = field(default_factory=Sum)
    steuve: Sum = field(default_factory=Sum)
    nwlb: Sum = field(default_factory=Sum)
    loads: dict[str, Sum] = field(default_factory=dict[str, Sum])

    def add(self, decision: Decision, span_s: float) -> None:
        """Hold the values of ``decision`` for ``span_s``."""
        self.span_s += span_s
        self.grid.add(decision.grid_power_w, span_s)
        self.steuve.add(drawn_w(decision), span_s)
        self.nwlb.add(judged_w(decision), span_s)
        for view in decision.loads:
            self.loads.setdefault(view.load_id, Sum()).add(view.power_w, span_s)

    def merge(self, other: Means) -> None:
        self.span_s += other.span_s
        self.grid.merge(other.grid)
        self.steuve.merge(other.steuve)
        self.nwlb.merge(other.nwlb)
        for load_id, one in other.loads.items():
            self.loads.setdefault(load_id, Sum()).merge(one)

    def as_json(self) -> dict[str, Json]:
        """Means [W]; ``r_w`` is everything that is not SteuVE (14a.md 1.3.2); null: not known."""
        grid_w, steuve_w = self.grid.mean_w, self.steuve.mean_w
        return {
            "span_s": round(self.span_s, 1),
            "p_grid_w": grid_w,
            "p_steuve_w": steuve_w,
            "r_w": None if grid_w is None or steuve_w is None else grid_w - steuve_w,
            "nwlb_w": self.nwlb.mean_w,
            "loads": {load_id: one.mean_w for load_id, one in sorted(self.loads.items())},
        }


class Baseline:
    """Means of the last fifteen minutes, minute by minute."""

    def __init__(self) -> None:
        """Nothing was seen yet."""
        self._minutes: collections.deque[Means] = collections.deque([Means()], BASELINE_MINUTES)

    def add(self, decision: Decision, span_s: float) -> None:
        """Hold the values of ``decision`` for ``span_s``."""
        if self._minutes[-1].span_s >= MINUTE_S:
            self._minutes.append(Means())
        self._minutes[-1].add(decision, span_s)

    def as_json(self) -> dict[str, Json]:
        """Means over what is known of the last fifteen minutes."""
        total = Means()
        for minute in self._minutes:
            total.merge(minute)
        return total.as_json()
