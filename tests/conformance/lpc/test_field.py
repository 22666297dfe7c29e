"""Failures seen in the field and by other stacks: heartbeats, bindings, several partners."""

from __future__ import annotations

import dataclasses

import pytest

from eebus.spine.events import DataReceived, ResultReceived
from eebus.spine.model.device_diagnosis import DEVICE_DIAGNOSIS_HEARTBEAT_DATA
from eebus.spine.model.load_control import LOAD_CONTROL_LIMIT_LIST_DATA
from eebus.usecases.lpc.events import HeartbeatLost, HeartbeatReceived, ScenarioMissing, WriteJudged
from eebus.usecases.lpc.server import LpcServerConfig
from tests.conformance.lpc.bench import (
    APCL_03,
    APCL_06,
    BOX_SKI,
    DEFAULT,
    EMS_SKI,
    FAILSAFE_W,
    NO_PERIOD,
    Bench,
    in_controlled,
    in_failsafe,
    in_init,
    in_limited,
)
from tests.conformance.lpc.box import box_device, guard_entity


@pytest.mark.field("F-01")
def test_a_first_heartbeat_late_after_the_connection_is_no_failsafe() -> None:
    bench = in_init()

    bench.wait(59.0)
    bench.beat()
    bench.limit(APCL_03, active=False, period=NO_PERIOD)
    bench.wait(119.0)

    assert "failsafe" not in [change.state for change in bench.changes()]


@pytest.mark.field("F-03")
def test_failsafe_is_left_by_heartbeat_and_limit_long_before_its_duration() -> None:
    bench = in_failsafe(linked=True)

    bench.beat()
    bench.wait(60.0)
    assert bench.limit(3_000, active=True) == 0

    assert (bench.state, bench.applied_w) == ("limited", 3_000)


@pytest.mark.field("F-03")
def test_failsafe_is_not_left_by_a_heartbeat_alone() -> None:
    bench = in_failsafe(linked=True)

    bench.beat()
    bench.wait(119.0)

    assert (bench.state, bench.applied_w) == ("failsafe", FAILSAFE_W)


@pytest.mark.field("F-03")
def test_failsafe_is_not_left_by_a_limit_that_came_before_the_heartbeat() -> None:
    bench = in_failsafe(linked=True)

    assert bench.limit(3_000, active=True) == 7
    bench.beat()
    bench.wait(61.0)
    assert bench.limit(3_000, active=True) == 7

    assert bench.state == "failsafe"


@pytest.mark.field("F-03")
def test_heartbeats_without_a_limit_for_two_minutes_lead_to_autonomous() -> None:
    bench = in_failsafe(linked=True)
    bench.beat()
    bench.beats = True

    bench.wait(120.5)

    assert (bench.state, bench.applied_w) == ("unlimited_autonomous", None)


def test_hold_failsafe_never_frees_by_time() -> None:
    config = LpcServerConfig(failsafe_w=FAILSAFE_W, after_failsafe="HOLD_FAILSAFE")  # type: ignore[arg-type]  # a word of the configuration file compares equal
    bench = Bench(config=config)
    bench.connect()
    bench.wait(500.0)
    assert bench.state == "init"
    bench.beat()
    bench.limit(APCL_03, active=False)

    bench.wait(90_000.0)

    assert (bench.state, bench.applied_w) == ("failsafe", FAILSAFE_W)


@pytest.mark.field("F-25")
def test_a_box_that_announces_no_heartbeat_scenario_is_served_and_named() -> None:
    bench = Bench(box=box_device(scenarios=(1, 2, 4)))
    bench.connect()

    bench.beat()
    assert bench.limit(3_000, active=True) == 0

    missing = [event for event in bench.events if isinstance(event, ScenarioMissing)]
    assert missing[0] == ScenarioMissing(peer=BOX_SKI, numbers=(3,))
    assert bench.server.scenarios_of(BOX_SKI) == (1, 2, 4)


@pytest.mark.field("F-26")
def test_own_heartbeats_keep_nobody_alive_and_the_partners_do_not_count_as_ours() -> None:
    bench = in_controlled(beats=False)
    heard_at = bench.server.last_heartbeat_at

    bench.wait(130.0)

    assert bench.state == "failsafe"
    assert bench.server.last_heartbeat_at == heard_at == 1_000.0
    assert bench.server.own_heartbeat_at == 1_120.0


