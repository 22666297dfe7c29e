"""Looking at what is really drawn, for the supervisor; pure.

With a meter at the connection point the netzwirksamer Leistungsbezug is judged, without one the
SteuVE themselves. A slow load still within its reaction time explains its own excess (14a.md 3.7).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ems.control.budget import nwlb
from ems.control.exposure import TOLERANCE_W, tolerance_w
from ems.control.supervisor import Check

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ems.control.budget import Credit
    from ems.control.desk import Desk
    from ems.control.plant import Attribution


def look(  # three views of the plant, two limits, one time
    attribution: Attribution,
    desks: Mapping[str, Desk],
    credit: Credit,
    *,
    ceiling_w: int,
    budget_w: int,
    now: float,
) -> Check:
    """What this cycle sees; marks loads that only take surplus as excused."""
    grid_w = credit.grid_w(now)
    surplus = grid_w is not None and grid_w <= TOLERANCE_W
    for desk in desks.values():
        desk.exposure.excused = surplus and desk.load.surplus_always
    steuve = {load_id: desk for load_id, desk in desks.items() if desk.load.steuve}
    if grid_w is None:
        seen_w = sum(_seen_w(desk, now) for desk in steuve.values())
        over_w = seen_w - budget_w - tolerance_w(budget_w)
    else:
        drawn_w = sum(desk.exposure.drawn_w(now) for desk in steuve.values())
        caused_w = nwlb(attribution, grid_w, drawn_w, credit.generation_w(now))
        over_w = caused_w - ceiling_w - tolerance_w(ceiling_w)
    settling_w = sum(_settling_w(desk, now) for desk in steuve.values())
    return Check(
        over_w=over_w - settling_w,
        disobedient=[i for i, desk in steuve.items() if desk.exposure.disobeys(now)],
        quiet=[i for i, desk in steuve.items() if _is_quiet(desk, now)],
    )


def _seen_w(desk: Desk, now: float) -> int:
    """What is known of its draw [W]; that nobody hears it is told by another alarm."""
    exposure = desk.exposure
    fresh_w = exposure.fresh_w(now)
    if fresh_w is not None:
        return max(fresh_w, 0)
    told_x = exposure.order_x if exposure.online else None
    return 0 if told_x is None else exposure.scale.watts(told_x)


def _settling_w(desk: Desk, now: float) -> int:
    exposure = desk.exposure
    on_its_way = (
        desk.is_slow
        and exposure.online
        and exposure.order_x is not None
        and not exposure.confirmed
        and now < exposure.ordered_at + exposure.capability.t_react_s
    )
    if not on_its_way or exposure.order_x is None:
        return 0
    return max(0, exposure.drawn_w(now) - exposure.scale.watts(exposure.order_x))


def _is_quiet(desk: Desk, now: float) -> bool:
    fresh_w, order_x = desk.exposure.fresh_w(now), desk.order_x
    if fresh_w is None or order_x is None:
        return False
    order_w = desk.exposure.scale.watts(order_x)
    return fresh_w <= order_w + tolerance_w(order_w)
