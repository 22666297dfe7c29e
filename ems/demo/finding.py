"""What one check of a row found, and the helpers all checks share; pure."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Protocol, TypeVar

if TYPE_CHECKING:
    from ems.demo.trace import Json

GAP_S = 5.0
"""Longest hole in a series of one point per second that still counts as seen [s]."""


class Point(Protocol):
    """Anything seen at a moment of the story [s]."""

    @property
    def t_s(self) -> float: ...


P = TypeVar("P", bound=Point)


@dataclass(frozen=True, slots=True)
class Finding:
    """What one check found. ``reached_s``: met for good, seconds after the row; ``None``: never."""

    check: str
    ok: bool
    allowed_s: float
    reached_s: float | None
    why: str = ""

    def as_json(self) -> Json:
        return {
            "check": self.check,
            "ok": self.ok,
            "allowed_s": self.allowed_s,
            "reached_s": self.reached_s,
            "why": self.why,
        }


def failed(check: str, why: str, *, allowed_s: float = 0.0) -> Finding:
    """A check that did not hold."""
    return Finding(check, ok=False, allowed_s=allowed_s, reached_s=None, why=why)


@dataclass(frozen=True, slots=True)
class Span:
    """From ``start_s`` on, with ``allowed_s`` to get there, to ``end_s``."""

    start_s: float
    allowed_s: float
    end_s: float


def settles(
    check: str,
    points: Sequence[P],
    holds: Callable[[P], bool],
    says: Callable[[P], str],
    span: Span,
) -> Finding:
    """Whether ``holds`` within the time allowed and from then on, without a break."""
    due_s = span.start_s + span.allowed_s
    if why := unseen(points, due_s, span.end_s):
        return failed(check, why, allowed_s=span.allowed_s)
    broken = [point for point in points if not holds(point)]
    # where no time is given, the very first point counts
    late = [p for p in broken if p.t_s > due_s or (not span.allowed_s and p.t_s == due_s)]
    if late:
        why = f"at {late[0].t_s:.0f} s {says(late[0])}"
        return failed(check, why, allowed_s=span.allowed_s)
    last_s = broken[-1].t_s if broken else span.start_s
    reached_at = next((p.t_s for p in points if p.t_s > last_s), last_s) if broken else last_s
    reached_s = round(max(0.0, reached_at - span.start_s), 1)
    return Finding(check, ok=True, allowed_s=span.allowed_s, reached_s=reached_s)


def unseen(points: Sequence[Point], from_s: float, to_s: float) -> str:
    """What is wrong with the evidence between the two times; empty: nothing."""
    seen = [point.t_s for point in points if from_s <= point.t_s <= to_s]
    if not seen:
        return f"nothing seen from {from_s:.0f} s to {to_s:.0f} s"
    gap_s, at_s = max((later - sooner, sooner) for sooner, later in pairwise([from_s, *seen, to_s]))
    return f"nothing seen for {gap_s:.0f} s from {at_s:.0f} s on" if gap_s > GAP_S else ""
