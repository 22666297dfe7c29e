"""A controller on a stage: over a real core, with everything it hands on written down."""

from __future__ import annotations

from eebus.node.clock import SystemClock
from ems.control.commands import Alarm, Remember
from ems.control.core import Core
from ems.control.decision import Decision
from ems.control.events import LpcChanged
from ems.control.grid_limit import Limited, Source
from ems.runtime.controller import Controller
from tests.kit.clock import FakeClock
from tests.kit.plant import first_plant


class Stage:
    """A controller over the core of the first plant, with everything it calls written down."""

    def __init__(self, clock: FakeClock | SystemClock, core: Core | None = None) -> None:
        self.remembered: list[Remember] = []
        self.decisions: list[Decision] = []
        self.alarms: list[Alarm] = []
        self.controller = Controller(
            core or Core(first_plant(), clock.monotonic()),
            clock,
            remember=self.remembered.append,
            decided=self.decisions.append,
            alarmed=self.alarms.append,
        )


def limit(power_w: int) -> LpcChanged:
    return LpcChanged(
        state="limited", limit=Limited(power_w, Source.EEBUS), failsafe_w=15_120,
        failsafe_duration_s=7_200.0, peer="b" * 40,
    )  # fmt: skip