@pytest.mark.field("H-49")
@pytest.mark.rule("TC_SPINE_RTS_003")
def test_only_the_heartbeat_of_the_entity_that_bound_counts() -> None:
    box = box_device(guard_entity((1,), "CEM"), guard_entity((2,), "CEM"))
    bench = Bench(box=box, guard=(2,))
    bench.connect()

    bench.beat((1,))
    assert bench.limit(3_000, active=True) == 7
    bench.beat((2,))
    assert bench.limit(3_000, active=True) == 0

    heard = [event for event in bench.events if isinstance(event, HeartbeatReceived)]
    assert len(heard) == 1
    assert bench.server.guard == (BOX_SKI, (2,))


@pytest.mark.rule("LPC-L-3.5")
def test_a_second_entity_gets_neither_feature_of_the_group() -> None:
    box = box_device(guard_entity((1,)), guard_entity((2,)))
    bench = Bench(box=box)
    bench.connect(bind=False)
    first, second = bench.client((1,)), bench.client((2,))
    bench.box.bind(EMS_SKI, first, bench.at("LoadControl"), bench.now)
    bench.settle()

    counter = bench.box.bind(EMS_SKI, second, bench.at("DeviceConfiguration"), bench.now)
    bench.settle()

    results = [e for e in bench.received if isinstance(e, ResultReceived)]
    assert [e.error_number for e in results if e.msg_counter_ref == counter] == [7]
    bench.box.bind(EMS_SKI, first, bench.at("DeviceConfiguration"), bench.now)
    bench.settle()
    bench.beat((1,))
    assert bench.limit(3_000, active=True) == 0


@pytest.mark.rule("LPC-L-3.8")
def test_a_box_that_binds_the_limit_only_is_listened_to_after_ten_seconds() -> None:
    bench = Bench()
    bench.connect(bind=False)
    bench.box.bind(EMS_SKI, bench.client(), bench.at("LoadControl"), bench.now)
    bench.settle()

    bench.wait(9.9)
    assert bench.box.subscribers(bench.box.feature((1,), "DeviceDiagnosis", "server")) == ()
    bench.wait(0.1)

    assert len(bench.box.subscribers(bench.box.feature((1,), "DeviceDiagnosis", "server"))) == 1


def test_a_box_that_binds_before_it_is_discovered_is_listened_to_as_soon_as_it_is() -> None:
    bench = Bench()
    bench.linked = True
    bench.box.connect(EMS_SKI, bench.now)
    for _, payload in bench.box.take_datagrams():
        bench.ems.connect(BOX_SKI, bench.now)
        bench.ems.receive(BOX_SKI, payload, bench.now)
    early = [payload for _, payload in bench.ems.take_datagrams()]
    for payload in early[1:]:  # the reply; our own discovery read is delayed
        bench.box.receive(EMS_SKI, payload, bench.now)
    for feature_type in ("LoadControl", "DeviceConfiguration"):
        bench.box.bind(EMS_SKI, bench.client(), bench.at(feature_type), bench.now)
    for _, payload in bench.box.take_datagrams():
        bench.ems.receive(BOX_SKI, payload, bench.now)
    assert bench.server.guard == (BOX_SKI, (1,))

    bench.box.receive(EMS_SKI, early[0], bench.now)
    bench.settle()

    assert len(bench.box.subscribers(bench.box.feature((1,), "DeviceDiagnosis", "server"))) == 1


def test_the_reply_to_the_first_read_counts_when_it_is_fresh() -> None:
    bench = Bench()
    bench.beat()

    bench.connect()

    assert bench.limit(3_000, active=True) == 0


def test_a_reply_that_repeats_an_old_heartbeat_does_not_count() -> None:
    bench = Bench()
    bench.beat()
    bench.wait(61.0)

    bench.connect()

    assert bench.limit(3_000, active=True) == 7
    assert bench.state == "init"


@pytest.mark.rule("LPC-L-2.17")
def test_a_reconnection_within_two_minutes_keeps_the_limit() -> None:
    bench = in_limited(beats=False)
    bench.cut()
    bench.wait(100.0)

    bench.connect()
    bench.beat()
    bench.wait(100.0)

    assert (bench.state, bench.applied_w) == ("limited", APCL_03)
    assert bench.told().is_limit_active is True


