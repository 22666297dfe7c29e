"""Pictures of a plant for tests of the journal: one line per moment."""

from __future__ import annotations

from drivers.api import LoadKind, Setpoint
from ems.control.decision import Decision, LoadView, SourceView
from ems.control.grid_limit import UNLIMITED, Limited, Source, strictest
from ems.control.reasons import Reason, ReasonCode

PMIN_W = 15_120
SKI = "a" * 40


def source(
    name: Source,
    power_w: int | None,
    *,
    state: str = "limited",
    expires_at: float | None = None,
    restored: bool = False,
    fault: str | None = None,
) -> SourceView:
    """One source; ``power_w`` ``None``: released."""
    limit = UNLIMITED if power_w is None else Limited(power_w, name, restored=restored)
    peer = SKI if name is Source.EEBUS else ""
    return SourceView(
        source=name,
        limit=limit,
        state=state,
        since=0.0,
        expires_at=expires_at,
        peer=peer,
        fault=fault,
    )


def load(
    power_w: int | None, *, setpoint_w: int | None = None, online: bool = True, name: str = "garage"
) -> LoadView:
    """One wallbox."""
    return LoadView(
        load_id=name,
        name=name.title(),
        kind=LoadKind.WALLBOX,
        steuve=True,
        rated_w=11_000,
        priority=9,
        setpoint=None if setpoint_w is None else Setpoint(power_w=setpoint_w),
        confirmed=True,
        power_w=power_w,
        lower_w=power_w or 0,
        exposure_w=11_000 if power_w is None else power_w,
        online=online,
        reason=Reason(ReasonCode.OK_FAIR),
    )


def decision(
    *sources: SourceView,
    drawn_w: int = 0,
    grid_w: int | None = None,
    metered: bool = True,
    loads: tuple[LoadView, ...] | None = None,
    at: float = 0.0,
) -> Decision:
    """A moment: the SteuVE draw ``drawn_w``; the household 600 W unless ``grid_w`` says more."""
    views = (load(drawn_w),) if loads is None else loads
    total_w = sum(view.power_w or 0 for view in views)
    import_w = total_w + 600 if grid_w is None else grid_w
    effective = strictest(view.limit for view in sources)
    return Decision(
        at=at,
        effective=effective,
        sources=sources,
        pmin_14a_w=PMIN_W,
        n_steuve=5,
        gzf="0.65",
        budget_w=effective.power_w if isinstance(effective, Limited) else None,
        credit_w=0,
        grid_power_w=import_w if metered else None,
        steuve_power_w=total_w,
        exposure_w=sum(view.exposure_w for view in views),
        nwlb_w=max(0, min(import_w, total_w)) if metered else None,
        level=0,
        loads=views,
    )
