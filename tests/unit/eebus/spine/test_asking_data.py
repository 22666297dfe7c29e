"""Remote data, requests with their answers, and silence (guide P 2.6.2)."""

from __future__ import annotations

from typing import Any

import pytest

from eebus.spine.addresses import FeatureAddress
from eebus.spine.device import LocalDevice
from eebus.spine.events import (
    DataReceived,
    RequestUnanswered,
    ResultReceived,
)
from eebus.spine.model.common_data_types import ScaledNumber
from eebus.spine.model.device_diagnosis import (
    DEVICE_DIAGNOSIS_HEARTBEAT_DATA as HEARTBEAT,
)
from eebus.spine.model.device_diagnosis import DeviceDiagnosisHeartbeatData
from eebus.spine.model.load_control import (
    LOAD_CONTROL_LIMIT_LIST_DATA as LIMITS,
)
from eebus.spine.model.load_control import (
    LoadControlLimitData,
    LoadControlLimitListData,
    LoadControlLimitListDataSelectors,
)
from eebus.spine.restricted import PARTIAL
from eebus.spine.timings import SpineTimings
from eebus.wire.errors import LocalUseError
from tests.kit.spine import BOX, EMS, RawPeer, Sent, at, info
from tests.unit.eebus.spine.asking import (
    HEARTBEAT_SERVER,
    LIMIT_SERVER,
    client_of,
    discovery,
    entity,
    partly,
)

# --- data ---


@pytest.mark.rule("H-61")
def test_partial_notify_is_merged_into_what_is_known(box: RawPeer, device: LocalDevice) -> None:
    entry = {"limitId": 0, "value": {"number": 42, "scale": 2}}
    source = at(BOX, [2], 3)
    box.send(
        "notify", {"loadControlLimitListData": {"loadControlLimitData": [[entry]]}}, source=source
    )
    half = {
        "loadControlLimitListData": {
            "loadControlLimitData": [[{"limitId": 0}, {"value": {"number": 7}}]]
        }
    }
    box.take_events()

    box.send("notify", partly(half), source=source)

    event = box.take_events()[0]
    assert isinstance(event, DataReceived)
    assert (event.source, event.classifier) == (LIMIT_SERVER, "notify")
    assert event.data == LoadControlLimitListData(
        load_control_limit_data=(
            LoadControlLimitData(limit_id=0, value=ScaledNumber(number=7, scale=2)),
        )
    )
    remote = device.remote(box.ski)
    assert remote is not None
    assert remote.data(LIMIT_SERVER, LIMITS) == event.data


def test_reply_is_stored_and_told_with_its_source(box: RawPeer, device: LocalDevice) -> None:
    device.read(box.ski, client_of(device), HEARTBEAT_SERVER, HEARTBEAT, box.now)
    read = box._collect()[0]

    box.answer(read, {"deviceDiagnosisHeartbeatData": {"heartbeatCounter": 5}})

    assert box.take_events() == [
        DataReceived(
            peer=box.ski,
            source=HEARTBEAT_SERVER,
            function=HEARTBEAT,
            data=DeviceDiagnosisHeartbeatData(heartbeat_counter=5),
            classifier="reply",
            cmd_data=DeviceDiagnosisHeartbeatData(heartbeat_counter=5),
        )
    ]
    assert device.deadline is None


def test_unreadable_element_of_a_notify_is_dropped_and_the_rest_is_used(box: RawPeer) -> None:
    data = {"heartbeatCounter": "many", "heartbeatTimeout": "PT60S", "vendorX": {"a": 1}}

    sent = box.send("notify", {"deviceDiagnosisHeartbeatData": data}, source=at(BOX, [1], 1000))

    assert sent == []
    event = box.take_events()[0]
    assert isinstance(event, DataReceived)
    assert event.data == DeviceDiagnosisHeartbeatData(heartbeat_timeout="PT60S")


