"""The picture of one moment: what the core decided and knew, for status, journal and demo."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from drivers.api import LoadKind, Setpoint
    from ems.control.grid_limit import GridLimit, Source
    from ems.control.reasons import Reason


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceView:
    """One source of limits. ``limit`` ``Unlimited``: released. Times in protocol seconds."""

    source: Source
    limit: GridLimit
    state: str
    since: float
    expires_at: float | None = None
    peer: str = ""
    fault: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadView:
    """One load [W]. ``setpoint`` ``None``: free. ``lower_w``/``exposure_w``: bounds of its draw."""

    load_id: str
    name: str
    kind: LoadKind
    steuve: bool
    rated_w: int
    priority: int
    setpoint: Setpoint | None
    confirmed: bool
    power_w: int | None
    lower_w: int
    exposure_w: int
    online: bool
    reason: Reason


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """One decision.

    Attributes:
        at: protocol seconds.
        effective: strictest of all sources (R-14A-32).
        pmin_14a_w: minimum power owed; ``None``: no SteuVE (n = 0).
        budget_w: what the SteuVE may draw together [W]; ``None`` exactly when ``effective`` is
            ``Unlimited``.
        credit_w: own generation credited within ``budget_w``.
        grid_power_w: last fresh reading at the connection point; ``None``: unknown.
        steuve_power_w: sum of the lower bounds of all SteuVE.
        exposure_w: sum of the upper bounds.
        nwlb_w: netzwirksamer Leistungsbezug (14a.md 1.3.2); ``None``: no grid meter.
        level: escalation level 0 to 5 (allocation.md 3.8).
    """

    at: float
    effective: GridLimit
    sources: tuple[SourceView, ...]
    pmin_14a_w: int | None
    n_steuve: int
    gzf: str
    budget_w: int | None
    credit_w: int
    grid_power_w: int | None
    steuve_power_w: int
    exposure_w: int
    nwlb_w: int | None
    level: int
    loads: tuple[LoadView, ...]
