"""What a write must pass before the table is asked: heartbeat, presence, ranges, durations."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

import pytest

from eebus.usecases.limit_values import KEEP, LPC, Failsafe, FailsafeWrite, LimitWrite, Profile
from eebus.usecases.power_limit import PowerLimit, State
from tests.conformance.lpc.machine import autonomous, controlled, failed, limited, started, write


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

    assert machine.state is State.LIMITED
    assert machine.limit.expires_at is None


@pytest.mark.rule("LPC-008")
def test_a_stored_duration_outlasts_a_deactivation_that_says_nothing_about_it() -> None:
    machine = controlled(LPC)
    for duration_s in (60.0, KEEP):
        limit = LimitWrite(value_w=Decimal(5_000), active=False, duration_s=duration_s)
        machine.apply_limit(limit, machine.judge_limit(limit, 2.0), 2.0)
    kept = LimitWrite(value_w=Decimal(5_000), active=True, duration_s=KEEP)

    machine.apply_limit(kept, machine.judge_limit(kept, 10.0), 10.0)

    assert machine.limit.expires_at == 70.0


@pytest.mark.rule("LPC-911")
@pytest.mark.rule("LPC-912")
@pytest.mark.field("H-62")
@pytest.mark.parametrize("begin", [controlled, limited])
def test_a_heartbeat_that_comes_too_late_finds_the_failsafe_state_though_no_timer_ran(
    begin: Callable[[Profile], PowerLimit],
) -> None:
    machine = begin(LPC)

    machine.heartbeat(130.0)

    assert machine.state is State.FAILSAFE
    assert machine.in_force_w == 4_200


@pytest.mark.rule("LPC-914/2")
def test_a_limit_that_comes_too_late_finds_the_failsafe_state_though_no_timer_ran() -> None:
    machine = limited(LPC)

    ruling = write(machine, 3_000, 130.0, active=True)

    assert (ruling.error_number, ruling.rule) == (7, "LPC-914/2")
    assert machine.state is State.FAILSAFE


@pytest.mark.rule("LPC-TS-037")
def test_failsafe_values_that_come_too_late_find_the_failsafe_state_though_no_timer_ran() -> None:
    machine = limited(LPC)
    failsafe = FailsafeWrite(limit_w=Decimal(5_000))

    ruling = machine.judge_failsafe(failsafe, 130.0)
    machine.apply_failsafe(failsafe, ruling)

    assert not ruling.accepted
    assert machine.in_force_w == 4_200


@pytest.mark.rule("LPC-908")
def test_an_interruption_after_the_end_of_a_limit_finds_it_expired() -> None:
    machine = controlled(LPC)
    write(machine, 3_000, 2.0, active=True, duration_s=60.0)
    machine.take_events()

    machine.interrupt("safety", 70.0)

    assert [step.rule for step in machine.take_events()] == ["LPC-908"]
