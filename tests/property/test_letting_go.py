"""After a release every device is free again, or an alarm names it; and no set-point is a lie."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.api import Capability, ControlUnit, Measurement
from ems.control.commands import Release, SetLimit
from ems.control.events import LoadMeasured, SetpointFailed
from ems.control.grid_limit import UNLIMITED
from tests.kit.script import FEW, IDS, PLANT, Run, steps

EXCUSES = ("E-DEV-001", "E-DEV-002", "E-DEV-006")
"""Alarms that name a device: silent, refusing, not free."""
answers = st.dictionaries(st.sampled_from(IDS), st.sampled_from(["no answer", "failed", "refused"]))


def tick(run: Run, wrong: dict[str, str]) -> set[str]:
    """One second; devices answer what they were told in it. Gives those freed."""
    before = dict(run.orders)
    run.step(1.0, None)
    freed: set[str] = set()
    for load_id in sorted(run.online):
        run.give(LoadMeasured(load_id=load_id, measurement=Measurement(power_w=0), at=run.now))
        order = run.orders.get(load_id)
        if order is None or (order is before.get(load_id) and load_id not in run.waiting):
            continue
        run.waiting.discard(load_id)
        setpoint = order.setpoint if isinstance(order, SetLimit) else None
        match wrong.get(load_id):
            case "no answer":
                continue
            case "failed" | "refused" as how:
                event = SetpointFailed(
                    load_id=load_id, setpoint=setpoint, why=how, refused=how == "refused"
                )
                run.carry(run.core.handle(event, run.now))
            case _:
                run.carry(run.core.handle(run.answer(load_id), run.now))
                if isinstance(order, Release):
                    freed.add(load_id)
    return freed


@pytest.mark.invariant("I-10")
@FEW
@given(steps, answers)
def test_a_minute_after_the_release_every_device_is_free_or_named_by_an_alarm(
    script: list[tuple[float, object]], wrong: dict[str, str]
) -> None:
    run = Run(PLANT)
    for wait_s, what in script:
        run.step(wait_s, what)

    run.release()
    assert run.core.decision.effective == UNLIMITED
    run.waiting = set(run.online)
    freed: set[str] = set()
    for _ in range(61):
        freed |= tick(run, wrong)

    views = {view.load_id: view for view in run.core.decision.loads}
    for load_id in IDS:
        named = any(run.alarms.get((code, load_id)) for code in EXCUSES)
        is_free = load_id in freed and views[load_id].setpoint is None
        assert is_free or named, load_id
        if load_id in run.online:
            assert not run.alarms.get(("E-DEV-001", load_id))
        if load_id in run.online and load_id not in wrong:
            assert is_free
            assert isinstance(run.orders[load_id], Release)
            assert not run.alarms.get(("E-DEV-006", load_id))


def known_values(capability: Capability, x: int) -> bool:
    """Whether a device with ``capability`` can do ``x``: 0, a level, or a point of its range."""
    if capability.control is ControlUnit.LEVELS:
        return x in capability.levels_w
    if x == 0:
        return True
    if capability.control is ControlUnit.CURRENT:
        low, high, step = capability.min_ma, capability.max_ma, capability.step_ma
    else:
        low, high, step = capability.min_w, capability.max_w, capability.step_w
    return low <= x <= high and x % max(step, 1) == 0


@pytest.mark.invariant("I-09")
@pytest.mark.field("F-21")
@FEW
@given(steps)
def test_every_set_point_is_one_the_device_can_do_or_a_pause_and_never_more_watts_than_it_says(
    script: list[tuple[float, object]],
) -> None:
    run = Run(PLANT)

    for wait_s, what in script:
        _, commands = run.step(wait_s, what)
        for command in commands:
            if not isinstance(command, SetLimit):
                continue
            load, setpoint = run.loads[command.load_id], command.setpoint
            is_current = load.capability.control is ControlUnit.CURRENT
            x = setpoint.current_ma if is_current else setpoint.power_w
            assert x is not None
            assert known_values(load.capability, x), command
            if is_current:  # watts at no less than 230 V, rounded down to whole watts
                assert x * 230 // 1_000 <= setpoint.power_w <= x * 3 * 260 // 1_000