def test_a_standing_connection_without_heartbeats_ends_in_failsafe_and_is_told() -> None:
    bench = in_limited(beats=False)

    bench.wait(121.0)

    assert bench.state == "failsafe"
    lost = [event for event in bench.events if isinstance(event, HeartbeatLost)]
    assert [event.peer for event in lost] == [BOX_SKI]


def test_a_write_without_binding_gets_nine_and_is_recorded() -> None:
    bench = Bench()
    bench.connect(bind=False)
    bench.beat()

    assert bench.limit(3_000, active=True) == 9

    (judged,) = [event for event in bench.events if isinstance(event, WriteJudged)]
    assert (judged.error_number, judged.value_w) == (9, None)
    assert bench.state == "init"


def test_after_the_expiry_the_box_gets_the_whole_list_without_the_old_end() -> None:
    bench = in_limited("PT1M")
    before = len(bench.received)

    bench.wait(60.0)

    notified = [
        event.cmd_data
        for event in bench.received[before:]
        if isinstance(event, DataReceived)
        and event.function is LOAD_CONTROL_LIMIT_LIST_DATA
        and event.classifier == "notify"
    ]
    (entry,) = notified[-1].load_control_limit_data  # type: ignore[union-attr]  # asserted above
    assert (entry.is_limit_active, entry.time_period) == (False, None)
    remote = bench.box.remote(EMS_SKI)
    assert remote is not None
    held = remote.data(bench.at("LoadControl"), LOAD_CONTROL_LIMIT_LIST_DATA)
    assert held == notified[-1]


def test_an_accepted_write_is_notified_and_a_refused_one_is_not() -> None:
    bench = in_controlled(beats=False)

    def notifies() -> int:
        return sum(
            isinstance(event, DataReceived)
            and event.classifier == "notify"
            and event.function is LOAD_CONTROL_LIMIT_LIST_DATA
            for event in bench.received
        )

    before = notifies()
    bench.limit(APCL_06, active=True)
    assert notifies() == before
    bench.limit(3_000, active=True)
    assert notifies() == before + 1


@pytest.mark.rule("LPC-006")
def test_the_own_heartbeat_counts_up_and_promises_a_minute() -> None:
    bench = in_controlled()
    first = bench.read("DeviceDiagnosis", DEVICE_DIAGNOSIS_HEARTBEAT_DATA)
    again = bench.read("DeviceDiagnosis", DEVICE_DIAGNOSIS_HEARTBEAT_DATA)

    bench.wait(30.0)
    later = bench.read("DeviceDiagnosis", DEVICE_DIAGNOSIS_HEARTBEAT_DATA)

    assert first == again
    assert later.heartbeat_counter == first.heartbeat_counter + 1
    assert (later.heartbeat_timeout, later.timestamp) == ("PT60S", "2026-01-01T00:17:10Z")


@pytest.mark.rule("LPC-R-10")
def test_after_a_restart_with_a_limit_in_force_init_is_held_for_its_time() -> None:
    limited = in_limited()
    told = limited.changes()[-1]
    assert told.binding_until == limited.now + 7_200.0

    bench = Bench(
        config=LpcServerConfig(failsafe_w=FAILSAFE_W, hold_init_until=limited.now + 7_200.0)
    )
    bench.wait(7_199.0)
    assert (bench.state, bench.applied_w) == ("init", FAILSAFE_W)
    bench.wait(1.0)

    assert bench.state == "unlimited_autonomous"


@pytest.mark.rule("LPC-R-10")
def test_the_box_may_release_a_held_init_at_any_time() -> None:
    bench = Bench(config=LpcServerConfig(failsafe_w=FAILSAFE_W, hold_init_until=90_000.0))
    bench.connect()
    bench.beat()

    assert bench.limit(APCL_03, active=False) == 0

    assert (bench.state, bench.applied_w) == ("unlimited_controlled", None)


@pytest.mark.rule("K-08")
@pytest.mark.parametrize("tells", [False, True])
def test_availability_is_left_out_unless_the_box_wants_to_see_it(*, tells: bool) -> None:
    bench = Bench(dataclasses.replace(DEFAULT, tells_availability=tells))
    bench.connect(bind=False)

    (announced,) = [text for text in bench.wire if '{"scenarioSupport":[1,2,3,4]}' in text]

    assert ("useCaseAvailable" in announced) is tells
    assert ('{"useCaseAvailable":true}' in announced) is tells
    assert '{"useCaseDocumentSubRevision":"release"}' in announced
