"""One load as the core keeps it: its own cap, its wish, answers that do not matter any more."""

from __future__ import annotations

import dataclasses

import pytest

from drivers.api import Capability, ControlUnit, LoadKind, Measurement, Setpoint
from ems.control.commands import Command, SetLimit, Stop
from ems.control.core import Core
from ems.control.events import LoadFound, LoadLost, LoadMeasured, SetpointWritten
from ems.control.plant import Circuit, Load, Plant
from ems.control.reasons import Reason, ReasonCode
from tests.kit.core import HEAT_PUMP, WALLBOX, lpc

CAR = Load(load_id="cp", name="", kind=LoadKind.WALLBOX, rated_w=11_000, capability=WALLBOX)
STAGES = Capability(
    control=ControlUnit.LEVELS, levels_w=(0, 2_000, 4_000, 6_000), t_react_s=5.0
)  # fmt: skip


def limited(load: Load, limit_w: int) -> Core:
    core = Core(Plant(loads=(load,)), 0.0)
    core.handle(lpc("limited", limit_w), 0.0)
    core.handle(LoadFound(load_id=load.load_id, capability=load.capability), 1.0)
    return core


def answered(core: Core, at: float) -> None:
    view = core.decision.loads[0]
    core.handle(SetpointWritten(load_id=view.load_id, setpoint=view.setpoint, at=at), at)


def seen(core: Core, at: float, **reading: object) -> list[Setpoint]:
    """What the load is told because of this reading."""
    measurement = Measurement(**reading)  # type: ignore[arg-type]  # by name
    load_id = core.decision.loads[0].load_id
    commands = core.handle(LoadMeasured(load_id=load_id, measurement=measurement, at=at), at)
    return [command.setpoint for command in commands if isinstance(command, SetLimit)]


@pytest.mark.rule("R-14A-07")
def test_a_load_with_a_cap_of_its_own_gets_no_more_under_any_limit() -> None:
    core = limited(dataclasses.replace(CAR, cap_w=4_200), 20_000)

    view = core.decision.loads[0]

    assert view.setpoint == Setpoint(power_w=4_140, current_ma=6_000)
    assert view.reason == Reason(ReasonCode.OK_FAIR, "cap")


def test_a_charge_point_without_a_car_gets_nothing_until_one_comes() -> None:
    core = limited(CAR, 20_000)
    answered(core, 1.1)

    gone = seen(core, 2.0, power_w=0, status="A")
    answered(core, 2.1)
    core.handle_timer(61.0)
    back = seen(core, 70.0, power_w=0, status="B")

    assert gone == [Setpoint(power_w=0, current_ma=0)]
    assert back == [Setpoint(power_w=11_040, current_ma=16_000)]


def test_a_load_with_levels_is_lent_back_to_the_level_it_uses() -> None:
    pump = Load(load_id="hp", name="", kind=LoadKind.HEATPUMP, rated_w=6_000, capability=STAGES)
    core = limited(pump, 6_000)
    answered(core, 1.1)

    told = [setpoint for second in range(2, 40) for setpoint in seen(core, second, power_w=1_900)]

    assert told == [Setpoint(power_w=4_000)]  # 1,900 W and head-room need the second stage


def test_an_answer_to_an_order_that_was_superseded_confirms_nothing() -> None:
    core = limited(CAR, 8_000)
    core.handle(lpc("limited", 5_000), 2.0)

    core.handle(
        SetpointWritten(
            load_id="cp", setpoint=Setpoint(power_w=7_590, current_ma=11_000), at=2.1
        ),
        2.1,
    )  # fmt: skip
    seen(core, 3.0, power_w=4_800)

    assert not core.decision.loads[0].confirmed


def test_a_device_that_tells_what_it_was_told_is_left_alone() -> None:
    core = limited(CAR, 8_000)
    answered(core, 1.1)

    echo = core.decision.loads[0].setpoint
    told = [s for second in range(2, 20) for s in seen(core, second, power_w=7_500, setpoint=echo)]

    assert told == []
    assert core.decision.loads[0].confirmed


