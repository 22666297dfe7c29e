"""Requests that make no sense get the number of the check they fail; answers never get one."""

from __future__ import annotations

from typing import Any

import pytest

from eebus.spine.addresses import FeatureAddress
from eebus.spine.device import LocalDevice
from eebus.spine.model.device_diagnosis import DEVICE_DIAGNOSIS_HEARTBEAT_DATA
from eebus.spine.model.load_control import LOAD_CONTROL_LIMIT_LIST_DATA
from eebus.spine.specs import EntitySpec, FeatureSpec, FunctionSpec
from eebus.spine.timings import SpineTimings
from tests.kit.spine import BOX, EMS, RawPeer, at, info
from tests.unit.eebus.spine.serving import (
    CLIENT,
    DIAGNOSIS,
    LOAD_CONTROL,
    list_of_value,
    stored,
    write,
    write_cmd,
)

LIMITS = "loadControlLimitListData"
DELETE = [[{"cmdControl": [{"delete": []}]}]]


def numbers(answers: list[Any]) -> list[int]:
    return [one.error_number for one in answers]


@pytest.mark.parametrize(
    ("function", "place", "expected"),
    [
        ("measurementListData", LOAD_CONTROL, 6),
        (LIMITS, DIAGNOSIS, 6),
        (LIMITS, at(EMS, [1], 3), 6),
        ("nodeManagementBindingRequestCall", at(EMS, [0], 0), 6),
        (LIMITS, at(EMS, [1], 9), 4),
        (LIMITS, at("d:_n:Test_Other-1", [1], 1), 4),
    ],
    ids=["not offered", "another feature", "client feature", "a call", "no feature", "not us"],
)
def test_a_read_of_what_is_not_there(
    tester: RawPeer, function: str, place: dict[str, Any], expected: int
) -> None:
    assert numbers(tester.read(function, to=place)) == [expected]


def test_a_delete_filter_in_a_read_is_refused(tester: RawPeer) -> None:
    cmd = {"function": LIMITS, "filter": DELETE, LIMITS: []}

    assert numbers(tester.send("read", cmd, to=LOAD_CONTROL)) == [8]


@pytest.mark.parametrize("filters", ["x", 5, [[5]], [["x"]], [[{"cmdControl": 5}]]])
def test_a_filter_that_is_none_is_refused_as_a_filter(bound: RawPeer, filters: Any) -> None:
    cmd = write_cmd(list_of_value(1)) | {"filter": filters}

    assert numbers(write(bound, cmd)) == [8]
    assert stored(bound.device).value != list_of_value(1)["value"]


@pytest.mark.parametrize("control", ["delete", "partial"])
def test_a_name_the_filter_does_not_know_is_refused(bound: RawPeer, control: str) -> None:
    one = {"cmdControl": {control: {}}, "measurementListDataSelectors": [{"measurementId": 1}]}

    assert numbers(write(bound, write_cmd(list_of_value(1), filters=[one]))) == [8]


def test_two_filters_in_a_read_are_refused(tester: RawPeer) -> None:
    partial = [{"cmdControl": [{"partial": []}]}]
    cmd = {"function": LIMITS, "filter": [partial, partial], LIMITS: []}

    assert numbers(tester.send("read", cmd, to=LOAD_CONTROL)) == [8]


@pytest.mark.parametrize(
    "call",
    [
        {"function": "nodeManagementBindingRequestCall"},
        {"nodeManagementBindingRequestCall": []},
        {"nodeManagementSubscriptionRequestCall": {"subscriptionRequest": {}}},
        {"nodeManagementBindingRequestCall": {"bindingRequest": {"clientAddress": CLIENT}}},
        {"nodeManagementBindingDeleteCall": []},
        {"nodeManagementSubscriptionDeleteCall": {"subscriptionDelete": {}}},
    ],
    ids=["no data", "no request", "no client", "no server", "no delete", "nothing named"],
)
def test_an_empty_call_is_a_general_error(tester: RawPeer, call: dict[str, Any]) -> None:
    assert numbers(tester.send("call", call, ackRequest=True)) == [1]
    assert tester.read("nodeManagementBindingData")[0].cmd == {"nodeManagementBindingData": []}


def test_a_call_to_a_function_that_is_only_written_is_not_supported() -> None:
    spec = FunctionSpec(function=LOAD_CONTROL_LIMIT_LIST_DATA, read=False, write=True)
    feature = FeatureSpec(type="LoadControl", role="server", functions=(spec,))
    device = LocalDevice(info(EMS), [EntitySpec(address=(1,), type="CEM", features=(feature,))])
    peer = RawPeer(device)
    peer.connect()

    assert numbers(peer.send("call", {LIMITS: []}, to=LOAD_CONTROL, ackRequest=True)) == [6]


