"""Decisions that fail at any moment, before or after they booked something: the limit is kept."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ems.control.commands import Release
from ems.control.grid_limit import Limited
from tests.kit.script import FEW, PLANT, Run, steps, told_w

fates = st.lists(st.sampled_from(["works", "works", "fails", "lost"]), min_size=40, max_size=40)


class Failing(Run):
    """Some decisions fail; ``lost``: after everything was booked, so that no order leaves."""

    def step_by(self, fate: str, wait_s: float, what: object) -> bool:
        """Tells whether the decision failed."""
        if fate == "works":
            self.step(wait_s, what)
            return False
        self.now += wait_s
        event = self._event(what)
        if event is not None and not self.core.book((event,), self.now):
            return False
        if fate == "lost":
            self.core.decide(self.now)
        self.carry(self.core.fall_back("broken", self.now))
        return True


@pytest.mark.invariant("I-01")
@pytest.mark.invariant("I-03")
@FEW
@given(steps, fates)
def test_what_devices_are_told_stays_within_the_limit_whichever_decisions_fail(
    script: list[tuple[float, object]], fate_of: list[str]
) -> None:
    run = Failing(PLANT)

    for fate, (wait_s, what) in zip(fate_of, script, strict=False):
        failed = run.step_by(fate, wait_s, what)
        effective, budget_w = run.core.decision.effective, run.core.decision.budget_w
        if isinstance(effective, Limited):
            assert budget_w is not None
            assert sum(told_w(run)) <= budget_w, (fate, what)
            assert not failed or budget_w == effective.power_w


@pytest.mark.invariant("I-10")
@FEW
@given(steps)
def test_a_core_that_never_decides_again_frees_everybody_when_all_sources_let_go(
    script: list[tuple[float, object]],
) -> None:
    run = Failing(PLANT)
    for wait_s, what in script:
        run.step(wait_s, what)

    run.release()
    for _ in range(61):
        run.step_by("fails", 1.0, None)

    orders = [run.orders.get(load_id) for load_id in run.online]
    assert all(isinstance(order, Release) for order in orders)
