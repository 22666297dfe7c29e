"""The core of any plant: attributions, circuits, direct control, no meter, other policies."""

from __future__ import annotations

import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ems.control.commands import SetLimit
from ems.control.grid_limit import Source
from ems.control.plant import (
    Attribution,
    BelowPmin,
    Circuit,
    ClassMode,
    Load,
    Plant,
    Policy,
    Rotation,
)
from tests.kit.script import FEW, PLANT, Run, steps, told_w

CIRCUITS = (
    Circuit(circuit_id="main", limit_ma=(63_000,) * 3),
    Circuit(circuit_id="garage", parent="main", limit_ma=(20_000, 16_000, 25_000), limit_w=9_000),
)
LIMIT_W = 9_000


@st.composite
def plants(draw: st.DrawFn) -> Plant:
    """Variants of the first plant."""
    loads = [
        dataclasses.replace(
            load,
            circuit=draw(st.sampled_from(["", "", "main", "garage"])),
            phases=draw(st.sampled_from([1, 3, 3])),
            rotation=draw(st.sampled_from(list(Rotation))),
            priority=draw(st.integers(-1, 3)),
            steuve=draw(st.sampled_from([True, True, True, False])),
            cap_w=draw(st.sampled_from([None, None, 4_200])),
            surplus_always=draw(st.sampled_from([False, False, True])),
        )
        for load in PLANT.loads
    ]
    signal = dataclasses.replace(
        PLANT.signal,
        sources=draw(
            st.sampled_from([(Source.EEBUS, Source.CONTACT), (Source.EEBUS,), (Source.CONTACT,)])
        ),
        attribution=draw(st.sampled_from(list(Attribution))),
        below_pmin=draw(st.sampled_from(list(BelowPmin))),
    )
    return dataclasses.replace(
        PLANT,
        loads=tuple(loads),
        signal=signal,
        circuits=draw(st.sampled_from([(), CIRCUITS])),
        has_grid_meter=draw(st.booleans()),
        escalation=draw(st.booleans()),
        policy=Policy(
            strategy=draw(st.sampled_from(["equal", "focus"])),
            class_mode=draw(st.sampled_from(list(ClassMode))),
            fair_unit=draw(st.sampled_from(["power", "current"])),
        ),
    )


def garage_w(run: Run, loads: list[Load]) -> int:
    """What the reachable loads of the garage were told; free counts with its own maximum."""
    told = 0
    for load in loads:
        order, scale = run.orders.get(load.load_id), run.core._desks[load.load_id].exposure.scale
        if load.load_id in run.online:
            is_capped = isinstance(order, SetLimit)
            told += order.setpoint.power_w if is_capped else scale.watts(scale.max_x)
    return told


@pytest.mark.invariant("I-01")
@FEW
@given(plants(), steps)
def test_no_plant_is_told_more_than_its_budget_and_its_circuits_allow(
    plant: Plant, script: list[tuple[float, object]]
) -> None:
    run = Run(plant)
    steuve = {load.load_id for load in plant.loads if load.steuve}
    garage = [load for load in plant.loads if plant.circuits and load.circuit == "garage"]

    for wait_s, what in script:
        run.step(wait_s, what)
        decision = run.core.decision
        if decision.budget_w is not None:
            online = run.online & steuve
            assert sum(told_w(run, online)) <= decision.budget_w
        assert garage_w(run, garage) <= LIMIT_W