def test_restricted_read_is_merged_even_if_the_reply_has_no_filter(
    box: RawPeer, device: LocalDevice
) -> None:
    entries = [[{"limitId": 0}], [{"limitId": 1}]]
    box.send(
        "notify",
        {"loadControlLimitListData": {"loadControlLimitData": entries}},
        source=at(BOX, [2], 3),
    )
    selectors = LoadControlLimitListDataSelectors(limit_id=1)
    device.read(box.ski, client_of(device), LIMIT_SERVER, LIMITS, box.now, selectors=selectors)
    read = box._collect()[0]
    one = [[{"limitId": 1}, {"isLimitActive": True}]]

    box.answer(read, {"loadControlLimitListData": {"loadControlLimitData": one}})

    remote = device.remote(box.ski)
    assert remote is not None
    assert remote.data(LIMIT_SERVER, LIMITS) == LoadControlLimitListData(
        load_control_limit_data=(
            LoadControlLimitData(limit_id=0),
            LoadControlLimitData(limit_id=1, is_limit_active=True),
        )
    )
    assert read.cmd["filter"][0]["loadControlLimitListDataSelectors"] == {"limitId": 1}


def test_selectors_are_not_sent_where_no_partial_read_is_announced(
    box: RawPeer, device: LocalDevice
) -> None:
    selectors = LoadControlLimitListDataSelectors(limit_id=1)
    device.read(box.ski, client_of(device), HEARTBEAT_SERVER, LIMITS, box.now, selectors=selectors)

    assert "filter" not in box._collect()[0].cmd


def test_remote_data_are_bounded() -> None:
    device = LocalDevice(info(EMS), [], timings=SpineTimings(max_remote_items=2))
    box = RawPeer(device)
    box.connect()
    entries = [[{"limitId": n}] for n in range(3)]

    box.send(
        "notify",
        {"loadControlLimitListData": {"loadControlLimitData": entries}},
        source=at(BOX, [2], 3),
    )

    assert box.take_events() == []


# --- requests and answers ---


def test_write_asks_for_a_result_and_the_result_names_the_write(
    box: RawPeer, device: LocalDevice
) -> None:
    data = LoadControlLimitListData(load_control_limit_data=(LoadControlLimitData(limit_id=0),))
    number = device.write(
        box.ski, client_of(device), LIMIT_SERVER, LIMITS, data, box.now, filters=[PARTIAL]
    )
    sent = box._collect()[0]

    box.answer(sent, {"resultData": {"errorNumber": 7, "description": "no"}}, "result")

    assert sent.header["ackRequest"] is True
    assert sent.cmd == {
        "function": "loadControlLimitListData",
        "filter": [{"cmdControl": {"partial": []}}],
        "loadControlLimitListData": {"loadControlLimitData": [{"limitId": 0}]},
    }
    assert box.take_events() == [ResultReceived(box.ski, number, 7, "no")]
    assert device.deadline is None


def test_binding_and_subscription_name_the_type_of_the_server(
    box: RawPeer, device: LocalDevice
) -> None:
    device.bind(box.ski, client_of(device), LIMIT_SERVER, box.now)

    call = box._collect()[0]

    assert call.header["addressDestination"] == at(BOX, [0], 0)
    assert call.cmd["nodeManagementBindingRequestCall"]["bindingRequest"] == {
        "clientAddress": at(EMS, [1], 3),
        "serverAddress": at(BOX, [2], 3),
        "serverFeatureType": "LoadControl",
    }


@pytest.mark.rule("H-32")
def test_table_read_shows_what_the_peer_granted_us(box: RawPeer, device: LocalDevice) -> None:
    device.subscribe(box.ski, client_of(device), LIMIT_SERVER, box.now)
    box.answer(box._collect()[0], {"resultData": {}}, "result")

    table = box.read("nodeManagementSubscriptionData")[0].cmd["nodeManagementSubscriptionData"]

    assert table["subscriptionEntry"][-1]["clientAddress"] == at(EMS, [1], 3)
    assert table["subscriptionEntry"][-1]["serverAddress"] == at(BOX, [2], 3)


