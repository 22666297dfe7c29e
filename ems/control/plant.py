"""What the core must know about the plant before anything happens: frozen, made once.

The configuration is translated into a :class:`Plant` by ``ems.config``; a new configuration is a
new ``Plant`` and a new ``Core``. Powers [W] import positive, currents [mA] per phase, times
[protocol s].
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Literal

from ems.control.grid_limit import Source
from ems.control.gzf import NOTHING_TO_CONTROL, Pmin

if TYPE_CHECKING:
    from drivers.api import Capability, LoadKind

NOMINAL_MV = 230_000
"""Nominal voltage line to neutral [mV]; counts where nothing is measured (allocation.md 1.1)."""

MIN_OFF_HEAT_S = 1_200.0
"""A compressor the EMS has stopped stays off this long [s] (allocation.md 4.10)."""
MIN_OFF_WALLBOX_S = 60.0
"""Pause of a charge point before it is started again [s] (allocation.md 3.6)."""


class Attribution(StrEnum):
    """Whose power own generation covers (14a.md 1.3.1)."""

    STEUVE_LAST = "STEUVE_LAST"
    PRO_RATA = "PRO_RATA"
    STEUVE_FIRST = "STEUVE_FIRST"
    GCP_TOTAL = "GCP_TOTAL"


class BelowPmin(StrEnum):
    """What a limit below the minimum power means (14a.md 3.6); both are flagged."""

    OBEY_AND_FLAG = "OBEY_AND_FLAG"
    CLAMP_TO_PMIN = "CLAMP_TO_PMIN"


class Rotation(StrEnum):
    """Grid phase on the terminals P1, P2, P3 of a load (allocation.md 1.2)."""

    L123 = "L123"
    L231 = "L231"
    L312 = "L312"
    L132 = "L132"
    L213 = "L213"
    L321 = "L321"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """One device that may be told what to draw.

    Attributes:
        rated_w: connection power as registered [W]; counts where nothing better is known.
        capability: as known from configuration and device map, before connecting.
        phases: phases wired.
        priority: higher is served first.
        steuve: counts under EMS control; the limit concerns these loads only (R-14A-05, R-14A-11).
        cap_w: never more than this [W] while a limit is in force (direct control of one device);
            ``None``: no such cap.
        circuit: id of its circuit, empty: none.
        min_off_s: pause before a start after the EMS has stopped it; ``None``: by kind.
        surplus_always: own generation may charge it whatever its cap says (a battery, R-14A-42).
    """

    load_id: str
    name: str
    kind: LoadKind
    rated_w: int
    capability: Capability
    phases: int = 3
    priority: int = 0
    steuve: bool = True
    cap_w: int | None = None
    circuit: str = ""
    rotation: Rotation = Rotation.UNKNOWN
    min_off_s: float | None = None
    surplus_always: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Circuit:
    """A cable or fuse that loads share; ``parent`` empty: the root (allocation.md 1.5).

    ``limit_ma``: per phase L1, L2, L3; ``limit_w``: three-phase sum. ``None``: not limited.
    """

    circuit_id: str
    parent: str = ""
    limit_ma: tuple[int, int, int] | None = None
    limit_w: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SignalConfig:
    """What the grid operator's sources mean here.

    Attributes:
        sources: what is wired, of ``Source.EEBUS`` and ``Source.CONTACT``; none: nothing limits.
        contact_limit_w: limit of the open contact, "pmin" already resolved.
        failsafe_limit_w: as configured, "pmin" resolved; the box's own value comes by
            ``LpcChanged`` and ``Restored``.
    """

    sources: tuple[Source, ...] = (Source.EEBUS,)
    contact_limit_w: int = 4_200
    failsafe_limit_w: int = 4_200
    failsafe_duration_s: float = 7_200.0
    attribution: Attribution = Attribution.STEUVE_LAST
    below_pmin: BelowPmin = BelowPmin.OBEY_AND_FLAG


@dataclass(frozen=True, slots=True, kw_only=True)
class ControlTimings:
    """Every time constant of the core [s] (allocation.md 3.6 unless said).

    Attributes:
        tick_s: safety tick; ``Core.deadline`` is never further away.
        start_wait_s: so long nobody is counted as lost after the start.
        credit_hold_s: own generation counts after it held so long (14a.md 1.3.2).
        meter_stale_s: older readings of the connection point are no readings (14a.md 1.3.2).
        load_stale_s: older readings of a load prove nothing about its draw now.
        align_s: a meter and a load may be this far apart and still describe one moment.
        resolve_s: so long a reading of the meter waits for later readings of all loads.
        spacing_s: between two increases of one load.
        demand_steady_s: a load below its cap this long wants no more than it draws.
        retry_s, retry_max_s: pace of repeating a write that failed or was not answered.
        unanswered_s: a write without an answer is repeated.
        failsafe_guard_s: added to a device's own watchdog time.
        release_stagger_s: between two releases, at most; all within ``release_within_s``.
        release_alarm_s: a load not free so long after a release gets an alarm (I-10).
        contradiction_s: contact against EEBUS so long is an alarm (14a.md 3.5).
        remember_s: pace of refreshing the remaining seconds of a timed limit on disk
            (reliability.md 10); ``binding_refresh_s`` the same without an end.
        starts_window_s, starts_max: starts of one load in own generation (F-16).
        level_2_s … level_5_s: escalation ladder (allocation.md 3.8).
        retry_offender_s: a load stopped by escalation gets another chance.
    """

    tick_s: float = 1.0
    start_wait_s: float = 10.0
    credit_hold_s: float = 30.0
    meter_stale_s: float = 10.0
    load_stale_s: float = 15.0
    align_s: float = 2.0
    resolve_s: float = 6.0
    spacing_s: float = 10.0
    demand_steady_s: float = 30.0
    retry_s: float = 2.0
    retry_max_s: float = 30.0
    unanswered_s: float = 10.0
    failsafe_guard_s: float = 5.0
    release_stagger_s: float = 3.0
    release_within_s: float = 30.0
    release_alarm_s: float = 60.0
    contradiction_s: float = 60.0
    remember_s: float = 5.0
    binding_refresh_s: float = 60.0
    starts_window_s: float = 900.0
    starts_max: int = 2
    level_2_s: float = 10.0
    level_3_s: float = 30.0
    level_4_s: float = 45.0
    level_5_s: float = 60.0
    retry_offender_s: float = 30.0


class ClassMode(StrEnum):
    """How priorities share (allocation.md 4.1)."""

    STRICT = "strict"
    MIN_FIRST = "min_first"


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """How scarcity is shared (allocation.md 4.1, 4.3)."""

    strategy: Literal["equal", "focus"] = "equal"
    class_mode: ClassMode = ClassMode.STRICT
    fair_unit: Literal["power", "current"] = "power"


@dataclass(frozen=True, slots=True, kw_only=True)
class Plant:
    """The plant as the core sees it.

    Attributes:
        pmin: minimum power owed and its terms (``gzf.pmin`` over the registered SteuVE).
        has_grid_meter: a meter at the connection point is configured; without one no credit.
        escalation: climb the ladder when a load does not obey (off only in tests).
    """

    loads: tuple[Load, ...]
    signal: SignalConfig = field(default_factory=SignalConfig)
    pmin: Pmin = NOTHING_TO_CONTROL
    has_grid_meter: bool = True
    circuits: tuple[Circuit, ...] = ()
    policy: Policy = field(default_factory=Policy)
    timings: ControlTimings = field(default_factory=ControlTimings)
    escalation: bool = True
