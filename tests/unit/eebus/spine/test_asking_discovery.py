"""Set-up of a session, the picture of the peer and its changes."""

from __future__ import annotations

import copy
from itertools import pairwise

import pytest

from eebus.spine.addresses import FeatureAddress
from eebus.spine.device import LocalDevice
from eebus.spine.events import (
    EntityGone,
    PeerReady,
    Unbound,
    Unsubscribed,
)
from eebus.spine.model.device_diagnosis import (
    DEVICE_DIAGNOSIS_HEARTBEAT_DATA as HEARTBEAT,
)
from eebus.spine.model.load_control import (
    LOAD_CONTROL_LIMIT_LIST_DATA as LIMITS,
)
from tests.kit.spine import BOX, EMS, RawPeer, Sent, at
from tests.unit.eebus.spine.asking import (
    BOX_TREE,
    DISCOVERY,
    HEARTBEAT_SERVER,
    LIMIT_SERVER,
    USE_CASES,
    client_of,
    discovery,
    entity,
    feature,
    partly,
)

# --- set-up of a session ---


def test_discovery_read_goes_out_at_once_without_destination_device(device: LocalDevice) -> None:
    sent = RawPeer(device).connect()

    assert len(sent) == 1
    assert sent[0].header == {
        "specificationVersion": "1.3.0",
        "addressSource": at(EMS, [0], 0),
        "addressDestination": at(None, [0], 0),
        "msgCounter": 1,
        "cmdClassifier": "read",
    }
    assert sent[0].cmd == {"function": DISCOVERY, DISCOVERY: []}


@pytest.mark.rule("H-29")
def test_after_the_discovery_node_management_is_subscribed_and_use_cases_are_read(
    tester: RawPeer,
) -> None:
    subscribe, read = tester.answer(tester.sent[0], BOX_TREE)

    assert subscribe.header["addressDestination"] == at(BOX, [0], 0)
    assert subscribe.header["ackRequest"] is True
    assert subscribe.cmd["nodeManagementSubscriptionRequestCall"]["subscriptionRequest"] == {
        "clientAddress": at(EMS, [0], 0),
        "serverAddress": at(BOX, [0], 0),
        "serverFeatureType": "NodeManagement",
    }
    assert read.cmd == {"function": USE_CASES, USE_CASES: []}
    assert read.header["addressDestination"] == at(BOX, [0], 0)


def test_picture_of_the_peer_holds_tree_and_use_cases(box: RawPeer, device: LocalDevice) -> None:
    remote = device.remote(box.ski)

    assert remote is not None
    assert remote.address == BOX
    assert {place: e.type for place, e in remote.entities.items()} == {
        (0,): "DeviceInformation",
        (1,): "GridGuard",
        (2,): "EVSE",
    }
    heartbeat = remote.server_of((1,), HEARTBEAT)
    assert heartbeat is not None
    assert heartbeat.address == HEARTBEAT_SERVER
    limits = remote.server((2,), "LoadControl")
    assert limits is not None
    assert limits.functions["loadControlLimitListData"].write_partial is True
    assert limits.max_response_delay_s == 60.0
    guard = remote.use_case("limitationOfPowerConsumption", ["EnergyGuard"])[0]
    assert (guard.entity, guard.scenarios, guard.available) == ((1,), (1, 2, 3), True)


def discovery_reads(sent: list[Sent]) -> int:
    return sum(one.classifier == "read" and DISCOVERY in one.cmd for one in sent)


@pytest.mark.field("H-36")
@pytest.mark.parametrize("silence_s", [400.0, 2_400.0], ids=["while waiting", "when given up"])
def test_a_peer_that_wakes_up_after_a_long_silence_is_asked_again(
    tester: RawPeer, silence_s: float
) -> None:
    tester.wait_until(tester.now + silence_s)

    sent = tester.read(DISCOVERY)
    assert [one.classifier for one in sent] == ["reply", "read"]
    tester.answer(sent[1], BOX_TREE)

    assert discovery_reads(tester.read(DISCOVERY)) == 0
    remote = tester.device.remote(tester.ski)
    assert remote is not None
    assert set(remote.entities) == {(0,), (1,), (2,)}


def test_a_peer_that_refuses_our_discovery_read_is_asked_again_at_most_every_30_seconds(
    tester: RawPeer,
) -> None:
    refusal = {"resultData": {"errorNumber": 6}}
    tester.answer(tester.sent[0], refusal, "result")
    asked: list[float] = []

    for _ in range(120):
        tester.wait_until(tester.now + 1.0)
        for one in tester.read(USE_CASES):
            if one.classifier == "read":
                asked.append(tester.now)
                assert tester.answer(one, refusal, "result") == []

    assert [later - earlier for earlier, later in pairwise(asked)] == [30.0, 30.0, 30.0]


def test_a_peer_that_has_just_been_asked_is_not_asked_twice(tester: RawPeer) -> None:
    tester.wait_until(tester.now + 9.0)

    assert discovery_reads(tester.read(DISCOVERY)) == 0


def test_peer_that_refuses_the_use_case_read_is_ready_without(tester: RawPeer) -> None:
    _, read = tester.answer(tester.sent[0], BOX_TREE)

    tester.answer(read, {"resultData": {"errorNumber": 6}}, "result")

    assert tester.take_events()[-1] == PeerReady(tester.ski)


