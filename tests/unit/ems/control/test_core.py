"""The core on a simulated plant: limits, releases, losses, disobedience, noise, restarts."""

from __future__ import annotations

import dataclasses
import math

import pytest

from drivers.api import Capability, ControlUnit, LoadKind, Measurement, Setpoint
from ems.control.commands import Alarm, Command, Release, Remember, SetLimit, Stop
from ems.control.core import Core
from ems.control.events import (
    ContactChanged,
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
from ems.control.grid_limit import UNLIMITED, GridLimit, Limited, Source
from ems.control.plant import BelowPmin, Circuit, Load, Plant, SignalConfig
from ems.control.reasons import ReasonCode
from ems.control.saved import SavedLimit, SavedState
from tests.kit.plant import Site, first_plant, first_site


def limited_site(limit_w: int, *, seed: int = 1, settle_s: float = 120.0) -> Site:
    """Everything free and charging, then an EEBUS limit at t = 120 s."""
    site = first_site(seed)
    site.contact("closed")
    site.lpc("unlimited_controlled")
    site.run(120)
    site.lpc("limited", limit_w)
    site.run(120 + settle_s)
    return site


def writes(site: Site, since: float, load_id: str | None = None) -> list[Command]:
    return [
        command
        for at, command in site.commands
        if at >= since
        and isinstance(command, SetLimit | Release | Stop)
        and load_id in {None, command.load_id}
    ]


def alarm_on(site: Site, code: str, subject: str) -> bool:
    told = [a.active for a in site.alarms if (a.code, a.subject) == (code, subject)]
    return bool(told) and told[-1]


def caps(site: Site) -> dict[str, int | None]:
    return {
        view.load_id: view.setpoint.power_w if view.setpoint else None
        for view in site.core.decision.loads
    }


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


@pytest.mark.invariant("I-10")
def test_release_frees_every_load_within_a_minute_one_after_the_other() -> None:
    site = limited_site(4_200)

    site.lpc("unlimited_controlled")
    site.run(site.now + 60)

    released = [c.load_id for c in writes(site, site.now - 60) if isinstance(c, Release)]
    assert released == ["heatpump", "garage", "carport", "yard", "battery"]
    assert all(view.setpoint is None for view in site.core.decision.loads)


@pytest.mark.field("F-17")
@pytest.mark.rule("R-14A-40")
def test_a_release_that_is_not_answered_is_repeated_until_it_is() -> None:
    site = limited_site(4_200)
    site.deaf.add("heatpump")
    site.lpc("unlimited_controlled")
    site.run(site.now + 65)
    assert alarm_on(site, "E-DEV-006", "heatpump")

    site.deaf.clear()
    site.run(site.now + 60)

    assert math.isinf(site.devices["heatpump"].cap)
    assert not alarm_on(site, "E-DEV-006", "heatpump")


@pytest.mark.field("F-17")
def test_a_device_that_still_reports_its_old_cap_is_released_again() -> None:
    core = small_core()
    core.handle(lpc("limited", 4_200), 1.0)
    core.handle(LoadFound(load_id="hp", capability=HEAT_PUMP), 1.0)
    cap = Setpoint(power_w=4_200)
    core.handle(SetpointWritten(load_id="hp", setpoint=cap, at=1.1), 1.1)
    core.handle(lpc("unlimited_controlled"), 2.0)
    core.handle(SetpointWritten(load_id="hp", setpoint=None, at=2.1), 2.1)

    stuck = Measurement(power_w=3_000, setpoint=cap)
    core.handle(LoadMeasured(load_id="hp", measurement=stuck, at=3.0), 3.0)
    commands = [c for t in range(4, 8) for c in core.handle_timer(float(t))]

    assert [type(c) for c in commands if not isinstance(c, Alarm)] == [Release]


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


@pytest.mark.field("F-23")
@pytest.mark.rule("R-14A-24")
def test_a_contact_that_limits_at_boot_is_obeyed_by_the_first_set_point() -> None:
    core = Core(first_plant(), 0.0)
    core.handle(ContactChanged(limiting=True, level="open"), 0.0)
    core.handle(lpc("unlimited_controlled"), 0.0)

    commands = core.handle(LoadFound(load_id="garage", capability=core.decision and WALLBOX), 0.1)

    assert [type(c) for c in commands if isinstance(c, SetLimit | Release)] == [SetLimit]


@pytest.mark.field("F-24")
@pytest.mark.invariant("I-03")
@pytest.mark.parametrize("fault", ["flapping", "unreadable"])
def test_a_contact_in_fault_limits_to_pmin_and_raises_an_alarm(fault: str) -> None:
    site = first_site()
    site.lpc("unlimited_controlled")
    site.give(ContactChanged(limiting=True, level="unknown", fault=fault))

    effective = site.core.decision.effective

    assert effective == Limited(15_120, Source.FAULT)
    code = "E-CON-001" if fault == "flapping" else "E-CON-005"
    assert alarm_on(site, code, "contact")


@pytest.mark.invariant("I-03")
def test_a_damaged_state_file_limits_to_pmin_until_the_sources_have_spoken() -> None:
    site = first_site()
    site.give(Restored(saved=None, damaged=True))
    site.lpc("init", 50_000)
    site.contact("closed")
    assert site.core.decision.effective == Limited(15_120, Source.FAULT)

    site.lpc("unlimited_controlled")

    assert site.core.decision.effective == UNLIMITED


@pytest.mark.field("F-30")
@pytest.mark.rule("R-14A-18")
def test_a_silent_meter_takes_the_credit_and_leaves_the_limit() -> None:
    site = limited_site(4_200)
    site.sun_w = 6_000
    site.run(site.now + 90)
    assert site.core.decision.credit_w > 4_000

    site.grid_silent = True
    site.run(site.now + 11)

    assert site.core.decision.credit_w == 0
    assert site.core.decision.budget_w == 4_200
    assert alarm_on(site, "E-MET-001", "grid")


@pytest.mark.rule("R-14A-15")
def test_generation_is_credited_late_and_taken_back_at_once() -> None:
    site = limited_site(0)
    site.sun_w = 6_000
    site.run(site.now + 25)
    assert site.core.decision.credit_w == 0
    site.run(site.now + 60)
    assert site.core.decision.credit_w > 4_500

    site.pv_w = site.sun_w = 0.0
    site.run(site.now + 2)

    assert site.core.decision.credit_w == 0


@pytest.mark.field("F-16")
def test_clouds_start_a_load_twice_in_a_quarter_of_an_hour_at_most() -> None:
    site = limited_site(0)
    for load in ("battery", "heatpump"):
        site.devices[load].wants = False
    before = {name: device.starts for name, device in site.devices.items()}

    for second in range(900):
        site.sun_w = 6_000 if second % 150 < 100 else 2_000
        site.run(site.now + 1)

    started = {name: device.starts - before[name] for name, device in site.devices.items()}
    assert max(started.values()) <= 2


@pytest.mark.invariant("I-03")
@pytest.mark.rule("R-14A-20")
def test_a_lost_wallbox_counts_with_what_it_may_draw_and_then_with_its_own_fallback() -> None:
    site = limited_site(20_000)
    site.devices["garage"].offline = True

    site.run(site.now + 5)
    views = {view.load_id: view for view in site.core.decision.loads}
    assert views["garage"].exposure_w >= 11_040
    assert views["garage"].reason.code is ReasonCode.OFFLINE
    site.run(site.now + 60)

    views = {view.load_id: view for view in site.core.decision.loads}
    assert 4_140 <= views["garage"].exposure_w <= 4_200  # 6 A, its own fail-safe current
    assert (site.setpoint_sum_w() or 0) > 0
    assert alarm_on(site, "E-DEV-001", "garage")


def test_a_wallbox_that_comes_back_gets_its_limit_first() -> None:
    site = limited_site(4_200)
    site.devices["garage"].offline = True
    site.run(site.now + 30)
    site.devices["garage"].cap = math.inf  # it has forgotten everything
    site.devices["garage"].offline = False
    since = site.now

    site.run(site.now + 20)

    first = writes(site, since, "garage")[0]
    assert isinstance(first, SetLimit)
    assert first.setpoint.power_w == 0
    assert site.steuve_w <= 4_300


@pytest.mark.rule("R-14A-44")
def test_a_wallbox_that_ignores_its_set_point_is_switched_off_and_others_pay() -> None:
    site = limited_site(20_000)
    site.devices["garage"].ignores = True

    site.lpc("limited", 12_000)
    site.lpc("limited", 6_000)
    site.run(site.now + 29)
    assert site.core.decision.level == 2
    assert alarm_on(site, "E-DEV-005", "garage")
    site.run(site.now + 12)

    assert [type(c) for c in writes(site, 240, "garage")].count(Stop) == 1
    assert site.steuve_w <= 6_120
    assert site.core.decision.level == 0


def test_with_escalation_off_nobody_is_switched_off() -> None:
    site = first_site(escalation=False)
    site.contact("closed")
    site.lpc("unlimited_controlled")
    site.run(120)
    site.devices["garage"].ignores = True
    site.lpc("limited", 6_000)
    site.run(240)

    assert not any(isinstance(command, Stop) for _, command in site.commands)
    assert site.core.decision.level == 1


def test_surplus_that_a_battery_takes_by_itself_is_no_offence() -> None:
    site = limited_site(0)
    site.devices["garage"].wants = False
    site.sun_w = 6_000

    site.run(site.now + 120)

    assert site.devices["battery"].power_w > 4_000
    assert caps(site)["battery"] == 0
    assert (caps(site)["garage"] or 0) >= 4_140
    assert not alarm_on(site, "E-DEV-005", "battery")
    assert site.core.decision.level == 0
    assert site.nwlb_w <= 100


@pytest.mark.rule("R-14A-30")
def test_a_limit_below_pmin_is_obeyed_and_flagged() -> None:
    site = limited_site(3_000)

    assert site.core.decision.budget_w == 3_000
    assert alarm_on(site, "W-SIG-002", "signal")


@pytest.mark.rule("R-14A-30")
def test_a_limit_below_pmin_is_raised_where_the_plant_says_so() -> None:
    plant = first_plant()
    clamp = dataclasses.replace(plant.signal, below_pmin=BelowPmin.CLAMP_TO_PMIN)
    core = Core(dataclasses.replace(plant, signal=clamp), 0.0)

    core.handle(lpc("limited", 3_000), 1.0)

    assert core.decision.effective == Limited(3_000, Source.EEBUS)
    assert core.decision.budget_w == 15_120


@pytest.mark.rule("R-14A-32")
@pytest.mark.rule("R-14A-33")
@pytest.mark.invariant("I-02")
def test_the_stricter_of_contact_and_box_rules_and_a_contradiction_is_told() -> None:
    site = limited_site(20_000, settle_s=10)
    site.contact("open")
    assert site.core.decision.effective == Limited(15_120, Source.CONTACT)
    site.lpc("limited", 4_200)
    assert site.core.decision.effective == Limited(4_200, Source.EEBUS)
    site.lpc("unlimited_controlled")
    assert site.core.decision.effective == Limited(15_120, Source.CONTACT)

    site.run(site.now + 61)
    assert alarm_on(site, "W-SIG-001", "signal")
    site.contact("closed")

    assert site.core.decision.effective == UNLIMITED
    assert not alarm_on(site, "W-SIG-001", "signal")


def test_a_test_limit_ends_by_itself_and_never_loosens() -> None:
    site = limited_site(6_000, settle_s=5)
    ends = site.now + 60
    site.give(TestLimitChanged(limit=Limited(9_000, Source.TEST), expires_at=ends))
    assert site.core.decision.effective == Limited(6_000, Source.EEBUS)
    site.give(TestLimitChanged(limit=Limited(5_000, Source.TEST), expires_at=ends))
    assert site.core.decision.effective == Limited(5_000, Source.TEST)

    site.run(ends)

    assert site.core.decision.effective == Limited(6_000, Source.EEBUS)


@pytest.mark.rule("R-14A-52")
@pytest.mark.invariant("I-07")
def test_a_restored_timed_limit_runs_its_remaining_seconds() -> None:
    core = Core(first_plant(), 500.0)
    saved = SavedState(limits=(SavedLimit(power_w=4_200, source="eebus", remaining_s=100.0),))
    core.handle(Restored(saved=saved), 500.0)
    core.handle(ContactChanged(limiting=False, level="closed"), 500.0)
    assert core.decision.effective == Limited(4_200, Source.EEBUS, restored=True)

    core.handle_timer(600.0)

    assert core.decision.effective == Limited(15_120, Source.FAILSAFE)


def test_a_restored_limit_outlives_autonomy_until_the_failsafe_duration_is_over() -> None:
    core = Core(first_plant(), 0.0)
    saved = SavedState(
        limits=(SavedLimit(power_w=4_200, source="eebus"),), failsafe_remaining_s=7_200.0
    )
    core.handle(Restored(saved=saved), 0.0)
    core.handle(ContactChanged(limiting=False, level="closed"), 0.0)

    core.handle(lpc("unlimited_autonomous"), 120.0)
    assert core.decision.effective == Limited(4_200, Source.EEBUS, restored=True)
    core.handle(lpc("unlimited_autonomous"), 7_200.0)

    assert core.decision.effective == UNLIMITED


@pytest.mark.invariant("I-05")
def test_a_limit_is_remembered_with_the_event_that_brings_it() -> None:
    core = Core(first_plant(), 0.0)
    core.handle(ContactChanged(limiting=False, level="closed"), 0.0)

    commands = core.handle(lpc("limited", 4_200, expires_at=301.0), 1.0)

    [remember] = [c for c in commands if isinstance(c, Remember)]
    assert remember.at_once
    assert remember.saved.limits == (SavedLimit(power_w=4_200, source="eebus", remaining_s=300.0),)
    assert remember.saved.failsafe_remaining_s == 7_200.0
    assert remember.saved.contact_level == "closed"


def test_a_timed_limit_refreshes_its_remaining_seconds_every_five() -> None:
    core = Core(first_plant(), 0.0)
    core.handle(lpc("limited", 4_200, expires_at=301.0), 1.0)

    told = [c for t in range(2, 22) for c in core.handle_timer(float(t))]

    saved = [c for c in told if isinstance(c, Remember)]
    assert [c.at_once for c in saved] == [False] * 4
    assert saved[-1].saved.limits[0].remaining_s == 280.0


def test_a_write_that_fails_is_repeated_later_and_later() -> None:
    core = small_core()
    core.handle(lpc("limited", 4_200), 1.0)
    core.handle(LoadFound(load_id="hp", capability=HEAT_PUMP), 1.0)
    cap = Setpoint(power_w=4_200)
    at: list[float] = []
    now = 1.0
    core.handle(SetpointFailed(load_id="hp", setpoint=cap, why="busy"), now)
    while now < 100.0:
        now += 1.0
        if any(isinstance(c, SetLimit) for c in core.handle_timer(now)):
            at.append(now)
            core.handle(SetpointFailed(load_id="hp", setpoint=cap, why="busy"), now)

    assert at == [3.0, 7.0, 15.0, 31.0, 61.0, 91.0]


def test_a_refused_set_point_raises_an_alarm_and_keeps_counting() -> None:
    site = first_site()
    site.contact("closed")
    site.lpc("unlimited_controlled")
    site.run(60)
    site.refuses.add("garage")
    site.lpc("limited", 12_000)
    site.run(100)

    views = {view.load_id: view for view in site.core.decision.loads}
    assert alarm_on(site, "E-DEV-002", "garage")
    assert views["garage"].exposure_w >= 11_040


def test_an_unmeasured_load_counts_with_its_cap_after_its_reaction_time() -> None:
    core = small_core(Load(load_id="hp", name="", kind=LoadKind.HEATPUMP, rated_w=6_000,
                           capability=RELAY))  # fmt: skip
    core.handle(lpc("limited", 4_200), 1.0)
    core.handle(LoadFound(load_id="hp", capability=RELAY), 1.0)
    core.handle(SetpointWritten(load_id="hp", setpoint=Setpoint(power_w=0), at=1.0), 1.0)
    core.handle_timer(60.0)
    assert core.decision.exposure_w == 6_000

    core.handle_timer(61.0)

    assert core.decision.exposure_w == 0


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


def test_unknown_loads_and_absurd_meters_change_nothing() -> None:
    core = small_core()
    core.handle(lpc("limited", 4_200), 1.0)

    assert core.handle(LoadLost(load_id="nobody", why=""), 2.0) == []
    core.handle(GridMeasured(power_w=-(10**9), at=2.0), 2.0)

    assert core.decision.grid_power_w is None


WALLBOX = Capability(control=ControlUnit.CURRENT, t_react_s=10.0)
HEAT_PUMP = Capability(
    control=ControlUnit.POWER, min_w=1_500, max_w=50_000, step_w=100, t_react_s=180.0
)
RELAY = Capability(
    control=ControlUnit.LEVELS, levels_w=(0, 6_000), t_react_s=60.0, measures_power=False
)


def small_core(load: Load | None = None) -> Core:
    one = load or Load(load_id="hp", name="", kind=LoadKind.HEATPUMP, rated_w=6_000,
                       capability=HEAT_PUMP)  # fmt: skip
    return Core(Plant(loads=(one,)), 0.0)


def lpc(state: str, limit_w: int | None = None, *, expires_at: float | None = None) -> LpcChanged:
    source = Source.EEBUS if state == "limited" else Source.FAILSAFE
    limit: GridLimit = UNLIMITED if limit_w is None else Limited(limit_w, source)
    return LpcChanged(
        state=state, limit=limit, failsafe_w=15_120, failsafe_duration_s=7_200.0,
        expires_at=expires_at,
    )  # fmt: skip


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


def test_increases_are_frozen_while_the_limit_is_not_kept() -> None:
    site = limited_site(20_000)
    site.devices["garage"].ignores = True
    site.lpc("limited", 6_000)
    site.run(site.now + 15)
    assert site.core.decision.level == 2
    since = site.now

    site.lpc("limited", 7_000)
    site.run(site.now + 5)

    raised = [c for c in writes(site, since) if isinstance(c, SetLimit) and c.setpoint.power_w]
    assert raised == []
