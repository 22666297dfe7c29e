"""A decision that fails costs neither the limit nor the release (allocation.md X26)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pytest

from drivers.api import LoadKind, Measurement, Setpoint
from ems.control.commands import Alarm, Command, Release, Remember, SetLimit
from ems.control.commit import Commit
from ems.control.core import Core
from ems.control.events import (
    ContactChanged,
    Event,
    LoadFound,
    LoadLost,
    LoadMeasured,
    SetpointWritten,
)
from ems.control.plant import Circuit, Load, Plant, SignalConfig
from ems.control.reasons import ReasonCode
from tests.kit.core import HEAT_PUMP, RELAY, WALLBOX, lpc
from tests.kit.plant import first_plant

KINDS = {"hp": (LoadKind.HEATPUMP, HEAT_PUMP, 6_000), "cp": (LoadKind.WALLBOX, WALLBOX, 11_000),
         "rod": (LoadKind.COOLING, RELAY, 6_000)}  # fmt: skip


def load(name: str, *, steuve: bool = True, circuit: str = "") -> Load:
    kind, capability, rated_w = KINDS[name.rstrip("0123456789")]
    return Load(load_id=name, name="", kind=kind, rated_w=rated_w, capability=capability,
                steuve=steuve, circuit=circuit)  # fmt: skip


def running(*loads: Load, limit_w: int | None = None, circuits: tuple[Circuit, ...] = ()) -> Core:
    """Every load reached; free and acknowledged unless ``limit_w`` says otherwise."""
    core = Core(Plant(loads=loads, circuits=circuits), 0.0)
    state = "unlimited_controlled" if limit_w is None else "limited"
    core.handle(lpc(state, limit_w), 0.0)
    for one in loads:
        core.handle(LoadFound(load_id=one.load_id, capability=one.capability), 1.0)
    core.handle_timer(60.0)
    return core


def falls_back(core: Core, event: Event, now: float) -> list[Command]:
    assert core.book((event,), now)
    return core.fall_back("ZeroDivisionError()", now)


def fails(*_: object, **_named: object) -> bool:
    raise ZeroDivisionError


def told(commands: Sequence[Command]) -> Mapping[str, int]:
    return {c.load_id: c.setpoint.power_w for c in commands if isinstance(c, SetLimit)}


def test_free_loads_are_scaled_down_to_the_limit_in_proportion() -> None:
    core = running(load("cp1"), load("cp2"), load("hp"))

    commands = falls_back(core, lpc("limited", 14_000), 61.0)

    # 11,040 + 11,040 + 6,000 W wanted: half of it each, rounded down to steps
    assert told(commands) == {"cp1": 4_830, "cp2": 4_830, "hp": 2_900}
    assert all(c.urgent for c in commands if isinstance(c, SetLimit))
    assert core.decision.budget_w == 14_000
    assert {view.reason.code for view in core.decision.loads} == {ReasonCode.FALLBACK}


def test_what_would_fall_below_its_minimum_is_paused() -> None:
    core = running(load("cp1"), load("cp2"))

    assert told(falls_back(core, lpc("limited", 7_560), 61.0)) == {"cp1": 0, "cp2": 0}


def test_zero_watts_stop_everything_and_levels_fall_to_a_level() -> None:
    core = running(load("rod"), load("hp"))

    assert told(falls_back(core, lpc("limited", 0), 61.0)) == {"rod": 0, "hp": 0}


def test_the_limit_is_remembered_and_an_alarm_names_the_error_until_a_decision_works() -> None:
    core = running(load("hp"))

    commands = falls_back(core, lpc("limited", 4_200), 61.0)

    alarms = [c for c in commands if isinstance(c, Alarm) and c.code == "E-CTL-001"]
    assert [(a.active, a.params) for a in alarms] == [(True, {"error": "ZeroDivisionError()"})]
    saved = [c.saved.limits[0].power_w for c in commands if isinstance(c, Remember)]
    assert saved == [4_200]
    again = [c for c in core.handle_timer(62.0) if isinstance(c, Alarm)]
    assert ("E-CTL-001", False) in [(a.code, a.active) for a in again]


def test_a_failure_that_lasts_is_told_once_and_writes_nothing_again() -> None:
    core = running(load("hp"))
    falls_back(core, lpc("limited", 4_200), 61.0)

    assert core.fall_back("again", 62.0) == []


def test_an_order_that_may_be_lost_with_the_decision_is_told_again() -> None:
    core = running(load("hp"), limit_w=4_200)

    commands = core.fall_back("lost on the way", 61.0)

    assert [(c.setpoint, c.urgent) for c in commands if isinstance(c, SetLimit)] == [
        (Setpoint(power_w=4_200), True)
    ]


def test_an_order_the_device_has_acknowledged_is_not_told_again() -> None:
    core = running(load("hp"), limit_w=4_200)
    cap = Setpoint(power_w=4_200)
    core.handle(SetpointWritten(load_id="hp", setpoint=cap, at=61.0), 61.0)

    assert told(core.fall_back("why", 62.0)) == {}


def test_a_decrease_lost_with_the_second_decision_that_fails_is_told_too() -> None:
    core = running(load("hp"))
    falls_back(core, lpc("limited", 4_200), 61.0)
    core.book((lpc("limited", 2_000),), 62.0)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Commit, "_wants_more", fails)
        with pytest.raises(ZeroDivisionError):
            core.decide(62.0)  # the decrease is booked, but never leaves

    assert told(core.fall_back("again", 62.0)) == {"hp": 2_000}


def test_an_increase_lost_with_the_decision_is_not_made_up_for() -> None:
    core = running(load("hp"), limit_w=3_000)
    cap = Setpoint(power_w=3_000)
    core.handle(SetpointWritten(load_id="hp", setpoint=cap, at=61.0), 61.0)
    drawn = Measurement(power_w=3_000)
    core.handle(LoadMeasured(load_id="hp", measurement=drawn, at=62.0), 62.0)
    core.fall_back("first", 63.0)
    core.book((lpc("limited", 5_000),), 100.0)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Commit, "_command", fails)
        with pytest.raises(ZeroDivisionError):
            core.decide(100.0)  # the increase is booked, but never leaves

    assert told(core.fall_back("again", 100.0)) in ({}, {"hp": 3_000})
    assert core.decision.loads[0].setpoint == cap


def test_nobody_gets_more_when_the_limit_rises() -> None:
    core = running(load("hp"), load("cp"), limit_w=4_200)
    before = {view.load_id: view.setpoint for view in core.decision.loads}

    falls_back(core, lpc("limited", 20_000), 61.0)

    assert {view.load_id: view.setpoint for view in core.decision.loads} == before


def test_a_release_frees_every_load_all_the_same() -> None:
    core = running(load("hp"), load("cp"), limit_w=4_200)
    freed = [c.load_id for c in falls_back(core, lpc("unlimited_controlled"), 61.0)
             if isinstance(c, Release)]  # fmt: skip
    for second in range(62, 100):
        freed += [c.load_id for c in core.fall_back("still", float(second))
                  if isinstance(c, Release)]  # fmt: skip

    assert list(dict.fromkeys(freed)) == ["hp", "cp"]  # again and again: nobody answers here
    assert all(view.setpoint is None for view in core.decision.loads)


def test_what_nobody_hears_is_taken_off_first() -> None:
    core = running(load("hp"), load("cp"))
    core.handle(LoadLost(load_id="hp", why="gone"), 61.0)

    commands = falls_back(core, lpc("limited", 12_000), 62.0)

    assert told(commands) == {"cp": 5_520}  # 12,000 W less the 6,000 W of the heat pump


def test_a_load_outside_14a_stays_free_and_one_of_a_circuit_keeps_its_share() -> None:
    circuit = Circuit(circuit_id="garage", limit_ma=(20_000,) * 3)
    core = running(
        load("hp", steuve=False), load("cp1", circuit="garage"), load("cp2", circuit="garage"),
        circuits=(circuit,),
    )  # fmt: skip
    core.fall_back("no limit in force", 61.0)
    views = {view.load_id: view.setpoint for view in core.decision.loads}
    assert views["hp"] is None
    shared_ma = [views[name].current_ma for name in ("cp1", "cp2") if views[name]]  # type: ignore[union-attr]  # not None
    assert shared_ma == [10_000, 10_000]

    falls_back(core, lpc("limited", 9_000), 62.0)

    views = {view.load_id: view.setpoint for view in core.decision.loads}
    assert views["hp"] is None
    assert views["cp1"] == views["cp2"] == Setpoint(power_w=4_140, current_ma=6_000)


def test_a_load_reached_meanwhile_gets_nothing_before_it_is_its_turn() -> None:
    core = Core(Plant(loads=(load("hp"), load("cp"))), 0.0)
    core.handle(lpc("limited", 12_000), 0.0)

    commands = falls_back(core, LoadFound(load_id="hp", capability=HEAT_PUMP), 1.0)

    assert told(commands) == {"hp": 0}


def test_credit_of_own_generation_is_gone() -> None:
    core = running(load("hp"), limit_w=0)
    measured = Measurement(power_w=0)
    core.handle(LoadMeasured(load_id="hp", measurement=measured, at=61.0), 61.0)

    core.fall_back("why", 62.0)

    assert core.decision.budget_w == 0
    assert core.decision.credit_w == 0


def test_a_contact_rules_while_deciding_fails() -> None:
    plant = first_plant()
    core = Core(plant, 0.0)
    core.handle(ContactChanged(limiting=False, level="closed"), 0.0)
    core.handle(lpc("unlimited_controlled"), 0.0)
    for one in plant.loads:
        core.handle(LoadFound(load_id=one.load_id, capability=one.capability), 1.0)
    core.handle_timer(60.0)

    commands = falls_back(core, ContactChanged(limiting=True, level="open"), 61.0)

    assert len(told(commands)) == len(plant.loads)
    assert sum(told(commands).values()) <= 15_120


def test_a_plant_without_sources_is_free_all_the_same() -> None:
    one = load("hp")
    core = Core(Plant(loads=(one,), signal=SignalConfig(sources=())), 0.0)
    core.book((LoadFound(load_id="hp", capability=HEAT_PUMP),), 1.0)

    assert [type(c) for c in core.fall_back("why", 1.0) if not isinstance(c, Alarm | Remember)] == [
        Release
    ]


@pytest.mark.parametrize("why", ["", "x" * 5_000])
def test_the_error_in_the_alarm_is_bounded(why: str) -> None:
    core = running(load("hp"))

    alarms = [c for c in core.fall_back(why, 61.0) if isinstance(c, Alarm)]

    assert all(len(str(a.params.get("error", ""))) <= 200 for a in alarms)
