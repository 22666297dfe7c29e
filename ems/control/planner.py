"""What each load should get: demands and resources for the allocator, results as targets; pure.

Loads nobody hears and loads that disobey are pinned at what they may draw; loads that follow slowly
make the others wait until they have followed (R-14A-38, F19 of the allocation cases).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ems.control.allocator import Grant, LoadDemand, Resource, allocate
from ems.control.desk import BAND_W, OFFLINE
from ems.control.filling import MILLION
from ems.control.reasons import Reason, ReasonCode
from ems.control.resources import Place, circuit_resources, steuve_budget

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ems.control.desk import Desk
    from ems.control.plant import Load, Plant

FREE = Reason(ReasonCode.UNLIMITED)
STANDSTILL = Reason(ReasonCode.ESCALATION)
OWN_SURPLUS = Reason(ReasonCode.HOLD_CREDIT)
DISOBEYED = Reason(ReasonCode.FAULT_NO_REACTION)


@dataclass(frozen=True, slots=True)
class Target:
    """What a load should get: ``x`` in its own unit, or ``free``."""

    x: int
    free: bool
    reason: Reason


@dataclass(frozen=True, slots=True, kw_only=True)
class Situation:
    """What the plan depends on besides the loads.

    Attributes:
        budget_w: for all SteuVE together; ``None``: no ceiling.
        ceiling_w: the part of it that may come from the grid.
        on_credit: part of the budget is own generation.
        excluded: loads that disobeyed.
        standstill: every SteuVE to 0 (escalation level 4).
        waiting: so shortly after the start that unheard loads are expected to answer soon.
    """

    budget_w: int | None
    ceiling_w: int | None
    on_credit: bool
    excluded: frozenset[str]
    standstill: bool
    waiting: bool


class Planner:
    """Plans for one plant; keeps the last allocations, because most inputs change nothing."""

    def __init__(self, plant: Plant) -> None:
        self._plant = plant
        self._places = {load.load_id: _place(load) for load in plant.loads}
        self._cache: dict[int, tuple[tuple[LoadDemand, ...], int | None, _Shared]] = {}
        self.resources: Sequence[Resource] = ()

    def plan(
        self, desks: Mapping[str, Desk], situation: Situation, now: float
    ) -> dict[str, Target]:
        """A target for every load."""
        if situation.budget_w is None and not self._plant.circuits:
            self.resources = ()
            return {load_id: _free(desk) for load_id, desk in desks.items()}
        holds: dict[str, Reason] = {}
        demands = tuple(self._demand(desk, situation, holds, now) for desk in desks.values())
        demands = self._unless_unwritable(desks, demands, holds, situation, now)
        shared = self._share(0, demands, situation.budget_w)
        self.resources = shared.resources
        targets = {
            load_id: self._target(desk, shared.grants[load_id], holds.get(load_id), situation)
            for load_id, desk in desks.items()
        }
        self._keep_credit(desks, targets, situation)
        settling = _settling(desks, targets, now)
        if settling:
            self._make_room(desks, demands, settling, targets, situation)
        return targets

    def _demand(
        self, desk: Desk, situation: Situation, holds: dict[str, Reason], now: float
    ) -> LoadDemand:
        load_id = desk.load.load_id
        lost = not desk.exposure.online and (desk.exposure.seen or not situation.waiting)
        if lost or load_id in situation.excluded:
            holds[load_id] = OFFLINE if lost else DISOBEYED
            return desk.to_demand(0, pinned_x=desk.exposure.upper_x(now))
        if desk.load.steuve and situation.standstill:
            holds[load_id] = STANDSTILL
            return desk.to_demand(0)
        if not self._is_constrained(desk, situation):
            capped = situation.budget_w is not None
            return desk.to_demand(desk.own_x() if capped else desk.exposure.scale.max_x)
        hold = desk.hold(now, on_credit=situation.on_credit)
        if hold is not None:
            holds[load_id] = hold
            return desk.to_demand(0)
        return desk.to_demand(desk.wish_x())

    def _unless_unwritable(
        self,
        desks: Mapping[str, Desk],
        demands: tuple[LoadDemand, ...],
        holds: Mapping[str, Reason],
        situation: Situation,
        now: float,
    ) -> tuple[LoadDemand, ...]:
        """``demands``, but a load that must not be written now keeps what it was told, if it fits.

        Else a few watts too much elsewhere would be paid by lowering it to what it wants, against
        its write interval, although lowering somebody else costs nothing.
        """
        kept = {
            load.load_id: desk.to_demand(min(desk.order_x, desk.own_x()))
            for load, desk in zip(demands, desks.values(), strict=True)
            if desk.order_x is not None
            and load.pinned_x is None
            and load.load_id not in holds
            and load.max_x < desk.order_x
            and not desk.free
            and not desk.may_write(now)
        }
        if not kept:
            return demands
        wider = tuple(kept.get(load.load_id, load) for load in demands)
        grants = self._share(2, wider, situation.budget_w).grants
        fits = {load_id for load_id, load in kept.items() if _gets_all(grants[load_id], load)}
        return tuple(kept[load.load_id] if load.load_id in fits else load for load in demands)

    @staticmethod
    def _is_constrained(desk: Desk, situation: Situation) -> bool:
        limited = desk.load.steuve and situation.budget_w is not None
        return limited or bool(desk.load.circuit)

    def _share(self, slot: int, demands: tuple[LoadDemand, ...], budget_w: int | None) -> _Shared:
        known = self._cache.get(slot)
        if known is not None and known[1] == budget_w and known[0] == demands:
            return known[2]
        resources = circuit_resources(demands, self._places, self._plant.circuits)
        if budget_w is not None:
            resources.append(steuve_budget(demands, self._places, budget_w))
        shared = _Shared(resources, allocate(demands, resources, self._plant.policy))
        self._cache[slot] = (demands, budget_w, shared)
        return shared

    @staticmethod
    def _target(desk: Desk, grant: Grant, hold: Reason | None, situation: Situation) -> Target:
        if grant.setpoint is None or hold is not None:
            return Target(0, free=False, reason=hold or OFFLINE)
        x = desk.exposure.scale.x_of_setpoint(grant.setpoint)
        limited = desk.load.steuve and situation.budget_w is not None
        if not limited and x == desk.exposure.scale.max_x:
            return _free(desk)
        reason = grant.reason
        if reason.code is ReasonCode.OK_MAX:
            reason = desk.wish_reason()
        return Target(x, free=False, reason=reason)

    @staticmethod
    def _keep_credit(
        desks: Mapping[str, Desk], targets: dict[str, Target], situation: Situation
    ) -> None:
        """A load that takes surplus by itself gets its cap from the ceiling, not from the credit.

        What it is allowed on top would be grid power as soon as the sun goes.
        """
        if situation.ceiling_w is None or not situation.on_credit:
            return
        taken_w = sum(
            desk.exposure.scale.watts(targets[load_id].x)
            for load_id, desk in desks.items()
            if desk.load.steuve and not desk.load.surplus_always
        )
        left_w = max(0, situation.ceiling_w - taken_w)
        for load_id, desk in desks.items():
            target, scale = targets[load_id], desk.exposure.scale
            if not desk.load.surplus_always or not desk.load.steuve:
                continue
            if scale.watts(target.x) > left_w:
                x = scale.floor(left_w * MILLION // scale.uw_per_x)
                targets[load_id] = Target(x, free=False, reason=OWN_SURPLUS)
            left_w = max(0, left_w - scale.watts(targets[load_id].x))

    def _make_room(
        self,
        desks: Mapping[str, Desk],
        demands: tuple[LoadDemand, ...],
        settling: Mapping[str, int],
        targets: dict[str, Target],
        situation: Situation,
    ) -> None:
        """Let the others have what the settling loads leave, until they have settled."""
        pinned = tuple(
            desks[load.load_id].to_demand(0, pinned_x=settling[load.load_id])
            if load.load_id in settling
            else load
            for load in demands
        )
        shared = self._share(1, pinned, situation.budget_w)
        for load_id, desk in desks.items():
            target, grant = targets[load_id], shared.grants[load_id]
            if load_id in settling or target.free or grant.setpoint is None:
                continue
            x = desk.exposure.scale.x_of_setpoint(grant.setpoint)
            if x < target.x:
                targets[load_id] = Target(x, free=False, reason=grant.reason)


@dataclass(frozen=True, slots=True)
class _Shared:
    resources: Sequence[Resource]
    grants: Mapping[str, Grant]


def _gets_all(grant: Grant, load: LoadDemand) -> bool:
    full_w = load.max_x * load.uw_per_x // MILLION
    return grant.setpoint is not None and grant.setpoint.power_w >= full_w


def _place(load: Load) -> Place:
    return Place(steuve=load.steuve, circuit=load.circuit, rotation=load.rotation)


def _free(desk: Desk) -> Target:
    return Target(desk.exposure.scale.max_x, free=True, reason=FREE)


def _settling(
    desks: Mapping[str, Desk], targets: Mapping[str, Target], now: float
) -> dict[str, int]:
    """Slow loads that still take clearly more than their target, and how much."""
    result: dict[str, int] = {}
    for load_id, desk in desks.items():
        target = targets[load_id]
        if not desk.is_slow or not desk.exposure.online or target.free:
            continue
        if target.reason in {OFFLINE, DISOBEYED}:
            continue
        taken_x = desk.settling_x(target.x, now)
        if taken_x > target.x + BAND_W:
            result[load_id] = taken_x
    return result
