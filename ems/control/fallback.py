"""When deciding fails: what was told last, scaled down to the limit. As plain as can be; pure.

A fault in planner, allocator or commit must not cost the limit: last set-points are not safe when
the limit fell, and without a decision nobody is set free when it ends. So this needs none of them:
no credit, no priorities, nobody gets more than before. Source: allocation.md 5.1 X26, R-AL-14.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ems.control.commands import SetLimit
from ems.control.planner import FREE, Target
from ems.control.reasons import Reason, ReasonCode

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from ems.control.desk import Desk

SCALED_DOWN = Reason(ReasonCode.FALLBACK)


def scale_down(
    desks: Mapping[str, Desk],
    limit_w: int | None,
    excluded: Collection[str],
    told: Mapping[str, int],
    now: float,
) -> dict[str, Target]:
    """Targets within ``limit_w`` [W] for all SteuVE together, none above what it was told last.

    ``limit_w`` ``None``: no limit in force. ``excluded``: loads that disobey; they and those nobody
    hears count with what they may draw. ``told``: what this has ordered since deciding fails.
    Loads of a circuit keep what they have: it fits.
    """
    last = {load_id: told.get(load_id, _last_x(desk)) for load_id, desk in desks.items()}
    steuve = {load_id: desk for load_id, desk in desks.items() if desk.load.steuve}
    deaf = {i for i, desk in steuve.items() if not desk.exposure.online or i in excluded}
    wanted_w = sum(d.exposure.scale.watts(last[i]) for i, d in steuve.items() if i not in deaf)
    held_w = sum(steuve[load_id].exposure.upper_w(now) for load_id in deaf)
    targets: dict[str, Target] = {}
    for load_id, desk in desks.items():
        if limit_w is not None and load_id in steuve:
            left_w = max(0, limit_w - held_w)
            x = 0 if load_id in deaf else last[load_id]
            if wanted_w > left_w:
                x = desk.exposure.scale.floor(x * left_w // wanted_w)
            targets[load_id] = Target(x, free=False, reason=SCALED_DOWN)
        elif desk.load.circuit:
            targets[load_id] = Target(last[load_id], free=False, reason=SCALED_DOWN)
        else:
            targets[load_id] = Target(desk.exposure.scale.max_x, free=True, reason=FREE)
    return targets


def tell_anew(
    desks: Mapping[str, Desk], targets: Mapping[str, Target], told: dict[str, int], now: float
) -> list[SetLimit]:
    """Orders for every capped load that was not ``told`` its target yet; booked in both.

    What the desks have booked is not enough: it may be lost with the decision that failed.
    """
    orders: list[SetLimit] = []
    for load_id, desk in desks.items():
        target = targets[load_id]
        if target.free or not desk.exposure.online:
            told.pop(load_id, None)
            continue
        known_x = told.get(load_id, _acknowledged_x(desk))
        told[load_id] = target.x
        if desk.stopped or (known_x == target.x == desk.order_x):
            continue
        desk.reason = target.reason
        desk.ordered(target.x, now)
        orders.append(
            SetLimit(
                load_id=load_id,
                setpoint=desk.setpoint_for(target.x),
                reason=SCALED_DOWN,
                urgent=known_x is None or target.x < known_x,
            )
        )
    return orders


def _last_x(desk: Desk) -> int:
    """What it was told last; everything while it is free, nothing before the first word."""
    if desk.free:
        return desk.own_x()
    return min(desk.order_x or 0, desk.own_x())


def _acknowledged_x(desk: Desk) -> int | None:
    """The cap that the device surely has; ``None``: free, or not known."""
    return None if desk.free or desk.exposure.acked_at is None else desk.order_x
