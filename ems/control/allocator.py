"""Who gets how much: packing constraints in, set-points with reasons out; pure and deterministic.

Everything that limits is a :class:`Resource`: sum of coefficient times set-point ≤ capacity. The
SteuVE budget is one resource among circuits and phases; none is special. A load takes 0 or a value
of its own grid between minimum and maximum, or a level; rounding is always down. Admission goes by
rank, filling is lexicographic max-min, left-over steps go by rank. Source: allocation.md 4.5.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING, Literal

from drivers.api import ControlUnit, Setpoint
from ems.control import filling, rounding
from ems.control.filling import MILLION, Item, Room
from ems.control.plant import ClassMode, Policy
from ems.control.reasons import Reason, ReasonCode

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

STEUVE = "steuve"
"""Name of the resource that is the SteuVE budget."""
CAP = "cap"
"""Name under which a load's own cap (direct control) is reported."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadDemand:
    """What one load can take, in its own unit ``x``: mA per phase, or W for power and levels.

    Attributes:
        uw_per_x: microwatts per unit of ``x``, from one voltage snapshot (1,000,000 for watts).
        min_x, max_x, step_x: range besides 0, minimum and maximum on the grid of the step.
        levels: ascending, first 0; used for ``ControlUnit.LEVELS`` instead of the range.
        priority: higher classes are served first; ``rank``: lower first within one class.
        weight: share in the filling; ``need_x``: raised lower bound (a departure to be met).
        phases: phases in use, for fairness by current.
        pinned_x: what it draws whatever it is told; it gets no grant.
    """

    load_id: str
    control: ControlUnit
    uw_per_x: int
    min_x: int = 0
    max_x: int = 0
    step_x: int = 1
    levels: tuple[int, ...] = ()
    priority: int = 0
    rank: int = 0
    weight: float = 1.0
    need_x: int = 0
    phases: int = 3
    pinned_x: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Resource:
    """Something scarce.

    Attributes:
        capacity: [W] or [mA], by ``unit``; below 0 counts as 0.
        coefficients: per load, millionths of the unit per unit of the load's ``x``, ≥ 0; loads
            that do not use the resource are left out.
    """

    name: str
    capacity: int
    unit: Literal["W", "mA"]
    coefficients: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Grant:
    """What a load may draw and why; ``setpoint`` ``None``: pinned, nothing was granted."""

    setpoint: Setpoint | None
    reason: Reason


def allocate(
    loads: Sequence[LoadDemand], resources: Sequence[Resource], policy: Policy
) -> dict[str, Grant]:
    """Share the resources among the loads; one grant per load, in the order of ``loads``.

    For every resource the sum over all grants stays within its capacity less what pinned loads
    take. The result does not depend on the order of ``loads`` except among equal ranks, where the
    load's id decides.
    """
    rooms = [Room(r.name, r.unit, max(r.capacity, 0) * MILLION) for r in resources]
    items: dict[str, Item] = {}
    for load in loads:
        uses = [
            (room, resource.coefficients[load.load_id])
            for room, resource in zip(rooms, resources, strict=True)
            if resource.coefficients.get(load.load_id, 0) > 0
        ]
        if load.pinned_x is not None:
            for room, coefficient in uses:
                room.left -= coefficient * load.pinned_x
        else:
            items[load.load_id] = _item(load, uses, policy)
    _serve(items.values(), policy)
    return {load.load_id: _grant(load, items.get(load.load_id)) for load in loads}


def setpoint_of(load: LoadDemand, x: int) -> Setpoint:
    """The set-point for ``x``, watts rounded down."""
    current_ma = x if load.control is ControlUnit.CURRENT else None
    return Setpoint(power_w=x * load.uw_per_x // MILLION, current_ma=current_ma)


def _item(load: LoadDemand, uses: list[tuple[Room, int]], policy: Policy) -> Item:
    levels = load.levels if load.control is ControlUnit.LEVELS else ()
    low, high = rounding.bounds(load.min_x, load.max_x, load.step_x, levels)
    per_lambda = load.weight * MILLION / load.uw_per_x
    if policy.fair_unit == "current":
        in_ma = load.control is ControlUnit.CURRENT
        per_lambda = load.weight if in_ma else load.weight * load.phases * filling.W_PER_MA
    return Item(
        key=(-load.priority, load.rank, load.load_id),
        low=low,
        high=high,
        step=max(load.step_x, 1),
        levels=levels,
        need=min(load.need_x, high),
        per_lambda=per_lambda,
        uses=uses,
    )


def _serve(items: Iterable[Item], policy: Policy) -> None:
    ranked = sorted(items, key=lambda item: item.key)
    if policy.strategy == "focus":
        for item in ranked:
            item.concentrate()
        return
    classes = [list(members) for _, members in groupby(ranked, key=lambda item: item.key[0])]
    if policy.class_mode is ClassMode.MIN_FIRST:
        for item in ranked:
            item.admit()
    for members in classes:
        for item in members:
            if not item.admitted:
                item.admit()
        running = [item for item in members if item.admitted]
        for item in running:
            item.raise_to_need()
        filling.fill(running)
        rounding.round_down(running)
        rounding.hand_out_left_over(running)


def _grant(load: LoadDemand, item: Item | None) -> Grant:
    if item is None:
        return Grant(None, Reason(ReasonCode.OFFLINE))
    return Grant(setpoint_of(load, item.x), _reason(item))


def _reason(item: Item) -> Reason:
    if item.low > item.high:
        return Reason(ReasonCode.NO_POWER, CAP)
    room = item.bound
    if item.x >= item.high or room is None:
        return Reason(ReasonCode.OK_MAX)
    if item.x > 0:
        return Reason(ReasonCode.OK_FAIR, room.name)
    return Reason(_missing_code(room), room.name, item.missing)


def _missing_code(room: Room) -> ReasonCode:
    if room.name == STEUVE:
        return ReasonCode.NO_STEUVE
    return ReasonCode.NO_PHASE if room.unit == "mA" else ReasonCode.NO_POWER
