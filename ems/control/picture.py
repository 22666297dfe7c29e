"""The picture of one moment, drawn from the state of the core when somebody looks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ems.control.budget import nwlb
from ems.control.decision import Decision, LoadView, SourceView

if TYPE_CHECKING:
    from collections.abc import Mapping

    from drivers.api import Setpoint
    from ems.control.budget import Credit
    from ems.control.desk import Desk
    from ems.control.grid_limit import GridLimit
    from ems.control.planner import Target
    from ems.control.plant import Plant


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """What the decision fixed; the rest is read from the loads."""

    plant: Plant
    at: float
    effective: GridLimit
    sources: tuple[SourceView, ...]
    budget_w: int | None
    level: int


def draw(
    picture: Picture,
    desks: Mapping[str, Desk],
    targets: Mapping[str, Target],
    credit: Credit,
) -> Decision:
    """The decision as others see it."""
    now = picture.at
    steuve = [desk for desk in desks.values() if desk.load.steuve]
    grid_w = credit.grid_w(now)
    drawn_w = sum(desk.exposure.drawn_w(now) for desk in steuve)
    pmin = picture.plant.pmin
    return Decision(
        at=now,
        effective=picture.effective,
        sources=picture.sources,
        pmin_14a_w=pmin.pmin_14a_w,
        n_steuve=pmin.n,
        gzf=pmin.gzf,
        budget_w=picture.budget_w,
        credit_w=0 if picture.budget_w is None else credit.extra_w,
        grid_power_w=grid_w,
        steuve_power_w=sum(_lower_w(desk, now) for desk in steuve),
        exposure_w=sum(desk.exposure.upper_w(now) for desk in steuve),
        nwlb_w=None
        if grid_w is None
        else nwlb(picture.plant.signal.attribution, grid_w, drawn_w, credit.generation_w(now)),
        level=picture.level,
        loads=tuple(_view(desk, targets[name], now) for name, desk in desks.items()),
    )


def _view(desk: Desk, target: Target, now: float) -> LoadView:
    load, exposure = desk.load, desk.exposure
    return LoadView(
        load_id=load.load_id,
        name=load.name,
        kind=load.kind,
        steuve=load.steuve,
        rated_w=load.rated_w,
        priority=load.priority,
        setpoint=_setpoint(desk, target),
        confirmed=exposure.confirmed,
        power_w=exposure.fresh_w(now),
        lower_w=_lower_w(desk, now),
        exposure_w=exposure.upper_w(now),
        online=exposure.online,
        reason=desk.reason if exposure.online else target.reason,
    )


def _setpoint(desk: Desk, target: Target) -> Setpoint | None:
    """The cap in force; of a load not reached yet the cap it will be told first."""
    if desk.order_x is None:
        return None if target.free else desk.setpoint_for(target.x)
    return desk.setpoint()


def _lower_w(desk: Desk, now: float) -> int:
    return max(0, desk.exposure.fresh_w(now) or 0)
