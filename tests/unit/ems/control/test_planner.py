"""What each load should get, where the write interval of one of them has a say."""

from __future__ import annotations

import pytest

from drivers.api import Capability, ControlUnit, LoadKind, Setpoint
from ems.control.desk import Desk
from ems.control.planner import Planner, Situation
from ems.control.plant import ControlTimings, Load, Plant

WRITTEN_AT = 100.0
INTERVAL_S = 60.0
PUMP = Capability(
    control=ControlUnit.POWER, min_w=1_500, max_w=6_000, step_w=100, min_write_interval_s=INTERVAL_S
)
CHARGER = Capability(control=ControlUnit.POWER, min_w=1_000, max_w=11_000, step_w=1)
LOADS = (
    Load(load_id="pump", name="", kind=LoadKind.HEATPUMP, rated_w=6_000, capability=PUMP),
    Load(load_id="car", name="", kind=LoadKind.WALLBOX, rated_w=11_000, capability=CHARGER),
)


def targets(budget_w: int, now: float, *, wanted_w: int = 3_300) -> dict[str, int]:
    """What both get: the pump was told 6,000 W at t = 100 s and wants ``wanted_w``."""
    desks = {
        load.load_id: Desk(load, number, ControlTimings(), 0.0) for number, load in enumerate(LOADS)
    }
    for load_id, power_w in (("pump", 6_000), ("car", 9_000)):
        desks[load_id].found(LOADS[load_id == "car"].capability, 0.0)
        desks[load_id].ordered(power_w, WRITTEN_AT)
        desks[load_id].written(Setpoint(power_w=power_w), WRITTEN_AT)
    desks["pump"].demand.cap_x = wanted_w
    situation = Situation(
        budget_w=budget_w,
        ceiling_w=budget_w,
        on_credit=False,
        excluded=frozenset(),
        standstill=False,
        waiting=False,
    )
    planned = Planner(Plant(loads=LOADS)).plan(desks, situation, now)
    return {load_id: target.x for load_id, target in planned.items()}


def test_a_load_that_wants_less_lends_the_rest_when_it_may_be_written() -> None:
    assert targets(15_000, WRITTEN_AT + INTERVAL_S) == {"pump": 3_300, "car": 11_000}


def test_until_then_it_keeps_what_it_was_told() -> None:
    assert targets(15_000, WRITTEN_AT + 30.0) == {"pump": 6_000, "car": 9_000}


def test_a_few_watts_too_many_are_paid_by_who_may_be_written() -> None:
    assert targets(14_960, WRITTEN_AT + 30.0) == {"pump": 6_000, "car": 8_960}


@pytest.mark.parametrize("budget_w", [9_000, 5_000])
def test_a_load_the_limit_must_lower_anyway_gets_what_it_wants(budget_w: int) -> None:
    assert targets(budget_w, WRITTEN_AT + 30.0) == {
        "pump": min(3_300, budget_w // 2 // 100 * 100),
        "car": budget_w - min(3_300, budget_w // 2 // 100 * 100),
    }
