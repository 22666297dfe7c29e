"""What the owner is told about each write, for the journal: as sent, as answered, in order."""

from __future__ import annotations

from decimal import Decimal

import pytest

from eebus.usecases.lpc.events import LimitStateChanged, WriteJudged
from tests.conformance.lpc.bench import (
    BOX_SKI,
    FAILSAFE_W,
    NO_PERIOD,
    Bench,
    in_controlled,
    in_limited,
)

LIMITS = "loadControlLimitListData"
KEYS = "deviceConfigurationKeyValueListData"


def since(bench: Bench, before: int) -> list[WriteJudged | LimitStateChanged]:
    bench.changes()
    return [e for e in bench.events[before:] if isinstance(e, WriteJudged | LimitStateChanged)]


@pytest.mark.rule("LPC-L-4.1.5")
def test_an_accepted_limit_is_told_as_it_was_sent_and_answered() -> None:
    bench = in_controlled()
    before = len(bench.events)

    assert bench.limit(4_201, active=True, period="PT30M") == 0

    judged, changed = since(bench, before)
    assert isinstance(judged, WriteJudged)
    assert (judged.peer, judged.function, judged.error_number) == (BOX_SKI, LIMITS, 0)
    assert (judged.value_w, judged.duration_s, judged.active) == (Decimal(4_201), 1_800.0, True)
    assert (judged.rule, judged.reason) == ("LPC-910", "")
    assert judged.msg_counter > 0
    assert isinstance(changed, LimitStateChanged)
    assert (changed.state, changed.limit_w) == ("limited", Decimal(4_201))
    assert changed.expires_at == bench.now + 1_800.0


@pytest.mark.rule("LPC-L-4.1.5")
def test_a_refused_limit_is_told_with_its_rule_and_what_was_not_sent_stays_open() -> None:
    bench = in_limited()
    before = len(bench.events)

    assert bench.limit(-1_000) == 7

    (judged,) = since(bench, before)
    assert isinstance(judged, WriteJudged)
    assert (judged.value_w, judged.duration_s, judged.active) == (Decimal(-1_000), None, None)
    assert (judged.error_number, judged.rule, judged.reason) == (7, "LPC-907/2", "limit below zero")


@pytest.mark.rule("LPC-L-4.1.5")
def test_failsafe_writes_are_told_whether_taken_or_not() -> None:
    bench = in_controlled()
    before = len(bench.events)

    assert bench.failsafe(8_400, "PT3H") == 0
    assert bench.failsafe(duration="PT1H") == 7

    taken, changed, refused = since(bench, before)
    assert isinstance(taken, WriteJudged)
    assert (taken.function, taken.value_w, taken.duration_s) == (KEYS, Decimal(8_400), 10_800.0)
    assert (taken.error_number, taken.rule) == (0, "LPC-002/2")
    assert isinstance(changed, LimitStateChanged)
    assert (changed.failsafe_w, changed.failsafe_duration_s) == (Decimal(8_400), 10_800.0)
    assert changed.failsafe_from_box
    assert isinstance(refused, WriteJudged)
    assert (refused.value_w, refused.duration_s) == (None, 3_600.0)
    assert (refused.error_number, refused.rule) == (7, "LPC-022/3")


@pytest.mark.rule("LPC-912")
@pytest.mark.parametrize("what", ["limit", "failsafe"])
def test_a_write_that_comes_too_late_is_judged_after_the_loss_was_told(what: str) -> None:
    bench = in_limited(beats=False)
    before = len(bench.events)
    bench.now += 130.0  # no timer was handled in between

    number = bench.limit(9_000, active=True, period=NO_PERIOD) if what == "limit" else 0
    number = bench.failsafe(9_000) if what == "failsafe" else number

    assert number == 7
    lost, judged = since(bench, before)
    assert isinstance(lost, LimitStateChanged)
    assert (lost.state, lost.limit_w, lost.rule) == ("failsafe", FAILSAFE_W, "LPC-912")
    assert isinstance(judged, WriteJudged)
    assert judged.error_number == 7
    assert bench.told().is_limit_active is False
