"""Every row of the LPC table, by rule: the row is taken, and without it its scenario fails."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

import pytest

from eebus.usecases import power_limit
from eebus.usecases.limit_values import (
    KEEP,
    LPC,
    LPP,
    Failsafe,
    FailsafeWrite,
    LimitWrite,
    Profile,
    Settings,
)
from eebus.usecases.power_limit import EDGES, PowerLimit, Ruling, State, Trigger

Scenario = Callable[[Profile], PowerLimit]

UC, LI = State.UNLIMITED_CONTROLLED, State.LIMITED
FS, UA = State.FAILSAFE, State.UNLIMITED_AUTONOMOUS


def started(profile: Profile) -> PowerLimit:
    failsafe = Failsafe(limit_w=Decimal(4_200), duration_s=7_200.0)
    return PowerLimit(profile, Settings(failsafe=failsafe, value_w=Decimal(0)), 0.0)


def write(
    machine: PowerLimit,
    magnitude: int,
    now: float,
    *,
    active: bool,
    duration_s: float | None = None,
) -> Ruling:
    limit = LimitWrite(
        value_w=Decimal(magnitude * machine.profile.sign), active=active, duration_s=duration_s
    )
    ruling = machine.judge_limit(limit, now)
    machine.apply_limit(limit, ruling, now)
    return ruling


def controlled(profile: Profile) -> PowerLimit:
    """UC at 1 s, heartbeat at 0 s."""
    machine = started(profile)
    machine.heartbeat(0.0)
    write(machine, 5_000, 1.0, active=False)
    return machine


def limited(profile: Profile) -> PowerLimit:
    """LI with 5,000 W without end at 1 s, heartbeat at 0 s."""
    machine = started(profile)
    machine.heartbeat(0.0)
    write(machine, 5_000, 1.0, active=True)
    return machine


def failed(profile: Profile) -> PowerLimit:
    """FS since 120 s."""
    machine = controlled(profile)
    machine.handle_timer(121.0)
    return machine


def autonomous(profile: Profile) -> PowerLimit:
    """UA since 120 s."""
    machine = started(profile)
    machine.handle_timer(121.0)
    return machine


def last_rule(machine: PowerLimit) -> tuple[str, int]:
    step = machine.take_events()[-1]
    return step.rule, step.edge.number


def init_deactivated(profile: Profile) -> PowerLimit:
    machine = started(profile)
    machine.heartbeat(0.0)
    assert write(machine, 5_000, 60.0, active=False).accepted
    assert (machine.state, machine.in_force_w) == (UC, None)
    assert last_rule(machine) == (f"{profile.rule_prefix}-905", 1)
    return machine


def init_refused(profile: Profile) -> PowerLimit:
    machine = started(profile)
    machine.heartbeat(0.0)
    ruling = write(machine, -1_000, 1.0, active=True)
    assert (ruling.error_number, ruling.rule) == (7, f"{profile.rule_prefix}-902")
    assert machine.state is UC
    assert machine.limit.value_w == 0
    return machine


def init_limited(profile: Profile) -> PowerLimit:
    machine = started(profile)
    machine.heartbeat(0.0)
    assert write(machine, 5_000, 1.0, active=True, duration_s=60.0).accepted
    assert (machine.state, machine.in_force_w) == (LI, 5_000)
    assert last_rule(machine) == (f"{profile.rule_prefix}-904", 2)
    return machine


def init_alone(profile: Profile) -> PowerLimit:
    machine = started(profile)
    machine.handle_timer(120.0)
    assert (machine.state, machine.in_force_w) == (State.INIT, 4_200)
    machine.handle_timer(120.1)
    assert (machine.state, machine.in_force_w) == (UA, None)
    assert last_rule(machine) == (f"{profile.rule_prefix}-906", 3)
    return machine


def controlled_limited(profile: Profile) -> PowerLimit:
    machine = controlled(profile)
    assert write(machine, 0, 90.0, active=True).accepted
    assert (machine.state, machine.in_force_w) == (LI, 0)
    assert last_rule(machine) == (f"{profile.rule_prefix}-910", 4)
    return machine


def controlled_stored(profile: Profile) -> PowerLimit:
    machine = controlled(profile)
    ruling = write(machine, 3_000, 90.0, active=False)
    assert (ruling.error_number, ruling.rule) == (0, f"{profile.rule_prefix}-008")
    assert machine.state is UC
    assert machine.limit.value_w == 3_000 * profile.sign
    return machine


def controlled_refused(profile: Profile) -> PowerLimit:
    machine = controlled(profile)
    ruling = write(machine, -1_000, 90.0, active=True)
    assert (ruling.error_number, ruling.rule) == (7, f"{profile.rule_prefix}-907/1")
    assert machine.state is UC
    assert machine.limit.value_w == 5_000 * profile.sign
    return machine


def controlled_lost(profile: Profile) -> PowerLimit:
    machine = controlled(profile)
    machine.handle_timer(120.0)
    assert machine.state is UC
    machine.handle_timer(120.1)
    assert (machine.state, machine.in_force_w) == (FS, 4_200)
    assert last_rule(machine) == (f"{profile.rule_prefix}-911", 5)
    return machine


def limited_expired(profile: Profile) -> PowerLimit:
    machine = started(profile)
    machine.heartbeat(0.0)
    write(machine, 5_000, 1.0, active=True, duration_s=60.0)
    machine.handle_timer(60.9)
    assert machine.state is LI
    machine.handle_timer(61.0)
    assert (machine.state, machine.in_force_w, machine.limit.duration_s) == (UC, None, None)
    assert last_rule(machine) == (f"{profile.rule_prefix}-908", 6)
    return machine


def limited_deactivated(profile: Profile) -> PowerLimit:
    machine = limited(profile)
    assert write(machine, 5_000, 90.0, active=False).accepted
    assert (machine.state, machine.in_force_w) == (UC, None)
    assert last_rule(machine) == (f"{profile.rule_prefix}-909", 6)
    return machine


def limited_interrupted(profile: Profile) -> PowerLimit:
    machine = limited(profile)
    machine.interrupt("self-protection", 10.0)
    assert (machine.state, machine.in_force_w) == (UC, None)
    assert last_rule(machine) == (f"{profile.rule_prefix}-923", 6)
    return machine


def limited_anew(profile: Profile) -> PowerLimit:
    machine = limited(profile)
    assert write(machine, 3_000, 90.0, active=True).accepted
    assert (machine.state, machine.in_force_w) == (LI, 3_000)
    return machine


def limited_refused(profile: Profile) -> PowerLimit:
    machine = limited(profile)
    ruling = write(machine, -1_000, 90.0, active=True)
    assert (ruling.error_number, ruling.rule) == (7, f"{profile.rule_prefix}-907/2")
    assert (machine.state, machine.in_force_w) == (LI, 5_000)
    return machine


def limited_lost(profile: Profile) -> PowerLimit:
    machine = limited(profile)
    machine.handle_timer(120.0)
    assert machine.state is LI
    machine.handle_timer(120.1)
    assert (machine.state, machine.in_force_w) == (FS, 4_200)
    assert last_rule(machine) == (f"{profile.rule_prefix}-912", 7)
    return machine


def failsafe_deactivated(profile: Profile) -> PowerLimit:
    machine = failed(profile)
    machine.heartbeat(300.0)
    assert machine.state is FS
    assert write(machine, 5_000, 301.0, active=False).accepted
    assert machine.state is UC
    assert last_rule(machine) == (f"{profile.rule_prefix}-920", 8)
    return machine


def failsafe_refused(profile: Profile) -> PowerLimit:
    machine = failed(profile)
    machine.heartbeat(300.0)
    ruling = write(machine, -1_000, 301.0, active=True)
    assert (ruling.error_number, ruling.rule) == (7, f"{profile.rule_prefix}-918")
    assert machine.state is UC
    return machine


def failsafe_limited(profile: Profile) -> PowerLimit:
    machine = failed(profile)
    machine.heartbeat(300.0)
    assert write(machine, 3_000, 360.0, active=True).accepted
    assert (machine.state, machine.in_force_w) == (LI, 3_000)
    assert last_rule(machine) == (f"{profile.rule_prefix}-919", 9)
    return machine


def failsafe_over(profile: Profile) -> PowerLimit:
    machine = failed(profile)
    machine.handle_timer(120.0 + 7_199.0)
    assert machine.state is FS
    machine.handle_timer(120.0 + 7_201.0)
    assert (machine.state, machine.in_force_w) == (UA, None)
    assert last_rule(machine) == (f"{profile.rule_prefix}-922", 10)
    return machine


def failsafe_unspoken(profile: Profile) -> PowerLimit:
    machine = failed(profile)
    for at in (300.0, 330.0, 360.0, 390.0, 420.0):
        machine.heartbeat(at)
    assert machine.state is FS
    machine.handle_timer(420.1)
    assert (machine.state, machine.in_force_w) == (UA, None)
    assert last_rule(machine) == (f"{profile.rule_prefix}-921", 10)
    return machine


def autonomous_deactivated(profile: Profile) -> PowerLimit:
    machine = autonomous(profile)
    machine.heartbeat(300.0)
    assert write(machine, 5_000, 301.0, active=False).accepted
    assert machine.state is UC
    assert last_rule(machine) == (f"{profile.rule_prefix}-920", 11)
    return machine


def autonomous_refused(profile: Profile) -> PowerLimit:
    machine = autonomous(profile)
    machine.heartbeat(300.0)
    ruling = write(machine, -1_000, 301.0, active=True)
    assert (ruling.error_number, ruling.rule) == (7, f"{profile.rule_prefix}-918")
    assert machine.state is UC
    return machine


def autonomous_limited(profile: Profile) -> PowerLimit:
    machine = autonomous(profile)
    machine.heartbeat(300.0)
    assert write(machine, 3_000, 301.0, active=True).accepted
    assert (machine.state, machine.in_force_w) == (LI, 3_000)
    assert last_rule(machine) == (f"{profile.rule_prefix}-919", 12)
    return machine


SCENARIOS: dict[tuple[State, Trigger], Scenario] = {
    (State.INIT, Trigger.LIMIT_OFF): init_deactivated,
    (State.INIT, Trigger.LIMIT_REFUSED): init_refused,
    (State.INIT, Trigger.LIMIT_ON): init_limited,
    (State.INIT, Trigger.NOBODY_CAME): init_alone,
    (UC, Trigger.LIMIT_ON): controlled_limited,
    (UC, Trigger.LIMIT_OFF): controlled_stored,
    (UC, Trigger.LIMIT_REFUSED): controlled_refused,
    (UC, Trigger.HEARTBEAT_LOST): controlled_lost,
    (LI, Trigger.LIMIT_EXPIRED): limited_expired,
    (LI, Trigger.LIMIT_OFF): limited_deactivated,
    (LI, Trigger.INTERRUPTED): limited_interrupted,
    (LI, Trigger.LIMIT_ON): limited_anew,
    (LI, Trigger.LIMIT_REFUSED): limited_refused,
    (LI, Trigger.HEARTBEAT_LOST): limited_lost,
    (FS, Trigger.LIMIT_OFF): failsafe_deactivated,
    (FS, Trigger.LIMIT_REFUSED): failsafe_refused,
    (FS, Trigger.LIMIT_ON): failsafe_limited,
    (FS, Trigger.FAILSAFE_OVER): failsafe_over,
    (FS, Trigger.NO_LIMIT_FOLLOWED): failsafe_unspoken,
    (UA, Trigger.LIMIT_OFF): autonomous_deactivated,
    (UA, Trigger.LIMIT_REFUSED): autonomous_refused,
    (UA, Trigger.LIMIT_ON): autonomous_limited,
}
ROWS = [
    pytest.param(
        key,
        id="-".join((*key[0].value.split("_"), key[1].name.lower())),
        marks=[pytest.mark.rule(f"LPC-{rule}") for rule in EDGES[key].rules],
    )
    for key in SCENARIOS
]


def test_every_row_of_the_table_has_a_scenario_and_no_scenario_is_without_row() -> None:
    assert set(SCENARIOS) == set(EDGES)


@pytest.mark.parametrize("profile", [LPC, LPP], ids=["lpc", "lpp"])
@pytest.mark.parametrize("key", ROWS)
def test_the_row_leads_where_its_rule_says(key: tuple[State, Trigger], profile: Profile) -> None:
    machine = SCENARIOS[key](profile)

    assert machine.state is EDGES[key].target


@pytest.mark.parametrize("key", ROWS)
def test_without_the_row_the_scenario_of_its_rule_fails(
    key: tuple[State, Trigger], monkeypatch: pytest.MonkeyPatch
) -> None:
    rest = {other: edge for other, edge in EDGES.items() if other != key}
    monkeypatch.setattr(power_limit, "EDGES", rest)

    with pytest.raises((AssertionError, IndexError)):
        SCENARIOS[key](LPC)


@pytest.mark.rule("LPC-914/2")
@pytest.mark.parametrize("begin", [started, failed, autonomous])
@pytest.mark.parametrize("active", [True, False])
def test_a_limit_without_a_heartbeat_in_the_minute_before_changes_nothing(
    begin: Callable[[Profile], PowerLimit], active: bool
) -> None:
    machine = begin(LPC)
    state, since = machine.state, 130.0
    machine.heartbeat(since)

    ruling = write(machine, 3_000, since + 60.1, active=active)

    assert (ruling.error_number, ruling.rule) == (7, "LPC-914/2")
    assert machine.limit.value_w != 3_000
    assert machine.state is (State.UNLIMITED_AUTONOMOUS if begin is started else state)


@pytest.mark.rule("LPC-914/2")
@pytest.mark.field("H-73")
def test_the_gate_is_judged_before_the_value() -> None:
    machine = started(LPC)

    ruling = write(machine, -1_000, 1.0, active=True)

    assert ruling.trigger is None
    assert machine.state is State.INIT


@pytest.mark.rule("LPC-TS-037")
@pytest.mark.parametrize(
    ("begin", "accepted"),
    [(started, False), (controlled, True), (limited, True), (failed, False), (autonomous, False)],
)
@pytest.mark.parametrize(
    "failsafe", [FailsafeWrite(limit_w=Decimal(5_000)), FailsafeWrite(duration_s=10_800.0)]
)
def test_failsafe_values_are_open_only_while_the_guard_is_proven(
    begin: Callable[[Profile], PowerLimit], accepted: bool, failsafe: FailsafeWrite
) -> None:
    machine = begin(LPC)
    machine.heartbeat(121.0 if begin in {failed, autonomous} else 2.0)

    ruling = machine.judge_failsafe(failsafe, 122.0 if begin in {failed, autonomous} else 3.0)
    machine.apply_failsafe(failsafe, ruling)

    assert ruling.accepted is accepted
    changed = machine.failsafe != Failsafe(limit_w=Decimal(4_200), duration_s=7_200.0)
    assert changed is accepted


@pytest.mark.rule("LPC-022/3")
@pytest.mark.rule("LPC-022/5")
@pytest.mark.rule("LPC-010")
@pytest.mark.parametrize(
    ("failsafe", "rule", "stored_s"),
    [
        (FailsafeWrite(limit_w=Decimal(-1)), "LPC-010", 7_200.0),
        (FailsafeWrite(duration_s=7_199.9), "LPC-022/3", 7_200.0),
        (FailsafeWrite(duration_s=-1.0), "LPC-022/3", 7_200.0),
        (FailsafeWrite(duration_s=86_400.1), "LPC-022/5", 86_400.0),
        (FailsafeWrite(limit_w=Decimal(1), duration_s=90_720.0), "LPC-022/5", 86_400.0),
        (FailsafeWrite(limit_w=Decimal(-1), duration_s=9_000.0), "LPC-010", 7_200.0),
    ],
)
def test_failsafe_values_out_of_range_are_refused_whole_and_too_long_ones_set_our_maximum(
    failsafe: FailsafeWrite, rule: str, stored_s: float
) -> None:
    machine = controlled(LPC)

    ruling = machine.judge_failsafe(failsafe, 2.0)
    machine.apply_failsafe(failsafe, ruling)

    assert (ruling.error_number, ruling.rule) == (7, rule)
    assert (machine.failsafe.limit_w, machine.failsafe.duration_s) == (4_200, stored_s)


@pytest.mark.rule("LPC-007")
@pytest.mark.field("H-42")
def test_a_duration_that_ran_out_does_not_end_the_next_open_limit() -> None:
    machine = started(LPC)
    machine.heartbeat(0.0)
    write(machine, 5_000, 1.0, active=True, duration_s=60.0)
    machine.handle_timer(61.0)
    kept = LimitWrite(value_w=Decimal(5_000), active=True, duration_s=KEEP)

    machine.apply_limit(kept, machine.judge_limit(kept, 62.0), 62.0)

    assert machine.state is LI
    assert machine.limit.expires_at is None
