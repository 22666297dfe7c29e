"""From targets to orders in a safe sequence: all decreases at once, increases when they fit; pure.

An increase leaves only when the most that every load may draw, with the increase, stays within each
resource; it is tried again with every confirmation, reading and tick. Source: allocation.md 3.5
(two-phase commit), I-01, I11 to I13 of the allocation invariants.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ems.control.commands import Release, SetLimit
from ems.control.filling import MILLION
from ems.control.reasons import Reason, ReasonCode

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ems.control.allocator import Resource
    from ems.control.desk import Desk
    from ems.control.planner import Target

SPACING = Reason(ReasonCode.HOLD_SPACING)


class Commit:
    """One pass over all loads."""

    def __init__(
        self,
        desks: Mapping[str, Desk],
        targets: Mapping[str, Target],
        resources: Sequence[Resource],
        now: float,
        *,
        frozen: bool,
    ) -> None:
        """``frozen``: no increases at all (escalation)."""
        self._desks = desks
        self._targets = targets
        self._resources = resources
        self._now = now
        self._frozen = frozen
        self.decreases: list[SetLimit] = []
        self.increases: list[SetLimit | Release] = []

    def run(self) -> None:
        """Fill ``decreases`` and ``increases`` and book them."""
        over = self._overcommitted()
        for load_id, desk in self._desks.items():
            if desk.exposure.online:
                self._lower(load_id, desk, over)
        ranked = sorted(self._desks.values(), key=lambda d: (-d.load.priority, d.rank))
        raising = [desk for desk in ranked if self._wants_more(desk)]
        if not raising:
            return
        used = [self._used(resource) for resource in self._resources]
        for desk in raising:
            self._raise(desk, used)

    def _overcommitted(self) -> set[int]:
        """Resources on which the orders that will stand exceed the capacity, by position."""
        planned = {load_id: self._planned_x(load_id) for load_id in self._desks}
        return {
            number
            for number, resource in enumerate(self._resources)
            if sum(c * planned[load_id] for load_id, c in resource.coefficients.items())
            > max(resource.capacity, 0) * MILLION
        }

    def _planned_x(self, load_id: str) -> int:
        desk, target = self._desks[load_id], self._targets[load_id]
        if not desk.exposure.online:
            return desk.exposure.upper_x(self._now) if desk.exposure.seen else target.x
        return target.x if desk.order_x is None else desk.order_x

    def _lower(self, load_id: str, desk: Desk, over: set[int]) -> None:
        target = self._targets[load_id]
        desk.reason = target.reason
        if target.free:
            return
        first = desk.order_x is None or desk.free
        if not first and (desk.order_x is None or target.x >= desk.order_x):
            return
        urgent = first or any(
            number in over and self._resources[number].coefficients.get(load_id, 0) > 0
            for number in range(len(self._resources))
        )
        current_x = desk.order_x or 0
        small = current_x - target.x < desk.band_x
        if not urgent and (small or not desk.may_write(self._now)):
            return
        desk.ordered(target.x, self._now)
        self.decreases.append(self._command(desk, urgent=urgent))

    def _wants_more(self, desk: Desk) -> bool:
        target = self._targets[desk.load.load_id]
        if not desk.exposure.online or desk.order_x is None or desk.free or target.free:
            return False
        return target.x > desk.order_x

    def _raise(self, desk: Desk, used: list[int]) -> None:
        load_id = desk.load.load_id
        target = self._targets[load_id]
        if self._frozen:
            desk.reason = Reason(ReasonCode.ESCALATION)
            return
        if not desk.may_rise(target.x, self._now):
            if target.x - (desk.order_x or 0) >= desk.band_x:
                desk.reason = SPACING
            return
        own_x = desk.exposure.upper_x(self._now)
        x, tightest = self._fitting(desk, target.x, own_x, used)
        if x < target.x and tightest is not None:
            desk.reason = Reason(ReasonCode.HOLD_EXPOSURE, tightest)
        if x <= (desk.order_x or 0) or not desk.may_rise(x, self._now):
            return
        desk.ordered(x, self._now)
        more_x = desk.exposure.upper_x(self._now) - own_x
        for number, resource in enumerate(self._resources):
            used[number] += resource.coefficients.get(load_id, 0) * more_x
        self.increases.append(self._command(desk, urgent=False))

    def _fitting(
        self, desk: Desk, wanted_x: int, own_x: int, used: Sequence[int]
    ) -> tuple[int, str | None]:
        """Most up to ``wanted_x`` that fits beside what the others may draw."""
        x, tightest = wanted_x, None
        for resource, taken in zip(self._resources, used, strict=True):
            coefficient = resource.coefficients.get(desk.load.load_id, 0)
            if coefficient == 0:
                continue
            left = max(resource.capacity, 0) * MILLION - taken + coefficient * own_x
            if coefficient * x > left:
                x, tightest = max(left, 0) // coefficient, resource.name
        if x < wanted_x and desk.exposure.capability.min_write_interval_s > 0:
            return 0, tightest  # a part now would block the rest for the whole interval
        return (x if x == wanted_x else desk.exposure.scale.floor(x)), tightest

    def _used(self, resource: Resource) -> int:
        return sum(
            coefficient * self._desks[load_id].exposure.upper_x(self._now)
            for load_id, coefficient in resource.coefficients.items()
        )

    def _command(self, desk: Desk, *, urgent: bool) -> SetLimit:
        x = desk.order_x or 0
        return SetLimit(
            load_id=desk.load.load_id,
            setpoint=desk.setpoint_for(x),
            reason=desk.reason,
            urgent=urgent,
        )