def test_peer_that_is_silent_about_its_use_cases_is_ready_after_the_response_time(
    tester: RawPeer,
) -> None:
    tester.answer(tester.sent[0], BOX_TREE)
    tester.take_events()

    tester.wait_until(tester.now + 10.0)

    assert PeerReady(tester.ski) in tester.take_events()


@pytest.mark.rule("H-30")
def test_partial_use_case_notify_leaves_the_others_alone(box: RawPeer, device: LocalDevice) -> None:
    entry = {
        "address": {"device": BOX, "entity": [2]},
        "actor": "EVSE",
        "useCaseSupport": [{"useCaseName": "evseCommissioningAndConfiguration"}],
    }

    box.send("notify", partly({USE_CASES: {"useCaseInformation": [entry]}}))

    remote = device.remote(box.ski)
    assert remote is not None
    assert [(u.entity, u.actor) for u in remote.use_cases] == [
        ((1,), "EnergyGuard"),
        ((2,), "EVSE"),
    ]


@pytest.mark.rule("H-30")
def test_delete_of_discovery_or_use_cases_clears_nothing(box: RawPeer, device: LocalDevice) -> None:
    delete = [[{"cmdControl": [{"delete": []}]}]]

    for name in (DISCOVERY, USE_CASES):
        box.send("notify", {"function": name, "filter": delete})

    remote = device.remote(box.ski)
    assert remote is not None
    assert len(remote.entities) == 3
    assert len(remote.use_cases) == 1
    assert box.take_events() == []


@pytest.mark.rule("H-66")
@pytest.mark.parametrize("told", [EMS, "d" * 300, "d:_n:Box\n_1", ""])
def test_device_address_in_the_payload_that_cannot_be_the_peers_is_not_believed(
    tester: RawPeer, device: LocalDevice, told: str
) -> None:
    tester.address = None  # type: ignore[assignment]  # its headers name no device
    tree = copy.deepcopy(BOX_TREE)
    tree[DISCOVERY]["deviceInformation"]["description"]["deviceAddress"]["device"] = told

    tester.answer(tester.sent[0], tree)

    remote = device.remote(tester.ski)
    assert remote is not None
    assert remote.address is None
    assert (1,) in remote.entities


@pytest.mark.rule("H-50")
def test_address_of_the_header_wins_over_that_of_the_payload(
    device: LocalDevice, tester: RawPeer
) -> None:
    tester.address = "d:_n:Header_1"

    tester.answer(tester.sent[0], BOX_TREE)

    remote = device.remote(tester.ski)
    assert remote is not None
    assert remote.address == "d:_n:Header_1"


# --- changes of the peer's tree ---


@pytest.mark.rule("H-30")
def test_added_entity_leaves_the_others_alone(box: RawPeer, device: LocalDevice) -> None:
    added = discovery(
        [entity([2, 1], "EV", "added")], [feature([2, 1], 1, "Measurement", "server")]
    )

    box.send("notify", partly(added))

    remote = device.remote(box.ski)
    assert remote is not None
    assert set(remote.entities) == {(0,), (1,), (2,), (2, 1)}
    assert remote.server((2, 1), "Measurement") is not None
    assert remote.server((1,), "DeviceDiagnosis") is not None
    assert box.take_events() == [PeerReady(box.ski)]


@pytest.mark.rule("H-30")
def test_removed_entity_takes_its_children_and_relations_with_it_and_nothing_else(
    box: RawPeer, device: LocalDevice
) -> None:
    box.send("notify", partly(discovery([entity([2, 1], "EV", "added")], [])))
    box.relate("Subscription", at(BOX, [2, 1], 1), at(EMS, [1], 1))
    box.relate("Binding", at(BOX, [2, 1], 1), at(EMS, [1], 1))
    box.relate("Subscription", at(BOX, [1], 1), at(EMS, [1], 1))
    device.read(box.ski, client_of(device), LIMIT_SERVER, LIMITS, box.now)
    box.take_events()

    box.send("notify", partly(discovery([entity([2], "EVSE", "removed")], [])))

    remote = device.remote(box.ski)
    assert remote is not None
    assert set(remote.entities) == {(0,), (1,)}
    server = device.feature((1,), "LoadControl", "server")
    gone = FeatureAddress(BOX, (2, 1), 1)
    assert box.take_events() == [
        Unbound(box.ski, gone, server),
        Unsubscribed(box.ski, gone, server),
        EntityGone(box.ski, (2,)),
        PeerReady(box.ski),
    ]
    assert device.subscribers(server) == ((box.ski, FeatureAddress(BOX, (1,), 1)),)
    assert device.deadline is None  # the read to the removed entity is forgotten


def test_entity_told_again_without_features_keeps_them(box: RawPeer, device: LocalDevice) -> None:
    box.send("notify", partly(discovery([entity([2], "EVSE", "modified")], [])))

    remote = device.remote(box.ski)
    assert remote is not None
    assert remote.server((2,), "LoadControl") is not None


def test_full_discovery_notify_replaces_the_tree(box: RawPeer, device: LocalDevice) -> None:
    box.send("notify", discovery([entity([0], "DeviceInformation"), entity([1], "CEM")], []))

    remote = device.remote(box.ski)
    assert remote is not None
    assert {place: e.type for place, e in remote.entities.items()} == {
        (0,): "DeviceInformation",
        (1,): "CEM",
    }
    assert EntityGone(box.ski, (2,)) in box.take_events()