def test_a_call_that_asks_for_no_answer_gets_none_when_it_succeeds(tester: RawPeer) -> None:
    request = {"clientAddress": CLIENT, "serverAddress": LOAD_CONTROL}
    call = {"nodeManagementSubscriptionRequestCall": {"subscriptionRequest": request}}

    assert tester.send("call", call) == []
    assert len(tester.take_events()) == 1


def test_a_server_feature_of_the_peer_cannot_bind(box: RawPeer) -> None:
    assert numbers(box.relate("Binding", at(BOX, [1], 1000), LOAD_CONTROL)) == [7]


@pytest.mark.parametrize("classifier", ["reply", "notify", "result"])
def test_what_is_told_to_nobody_or_in_another_version_is_dropped(
    tester: RawPeer, classifier: str
) -> None:
    cmd = {"resultData": {"errorNumber": 0}}

    assert tester.send(classifier, cmd, to=at(EMS, [7], 7), ackRequest=True) == []
    assert tester.send(classifier, cmd, specificationVersion="2.0.0", ackRequest=True) == []


@pytest.mark.parametrize("cmd", [{"function": "resultData"}, {"nodeManagementUseCaseData": []}])
def test_a_result_without_result_data_closes_no_request(tester: RawPeer, cmd: Any) -> None:
    reference = tester.sent[0].header["msgCounter"]

    assert tester.send("result", cmd, msgCounterReference=reference, ackRequest=True) == []
    assert tester.take_events() == []
    assert tester.device.deadline == 1_010.0


def test_a_feature_without_data_is_announced_to_nobody(
    tester: RawPeer, device: LocalDevice
) -> None:
    diagnosis = device.feature((1,), "DeviceDiagnosis", "server")
    assert numbers(tester.relate("Subscription", CLIENT, DIAGNOSIS)) == [0]

    device.announce(diagnosis, DEVICE_DIAGNOSIS_HEARTBEAT_DATA, tester.now)

    assert device.take_datagrams() == []


def test_a_peer_that_was_never_connected_may_be_disconnected(device: LocalDevice) -> None:
    device.disconnect("f" * 40, 1.0)

    assert device.take_events() == []


def test_what_peers_grant_beyond_the_bounds_is_not_kept() -> None:
    spec = FeatureSpec(type="Generic", role="client")
    device = LocalDevice(
        info(EMS),
        [EntitySpec(address=(1,), type="CEM", features=(spec,))],
        timings=SpineTimings(max_relations=1),
    )
    peer = RawPeer(device)
    peer.connect()
    peer.read("nodeManagementUseCaseData")  # tells its device address
    client = device.feature((1,), "Generic", "client")
    for feature in (1, 2):
        device.subscribe(peer.ski, client, FeatureAddress(BOX, (1,), feature), peer.now)
        (call,) = peer._collect()
        assert peer.answer(call, {"resultData": {"errorNumber": 0}}, "result") == []

    table = peer.read("nodeManagementSubscriptionData")[0].cmd["nodeManagementSubscriptionData"]
    assert [one["serverAddress"]["feature"] for one in table["subscriptionEntry"]] == [1]


@pytest.mark.parametrize("classifier", ["reply", "notify"])
def test_a_deletion_of_nothing_is_acknowledged_and_changes_nothing(
    box: RawPeer, device: LocalDevice, classifier: str
) -> None:
    source, to = at(BOX, [2], 3), at(EMS, [1], 3)
    entry = [[{"limitId": 7}, {"isLimitActive": True}]]
    box.send("notify", {LIMITS: {"loadControlLimitData": entry}}, source=source, to=to)
    server = FeatureAddress(BOX, (2,), 3)
    client = device.feature((1,), "Generic", "client")
    number = device.read(box.ski, client, server, LOAD_CONTROL_LIMIT_LIST_DATA, box.now)
    box.take_events()

    answers = box.send(
        classifier,
        {"function": LIMITS, "filter": DELETE, LIMITS: []},
        source=source,
        to=to,
        ackRequest=True,
        msgCounterReference=number,
    )

    assert [a.error_number for a in answers if a.classifier == "result"] == [0]
    assert box.take_events() == []
    remote = device.remote(box.ski)
    assert remote is not None
    data = remote.data(server, LOAD_CONTROL_LIMIT_LIST_DATA)
    assert data is not None
    assert [one.limit_id for one in data.load_control_limit_data or ()] == [7]
    assert device.deadline == box.now + 60.0  # the read still waits: the server announced PT60S
