"""Random histories: the machine never raises, never frees by accident, agrees with the oracle."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from eebus.usecases.limit_values import (
    KEEP,
    LPC,
    LPP,
    AfterFailsafe,
    Failsafe,
    FailsafeWrite,
    LimitWrite,
    Settings,
)
from eebus.usecases.power_limit import PowerLimit, State
from ems.control.grid_limit import Limited, Source
from tests.conformance.lpc import oracle

STEPS_S = (0, 1, 30, 59, 60, 61, 90, 119, 120, 121, 300, 3_600, 7_200, 7_201, 86_400)
VALUES = tuple(
    Decimal(text) for text in ("-1000", "-0.001", "0", "0.5", "4201", "65536", "10000000")
)
DURATIONS = (oracle.KEEP, None, 0.0, 60.0, 300.0, 7_200.0)


@dataclass(frozen=True)
class Op:
    after_s: int
    kind: str
    value: Decimal = Decimal(0)
    active: bool = False
    duration: float | str | None = None
    limit: Decimal | None = None
    failsafe_s: float | None = None


OPS = st.one_of(
    st.builds(Op, st.sampled_from(STEPS_S), st.sampled_from(["beat", "beat", "tick"])),
    st.builds(
        Op,
        st.sampled_from(STEPS_S),
        st.just("limit"),
        value=st.sampled_from(VALUES),
        active=st.booleans(),
        duration=st.sampled_from(DURATIONS),
    ),
    st.builds(
        Op,
        st.sampled_from(STEPS_S),
        st.just("failsafe"),
        limit=st.sampled_from([None, Decimal(-1), Decimal(0), Decimal(5_000)]),
        failsafe_s=st.sampled_from([None, -1.0, 6_840.0, 7_200.0, 9_000.0, 86_400.0, 90_720.0]),
    ),
    st.builds(Op, st.sampled_from(STEPS_S), st.sampled_from(["interrupt", "resume"])),
)


def play(machine: PowerLimit, op: Op, now: float) -> int | None:
    match op.kind:
        case "beat":
            machine.heartbeat(now)
        case "limit":
            duration = KEEP if op.duration == oracle.KEEP else op.duration
            write = LimitWrite(value_w=op.value, active=op.active, duration_s=duration)
            ruling = machine.judge_limit(write, now)
            machine.apply_limit(write, ruling, now)
            return ruling.error_number
        case "failsafe":
            failsafe = FailsafeWrite(limit_w=op.limit, duration_s=op.failsafe_s)
            ruling = machine.judge_failsafe(failsafe, now)
            machine.apply_failsafe(failsafe, ruling)
            return ruling.error_number
        case "interrupt":
            machine.interrupt("self-protection", now)
        case "resume":
            machine.resume()
        case _:
            machine.handle_timer(now)
    return None


def ask(rules: oracle.Oracle, op: Op, now: float) -> int | None:
    match op.kind:
        case "beat":
            rules.heartbeat(now)
        case "limit":
            return rules.limit(op.value, op.active, op.duration, now)
        case "failsafe":
            return rules.failsafe(op.limit, op.failsafe_s, now)
        case "interrupt":
            rules.interrupt(now)
        case "resume":
            rules.resume()
        case _:
            rules.advance(now)
    return None


def new_machine(*, autonomous: bool, hold: float | None) -> PowerLimit:
    policy = AfterFailsafe.AUTONOMOUS_UNLIMITED if autonomous else AfterFailsafe.HOLD_FAILSAFE
    return PowerLimit(
        LPC,
        Settings(
            failsafe=Failsafe(limit_w=Decimal(4_200), duration_s=7_200.0),
            value_w=Decimal(0),
            after_failsafe=policy,
            hold_init_until=hold,
        ),
        0.0,
    )


@settings(max_examples=200, deadline=None)
@given(
    ops=st.lists(OPS, max_size=40),
    autonomous=st.booleans(),
    hold=st.sampled_from([None, 100.0, 5_000.0]),
)
def test_machine_and_oracle_agree_on_every_history(
    ops: list[Op], autonomous: bool, hold: float | None
) -> None:
    machine = new_machine(autonomous=autonomous, hold=hold)
    rules = oracle.Oracle(Decimal(4_200), 7_200.0, autonomous=autonomous, hold=hold)
    now = 0.0
    for op in ops:
        now += op.after_s

        result, expected = play(machine, op, now), ask(rules, op, now)
        machine.handle_timer(now)
        rules.advance(now)

        assert result == expected
        assert machine.state.value == rules.state
        assert machine.in_force_w == rules.applied()
        assert machine.failsafe.limit_w == rules.failsafe_w
        assert machine.failsafe.duration_s == rules.failsafe_s
        assert (machine.limit.expires_at is None) == (rules.ends is None)


@pytest.mark.invariant("I-03")
@settings(max_examples=150, deadline=None)
@given(
    ops=st.lists(OPS.filter(lambda op: op.kind != "limit"), max_size=30),
    hold=st.sampled_from([500.0, 100_000.0]),
)
def test_without_a_word_of_the_box_a_limited_restart_is_never_free_before_its_time(
    ops: list[Op], hold: float
) -> None:
    machine = new_machine(autonomous=True, hold=hold)
    now = 0.0
    for op in ops:
        now += op.after_s
        play(machine, op, now)
        machine.handle_timer(now)

        assert now >= hold or machine.in_force_w == machine.failsafe.limit_w


@pytest.mark.invariant("I-04")
@settings(max_examples=150, deadline=None)
@given(ops=st.lists(OPS, max_size=30), scale=st.integers(-4, 4))
def test_a_limited_state_always_has_a_number_and_zero_is_one(ops: list[Op], scale: int) -> None:
    machine = new_machine(autonomous=True, hold=None)
    now = 0.0
    for op in ops:
        now += op.after_s
        scaled = Op(**{**vars(op), "value": op.value.scaleb(scale)})
        play(machine, scaled, now)

        limited = machine.state in {State.INIT, State.LIMITED, State.FAILSAFE}
        assert limited == (machine.in_force_w is not None)
        assert machine.in_force_w is None or machine.in_force_w >= 0


@pytest.mark.field("F-10")
@pytest.mark.invariant("I-04")
@given(
    ops=st.lists(OPS, max_size=10),
    value=st.decimals(max_value=0, allow_nan=False, allow_infinity=False).filter(lambda d: d < 0),
    active=st.booleans(),
)
def test_no_number_below_zero_ever_becomes_a_limit(
    ops: list[Op], value: Decimal, active: bool
) -> None:
    machine = new_machine(autonomous=True, hold=None)
    now = 0.0
    for op in ops:
        now += op.after_s
        play(machine, op, now)
    before_w = machine.in_force_w
    was_limited = machine.state is State.LIMITED

    assert play(machine, Op(0, "limit", value=value, active=active), now) == 7

    assert machine.in_force_w is None or machine.in_force_w >= 0
    assert not was_limited or machine.in_force_w == before_w
    with pytest.raises(ValueError, match="never negative"):
        Limited(min(-1, int(max(value, Decimal(-(10**12))))), Source.EEBUS)


@settings(max_examples=200, deadline=None)
@given(
    ops=st.lists(OPS, max_size=30),
    whole=st.decimals(allow_nan=False, allow_infinity=False),
    late=st.floats(0, 1e9),
)
def test_no_input_makes_the_machine_raise_or_spin(
    ops: list[Op], whole: Decimal, late: float
) -> None:
    machine = PowerLimit(
        LPP,
        Settings(failsafe=Failsafe(limit_w=Decimal(0), duration_s=7_200.0), value_w=Decimal(0)),
        -5.0,
    )
    now = 0.0
    for op in ops:
        now += op.after_s
        play(machine, Op(**{**vars(op), "value": whole}), now)
        machine.handle_timer(now + late if op is ops[-1] else now)
        now = now + late if op is ops[-1] else now

        assert machine.deadline is None or machine.deadline > now


@given(text=st.sampled_from(["NaN", "sNaN", "Infinity", "-Infinity"]))
def test_a_number_that_is_none_is_no_limit_by_type(text: str) -> None:
    with pytest.raises(ValueError, match="finite"):
        LimitWrite(value_w=Decimal(text), active=True)
