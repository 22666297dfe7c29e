"""One session: retries after refusal and silence, newer targets, drift, expiry."""

from __future__ import annotations

from decimal import Decimal

import pytest

from eebus.usecases.lpc.client import Limit
from eebus.usecases.lpc.events import LimitAnswered
from tests.unit.eebus.usecases.lpc.guard_bench import EMS_SKI, GuardBench

LIMIT = Limit(active=True, value_w=Decimal(4_201))


def errors(bench: GuardBench) -> list[int | None]:
    return [answer.error_number for answer in bench.told(LimitAnswered)]


@pytest.mark.rule("LPC-TS-046")
def test_a_refused_limit_is_tried_again_within_a_minute_and_then_ever_later() -> None:
    bench = GuardBench()
    pump = bench.pump(answers=[7, 7, 7])
    bench.guard.set_limit(None, LIMIT, bench.now)
    bench.link()

    bench.wait(400.0)

    assert [at - 1_010.0 for at, _ in pump.written()] == [0.0, 55.0, 170.0, 345.0]
    assert errors(bench) == [7, 7, 7, 0]


def test_a_retry_follows_a_fresh_heartbeat() -> None:
    bench = GuardBench()
    pump = bench.pump(answers=[7])
    bench.guard.set_limit(None, LIMIT, bench.now)
    bench.link()

    bench.wait(65.0)

    assert pump.written()[1][0] == 1_065.0
    assert bench.guard.own_heartbeat_at == 1_065.0


@pytest.mark.field("H-36")
def test_a_mute_system_is_asked_again_and_the_limit_arrives() -> None:
    bench = GuardBench()
    pump = bench.pump()
    bench.guard.set_limit(None, LIMIT, bench.now)
    bench.link()
    bench.mute = True

    bench.wait(45.0)
    bench.mute = False
    bench.wait(5.0)

    assert errors(bench) == [None, 0]
    assert [at for at, _ in pump.written()] == [1_010.0, 1_050.0]


def test_a_newer_target_supersedes_a_waiting_one_at_once() -> None:
    bench = GuardBench()
    pump = bench.pump(answers=[7])
    bench.guard.set_limit(None, LIMIT, bench.now)
    bench.link()
    bench.wait(10.0)

    bench.guard.set_limit(EMS_SKI, Limit(active=True, value_w=Decimal(2_000)), bench.now)
    bench.settle()
    bench.wait(120.0)

    values = [entry.value.number for _, entry in pump.written() if entry.value]
    assert values == [4_201, 2_000]


def test_a_system_that_does_not_end_a_timed_limit_is_told_to() -> None:
    bench = GuardBench()
    pump = bench.pump()
    limit = Limit(active=True, value_w=Decimal(4_200), duration_s=60.0)
    bench.guard.set_limit(None, limit, bench.now)
    bench.link()

    bench.wait(70.0)

    assert [entry.is_limit_active for _, entry in pump.written()] == [True, False]
    assert pump.written()[1][0] == 1_065.0


@pytest.mark.rule("LPC-L-2.6")
def test_a_limit_that_drifts_at_the_system_is_written_again() -> None:
    bench = GuardBench()
    pump = bench.pump()
    bench.guard.set_limit(None, LIMIT, bench.now)
    bench.link()
    bench.wait(20.0)
    assert len(pump.writes) == 1

    pump.tell(bench.now, active=False, number=4_201)
    bench.settle()
    bench.wait(30.0)

    assert [at for at, _ in pump.written()] == [1_010.0, 1_050.0]
