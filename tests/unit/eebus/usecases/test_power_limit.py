"""The machine alone: exact times, late timers, signs, what a restart must hold."""

from __future__ import annotations

from decimal import Decimal

import pytest

from eebus.usecases.limit_values import (
    LPC,
    LPP,
    AfterFailsafe,
    Failsafe,
    FailsafeWrite,
    LimitWrite,
    Profile,
    Settings,
)
from eebus.usecases.power_limit import PowerLimit, State, Trigger


def machine(
    profile: Profile = LPC,
    *,
    after: AfterFailsafe = AfterFailsafe.AUTONOMOUS_UNLIMITED,
    hold: float | None = None,
) -> PowerLimit:
    failsafe = Failsafe(limit_w=Decimal(4_200), duration_s=7_200.0)
    settings = Settings(
        failsafe=failsafe, value_w=Decimal(0), after_failsafe=after, hold_init_until=hold
    )
    return PowerLimit(profile, settings, 0.0)


def limited(profile: Profile = LPC, duration_s: float | None = None) -> PowerLimit:
    made = machine(profile)
    made.heartbeat(0.0)
    write = LimitWrite(value_w=Decimal(5_000 * profile.sign), active=True, duration_s=duration_s)
    made.apply_limit(write, made.judge_limit(write, 0.0), 0.0)
    return made


@pytest.mark.field("H-62")
def test_at_its_own_deadline_the_machine_moves_on() -> None:
    made = limited()
    assert made.deadline is not None
    assert made.deadline > 120.0

    made.handle_timer(made.deadline)

    assert made.state is State.FAILSAFE


def test_a_heartbeat_exactly_two_minutes_later_is_in_time() -> None:
    made = limited()

    made.heartbeat(120.0)

    assert made.state is State.LIMITED


def test_a_late_timer_takes_every_step_at_its_own_time() -> None:
    made = limited(duration_s=60.0)

    made.handle_timer(100_000.0)

    assert [(step.trigger, round(step.at, 6)) for step in made.take_events()[1:]] == [
        (Trigger.LIMIT_EXPIRED, 60.0),
        (Trigger.HEARTBEAT_LOST, 120.0),
        (Trigger.FAILSAFE_OVER, 7_320.0),
    ]
    assert made.deadline is None


def test_each_step_carries_what_its_state_asks_for() -> None:
    made = limited(duration_s=60.0)
    made.handle_timer(200.0)

    steps = [(step.edge.target, step.limit_w, step.expires_at) for step in made.take_events()]

    assert steps == [
        (State.LIMITED, Decimal(5_000), 60.0),
        (State.UNLIMITED_CONTROLLED, None, None),
        (State.FAILSAFE, Decimal(4_200), None),
    ]


def test_a_production_limit_is_negative_on_the_wire_and_a_magnitude_inside() -> None:
    made = limited(LPP)

    assert (made.limit.value_w, made.in_force_w) == (-5_000, 5_000)


@pytest.mark.rule("LPP-001")
def test_a_positive_production_limit_is_refused() -> None:
    made = machine(LPP)
    made.heartbeat(0.0)
    write = LimitWrite(value_w=Decimal(1), active=True)

    ruling = made.judge_limit(write, 0.0)

    assert (ruling.error_number, ruling.rule) == (7, "LPP-902")


def test_judging_alone_changes_no_data_and_no_state() -> None:
    made = limited()
    before = (made.state, made.limit, made.failsafe)

    made.judge_limit(LimitWrite(value_w=Decimal(1), active=False, duration_s=None), 1.0)
    made.judge_failsafe(FailsafeWrite(limit_w=Decimal(1)), 1.0)

    assert (made.state, made.limit, made.failsafe) == before


@pytest.mark.parametrize("after", [AfterFailsafe.HOLD_FAILSAFE, "HOLD_FAILSAFE"])
def test_hold_failsafe_has_no_timer_in_init_and_failsafe(after: AfterFailsafe) -> None:
    made = machine(after=after)

    assert made.deadline is None


@pytest.mark.rule("LPC-923")
def test_while_a_permitted_reason_stands_deactivation_is_still_taken() -> None:
    made = limited()
    made.interrupt("safety", 1.0)
    off = LimitWrite(value_w=Decimal(5_000), active=False, duration_s=None)

    assert made.judge_limit(off, 2.0).accepted
    made.resume()
    assert made.judge_limit(
        LimitWrite(value_w=Decimal(5_000), active=True, duration_s=None), 2.0
    ).accepted


def test_binding_until_follows_the_last_heartbeat_while_limited() -> None:
    made = limited()
    made.heartbeat(90.0)
    assert made.binding_until == 90.0 + 7_200.0

    made.handle_timer(211.0)

    assert made.state is State.FAILSAFE
    assert made.binding_until is not None
    assert round(made.binding_until, 6) == 210.0 + 7_200.0


def test_binding_until_in_init_is_what_was_held_before() -> None:
    assert machine().binding_until is None
    assert machine(hold=500.0).binding_until == 500.0


@pytest.mark.rule("LPC-906")
def test_init_waits_two_minutes_for_a_limit_from_the_first_heartbeat_on() -> None:
    made = machine()
    for at in (60.0, 90.0, 120.0, 150.0):
        made.heartbeat(at)

    made.handle_timer(180.0)
    assert made.state is State.INIT
    made.handle_timer(180.1)

    assert made.state is State.UNLIMITED_AUTONOMOUS


@pytest.mark.rule("LPC-921")
def test_a_heartbeat_after_a_gap_begins_a_new_row() -> None:
    made = limited()
    made.handle_timer(121.0)
    made.heartbeat(300.0)
    made.heartbeat(450.0)  # more than two minutes later

    made.handle_timer(550.0)
    assert made.state is State.FAILSAFE
    made.heartbeat(560.0)
    made.handle_timer(570.1)

    assert made.state is State.UNLIMITED_AUTONOMOUS


def test_a_heartbeat_in_init_moves_nothing_that_was_held() -> None:
    held, fresh = machine(hold=500.0), machine()

    held.heartbeat(10.0)
    fresh.heartbeat(10.0)

    assert (held.binding_until, fresh.binding_until) == (500.0, None)


def test_binding_until_is_none_when_nothing_limits() -> None:
    made = machine()

    made.handle_timer(121.0)

    assert (made.state, made.binding_until) == (State.UNLIMITED_AUTONOMOUS, None)
