"""What the core makes of a limit on a simulated plant: who gets how much of it, and when."""

from __future__ import annotations

import pytest

from drivers.api import Capability, ControlUnit, LoadKind, Measurement, Setpoint
from ems.control.commands import Alarm, Release, SetLimit
from ems.control.core import Core
from ems.control.events import GridMeasured, LoadFound, LoadLost, LoadMeasured
from ems.control.plant import Circuit, Load, Plant, SignalConfig
from tests.kit.core import HEAT_PUMP, WALLBOX, caps, limited_site, lpc, small_core, writes
from tests.kit.plant import first_site


@pytest.mark.field("F-11")
@pytest.mark.rule("R-14A-27")
@pytest.mark.invariant("I-04")
def test_an_active_limit_of_zero_watts_stops_every_steuve() -> None:
    site = limited_site(0)

    assert set(caps(site).values()) == {0}
    assert site.steuve_w == 0


@pytest.mark.rule("R-14A-26")
@pytest.mark.rule("R-14A-14")
def test_the_household_never_takes_from_the_steuve() -> None:
    site = limited_site(9_000)
    before = caps(site)

    site.kettle = True
    site.run(site.now + 60)

    assert caps(site) == before
    assert site.core.decision.budget_w == 9_000


def test_all_decreases_of_a_limit_leave_at_once_and_urgent() -> None:
    site = limited_site(20_000, settle_s=0)

    first = [c for at, c in site.commands if at == 120.0 and isinstance(c, SetLimit)]

    assert {c.load_id for c in first} == {"garage", "carport", "yard", "heatpump", "battery"}
    assert all(c.urgent for c in first)


def test_with_constant_inputs_nothing_is_written_after_settling() -> None:
    site = limited_site(20_000)

    site.run(site.now + 300)

    assert writes(site, site.now - 300) == []


@pytest.mark.field("F-15")
def test_an_increase_waits_until_the_others_have_really_gone_down() -> None:
    site = limited_site(20_000)  # battery nearly 0, carport charging
    site.devices["carport"].ignores = True
    site.lpc("limited", 15_120)
    site.run(site.now + 5)
    assert caps(site)["carport"] == 0
    assert (caps(site)["battery"] or 0) <= 100

    site.devices["carport"].ignores = False
    site.devices["carport"].cap = 0.0
    site.run(site.now + 20)

    assert (caps(site)["battery"] or 0) > 500
    assert site.core.decision.exposure_w <= 15_120


@pytest.mark.rule("R-14A-38")
def test_fast_loads_make_room_while_a_slow_one_is_still_going_down() -> None:
    site = limited_site(4_200)
    site.devices["heatpump"].power_w = 3_100.0
    site.lpc("limited", 3_200)
    site.run(site.now + 10)
    over = [row for row in site.history if row["t"] > site.now and row["steuve"] > 3_300]

    assert over == []


@pytest.mark.field("F-19")
@pytest.mark.parametrize(
    ("state", "limit_w", "budget_w"),
    [
        ("init", 15_120, 15_120),
        ("limited", 6_000, 6_000),
        ("failsafe", 15_120, 15_120),
        ("unlimited_controlled", None, None),
        ("unlimited_autonomous", None, None),
    ],
)
def test_what_is_shared_is_the_limit_of_the_state(
    state: str, limit_w: int | None, budget_w: int | None
) -> None:
    site = first_site()
    site.contact("closed")
    site.lpc(state, limit_w)
    site.run(60)

    assert site.core.decision.budget_w == budget_w
    total_w = site.setpoint_sum_w()
    assert total_w is None if budget_w is None else total_w is not None and total_w <= budget_w


@pytest.mark.field("F-21")
@pytest.mark.rule("R-14A-39")
@pytest.mark.invariant("I-09")
def test_a_wallbox_is_paused_rather_than_kept_at_six_ampere_above_the_budget() -> None:
    core = small_core(Load(load_id="cp", name="", kind=LoadKind.WALLBOX, rated_w=11_000,
                           capability=WALLBOX))  # fmt: skip
    core.handle(lpc("limited", 4_200), 1.0)
    core.handle(LoadFound(load_id="cp", capability=WALLBOX), 1.0)
    at_240_v = Measurement(power_w=0, voltages_mv=(240_000, 240_000, 240_000))

    commands = core.handle(LoadMeasured(load_id="cp", measurement=at_240_v, at=2.0), 2.0)

    assert [c.setpoint for c in commands if isinstance(c, SetLimit)] == [
        Setpoint(power_w=0, current_ma=0)
    ]


