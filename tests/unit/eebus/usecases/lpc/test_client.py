"""The energy guard: finds, beats, opens, writes, insists, and stays out of the way."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from eebus.spine.events import DataReceived
from eebus.spine.model.common_data_types import ScaledNumber, TimePeriod
from eebus.spine.model.device_diagnosis import DEVICE_DIAGNOSIS_HEARTBEAT_DATA
from eebus.usecases.lpc.client import EnergyGuard, Limit
from eebus.usecases.lpc.events import (
    CsFound,
    CsState,
    CsUnusable,
    FailsafeAnswered,
    FailsafeRead,
    HeartbeatLost,
    HeartbeatReceived,
    HeartbeatSent,
    LimitAnswered,
    NominalMaxRead,
)
from eebus.wire import ejson
from tests.unit.eebus.usecases.lpc.guard_bench import BOX_SKI, EMS_SKI, GuardBench

LIMIT = Limit(active=True, value_w=Decimal(4_201))


def errors(bench: GuardBench) -> list[int | None]:
    return [answer.error_number for answer in bench.told(LimitAnswered)]


@pytest.mark.field("H-74")
def test_without_a_target_a_deactivated_limit_opens_the_session_within_a_minute() -> None:
    bench = GuardBench()
    server = bench.ems()

    bench.link()
    assert server.state.value == "init"
    bench.wait(10.0)

    assert server.state.value == "unlimited_controlled"
    assert errors(bench) == [0]
    assert bench.told(CsState)[-1].value_w == 43_470


@pytest.mark.field("H-70")
def test_a_target_set_before_the_connection_is_written_at_once() -> None:
    bench = GuardBench()
    server = bench.ems()
    bench.guard.set_limit(None, LIMIT, bench.now)

    bench.link()

    assert server.state.value == "limited"
    assert server.machine.in_force_w == 4_201


def test_what_the_system_tells_becomes_events() -> None:
    bench = GuardBench()
    bench.ems()

    bench.link()

    assert bench.told(CsFound) == [CsFound(peer=EMS_SKI, entity=(1,))]
    assert bench.told(NominalMaxRead)[-1] == NominalMaxRead(
        peer=EMS_SKI, kind="contractualConsumptionNominalMax", value_w=Decimal(43_470)
    )
    assert bench.told(FailsafeRead)[-1] == FailsafeRead(
        peer=EMS_SKI, limit_w=Decimal(4_200), duration_s=7_200.0
    )
    assert len(bench.told(HeartbeatReceived)) >= 1
    bench.wait(30.0)
    assert bench.told(HeartbeatSent)[-1] == HeartbeatSent(at=1_030.0)


@pytest.mark.field("H-75")
def test_a_system_that_listens_late_gets_a_heartbeat_before_the_write() -> None:
    bench = GuardBench()
    pump = bench.pump()
    bench.guard.set_limit(None, LIMIT, bench.now)
    bench.link()
    bench.wait(5.0)
    assert pump.writes == []
    heard: list[float] = []

    pump.listen(BOX_SKI, bench.now)
    bench.system.take_events()
    for _, payload in pump.device.take_datagrams():
        bench.box.receive(EMS_SKI, payload, bench.now)
    for _, payload in bench.box.take_datagrams():
        pump.device.receive(BOX_SKI, payload, bench.now)
        heard += [
            bench.now
            for event in pump.device.take_events()
            if isinstance(event, DataReceived)
            and event.function is DEVICE_DIAGNOSIS_HEARTBEAT_DATA
            and not pump.writes
        ]
    bench.wait(0.0)

    assert heard == [1_005.0]
    assert [at for at, _ in pump.written()] == [1_005.0]


@pytest.mark.field("H-75")
def test_a_system_that_listens_before_we_know_its_use_cases_is_written_to_at_once() -> None:
    bench = GuardBench()
    pump = bench.pump()
    bench.guard.set_limit(None, LIMIT, bench.now)
    bench.linked = True
    bench.box.connect(EMS_SKI, bench.now)
    pump.device.connect(BOX_SKI, bench.now)
    held: list[Any] = []
    while outgoing := bench.box.take_datagrams():
        for _, payload in outgoing:
            pump.device.receive(BOX_SKI, payload, bench.now)
        for _, payload in pump.device.take_datagrams():
            if b"useCaseInformation" in ejson.dumps(payload):
                held.append(payload)
            else:
                bench.box.receive(EMS_SKI, payload, bench.now)

    pump.listen(BOX_SKI, bench.now)
    bench.settle()
    assert pump.writes == []
    assert len(held) == 1
    bench.box.receive(EMS_SKI, held[0], bench.now)
    bench.settle()

    assert [at for at, _ in pump.written()] == [1_000.0]
    assert bench.guard.own_heartbeat_at == 1_000.0


@pytest.mark.rule("LPC-L-2.11")
def test_a_system_that_never_listens_is_written_to_after_ten_seconds() -> None:
    bench = GuardBench()
    pump = bench.pump()
    bench.guard.set_limit(None, LIMIT, bench.now)

    bench.link()
    bench.wait(9.9)
    assert pump.writes == []
    bench.wait(0.1)

    assert [at for at, _ in pump.written()] == [1_010.0]


@pytest.mark.field("H-38")
def test_data_points_are_found_by_description_not_by_number() -> None:
    bench = GuardBench()
    pump = bench.pump()
    bench.guard.set_limit(None, LIMIT, bench.now)

    bench.link()
    bench.wait(10.0)
    bench.guard.set_failsafe(None, bench.now, limit_w=Decimal(3_000), duration_s=9_000.0)
    bench.settle()

    _, entry = pump.written()[0]
    assert (entry.limit_id, entry.value) == (7, ScaledNumber(number=4_201, scale=0))
    assert bench.told(CsFound) == [CsFound(peer=EMS_SKI, entity=(3,))]
    assert bench.told(FailsafeRead)[0].limit_w == 3_500
    assert bench.told(FailsafeAnswered)[0].error_number == 0
    assert bench.told(FailsafeRead)[-1] == FailsafeRead(
        peer=EMS_SKI, limit_w=Decimal(3_000), duration_s=9_000.0
    )


def test_a_system_without_partial_writes_gets_its_whole_list_back() -> None:
    bench = GuardBench()
    pump = bench.pump(write_partial=False)
    limit = Limit(active=True, value_w=Decimal(4_201), duration_s=600.0)
    bench.guard.set_limit(None, limit, bench.now)

    bench.link()
    bench.wait(10.0)

    write = pump.writes[0][1]
    assert write.filters == ()
    entries = write.cmd_data.load_control_limit_data  # type: ignore[union-attr]  # a limit list
    assert [entry.limit_id for entry in entries] == [1, 7]
    assert entries[1].time_period == TimePeriod(end_time="PT590S")
    assert entries[1].is_limit_changeable is True


def test_a_limit_without_duration_deletes_an_old_one_in_the_same_command() -> None:
    bench = GuardBench()
    server = bench.ems()
    bench.guard.set_limit(
        None, Limit(active=True, value_w=Decimal(5_000), duration_s=60.0), bench.now
    )
    bench.link()
    assert server.machine.limit.expires_at == 1_060.0

    bench.guard.set_limit(None, LIMIT, bench.now)
    bench.settle()

    assert server.machine.limit.expires_at is None
    assert server.machine.in_force_w == 4_201


def test_a_refused_binding_is_told_and_nothing_is_written() -> None:
    bench = GuardBench()
    pump = bench.pump()
    pump.device.bind_guard(pump.place("LoadControl"), lambda *_: _refuse())
    bench.guard.set_limit(None, LIMIT, bench.now)

    bench.link()
    bench.wait(30.0)

    assert pump.writes == []
    assert "binding refused: 7" in bench.told(CsUnusable)[0].reason


def _refuse() -> object:
    from eebus.spine.guards import Refuse

    return Refuse(7, "taken")


@pytest.mark.field("H-41")
def test_a_system_without_limit_description_is_named_once() -> None:
    bench = GuardBench()
    pump = bench.pump(described=False)
    bench.guard.set_limit(None, LIMIT, bench.now)

    bench.link()
    bench.wait(100.0)

    assert pump.writes == []
    assert [event.reason for event in bench.told(CsUnusable)] == [
        "no limit is described: nothing to write to"
    ]


def test_an_inactive_limit_without_value_is_inactive_and_not_zero() -> None:
    bench = GuardBench()
    pump = bench.pump()
    pump.tell(bench.now, active=False, number=None)

    bench.link()
    bench.wait(15.0)

    assert bench.told(CsState)[0].value_w is None
    assert pump.written()[0][1].value == ScaledNumber(number=4_200, scale=0)


def test_after_a_reconnection_the_valid_limit_is_stated_with_the_rest_of_its_time() -> None:
    bench = GuardBench()
    bench.ems()
    limit = Limit(active=True, value_w=Decimal(4_200), duration_s=300.0)
    bench.guard.set_limit(None, limit, bench.now)
    bench.link()
    bench.wait(100.0)
    bench.cut()
    bench.wait(6.0)

    server = bench.ems()
    bench.link()

    assert server.state.value == "limited"
    assert server.machine.limit.expires_at == 1_300.0


def test_a_target_whose_time_ran_out_while_away_is_not_stated_any_more() -> None:
    bench = GuardBench()
    limit = Limit(active=True, value_w=Decimal(4_200), duration_s=300.0)
    bench.guard.set_limit(None, limit, bench.now)
    bench.wait(301.0)
    server = bench.ems()

    bench.link()

    assert server.state.value == "unlimited_controlled"


def test_a_raw_write_is_sent_once_and_does_not_become_the_target() -> None:
    bench = GuardBench()
    server = bench.ems()
    bench.guard.set_limit(None, LIMIT, bench.now)
    bench.link()

    went = bench.guard.write_raw(None, Limit(active=True, value_w=Decimal(-1_000)), bench.now)
    bench.settle()
    bench.wait(300.0)

    assert went == (EMS_SKI,)
    assert errors(bench) == [0, 7]
    assert server.machine.in_force_w == 4_201


def test_an_accepted_raw_write_is_not_undone_until_the_next_order() -> None:
    bench = GuardBench()
    pump = bench.pump()
    bench.guard.set_limit(None, LIMIT, bench.now)
    bench.link()
    bench.wait(20.0)

    bench.guard.write_raw(None, Limit(active=True, value_w=Decimal(3_000)), bench.now)
    bench.settle()
    bench.wait(120.0)
    assert [entry.value.number for _, entry in pump.written() if entry.value] == [4_201, 3_000]
    bench.guard.set_limit(None, LIMIT, bench.now)
    bench.settle()

    assert pump.written()[-1][1].value == ScaledNumber(number=4_201, scale=0)


def test_a_raw_write_before_anything_is_ready_goes_nowhere() -> None:
    guard = EnergyGuard(utcnow=GuardBench().utcnow)

    assert guard.write_raw(None, LIMIT, 0.0) == ()


def test_a_silent_guard_writes_nothing_until_it_beats_again() -> None:
    bench = GuardBench()
    server = bench.ems()
    bench.guard.stop_heartbeat(bench.now)
    bench.guard.set_limit(None, Limit(active=False, value_w=Decimal(4_200)), bench.now)
    bench.link()
    bench.wait(60.0)
    assert server.state.value == "init"
    assert errors(bench) == []

    bench.guard.start_heartbeat(bench.now)
    bench.settle()
    assert server.state.value == "init"
    bench.wait(5.0)

    assert server.state.value == "unlimited_controlled"


def test_a_stopped_heartbeat_leads_the_system_into_failsafe_and_back() -> None:
    bench = GuardBench()
    server = bench.ems()
    bench.guard.set_limit(None, Limit(active=False, value_w=Decimal(4_200)), bench.now)
    bench.link()
    bench.wait(100.0)

    bench.guard.stop_heartbeat(bench.now)
    bench.wait(120.0)
    assert server.state.value == "failsafe"
    bench.guard.start_heartbeat(bench.now)
    bench.guard.set_limit(None, LIMIT, bench.now)
    bench.settle()

    assert server.state.value == "limited"
    assert [step.edge.number for step in server.machine.take_events()] == []


@pytest.mark.rule("LPC-L-2.12")
def test_the_loss_of_the_systems_heartbeat_is_told_and_changes_nothing() -> None:
    bench = GuardBench()
    pump = bench.pump()
    bench.guard.set_limit(None, LIMIT, bench.now)
    bench.link()
    pump.device.set_data(
        pump.place("DeviceDiagnosis"), DEVICE_DIAGNOSIS_HEARTBEAT_DATA, _beat(), bench.now
    )
    bench.settle()
    assert len(bench.told(HeartbeatReceived)) == 1

    bench.wait(121.0)

    assert [event.peer for event in bench.told(HeartbeatLost)] == [EMS_SKI]
    assert len(pump.writes) == 1


def _beat() -> object:
    from eebus.spine.model.device_diagnosis import DeviceDiagnosisHeartbeatData

    return DeviceDiagnosisHeartbeatData(heartbeat_counter=1, heartbeat_timeout="PT60S")


def test_failsafe_values_wait_for_the_first_answered_limit() -> None:
    bench = GuardBench()
    server = bench.ems()
    bench.guard.set_failsafe(None, bench.now, limit_w=Decimal(3_000))

    bench.link()
    assert server.machine.failsafe.limit_w == 4_200
    bench.wait(10.0)

    assert server.machine.failsafe.limit_w == 3_000
    assert bench.told(FailsafeAnswered)[0].error_number == 0