def draws(core: Core, powers_w: dict[str, int], begin: int, end: int) -> list[Command]:
    """Readings and ticks once a second; everything that is to be done meanwhile."""
    told: list[Command] = []
    for second in range(begin, end):
        for name, power_w in powers_w.items():
            reading = LoadMeasured(
                load_id=name, measurement=Measurement(power_w=power_w), at=float(second)
            )
            told += core.handle(reading, float(second))
        told += core.handle_timer(float(second))
    return told


def test_switching_off_waits_for_no_write_interval() -> None:
    rare = dataclasses.replace(WALLBOX, min_write_interval_s=300.0)
    core = limited(dataclasses.replace(CAR, capability=rare), 8_000)
    answered(core, 1.1)

    told = draws(core, {"cp": 11_000}, 2, 40)

    assert [type(command) for command in told if isinstance(command, Stop)] == [Stop]
    assert core.decision.loads[0].setpoint == Setpoint(power_w=0, current_ma=0)


@pytest.mark.rule("R-14A-44")
def test_at_level_four_everybody_stands_still_also_who_obeys() -> None:
    good = dataclasses.replace(CAR, load_id="good", priority=1)
    core = Core(Plant(loads=(CAR, good)), 0.0)
    core.handle(lpc("limited", 12_000), 0.0)
    for load in (CAR, good):
        core.handle(LoadFound(load_id=load.load_id, capability=WALLBOX), 1.0)

    draws(core, {"cp": 16_000, "good": 0}, 2, 50)

    views = {view.load_id: view for view in core.decision.loads}
    assert core.decision.level == 4
    assert views["good"].setpoint == Setpoint(power_w=0, current_ma=0)
    assert views["good"].reason.code is ReasonCode.ESCALATION


def test_a_load_in_watts_counts_on_each_phase_of_its_circuit() -> None:
    pump = Load(load_id="hp", name="", kind=LoadKind.HEATPUMP, rated_w=6_000,
                capability=HEAT_PUMP, circuit="cellar")  # fmt: skip
    circuit = Circuit(circuit_id="cellar", limit_ma=(6_000,) * 3)
    core = Core(Plant(loads=(pump,), circuits=(circuit,)), 0.0)
    core.handle(lpc("limited", 20_000), 0.0)

    core.handle(LoadFound(load_id="hp", capability=HEAT_PUMP), 1.0)

    assert core.decision.loads[0].setpoint == Setpoint(power_w=4_100)  # 6 A · 3 · 230 V


def test_a_load_lost_twice_was_lost_the_first_time() -> None:
    failsafe = dataclasses.replace(WALLBOX, keeps_limit_s=30.0, failsafe_ma=6_000)
    core = limited(dataclasses.replace(CAR, capability=failsafe), 11_040)
    answered(core, 1.1)
    core.handle(LoadLost(load_id="cp", why="gone"), 10.0)
    core.handle(LoadLost(load_id="cp", why="still gone"), 40.0)

    core.handle_timer(46.0)

    assert core.decision.exposure_w == 4_140


def test_a_slow_pump_that_disobeys_is_counted_with_what_it_draws_and_awaited_no_more() -> None:
    slow = Load(load_id="hp", name="", kind=LoadKind.HEATPUMP, rated_w=6_000, capability=HEAT_PUMP)
    core = Core(Plant(loads=(slow, CAR)), 0.0)
    core.handle(lpc("limited", 10_500), 0.0)
    for load in (slow, CAR):
        core.handle(LoadFound(load_id=load.load_id, capability=load.capability), 1.0)
    core.handle(lpc("limited", 5_000), 2.0)

    draws(core, {"hp": 6_000, "cp": 0}, 3, 200)

    views = {view.load_id: view for view in core.decision.loads}
    assert views["hp"].reason.code is ReasonCode.FAULT_NO_REACTION
    assert views["hp"].exposure_w == 6_000
    assert views["cp"].setpoint == Setpoint(power_w=0, current_ma=0)


def test_the_answer_to_a_release_that_was_taken_back_confirms_nothing() -> None:
    core = limited(CAR, 8_000)

    core.handle(SetpointWritten(load_id="cp", setpoint=None, at=1.1), 1.1)

    view = core.decision.loads[0]
    assert view.setpoint == Setpoint(power_w=7_590, current_ma=11_000)
    assert not view.confirmed
