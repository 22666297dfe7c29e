"""Random scripts for the core: any event at any time, and devices that answer as told or do not."""

from __future__ import annotations

import dataclasses
import math

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

from drivers.api import Capability, ControlUnit, LoadKind, Measurement, Setpoint
from ems.control.commands import Command, Release, Remember, SetLimit, Stop
from ems.control.core import Core
from ems.control.decision import Decision
from ems.control.events import (
    ContactChanged,
    Event,
    GenerationMeasured,
    GridLost,
    GridMeasured,
    LoadFound,
    LoadLost,
    LoadMeasured,
    LpcChanged,
    SetpointFailed,
    SetpointWritten,
    TestLimitChanged,
)
from ems.control.grid_limit import UNLIMITED, GridLimit, Limited, Source
from ems.control.plant import Load, Plant
from ems.control.saved import SavedState
from tests.kit.plant import first_plant

FEW = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])

OFF = Setpoint(power_w=0, current_ma=0)
SOCKET = Capability(
    control=ControlUnit.CURRENT, step_ma=100, keeps_limit_s=30.0, failsafe_ma=0, t_react_s=10.0
)
RELAY = Capability(
    control=ControlUnit.LEVELS, levels_w=(0, 3_000, 6_000), t_react_s=60.0, measures_power=False
)


def plant() -> Plant:
    """The first plant, with one load of every kind of control and no load on its own surplus."""
    known = first_plant()
    steady = [dataclasses.replace(load, surplus_always=False) for load in known.loads[2:]]
    loads = (
        Load(load_id="socket", name="", kind=LoadKind.WALLBOX, rated_w=11_000, capability=SOCKET,
             priority=9),
        Load(load_id="relay", name="", kind=LoadKind.COOLING, rated_w=6_000, capability=RELAY,
             priority=5),
        *steady,
    )  # fmt: skip
    return dataclasses.replace(known, loads=loads)


PLANT = plant()
SPOKEN = LpcChanged(
    state="unlimited_controlled", limit=UNLIMITED, failsafe_w=15_120, failsafe_duration_s=7_200.0
)
IDS = [load.load_id for load in PLANT.loads]
watts = st.integers(0, 50_000)
limits: st.SearchStrategy[GridLimit] = st.just(UNLIMITED) | st.builds(
    Limited, st.sampled_from([0, 1_000, 4_200, 15_120, 20_000, 10_000_000]), st.just(Source.EEBUS)
)


@st.composite
def lpc(draw: st.DrawFn) -> LpcChanged:
    state = draw(st.sampled_from(
        ["init", "limited", "unlimited_controlled", "failsafe", "unlimited_autonomous"]
    ))  # fmt: skip
    power_w = draw(st.sampled_from([0, 4_200, 15_120, 20_000, 100_000]))
    limit: GridLimit = UNLIMITED
    if state in {"init", "failsafe"}:
        limit = Limited(15_120, Source.FAILSAFE)
    elif state == "limited":
        limit = Limited(power_w, Source.EEBUS)
    return LpcChanged(state=state, limit=limit, failsafe_w=15_120, failsafe_duration_s=7_200.0)


readings = st.builds(
    Measurement,
    power_w=st.none() | st.integers(-2_000, 25_000),
    currents_ma=st.just(()) | st.tuples(*[st.none() | st.integers(0, 40_000)] * 3),
    voltages_mv=st.just(()) | st.tuples(*[st.none() | st.integers(0, 400_000)] * 3),
    setpoint=st.none() | st.builds(Setpoint, power_w=watts, current_ma=st.none() | watts),
    status=st.sampled_from([None, "A", "B", "C", "F", "?"]),
)
moments = st.floats(-5.0, 5.0)


@st.composite
def load_events(draw: st.DrawFn) -> tuple[object, ...]:
    kind = draw(st.sampled_from(["found", "found", "lost", "measured", "measured", "ack", "failed",
                                 "obeys", "obeys", "obeys"]))  # fmt: skip
    return (kind, draw(st.sampled_from(IDS)), draw(readings), draw(moments), draw(st.booleans()))