def test_same_read_is_not_sent_twice_while_it_is_open(box: RawPeer, device: LocalDevice) -> None:
    route = (box.ski, client_of(device), HEARTBEAT_SERVER, HEARTBEAT, box.now)

    assert device.read(*route) == device.read(*route)
    assert len(box._collect()) == 1


@pytest.mark.rule("H-65")
def test_answer_of_another_peer_settles_nothing(box: RawPeer, device: LocalDevice) -> None:
    device.read(box.ski, client_of(device), HEARTBEAT_SERVER, HEARTBEAT, box.now)
    read = box._collect()[0]
    other = RawPeer(device, address="d:_n:Test_Box-2", ski="b2" * 20)
    other.connect()
    other.take_events()

    other.answer(read, {"deviceDiagnosisHeartbeatData": {"heartbeatCounter": 5}})
    other.answer(read, {"resultData": {"errorNumber": 7}}, "result")

    assert other.take_events() == []
    assert len(box.answer(read, {"deviceDiagnosisHeartbeatData": {}})) == 0
    assert isinstance(box.take_events()[0], DataReceived)


@pytest.mark.parametrize(
    ("reference", "cmd"),
    [
        (99, {"deviceDiagnosisHeartbeatData": {"heartbeatCounter": 5}}),
        (None, {"deviceDiagnosisHeartbeatData": {"heartbeatCounter": 5}}),
        (0, {"loadControlLimitListData": {}}),
    ],
    ids=["unknown counter", "no counter", "other function"],
)
def test_unsolicited_reply_is_discarded(
    box: RawPeer, device: LocalDevice, reference: int | None, cmd: Any
) -> None:
    number = device.read(box.ski, client_of(device), HEARTBEAT_SERVER, HEARTBEAT, box.now)
    box._collect()
    header = {} if reference is None else {"msgCounterReference": reference or number}

    assert box.send("reply", cmd, source=at(BOX, [1], 1000), to=at(EMS, [1], 3), **header) == []
    assert box.take_events() == []
    assert device.deadline is not None


def test_success_result_is_no_answer_to_a_read(box: RawPeer, device: LocalDevice) -> None:
    device.read(box.ski, client_of(device), HEARTBEAT_SERVER, HEARTBEAT, box.now)
    read = box._collect()[0]

    box.answer(read, {"resultData": {"errorNumber": 0}}, "result")

    assert box.take_events() == []
    assert device.deadline == box.now + 10.0


# --- silence (guide P 2.6.2) ---


def test_unanswered_read_is_repeated_after_30_s_5_min_15_min_and_then_given_up(
    box: RawPeer, device: LocalDevice
) -> None:
    start = box.now
    number = device.read(box.ski, client_of(device), HEARTBEAT_SERVER, HEARTBEAT, start)
    first = box._collect()[0]
    times: list[tuple[float, Sent]] = []

    while device.deadline is not None:
        times += [(box.now - start, sent) for sent in box.wait_until(device.deadline)]

    assert [moment for moment, _ in times] == [40.0, 350.0, 1_260.0]
    counters = [first.header["msgCounter"], *(sent.header["msgCounter"] for _, sent in times)]
    assert counters == sorted(set(counters))
    assert [sent.cmd for _, sent in times] == [first.cmd] * 3
    assert box.take_events() == [
        RequestUnanswered(box.ski, number, final=False),
        RequestUnanswered(box.ski, number, final=False),
        RequestUnanswered(box.ski, number, final=False),
        RequestUnanswered(box.ski, number, final=True),
    ]


def test_answer_to_any_transmission_counts(box: RawPeer, device: LocalDevice) -> None:
    device.read(box.ski, client_of(device), HEARTBEAT_SERVER, HEARTBEAT, box.now)
    first = box._collect()[0]
    box.wait_until(box.now + 45.0)
    box.take_events()

    box.answer(first, {"deviceDiagnosisHeartbeatData": {}})

    assert isinstance(box.take_events()[0], DataReceived)
    assert device.deadline is None


