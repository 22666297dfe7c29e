"""The single checks of a story's row; pure functions from a scene to a finding.

Every check needs evidence: no points where there should be some is a failure, never a pass.
Meaning and words: head of the tables in ``stories``. Source: first-plant.md 3.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, assert_never

from ems.demo import story as told
from ems.demo.finding import Finding, Span, failed, settles, unseen
from ems.demo.records import find_records

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ems.demo.scene import Scene
    from ems.demo.trace import EmsPoint, SitePoint, Trace

TOLERANCE_W = 100.0
TOLERANCE_SHARE = 0.02
NO_LIMIT = "the row has no limit"


def tolerated(limit_w: float) -> float:
    """Highest power [W] that still counts as keeping ``limit_w``."""
    return limit_w + max(TOLERANCE_W, TOLERANCE_SHARE * limit_w)


def find(check: told.Check, scene: Scene) -> Finding:
    """Look at one demand of a row."""
    match check:
        case told.Effective():
            return _effective(check, scene)
        case told.Capped():
            return _capped(scene)
        case told.Comply():
            return _comply(check, scene)
        case told.AtLeast():
            return _at_least(check, scene)
        case told.Steady():
            return _steady(check, scene)
        case told.Off():
            return _off(check, scene)
        case told.Free():
            return _free(check, scene)
        case told.Refused():
            return _refused(check, scene)
        case told.Records():
            return find_records(check, scene.trace.records)
        case _:
            assert_never(check)


def _effective(check: told.Effective, scene: Scene) -> Finding:
    row = scene.row

    def holds(point: EmsPoint) -> bool:
        return point.limit_w == row.limit_w and (row.limit_w is None or point.source == row.source)

    def says(point: EmsPoint) -> str:
        seen = _limit(point.limit_w, point.source)
        return f"{seen} instead of {_limit(row.limit_w, row.source)}"

    start_s = scene.start(check.start)
    slack_s = row.delay_tolerance_s
    if slack_s:
        early = [p for p in scene.ems(row.at_s) if p.t_s < start_s - slack_s and holds(p)]
        if early:
            why = f"already at {early[0].t_s:.0f} s, due at {start_s:.0f} s"
            return failed("effective", why, allowed_s=slack_s)
    span = Span(start_s, slack_s or check.within_s, scene.last_s)
    return settles("effective", scene.ems(start_s), holds, says, span)


def _capped(scene: Scene) -> Finding:
    limit_w = scene.row.limit_w
    if limit_w is None:
        return failed("capped", NO_LIMIT)
    if not scene.process:
        return failed("capped", "no EMS process started in this row")
    points = [p for p in scene.ems(scene.row.at_s) if p.process == scene.process]
    early = [p for p in scene.trace.ems if p.process == scene.process and p.t_s < scene.row.at_s]

    def holds(point: EmsPoint) -> bool:
        given = list(point.setpoints_w.values())
        return bool(given) and None not in given and _sum(given) <= limit_w

    def says(point: EmsPoint) -> str:
        free = [name for name, value in point.setpoints_w.items() if value is None]
        if free or not point.setpoints_w:
            return f"free: {', '.join(free) or 'everything'}"
        return f"set-points of {_sum(list(point.setpoints_w.values()))} W above {limit_w} W"

    span = Span(scene.ready_s, 0.0, scene.last_s)
    broken = next((p for p in [*early, *points] if p.t_s < scene.ready_s and not holds(p)), None)
    if broken is not None:
        return failed("capped", f"at {broken.t_s:.0f} s {says(broken)}")
    return settles("capped", points, holds, says, span)


def _comply(check: told.Comply, scene: Scene) -> Finding:
    limit_w = scene.row.limit_w
    if limit_w is None:
        return failed("comply", NO_LIMIT)
    start_s = scene.start(check.start) + scene.row.delay_tolerance_s
    most_w = tolerated(limit_w)

    def value_w(point: SitePoint) -> float:
        power_w = point.steuve_w if check.of == "steuve_w" else point.nwlb_w
        excused = check.grace_s > 0 and point.t_s <= start_s + check.inertia_s
        return power_w - (_inertia_w(point, scene.trace) if excused else 0.0)

    def says(point: SitePoint) -> str:
        return f"{check.of} {value_w(point):.0f} W above {most_w:.0f} W"

    points = scene.site(start_s)
    span = Span(start_s, check.grace_s, scene.last_s)
    return settles("comply", points, lambda p: value_w(p) <= most_w, says, span)


def _at_least(check: told.AtLeast, scene: Scene) -> Finding:
    def holds(point: SitePoint) -> bool:
        return point.steuve_w >= check.power_w

    def says(point: SitePoint) -> str:
        return f"SteuVE draw {point.steuve_w:.0f} W, less than {check.power_w} W"

    allowed_s = check.within_s if check.within_s is not None else check.after_s or 0.0
    span = Span(scene.begin_s, allowed_s, scene.last_s)
    return settles("at_least", scene.site(scene.begin_s), holds, says, span)


def _steady(check: told.Steady, scene: Scene) -> Finding:
    first_s = scene.begin_s - check.before_s
    before = [p for p in scene.trace.site if first_s <= p.t_s < scene.begin_s]
    if why := unseen(before, first_s, scene.begin_s):
        return failed("steady", why)
    mean_w = sum(point.steuve_w for point in before) / len(before)

    def says(point: SitePoint) -> str:
        return f"SteuVE draw {point.steuve_w:.0f} W, before {mean_w:.0f} W"

    def holds(point: SitePoint) -> bool:
        return abs(point.steuve_w - mean_w) <= check.power_w

    span = Span(scene.begin_s, 0.0, scene.last_s)
    return settles("steady", scene.site(scene.begin_s), holds, says, span)


def _off(check: told.Off, scene: Scene) -> Finding:
    def drawing(point: SitePoint) -> list[str]:
        excused = point.t_s <= scene.begin_s + check.inertia_s
        return [
            name
            for name, load in point.loads.items()
            if load.power_w > TOLERANCE_W and not (excused and name in scene.trace.inert)
        ]

    def says(point: SitePoint) -> str:
        return f"still drawing: {', '.join(drawing(point))}"

    span = Span(scene.begin_s, check.grace_s, scene.last_s)
    return settles("off", scene.site(scene.begin_s), lambda p: not drawing(p), says, span)


def _free(check: told.Free, scene: Scene) -> Finding:
    def held(point: SitePoint) -> list[str]:
        return [name for name, load in point.loads.items() if load.allowed_w is not None]

    def says(point: SitePoint) -> str:
        return f"held back: {', '.join(held(point)) or 'nothing there'}"

    def holds(point: SitePoint) -> bool:
        return bool(point.loads) and not held(point)

    span = Span(scene.begin_s, check.within_s, scene.last_s)
    return settles("free", scene.site(scene.begin_s), holds, says, span)


def _refused(check: told.Refused, scene: Scene) -> Finding:
    last_s = scene.row.at_s + check.within_s
    answers = [a for a in scene.trace.answers if scene.row.at_s <= a.t_s <= last_s]
    if not answers:
        return failed("refused", "the box got no answer", allowed_s=check.within_s)
    if any(answer.error_number == 0 for answer in answers):
        return failed("refused", "the write was accepted", allowed_s=check.within_s)
    reached_s = round(answers[0].t_s - scene.row.at_s, 1)
    return Finding("refused", ok=True, allowed_s=check.within_s, reached_s=reached_s)


def _inertia_w(point: SitePoint, trace: Trace) -> float:
    """What the inert loads still draw above what they are allowed [W]."""
    return sum(
        max(0.0, load.power_w - load.allowed_w)
        for name, load in point.loads.items()
        if name in trace.inert and load.allowed_w is not None
    )


def _sum(values: Sequence[int | None]) -> int:
    return sum(value for value in values if value is not None)


def _limit(limit_w: int | None, source: str | None) -> str:
    return "no limit" if limit_w is None else f"{limit_w} W {source}"
