"""What the tests of the core share: sites under a limit, small cores, and what they were told."""

from __future__ import annotations

from drivers.api import Capability, ControlUnit, LoadKind
from ems.control.commands import Command, Release, SetLimit, Stop
from ems.control.core import Core
from ems.control.events import LpcChanged
from ems.control.grid_limit import UNLIMITED, GridLimit, Limited, Source
from ems.control.plant import Load, Plant
from tests.kit.plant import Site, first_site


def limited_site(limit_w: int, *, seed: int = 1, settle_s: float = 120.0) -> Site:
    """Everything free and charging, then an EEBUS limit at t = 120 s."""
    site = first_site(seed)
    site.contact("closed")
    site.lpc("unlimited_controlled")
    site.run(120)
    site.lpc("limited", limit_w)
    site.run(120 + settle_s)
    return site


def writes(site: Site, since: float, load_id: str | None = None) -> list[Command]:
    return [
        command
        for at, command in site.commands
        if at >= since
        and isinstance(command, SetLimit | Release | Stop)
        and load_id in {None, command.load_id}
    ]


def alarm_on(site: Site, code: str, subject: str) -> bool:
    told = [a.active for a in site.alarms if (a.code, a.subject) == (code, subject)]
    return bool(told) and told[-1]


def caps(site: Site) -> dict[str, int | None]:
    return {
        view.load_id: view.setpoint.power_w if view.setpoint else None
        for view in site.core.decision.loads
    }


WALLBOX = Capability(control=ControlUnit.CURRENT, t_react_s=10.0)
HEAT_PUMP = Capability(
    control=ControlUnit.POWER, min_w=1_500, max_w=50_000, step_w=100, t_react_s=180.0
)
RELAY = Capability(
    control=ControlUnit.LEVELS, levels_w=(0, 6_000), t_react_s=60.0, measures_power=False
)


def small_core(load: Load | None = None) -> Core:
    one = load or Load(load_id="hp", name="", kind=LoadKind.HEATPUMP, rated_w=6_000,
                       capability=HEAT_PUMP)  # fmt: skip
    return Core(Plant(loads=(one,)), 0.0)


def lpc(state: str, limit_w: int | None = None, *, expires_at: float | None = None) -> LpcChanged:
    source = Source.EEBUS if state == "limited" else Source.FAILSAFE
    limit: GridLimit = UNLIMITED if limit_w is None else Limited(limit_w, source)
    return LpcChanged(
        state=state, limit=limit, failsafe_w=15_120, failsafe_duration_s=7_200.0,
        expires_at=expires_at,
    )  # fmt: skip
