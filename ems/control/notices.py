"""Alarms about sources and limit; those about devices stand with the core's own bookkeeping."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ems.control import alarms as codes
from ems.control.grid_limit import GridLimit, Limited, Source
from ems.control.sources import AUTONOMOUS

if TYPE_CHECKING:
    from ems.control.alarms import AlarmBook
    from ems.control.plant import Plant
    from ems.control.sources import Sources
    from ems.control.supervisor import Supervisor


def tell(  # one look at everything that may be worth an alarm
    plant: Plant,
    sources: Sources,
    supervisor: Supervisor,
    alarms: AlarmBook,
    effective: GridLimit,
    now: float,
) -> None:
    """Raise and end what follows from the present state."""
    long_s = plant.timings.contradiction_s
    alarms.put(codes.SOURCES_CONTRADICT, "signal", active=sources.contradicts_for(now) >= long_s)
    _tell_limit(plant, alarms, effective)
    _tell_contact(plant, sources, alarms)
    state = "" if sources.lpc is None else sources.lpc.state
    alarms.put(codes.AUTONOMOUS, "signal", active=state == AUTONOMOUS)
    level = supervisor.level
    alarms.put(codes.OVER_LIMIT, "signal", active=level > 1, params={"level": level})
    alarms.put(codes.LIMIT_NOT_KEPT, "signal", active=level > 4)  # noqa: PLR2004  # ladder


def _tell_limit(plant: Plant, alarms: AlarmBook, effective: GridLimit) -> None:
    owed_w = plant.pmin.pmin_14a_w
    limited_w = effective.power_w if isinstance(effective, Limited) else None
    below = limited_w is not None and owed_w is not None and limited_w < owed_w
    params = {"limit_w": limited_w or 0, "pmin_14a_w": owed_w or 0}
    alarms.put(codes.LIMIT_BELOW_PMIN, "signal", active=below, params=params)
    alarms.put(codes.NOTHING_CONTROLLED, "signal", active=limited_w is not None and owed_w is None)


def _tell_contact(plant: Plant, sources: Sources, alarms: AlarmBook) -> None:
    wired = Source.CONTACT in plant.signal.sources
    fault = sources.contact.fault if wired and sources.contact is not None else None
    alarms.put(codes.CONTACT_FLAPS, "contact", active=fault == "flapping")
    alarms.put(codes.CONTACT_UNREADABLE, "contact", active=fault not in {None, "flapping"})
