"""Invariants of the core under any order of events, times and device behaviour."""

from __future__ import annotations

import dataclasses
import math

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from drivers.api import Capability, ControlUnit, LoadKind, Measurement, Setpoint
from ems.control.commands import Command, Release, Remember, SetLimit
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
    Restored,
    SetpointFailed,
    SetpointWritten,
    TestLimitChanged,
)
from ems.control.grid_limit import UNLIMITED, GridLimit, Limited, Source, strictest
from ems.control.plant import Load, Plant, SignalConfig
from ems.control.saved import SavedLimit, SavedState
from tests.kit.plant import first_plant

FEW = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])

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
    kind = draw(st.sampled_from(["found", "found", "lost", "measured", "measured", "ack", "ack",
                                 "failed"]))  # fmt: skip
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

    def step(self, wait_s: float, what: object) -> tuple[Event | None, list[Command]]:
        self.now += wait_s
        event = self._event(what)
        if event is None:
            commands = self.core.handle_timer(self.now)
        else:
            commands = self.core.handle(event, self.now)
        for command in commands:
            if isinstance(command, SetLimit | Release):
                self.orders[command.load_id] = command
        return event, commands

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
            case "measured":
                return LoadMeasured(load_id=load_id, measurement=reading, at=self.now + shift)
            case "ack":
                return SetpointWritten(load_id=load_id, setpoint=setpoint, at=self.now)
            case _:
                return SetpointFailed(load_id=load_id, setpoint=setpoint, why="", refused=refused)


def caps_w(decision: Decision, online: set[str]) -> list[int]:
    """Caps of the reachable SteuVE; one that is free counts as endless."""
    return [
        10**9 if view.setpoint is None else view.setpoint.power_w
        for view in decision.loads
        if view.steuve and view.load_id in online
    ]


@pytest.mark.invariant("I-01")
@pytest.mark.invariant("I-02")
@pytest.mark.invariant("I-04")
@FEW
@given(steps)
def test_what_is_granted_never_exceeds_the_budget_and_the_strictest_source_rules(
    script: list[tuple[float, object]],
) -> None:
    run = Run(PLANT)

    for wait_s, what in script:
        event, _ = run.step(wait_s, what)
        decision = run.core.decision
        assert decision.effective == strictest(view.limit for view in decision.sources)
        assert (decision.budget_w is None) == (decision.effective == UNLIMITED)
        if decision.budget_w is not None:
            assert sum(caps_w(decision, run.online)) <= decision.budget_w, event
        assert len(decision.loads) == len(IDS)


@pytest.mark.field("F-15")
@pytest.mark.invariant("I-01")
@FEW
@given(steps)
def test_what_may_be_drawn_never_rises_above_the_budget_by_our_own_orders(
    script: list[tuple[float, object]],
) -> None:
    run = Run(PLANT)

    for wait_s, what in script:
        before_w = run.core.decision.exposure_w
        event, commands = run.step(wait_s, what)
        decision = run.core.decision
        rises = [c for c in commands if isinstance(c, SetLimit) and not c.urgent]
        if decision.budget_w is None or isinstance(event, LoadMeasured | LoadFound | LoadLost):
            continue
        assert decision.exposure_w <= max(before_w, decision.budget_w), (event, rises)


@FEW
@given(steps)
def test_every_decrease_leaves_before_any_increase(script: list[tuple[float, object]]) -> None:
    run = Run(PLANT)

    for wait_s, what in script:
        known = dict(run.orders)
        _, commands = run.step(wait_s, what)
        kinds = [
            isinstance(c, Release) or _raises(known.get(c.load_id), c)
            for c in commands
            if isinstance(c, SetLimit | Release)
        ]
        first_rise = kinds.index(True) if True in kinds else len(kinds)
        late = [c for c in commands if isinstance(c, SetLimit | Release)][first_rise:]
        assert not any(isinstance(c, SetLimit) and _lowers(known.get(c.load_id), c) for c in late)


def _raises(before: SetLimit | Release | None, now: SetLimit) -> bool:
    return isinstance(before, SetLimit) and now.setpoint.power_w > before.setpoint.power_w


