"""Orders in a safe sequence: what waits, what is left alone, what fits in part."""

from __future__ import annotations

from collections.abc import Mapping

from drivers.api import Capability, ControlUnit, LoadKind, Measurement
from ems.control.commands import SetLimit
from ems.control.commit import Commit
from ems.control.desk import Desk
from ems.control.planner import Target
from ems.control.plant import Circuit, ControlTimings, Load
from ems.control.reasons import Reason, ReasonCode
from ems.control.resources import Place, circuit_resources, steuve_budget

STORAGE = Capability(control=ControlUnit.POWER, max_w=5_000, step_w=10, t_react_s=5.0)
NOW = 100.0


def desk(name: str, told_w: int, *, circuit: str = "") -> Desk:
    """A battery that was told ``told_w`` long ago and draws it."""
    load = Load(load_id=name, name="", kind=LoadKind.BATTERY, rated_w=5_000, capability=STORAGE,
                circuit=circuit)  # fmt: skip
    one = Desk(load, 0, ControlTimings(), 0.0)
    one.found(STORAGE, 0.0)
    one.ordered(told_w, 1.0)
    one.written(one.setpoint_for(told_w), 1.0)
    one.exposure.measured(Measurement(power_w=told_w), 2.0)
    return one


def commit(desks: Mapping[str, Desk], wanted_w: Mapping[str, int], *, budget_w: int = 10_000,
           frozen: bool = False) -> Commit:  # fmt: skip
    targets = {name: Target(x, free=False, reason=Reason(ReasonCode.OK_FAIR))
               for name, x in wanted_w.items()}  # fmt: skip
    demands = [one.to_demand(5_000) for one in desks.values()]
    places = {name: Place(circuit=one.load.circuit) for name, one in desks.items()}
    circuits = (Circuit(circuit_id="shed", limit_w=3_000),)
    resources = [*circuit_resources(demands, places, circuits),
                 steuve_budget(demands, places, budget_w)]  # fmt: skip
    result = Commit(desks, targets, resources, NOW, frozen=frozen)
    result.run()
    return result


def told(orders: list[object]) -> dict[str, int]:
    return {c.load_id: c.setpoint.power_w for c in orders if isinstance(c, SetLimit)}


def test_nobody_rises_while_frozen_and_the_reason_says_so() -> None:
    desks = {"a": desk("a", 1_000)}

    result = commit(desks, {"a": 3_000}, frozen=True)

    assert told([*result.increases]) == {}
    assert desks["a"].reason.code is ReasonCode.ESCALATION


def test_a_rise_too_small_to_be_worth_a_write_leaves_the_reason_alone() -> None:
    desks = {"a": desk("a", 1_000)}

    result = commit(desks, {"a": 1_050})

    assert told([*result.increases]) == {}
    assert desks["a"].reason.code is ReasonCode.OK_FAIR


def test_a_rise_too_soon_after_the_last_waits() -> None:
    desks = {"a": desk("a", 1_000)}
    desks["a"].ordered(2_000, NOW - 5.0)

    result = commit(desks, {"a": 3_000})

    assert told([*result.increases]) == {}
    assert desks["a"].reason.code is ReasonCode.HOLD_SPACING


def test_a_circuit_binds_only_the_loads_below_it() -> None:
    desks = {"a": desk("a", 1_000, circuit="shed"), "b": desk("b", 1_000)}

    result = commit(desks, {"a": 5_000, "b": 5_000})

    assert told([*result.increases]) == {"a": 3_000, "b": 5_000}
    assert desks["a"].reason == Reason(ReasonCode.HOLD_EXPOSURE, "shed")


def test_a_decrease_nobody_needs_keeps_the_write_interval() -> None:
    slow = Capability(control=ControlUnit.POWER, max_w=5_000, step_w=10, min_write_interval_s=300.0)
    desks = {"a": desk("a", 3_000)}
    desks["a"].found(slow, 3.0)

    assert told([*commit(desks, {"a": 1_000}).decreases]) == {}
    urgent = commit(desks, {"a": 1_000}, budget_w=1_000).decreases

    assert [(c.setpoint.power_w, c.urgent) for c in urgent] == [(1_000, True)]
