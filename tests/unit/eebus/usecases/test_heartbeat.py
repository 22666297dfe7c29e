"""Heartbeats sent and heartbeats watched."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from eebus.spine.addresses import FeatureAddress
from eebus.spine.device import LocalDevice
from eebus.spine.events import DataReceived, PeerGone
from eebus.spine.model.device_diagnosis import (
    DEVICE_DIAGNOSIS_HEARTBEAT_DATA,
    DEVICE_DIAGNOSIS_STATE_DATA,
    DeviceDiagnosisHeartbeatData,
    DeviceDiagnosisStateData,
)
from eebus.spine.specs import DeviceInfo, EntitySpec, FeatureSpec, FunctionSpec
from eebus.usecases.heartbeat import HeartbeatSender, HeartbeatWatch

NOW = datetime(2026, 1, 1, tzinfo=UTC)
SOURCE = FeatureAddress("d:_n:Box_1", (1,), 2)


def device() -> LocalDevice:
    diagnosis = FeatureSpec(
        type="DeviceDiagnosis",
        role="server",
        functions=(FunctionSpec(function=DEVICE_DIAGNOSIS_HEARTBEAT_DATA),),
    )
    entity = EntitySpec(address=(1,), type="CEM", features=(diagnosis,))
    return LocalDevice(DeviceInfo(address="d:_n:EMS_1"), [entity])


def served(made: LocalDevice) -> DeviceDiagnosisHeartbeatData:
    address = made.feature((1,), "DeviceDiagnosis", "server")
    data = made.data(address, DEVICE_DIAGNOSIS_HEARTBEAT_DATA)
    assert data is not None
    return data


def test_a_value_is_there_before_anybody_reads() -> None:
    made, sender = device(), HeartbeatSender(lambda: NOW)

    sender.attach(made, made.feature((1,), "DeviceDiagnosis", "server"), 5.0)

    assert served(made) == DeviceDiagnosisHeartbeatData(
        timestamp="2026-01-01T00:00:00Z", heartbeat_counter=1, heartbeat_timeout="PT60S"
    )
    assert (sender.last_at, sender.deadline) == (5.0, 35.0)


def test_the_next_beat_comes_a_period_later_and_counts_up() -> None:
    made, sender = device(), HeartbeatSender(lambda: NOW)
    sender.attach(made, made.feature((1,), "DeviceDiagnosis", "server"), 0.0)

    sender.handle_timer(29.9)
    assert served(made).heartbeat_counter == 1
    sender.handle_timer(30.0)

    assert served(made).heartbeat_counter == 2
    assert sender.deadline == 60.0


def test_a_stopped_sender_is_silent_and_readable_without_a_time() -> None:
    made, sender = device(), HeartbeatSender(lambda: NOW)
    sender.attach(made, made.feature((1,), "DeviceDiagnosis", "server"), 0.0)

    sender.stop(10.0)
    sender.handle_timer(1_000.0)

    assert sender.is_running is False
    assert (served(made).timestamp, served(made).heartbeat_counter) == (None, 1)


def test_a_sender_without_a_place_does_nothing() -> None:
    sender = HeartbeatSender(lambda: NOW)

    sender.beat(0.0)
    sender.stop(1.0)

    assert sender.last_at is None


def received(
    classifier: Any = "notify",
    *,
    source: FeatureAddress = SOURCE,
    peer: str = "b" * 40,
    timestamp: str | None = "2026-01-01T00:00:00Z",
) -> DataReceived:
    data = DeviceDiagnosisHeartbeatData(timestamp=timestamp, heartbeat_counter=1)
    return DataReceived(peer, source, DEVICE_DIAGNOSIS_HEARTBEAT_DATA, data, classifier, data)


def watch(clock: datetime = NOW) -> HeartbeatWatch:
    made = HeartbeatWatch(lambda: clock)
    made.source = ("b" * 40, SOURCE)
    return made


@pytest.mark.parametrize("timestamp", ["1999-01-01T00:00:00Z", None, "rubbish"])
def test_a_notify_counts_whatever_time_it_carries(timestamp: str | None) -> None:
    assert watch().receive(received(timestamp=timestamp), 1.0)


@pytest.mark.parametrize(
    ("timestamp", "counts"),
    [
        ("2025-12-31T23:59:00Z", True),
        ("2025-12-31T23:58:59Z", False),
        ("2026-06-01T00:00:00Z", True),
        (None, False),
        ("PT5S", False),
    ],
)
def test_a_reply_counts_when_it_is_not_older_than_a_minute(
    timestamp: str | None, counts: bool
) -> None:
    assert watch().receive(received("reply", timestamp=timestamp), 1.0) is counts


@pytest.mark.field("H-49")
def test_other_sources_peers_and_functions_do_not_count() -> None:
    made = watch()
    state = DeviceDiagnosisStateData()

    assert not made.receive(received(source=FeatureAddress("d:_n:Box_1", (2,), 2)), 1.0)
    assert not made.receive(received(peer="c" * 40), 1.0)
    assert not made.receive(PeerGone("b" * 40), 1.0)
    assert not made.receive(
        DataReceived("b" * 40, SOURCE, DEVICE_DIAGNOSIS_STATE_DATA, state, "notify", state), 1.0
    )
    assert made.last_at is None


def test_the_loss_is_told_once_after_more_than_two_minutes() -> None:
    made = watch(NOW + timedelta(hours=1))
    made.receive(received(), 10.0)

    assert made.handle_timer(130.0) is False
    assert made.deadline is not None
    assert made.handle_timer(made.deadline) is True
    assert made.handle_timer(500.0) is False


def test_nobody_followed_nobody_heard() -> None:
    made = watch()
    made.leave()

    assert not made.receive(received(), 1.0)


def _beat(classifier: str, counter: int) -> DataReceived:
    data = DeviceDiagnosisHeartbeatData(
        timestamp="2026-01-01T00:00:00Z", heartbeat_counter=counter, heartbeat_timeout="PT60S"
    )
    return DataReceived(
        peer="b" * 40,
        source=SOURCE,
        function=DEVICE_DIAGNOSIS_HEARTBEAT_DATA,
        data=data,
        classifier=classifier,
        cmd_data=data,
    )


def _probed(counter: int) -> tuple[HeartbeatWatch, bool]:
    """A watch that heard beat 7 at 10 s, asked after 120 s and was told ``counter``."""
    made, watch = device(), HeartbeatWatch(lambda: NOW)
    made.connect("b" * 40, 0.0)
    watch.follow(made, "b" * 40, (FeatureAddress("d:_n:EMS_1", (1,), 1), SOURCE), 0.0)
    watch.receive(_beat("notify", 7), 10.0)
    watch.probe(made, 129.9)
    assert watch.probe_at == 130.0
    watch.probe(made, 130.0)
    assert watch.probe_at is None
    return watch, watch.receive(_beat("reply", counter), 130.1)


def test_a_source_that_beats_on_but_not_to_us_is_deaf() -> None:
    watch, counts = _probed(9)

    assert watch.is_deaf
    assert not counts


@pytest.mark.parametrize("counter", [7, 8, 1])
def test_a_source_that_fell_silent_or_was_restarted_is_not_deaf(counter: int) -> None:
    watch, counts = _probed(counter)

    assert not watch.is_deaf
    assert not counts
    assert watch.last_at == 10.0


def test_nobody_is_asked_who_is_not_followed_any_more() -> None:
    made, watch = device(), HeartbeatWatch(lambda: NOW)
    made.connect("b" * 40, 0.0)
    watch.follow(made, "b" * 40, (FeatureAddress("d:_n:EMS_1", (1,), 1), SOURCE), 0.0)
    made.take_datagrams()

    watch.leave()
    watch.probe(made, 500.0)

    assert watch.probe_at is None
    assert made.take_datagrams() == []


def test_a_link_is_closed_on_request_and_only_where_there_is_one() -> None:
    made = device()
    made.connect("b" * 40, 0.0)

    made.close("b" * 40, "it beats, but no longer to us")
    made.close("c" * 40, "never seen")

    assert made.take_closures() == [("b" * 40, "it beats, but no longer to us")]
