"""Systems that lack something, answer oddly or not at all: the guard says so and goes on."""

from __future__ import annotations

from decimal import Decimal

import pytest

from eebus.spine.specs import EntitySpec
from eebus.usecases.lpc.client import Limit
from eebus.usecases.lpc.events import (
    CsFound,
    CsState,
    CsUnusable,
    FailsafeAnswered,
    HeartbeatReceived,
    LimitAnswered,
)
from tests.unit.eebus.usecases.lpc.guard_bench import EMS_SKI, GuardBench

LIMIT = Limit(active=True, value_w=Decimal(4_201))


def reasons(bench: GuardBench) -> list[str]:
    return [event.reason for event in bench.told(CsUnusable)]


def errors(bench: GuardBench) -> list[int | None]:
    return [answer.error_number for answer in bench.told(LimitAnswered)]


def test_a_system_with_nothing_but_a_limit_is_limited() -> None:
    bench = GuardBench()
    pump = bench.pump(lacks=("DeviceConfiguration", "DeviceDiagnosis"))
    bench.guard.set_limit(None, LIMIT, bench.now)
    bench.guard.set_failsafe(None, bench.now, limit_w=Decimal(4_200))
    bench.link()

    bench.wait(30.0)

    assert len(pump.writes) == 1
    assert errors(bench) == [0]
    assert bench.told(FailsafeAnswered) == []
    assert bench.told(HeartbeatReceived) == []


def test_a_system_announced_without_a_limit_is_named() -> None:
    bench = GuardBench()
    bench.pump(lacks=("LoadControl",))
    bench.guard.set_limit(None, LIMIT, bench.now)
    bench.link()

    bench.wait(30.0)

    assert bench.told(CsFound) == []
    assert set(reasons(bench)) == {"announced without LoadControl"}


def test_a_limit_that_must_not_be_written_is_named_once() -> None:
    bench = GuardBench()
    pump = bench.pump(changeable=False)
    bench.link()

    bench.wait(1.0)
    pump.tell(bench.now, active=False, number=3_000)
    bench.settle()

    assert reasons(bench) == ["the limit is not changeable"]
    assert [state.changeable for state in bench.told(CsState)] == [False, False]


def test_a_system_that_lost_the_binding_is_bound_again_before_the_next_try() -> None:
    bench = GuardBench()
    pump = bench.pump(answers=[9])
    bench.guard.set_limit(None, LIMIT, bench.now)
    bench.link()

    bench.wait(70.0)

    assert errors(bench) == [9, 0]
    assert [at for at, _ in pump.written()] == [1_010.0, 1_065.0]
    assert len(pump.device.bound(pump.place("LoadControl"))) == 1


@pytest.mark.field("H-36")
def test_a_system_that_stays_mute_is_given_up_and_a_new_target_tries_again() -> None:
    bench = GuardBench()
    pump = bench.pump()
    bench.guard.set_limit(None, LIMIT, bench.now)
    bench.link()
    bench.mute = True

    bench.wait(1_400.0)

    assert errors(bench) == [None] * 4
    assert reasons(bench) == ["limit writes stay unanswered"]
    bench.wait(3_600.0)
    assert len(pump.writes) == 4

    bench.mute = False
    bench.guard.set_limit(EMS_SKI, Limit(active=True, value_w=Decimal(2_000)), bench.now)
    bench.settle()
    assert errors(bench) == [None, None, None, None, 0]


def test_only_the_answer_to_the_newest_target_counts() -> None:
    bench = GuardBench()
    pump = bench.pump()
    bench.link()
    bench.wait(20.0)
    pump.writes.clear()
    pump.answers = [7, 0]

    bench.guard.set_limit(None, LIMIT, bench.now)
    bench.guard.set_limit(None, Limit(active=True, value_w=Decimal(2_000)), bench.now)
    bench.settle()
    bench.wait(300.0)

    assert [entry.value.number for _, entry in pump.written() if entry.value] == [4_201, 2_000]
    assert errors(bench)[-2:] == [7, 0]


def test_a_description_that_comes_late_is_enough_to_start() -> None:
    bench = GuardBench()
    pump = bench.pump(described=False)
    bench.guard.set_limit(None, LIMIT, bench.now)
    bench.link()
    bench.wait(30.0)
    assert pump.writes == []

    pump.described = True
    pump._fill_limits(pump.place("LoadControl"))
    pump.tell(bench.now, active=False, number=3_000)
    bench.settle()
    bench.wait(10.0)

    assert [entry.value.number for _, entry in pump.written() if entry.value] == [4_201]


def test_failsafe_values_wanted_before_the_connection_are_kept_for_each_peer() -> None:
    bench = GuardBench()
    bench.pump()
    bench.guard.set_failsafe(EMS_SKI, bench.now, duration_s=10_800.0)
    bench.guard.set_failsafe("f" * 40, bench.now, limit_w=Decimal(1))
    bench.link()

    bench.wait(30.0)

    assert [answer.error_number for answer in bench.told(FailsafeAnswered)] == [0]


def test_a_system_that_tells_its_tree_again_is_not_set_up_again() -> None:
    bench = GuardBench()
    pump = bench.pump()
    bench.guard.set_limit(None, LIMIT, bench.now)
    bench.link()
    bench.wait(30.0)
    before = len(pump.device.subscribers(pump.place("LoadControl")))

    pump.device.add_entity(EntitySpec(address=(9,), type="EVSE"))
    bench.settle()
    bench.wait(30.0)

    assert len(pump.device.subscribers(pump.place("LoadControl"))) == before == 1
    assert len(pump.writes) == 1


def test_before_the_binding_stands_a_target_waits_and_a_raw_write_goes_nowhere() -> None:
    bench = GuardBench()
    pump = bench.pump()
    bench.link()
    bench.mute = True
    bench.guard.sessions[EMS_SKI]._is_bound = False

    bench.guard.set_limit(None, LIMIT, bench.now)
    assert bench.guard.write_raw(None, LIMIT, bench.now) == ()
    bench.settle()

    assert pump.writes == []


def test_a_system_that_listens_while_the_first_write_is_open_is_not_written_to_twice() -> None:
    bench = GuardBench()
    pump = bench.pump()
    bench.guard.set_limit(None, LIMIT, bench.now)
    bench.link()
    bench.mute = True
    bench.wait(11.0)
    assert len(pump.writes) == 1

    bench.mute = False
    pump.listen("b" * 40, bench.now)
    bench.settle()
    bench.wait(5.0)

    assert len(pump.writes) == 1
    assert bench.guard.own_heartbeat_at == 1_011.0