@pytest.mark.rule("K-04")
def test_write_is_never_repeated(box: RawPeer, device: LocalDevice) -> None:
    data = LoadControlLimitListData(load_control_limit_data=(LoadControlLimitData(limit_id=0),))
    number = device.write(
        box.ski, client_of(device), FeatureAddress(BOX, (1,), 5), LIMITS, data, box.now
    )
    box._collect()

    assert box.wait_until(box.now + 3_600.0) == []
    assert box.take_events() == [RequestUnanswered(box.ski, number, final=True)]


@pytest.mark.rule("H-67")
def test_announced_response_delay_replaces_the_ten_seconds(
    box: RawPeer, device: LocalDevice
) -> None:
    device.read(box.ski, client_of(device), LIMIT_SERVER, LIMITS, box.now)

    assert device.deadline == box.now + 60.0


@pytest.mark.rule("H-47")
def test_open_requests_are_bounded(device: LocalDevice) -> None:
    tight = LocalDevice(info(EMS), [], timings=SpineTimings(max_requests=1))
    box = RawPeer(tight)
    box.connect()

    number = tight.subscribe(box.ski, FeatureAddress(EMS, (0,), 0), LIMIT_SERVER, box.now)

    assert box._collect() == []
    assert box.take_events() == [RequestUnanswered(box.ski, number)]


@pytest.mark.rule("H-62")
def test_every_due_deadline_makes_progress(box: RawPeer, device: LocalDevice) -> None:
    device.read(box.ski, client_of(device), HEARTBEAT_SERVER, HEARTBEAT, box.now)
    seen: list[float] = []

    while (due := device.deadline) is not None:
        device.handle_timer(due)
        assert due not in seen
        seen.append(due)

    assert len(seen) == 7


def test_request_to_a_peer_that_is_not_connected_is_our_mistake(device: LocalDevice) -> None:
    with pytest.raises(LocalUseError):
        device.read("c" * 40, client_of(device), HEARTBEAT_SERVER, HEARTBEAT, 0.0)


def test_request_made_again_while_it_waits_goes_out_at_once(
    box: RawPeer, device: LocalDevice
) -> None:
    route = (box.ski, client_of(device), HEARTBEAT_SERVER, HEARTBEAT)
    number = device.read(*route, box.now)
    box.wait_until(box.now + 20.0)
    box._collect()

    assert device.read(*route, box.now) == number
    assert len(box._collect()) == 1
    assert device.deadline == box.now + 10.0


@pytest.mark.parametrize(("repeated", "expected"), [(True, 0), (False, 1)])
def test_already_present_is_a_success_only_after_a_repetition(
    box: RawPeer, device: LocalDevice, *, repeated: bool, expected: int
) -> None:
    number = device.subscribe(box.ski, client_of(device), LIMIT_SERVER, box.now)
    call = box._collect()[0]
    if repeated:
        call = box.wait_until(box.now + 45.0)[0]
    box.take_events()

    box.answer(call, {"resultData": {"errorNumber": 1, "description": "present"}}, "result")

    assert box.take_events() == [ResultReceived(box.ski, number, expected, "present")]


def test_relation_tables_of_a_peer_are_nothing_for_use_cases(box: RawPeer) -> None:
    assert box.send("notify", {"nodeManagementBindingData": {}}) == []
    assert box.take_events() == []


def test_data_of_a_removed_entity_are_forgotten(box: RawPeer, device: LocalDevice) -> None:
    entries = [[{"limitId": 0}]]
    box.send(
        "notify",
        {"loadControlLimitListData": {"loadControlLimitData": entries}},
        source=at(BOX, [2], 3),
    )
    remote = device.remote(box.ski)
    assert remote is not None
    assert remote.data(LIMIT_SERVER, LIMITS) is not None

    box.send("notify", partly(discovery([entity([2], "EVSE", "removed")], [])))

    assert remote.data(LIMIT_SERVER, LIMITS) is None