steps = st.lists(
    st.tuples(
        st.sampled_from([0.0, 0.1, 1.0, 3.0, 12.0, 61.0]),
        st.one_of(
            lpc(),
            st.builds(ContactChanged, limiting=st.booleans(), level=st.just("open"),
                      fault=st.sampled_from([None, None, "flapping", "unreadable"])),
            st.builds(TestLimitChanged, limit=limits, expires_at=st.none() | st.floats(0, 900)),
            st.builds(GridMeasured, power_w=st.integers(-30_000, 60_000), at=st.just(math.inf)),
            st.builds(GenerationMeasured, power_w=st.integers(-9, 9_000), at=st.just(math.inf)),
            st.just(GridLost(why="silent")),
            st.just(None),
            load_events(), load_events(), load_events(),
        ),
    ),
    max_size=40,
)  # fmt: skip


class Run:
    """A core and what its devices were told last."""

    def __init__(self, one: Plant) -> None:
        self.now = 100.0
        self.core = Core(one, self.now)
        self.loads = {load.load_id: load for load in one.loads}
        self.orders: dict[str, SetLimit | Release] = {}
        self.online: set[str] = set()
        self.waiting: set[str] = set()
        self.saved: SavedState | None = None
        self.saved_at = self.now
        self.alarms: dict[tuple[str, str], bool] = {}

    def step(self, wait_s: float, what: object) -> tuple[Event | None, list[Command]]:
        self.now += wait_s
        before: list[Command] = []
        if isinstance(what, tuple) and what[0] == "obeys":
            before = self.give(self.answer(what[1]))
        event = self._event(what)
        return event, before + self.give(event)

    def give(self, event: Event | None) -> list[Command]:
        """One input; ``None``: only time goes on."""
        if event is None:
            commands = self.core.handle_timer(self.now)
        else:
            commands = self.core.handle(event, self.now)
        self.carry(commands)
        return commands

    def carry(self, commands: list[Command]) -> None:
        """Tell the devices; the last word counts."""
        for command in commands:
            if isinstance(command, SetLimit | Release):
                self.orders[command.load_id] = command
            elif isinstance(command, Stop):
                off = SetLimit(load_id=command.load_id, setpoint=OFF, reason=command.reason)
                self.orders[command.load_id] = off
            elif isinstance(command, Remember):
                self.saved, self.saved_at = command.saved, self.now
            else:
                self.alarms[(command.code, command.subject)] = command.active

    def release(self) -> None:
        """Every source lets go."""
        free = ContactChanged(limiting=False, level="closed")
        for event in (SPOKEN, free, TestLimitChanged(limit=UNLIMITED)):
            self.carry(self.core.handle(event, self.now))

    def answer(self, load_id: str) -> Event:
        """The device acknowledges what it was told last."""
        order = self.orders.get(load_id)
        setpoint = order.setpoint if isinstance(order, SetLimit) else None
        return SetpointWritten(load_id=load_id, setpoint=setpoint, at=self.now)

    def _event(self, what: object) -> Event | None:
        if isinstance(what, GridMeasured | GenerationMeasured):
            return dataclasses.replace(what, at=self.now)
        if not isinstance(what, tuple):
            return what  # type: ignore[return-value]  # an event of the strategy, or a timer
        kind, load_id, reading, shift, refused = what
        assert isinstance(load_id, str)
        order = self.orders.get(load_id)
        setpoint = order.setpoint if isinstance(order, SetLimit) else None
        match kind:
            case "found":
                self.online.add(load_id)
                return LoadFound(load_id=load_id, capability=self.loads[load_id].capability)
            case "lost":
                self.online.discard(load_id)
                return LoadLost(load_id=load_id, why="gone")
            case "obeys":
                told = Measurement(power_w=None if setpoint is None else setpoint.power_w)
                return LoadMeasured(load_id=load_id, measurement=told, at=self.now)
            case "measured":
                return LoadMeasured(load_id=load_id, measurement=reading, at=self.now + shift)
            case "ack":
                return self.answer(load_id)
            case _:
                return SetpointFailed(load_id=load_id, setpoint=setpoint, why="", refused=refused)


def told_w(run: Run, names: set[str] | None = None) -> list[int]:
    """What each reachable load was told last, by the orders alone; free counts as endless."""
    chosen = run.online if names is None else names
    orders = [run.orders.get(name) for name in run.loads if name in chosen]
    return [order.setpoint.power_w if isinstance(order, SetLimit) else 10**9 for order in orders]


def caps_w(decision: Decision, online: set[str]) -> list[int]:
    """Caps of the reachable SteuVE; one that is free counts as endless."""
    return [
        10**9 if view.setpoint is None else view.setpoint.power_w
        for view in decision.loads
        if view.steuve and view.load_id in online
    ]
