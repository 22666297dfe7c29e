"""Invariants of the core under any order of events, times and device behaviour."""

from __future__ import annotations

import dataclasses
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from typing_extensions import override

from ems.control.commands import Command, Release, Remember, SetLimit
from ems.control.core import Core
from ems.control.events import (
    ContactChanged,
    Event,
    GridMeasured,
    LoadFound,
    LpcChanged,
    Restored,
)
from ems.control.grid_limit import UNLIMITED, Limited, Source, strictest
from ems.control.plant import SignalConfig
from ems.control.saved import SavedLimit, SavedState
from tests.kit.script import FEW, IDS, PLANT, SOCKET, SPOKEN, Run, caps_w, steps, told_w


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
            assert sum(told_w(run)) <= decision.budget_w, event
        assert len(decision.loads) == len(IDS)


class Watched(Run):
    """Looks between booking an event and deciding on it: what decides may not raise anything."""

    def __init__(self) -> None:
        super().__init__(PLANT)
        self.wrong: list[Event | None] = []

    @override
    def give(self, event: Event | None) -> list[Command]:
        if event is None:
            for desk in self.core._desks.values():
                desk.exposure.settle(self.now)
        elif not self.core.book((event,), self.now):
            return []
        before_w = self.exposure_w()
        commands = self.core.decide(self.now)
        budget_w = self.core.decision.budget_w
        if budget_w is not None and self.exposure_w() > max(before_w, budget_w):
            self.wrong.append(event)
        self.carry(commands)
        return commands

    def exposure_w(self) -> int:
        desks = self.core._desks.values()
        return sum(desk.exposure.upper_w(self.now) for desk in desks if desk.load.steuve)


@pytest.mark.field("F-15")
@pytest.mark.invariant("I-01")
@FEW
@given(steps)
def test_what_may_be_drawn_never_rises_above_the_budget_by_our_own_orders(
    script: list[tuple[float, object]],
) -> None:
    run = Watched()

    for wait_s, what in script:
        run.step(wait_s, what)
        assert run.wrong == []


@pytest.mark.field("F-15")
@pytest.mark.invariant("I-01")
@FEW
@given(
    st.lists(
        st.tuples(
            st.sampled_from([1.0, 12.0, 70.0]),
            st.sampled_from([4_200, 9_000, 15_120, 20_000, 30_000]),
            st.lists(st.sampled_from(IDS), max_size=4),
        ),
        max_size=12,
    )
)
def test_an_increase_waits_for_whoever_has_not_given_way_yet(
    script: list[tuple[float, int, list[str]]],
) -> None:
    run = Watched()
    run.give(ContactChanged(limiting=False, level="closed"))
    for name in IDS:
        run.step(0.0, ("found", name, None, 0.0, False))

    for wait_s, limit_w, obedient in script:
        limit = Limited(limit_w, Source.EEBUS)
        run.step(wait_s, dataclasses.replace(SPOKEN, state="limited", limit=limit))
        for name in obedient:
            run.step(0.1, ("obeys", name, None, 0.0, False))
        run.step(1.0, None)
        assert run.wrong == []


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