def test_watts_and_ampere_of_a_set_point_come_from_one_voltage() -> None:
    core = small_core(Load(load_id="cp", name="", kind=LoadKind.WALLBOX, rated_w=11_000,
                           capability=WALLBOX))  # fmt: skip
    core.handle(lpc("limited", 5_000), 1.0)

    commands = core.handle(LoadFound(load_id="cp", capability=WALLBOX), 1.0)

    assert [c.setpoint for c in commands if isinstance(c, SetLimit)] == [
        Setpoint(power_w=4_830, current_ma=7_000)
    ]


def test_the_next_smaller_level_is_granted() -> None:
    stages = Capability(control=ControlUnit.LEVELS, levels_w=(0, 3_000, 6_000), t_react_s=5.0)
    core = small_core(Load(load_id="hp", name="", kind=LoadKind.HEATPUMP, rated_w=6_000,
                           capability=stages))  # fmt: skip
    core.handle(lpc("limited", 4_200), 1.0)

    commands = core.handle(LoadFound(load_id="hp", capability=stages), 1.0)

    assert [c.setpoint for c in commands if isinstance(c, SetLimit)] == [Setpoint(power_w=3_000)]


def test_a_circuit_limits_without_any_signal() -> None:
    pair = tuple(
        Load(load_id=f"cp{n}", name="", kind=LoadKind.WALLBOX, rated_w=11_000,
             capability=WALLBOX, circuit="garage")
        for n in (1, 2)
    )  # fmt: skip
    plant = Plant(
        loads=pair,
        signal=SignalConfig(sources=()),
        circuits=(Circuit(circuit_id="garage", limit_ma=(20_000,) * 3),),
    )
    core = Core(plant, 0.0)
    core.handle(LoadFound(load_id="cp1", capability=WALLBOX), 1.0)
    core.handle(LoadFound(load_id="cp2", capability=WALLBOX), 1.0)

    given = [view.setpoint.current_ma for view in core.decision.loads if view.setpoint]

    assert given == [10_000, 10_000]


@pytest.mark.rule("R-14A-25")
def test_a_load_outside_14a_is_left_alone() -> None:
    other = Load(load_id="hp", name="", kind=LoadKind.HEATPUMP, rated_w=4_000,
                 capability=HEAT_PUMP, steuve=False)  # fmt: skip
    core = small_core(other)
    core.handle(lpc("limited", 0), 1.0)

    commands = core.handle(LoadFound(load_id="hp", capability=HEAT_PUMP), 1.0)

    assert [type(c) for c in commands if isinstance(c, SetLimit | Release)] == [Release]


@pytest.mark.rule("R-14A-12")
def test_a_signal_without_any_steuve_is_told() -> None:
    core = Core(Plant(loads=()), 0.0)

    commands = core.handle(lpc("limited", 0), 1.0)

    assert any(isinstance(c, Alarm) and c.code == "W-SIG-003" and c.active for c in commands)


@pytest.mark.field("C-13")
def test_unknown_loads_and_absurd_meters_change_nothing() -> None:
    core = small_core()
    core.handle(lpc("limited", 4_200), 1.0)

    assert core.handle(LoadLost(load_id="nobody", why=""), 2.0) == []
    core.handle(GridMeasured(power_w=-(10**9), at=2.0), 2.0)

    assert core.decision.grid_power_w is None


@pytest.mark.invariant("I-01")
def test_the_first_cap_of_a_load_counts_before_a_small_excess_of_another_is_forgiven() -> None:
    first = Capability(control=ControlUnit.POWER, max_w=5_050, keeps_limit_s=30.0, failsafe_w=5_000)
    other = Capability(control=ControlUnit.POWER, max_w=12_000)
    pair = (
        Load(load_id="a", name="", kind=LoadKind.BATTERY, rated_w=12_000, capability=other),
        Load(load_id="b", name="", kind=LoadKind.BATTERY, rated_w=5_050, capability=first,
             priority=1),
    )  # fmt: skip
    core = Core(Plant(loads=pair), 0.0)
    core.handle(lpc("limited", 10_000), 1.0)
    core.handle(LoadFound(load_id="a", capability=other), 100.0)

    core.handle(LoadFound(load_id="b", capability=first), 101.0)

    granted = [view.setpoint.power_w for view in core.decision.loads if view.setpoint]
    assert granted == [4_950, 5_050]


def test_an_event_that_is_none_is_a_fault_of_our_own() -> None:
    core = small_core()

    with pytest.raises(AssertionError):
        core.book(("what",), 1.0)  # type: ignore[arg-type]  # that is the point
