"""The verdict on a story: for each row, did everything hold? Pure: a trace in, steps out.

Power is judged by the site simulator's physics; where a row speaks of set-points or of the limit
in force, by the EMS's timeline. Tolerance above a limit: max(100 W, 2 %). Source: first-plant.md 3.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ems.demo import checks
from ems.demo.scene import Scene

if TYPE_CHECKING:
    from ems.demo.finding import Finding
    from ems.demo.story import Row, Story
    from ems.demo.trace import Json, Trace


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """The verdict on one row.

    Attributes:
        limit_w: what had to be in force [W]; ``None``: no limit.
        allowed_s: longest time the row gave [s].
        reached_s: when the last of its demands was met for good [s after the row]; ``None``: never.
        why: what was missing; empty when ``ok``.
    """

    name: str
    at_s: float
    limit_w: int | None
    allowed_s: float
    reached_s: float | None
    ok: bool
    why: str
    findings: tuple[Finding, ...]

    def as_json(self) -> Json:
        """The step as ``data.steps`` of the runner holds it."""
        return {
            "name": self.name,
            "at_s": self.at_s,
            "limit_w": self.limit_w,
            "allowed_s": self.allowed_s,
            "reached_s": self.reached_s,
            "ok": self.ok,
            "why": self.why,
            "checks": [finding.as_json() for finding in self.findings],
        }


def judge(story: Story, trace: Trace) -> list[Step]:
    """One step per row, in order."""
    return [judge_row(story, row, trace) for row in story.row]


def judge_row(story: Story, row: Row, trace: Trace) -> Step:
    """The verdict on ``row``; a row without anything to look at does not hold."""
    scene = Scene.of(story, row, trace)
    findings = tuple(checks.find(check, scene) for check in row.check)
    failed = [finding for finding in findings if not finding.ok]
    reached = [finding.reached_s for finding in findings if finding.reached_s is not None]
    return Step(
        name=row.name,
        at_s=row.at_s,
        limit_w=row.limit_w,
        allowed_s=max((finding.allowed_s for finding in findings), default=0.0),
        reached_s=max(reached) if reached and not failed else None,
        ok=bool(findings) and not failed,
        why="; ".join(f"{finding.check}: {finding.why}" for finding in failed),
        findings=findings,
    )
