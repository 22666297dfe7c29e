"""A box that has lost our subscription without knowing it: it beats on, but not to us."""

from __future__ import annotations

from datetime import timedelta

from eebus.spine.model.device_diagnosis import (
    DEVICE_DIAGNOSIS_HEARTBEAT_DATA,
    DeviceDiagnosisHeartbeatData,
)
from tests.conformance.lpc.bench import BOX_SKI, EPOCH, Bench, in_controlled
from tests.conformance.spine.rig import GuardTool


def beat_unheard(bench: Bench, beats: int) -> None:
    """The counter of the box goes on, no notify leaves."""
    for _ in range(beats):
        bench.wait(30.0)
        bench.counter += 1
        address = bench.box.feature(bench.guard, "DeviceDiagnosis", "server")
        data = DeviceDiagnosisHeartbeatData(
            timestamp=bench.utcnow().strftime("%Y-%m-%dT%H:%M:%SZ"),
            heartbeat_counter=bench.counter,
            heartbeat_timeout="PT60S",
        )
        bench.box.set_data(address, DEVICE_DIAGNOSIS_HEARTBEAT_DATA, data, bench.now, notify=False)


def test_a_link_over_which_the_box_no_longer_beats_to_us_is_closed_and_failsafe_holds() -> None:
    bench = in_controlled(beats=False)

    beat_unheard(bench, 5)

    assert bench.state == "failsafe"
    assert [peer for peer, _reason in bench.ems.take_closures()] == [BOX_SKI]


def test_a_box_that_fell_silent_keeps_its_link() -> None:
    bench = in_controlled(beats=False)

    bench.wait(300.0)

    assert bench.state == "failsafe"
    assert bench.ems.take_closures() == []


def test_a_box_whose_limits_find_no_heartbeat_is_asked_again_whether_it_beats_to_others() -> None:
    bench = in_controlled(beats=False)
    bench.wait(600.0)  # silent: asked once, nothing to reproach
    assert bench.ems.take_closures() == []

    beat_unheard(bench, 5)
    assert bench.limit(3_000, active=True) == 7
    bench.wait(1.0)

    assert [peer for peer, _reason in bench.ems.take_closures()] == [BOX_SKI]


def test_a_silent_box_whose_limits_find_no_heartbeat_keeps_its_link() -> None:
    bench = in_controlled(beats=False)
    bench.wait(600.0)

    for _ in range(3):
        assert bench.limit(3_000, active=True) == 7
        bench.wait(60.0)

    assert bench.ems.take_closures() == []
    bench.beat()
    assert bench.limit(3_000, active=True) == 0


def test_a_link_lost_at_the_very_moment_the_box_would_be_asked_is_followed_anew() -> None:
    bench = in_controlled(beats=False)

    bench.now += 121.0  # no timer was handled in between
    bench.cut()
    bench.connect()
    bench.beat()

    assert bench.state == "failsafe"
    assert bench.limit(3_000, active=True) == 0


def test_a_limit_that_overtakes_the_answer_to_our_first_read_is_no_reason_for_doubt() -> None:
    tool = GuardTool()
    tool.open()
    for type_ in ("LoadControl", "DeviceConfiguration"):
        asked = tool.relate("Binding", tool.client, tool.address_of(type_), type_)
    early = tool.write_limit({"isLimitActive": True})
    assert [one.error_number for one in early if one.classifier == "result"] == [7]
    tool.now += 1.0
    tool.device.handle_timer(tool.now)

    tool.served[((1,), 1000, "deviceDiagnosisHeartbeatData")] = {
        "timestamp": (EPOCH + timedelta(seconds=tool.now)).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "heartbeatCounter": 300,
        "heartbeatTimeout": "PT60S",
    }
    tool.pump(asked)

    assert tool.device.take_closures() == []
    late = tool.write_limit({"isLimitActive": True})
    assert [one.error_number for one in late if one.classifier == "result"] == [0]