def _lowers(before: SetLimit | Release | None, now: SetLimit) -> bool:
    if isinstance(before, Release):
        return True
    return isinstance(before, SetLimit) and now.setpoint.power_w < before.setpoint.power_w


@FEW
@given(steps)
def test_losing_a_device_raises_nobody_at_that_moment(
    script: list[tuple[float, object]],
) -> None:
    run = Run(PLANT)

    for wait_s, what in script:
        if not (isinstance(what, tuple) and what[0] == "lost"):
            run.step(wait_s, what)
            continue
        run.step(wait_s, None)
        known = dict(run.orders)
        _, commands = run.step(0.0, what)
        others = [c for c in commands if isinstance(c, SetLimit) and c.load_id != what[1]]
        assert not any(_raises(known.get(c.load_id), c) for c in others)


@pytest.mark.invariant("I-03")
@FEW
@given(steps)
def test_before_the_sources_have_spoken_no_load_is_free(
    script: list[tuple[float, object]],
) -> None:
    run = Run(PLANT)
    silent = [
        (wait_s, what)
        for wait_s, what in script
        if not isinstance(what, LpcChanged | ContactChanged)
    ]

    for wait_s, what in silent:
        _, commands = run.step(wait_s, what)
        assert not any(isinstance(command, Release) for command in commands)
        assert isinstance(run.core.decision.effective, Limited)


@pytest.mark.invariant("I-03")
@pytest.mark.field("F-30")
@FEW
@given(steps)
def test_without_a_fresh_meter_there_is_no_credit(script: list[tuple[float, object]]) -> None:
    run = Run(PLANT)
    measured_at = -math.inf

    for wait_s, what in script:
        event, _ = run.step(wait_s, what)
        if isinstance(event, GridMeasured):
            measured_at = run.now
        elif event is None and run.now - measured_at > 10.0:
            assert run.core.decision.credit_w == 0
            assert run.core.decision.nwlb_w is None


saved_states = st.builds(
    SavedState,
    limits=st.lists(
        st.builds(
            SavedLimit,
            power_w=st.integers(0, 50_000),
            source=st.sampled_from(["eebus", "failsafe", "test", "contact", "?"]),
            remaining_s=st.none() | st.floats(0, 10_000),
        ),
        max_size=3,
    ).map(tuple),
    failsafe_w=st.none() | st.integers(0, 50_000),
    failsafe_from_box=st.booleans(),
    failsafe_remaining_s=st.none() | st.floats(0, 80_000),
)


@pytest.mark.invariant("I-02")
@FEW
@given(saved_states)
def test_a_restored_limit_is_in_force_before_anything_else(saved: SavedState) -> None:
    core = Core(PLANT, 0.0)

    core.handle(Restored(saved=saved), 0.0)

    effective = core.decision.effective
    assert isinstance(effective, Limited)
    kept = [
        limit.power_w
        for limit in saved.limits
        if limit.source != "contact" and limit.remaining_s != 0
    ]
    assert effective.power_w <= min([15_120 if not saved.failsafe_from_box else 10**9, *kept])


@FEW
@given(steps)
def test_the_core_answers_everything_and_its_deadline_is_never_far(
    script: list[tuple[float, object]],
) -> None:
    run = Run(PLANT)

    for wait_s, what in script:
        run.step(wait_s, what)
        assert run.core.deadline is not None
        assert run.core.deadline <= run.now + 1.0
        for view in run.core.decision.loads:
            assert view.exposure_w >= 0
            assert view.setpoint is None or view.setpoint.power_w >= 0


@FEW
@given(steps)
def test_a_change_of_limits_is_remembered_at_once(script: list[tuple[float, object]]) -> None:
    run = Run(PLANT)

    for wait_s, what in script:
        before = run.core.decision.effective
        _, commands = run.step(wait_s, what)
        if run.core.decision.effective != before:
            assert any(isinstance(c, Remember) and c.at_once for c in commands)


def test_a_plant_without_sources_runs_free() -> None:
    core = Core(dataclasses.replace(PLANT, signal=SignalConfig(sources=())), 0.0)

    commands = core.handle(LoadFound(load_id="socket", capability=SOCKET), 1.0)

    assert any(isinstance(command, Release) for command in commands)
