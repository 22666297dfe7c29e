"""Bindings, subscriptions, sessions, and our own misuse."""

from __future__ import annotations

from typing import Any

import pytest

from eebus.spine.device import LocalDevice
from eebus.spine.events import Bound, PeerGone, Subscribed, Unbound
from eebus.spine.guards import Accept, BindingRequest, Refuse, Verdict
from eebus.spine.model.load_control import (
    LOAD_CONTROL_LIMIT_LIST_DATA,
)
from eebus.spine.specs import EntitySpec, FeatureSpec, FunctionSpec
from eebus.spine.timings import SpineTimings
from eebus.wire.errors import LocalUseError
from tests.kit.spine import BOX, EMS, RawPeer, at, info
from tests.unit.eebus.spine.serving import (
    CLIENT,
    LOAD_CONTROL,
    box_client,
    list_of_value,
    load_control,
    write,
    write_cmd,
)

# --- relations ---


@pytest.mark.parametrize("kind", ["Binding", "Subscription"])
@pytest.mark.parametrize(
    ("client", "server", "type_", "expected"),
    [
        (CLIENT, at(EMS, [9], 1), None, 4),
        (CLIENT, at("d:_n:X_1", [1], 1), None, 4),
        (CLIENT, at(EMS, [1], 3), None, 7),
        (CLIENT, LOAD_CONTROL, "Measurement", 7),
        (at("d:_n:X_1", [1], 1), LOAD_CONTROL, "LoadControl", 7),
        ({"device": BOX}, LOAD_CONTROL, "LoadControl", 1),
        (at(None, [1], 1), at(None, [1], 1), "LoadControl", 0),
        (CLIENT, LOAD_CONTROL, None, 0),
    ],
    ids=[
        "no such feature", "other device", "client feature", "other type", "H-46",
        "no client feature", "devices left out", "type left out",
    ],
)  # fmt: skip
def test_relation_requests_are_checked(
    tester: RawPeer, kind: str, client: Any, server: Any, type_: str | None, expected: int
) -> None:
    assert tester.relate(kind, client, server, type_)[0].error_number == expected


def test_same_pair_again_is_a_success_and_one_entry(tester: RawPeer) -> None:
    for _ in range(2):
        assert tester.relate("Subscription", CLIENT, LOAD_CONTROL)[0].error_number == 0
        assert tester.relate("Binding", CLIENT, LOAD_CONTROL)[0].error_number == 0

    subscriptions = tester.read("nodeManagementSubscriptionData")[0].cmd
    bindings = tester.read("nodeManagementBindingData")[0].cmd

    assert subscriptions["nodeManagementSubscriptionData"]["subscriptionEntry"] == [
        {"subscriptionId": 1, "clientAddress": CLIENT, "serverAddress": LOAD_CONTROL}
    ]
    assert bindings["nodeManagementBindingData"]["bindingEntry"] == [
        {"bindingId": 1, "clientAddress": CLIENT, "serverAddress": LOAD_CONTROL}
    ]
    kinds = [type(event) for event in tester.take_events()]
    assert kinds == [Subscribed, Bound]


def test_second_client_is_refused_not_ignored(bound: RawPeer, device: LocalDevice) -> None:
    other = RawPeer(device, address="d:_n:Test_Box-2", ski="b2" * 20)
    other.connect()

    answer = other.relate("Binding", at(other.address, [1], 1), LOAD_CONTROL, "LoadControl")[0]

    assert answer.error_number == 7


@pytest.mark.rule("H-31")
def test_tables_show_each_peer_only_its_own_entries(bound: RawPeer, device: LocalDevice) -> None:
    other = RawPeer(device, address="d:_n:Test_Box-2", ski="b2" * 20)
    other.connect()

    reply = other.read("nodeManagementBindingData")[0]

    assert reply.cmd["nodeManagementBindingData"] == []


@pytest.mark.rule("H-47")
def test_relations_of_a_peer_are_bounded_and_vanish_with_it() -> None:
    entity = EntitySpec(
        address=(1,),
        type="CEM",
        features=tuple(FeatureSpec(type=f"T{n}", role="server") for n in range(4)),
    )
    device = LocalDevice(info(EMS), [entity], timings=SpineTimings(max_relations=3))
    tester = RawPeer(device)
    tester.connect()

    numbers = [
        tester.relate("Subscription", CLIENT, at(EMS, [1], n))[0].error_number for n in (1, 2, 3, 4)
    ]
    tester.disconnect()

    assert numbers == [0, 0, 0, 3]
    assert device.subscribers(device.feature((1,), "T0", "server")) == ()


def test_bind_guard_may_veto(device: LocalDevice, tester: RawPeer) -> None:
    asked: list[BindingRequest] = []

    def judge(request: BindingRequest, now: float) -> Verdict:
        asked.append(request)
        return Refuse(7, "not you")

    device.bind_guard(load_control(), judge)

    assert tester.relate("Binding", CLIENT, LOAD_CONTROL)[0].error_number == 7
    assert asked == [BindingRequest(tester.ski, box_client(), load_control(), ())]
    assert device.bound(load_control()) == ()


def test_deleted_binding_is_gone_for_writes_and_told(bound: RawPeer) -> None:
    call = {"nodeManagementBindingDeleteCall": {"bindingDelete": {"serverAddress": LOAD_CONTROL}}}

    assert bound.send("call", call, ackRequest=True)[0].error_number == 0
    assert bound.take_events() == [Unbound(bound.ski, box_client(), load_control())]
    assert write(bound, write_cmd(list_of_value(5)))[0].error_number == 9


def test_delete_in_the_name_of_another_device_is_refused(bound: RawPeer) -> None:
    call = {
        "nodeManagementBindingDeleteCall": {
            "bindingDelete": {"clientAddress": at("d:_n:X_1", [1], 1)}
        }
    }

    assert bound.send("call", call, ackRequest=True)[0].error_number == 7


def test_early_binding_before_any_discovery_is_accepted(tester: RawPeer) -> None:
    assert tester.device.remote(tester.ski).entities == {}  # type: ignore[union-attr]  # connected
    assert tester.relate("Binding", CLIENT, LOAD_CONTROL, "LoadControl")[0].error_number == 0


# --- peers come and go ---


def test_disconnected_peer_leaves_nothing_behind(bound: RawPeer, device: LocalDevice) -> None:
    bound.disconnect()

    assert bound.take_events() == [PeerGone(bound.ski)]
    assert device.remote(bound.ski) is None
    assert device.deadline is None
    bound.connect()
    assert write(bound, write_cmd(list_of_value(5)))[0].error_number == 9


def test_what_waits_for_a_gone_peer_is_not_sent_into_its_next_connection(
    device: LocalDevice, tester: RawPeer
) -> None:
    tester.relate("Subscription", CLIENT, LOAD_CONTROL)
    device.announce(load_control(), LOAD_CONTROL_LIMIT_LIST_DATA, 0.0)

    device.disconnect(tester.ski, 0.0)

    assert device.take_datagrams() == []


@pytest.mark.field("F-05")
def test_datagrams_and_events_belong_to_the_peer_they_came_from(device: LocalDevice) -> None:
    first = RawPeer(device)
    second = RawPeer(device, address="d:_n:Test_Box-2", ski="b2" * 20)
    first.connect()
    second.connect()
    first.relate("Subscription", CLIENT, LOAD_CONTROL)

    first.disconnect()
    first.connect()  # the same product again, the other one stays connected
    sent = second.read("nodeManagementSubscriptionData")

    assert [one.classifier for one in sent] == ["reply"]
    assert sent[0].cmd["nodeManagementSubscriptionData"] == []
    device.announce(load_control(), LOAD_CONTROL_LIMIT_LIST_DATA, 0.0)
    assert device.take_datagrams() == []


@pytest.mark.rule("H-07")
def test_peer_with_our_device_address_is_cut_off(device: LocalDevice, tester: RawPeer) -> None:
    answers = tester.read("nodeManagementUseCaseData", source=at(EMS, [0], 0))

    assert answers == []
    assert device.take_closures() == [(tester.ski, "device address of somebody else")]
    assert tester.read("nodeManagementUseCaseData") == []


@pytest.mark.rule("H-07")
def test_second_peer_with_the_address_of_the_first_is_cut_off(
    device: LocalDevice, tester: RawPeer
) -> None:
    tester.read("nodeManagementUseCaseData")
    thief = RawPeer(device, ski="b2" * 20)
    thief.connect()

    assert thief.read("nodeManagementUseCaseData") == []
    assert device.take_closures() == [(thief.ski, "device address of somebody else")]
    assert len(tester.read("nodeManagementUseCaseData")) == 1


@pytest.mark.rule("H-66")
@pytest.mark.parametrize("name", ["", "x" * 257, "d:_n:X_\n1", "d:_n:X 1"])
def test_unusable_device_address_is_dropped(tester: RawPeer, name: str) -> None:
    assert tester.read("nodeManagementUseCaseData", source=at(name, [0], 0)) == []


@pytest.mark.rule("K-11")
@pytest.mark.parametrize(
    "part", ["addressSource", "addressDestination", "msgCounter", "cmdClassifier"]
)
def test_incomplete_header_is_dropped_silently(tester: RawPeer, part: str) -> None:
    header = {
        "addressSource": at(BOX, [0], 0),
        "addressDestination": at(EMS, [0], 0),
        "msgCounter": 1,
        "cmdClassifier": "read",
    }
    del header[part]
    payload = {"cmd": [{"nodeManagementUseCaseData": {}}]}

    assert tester.raw({"datagram": {"header": header, "payload": payload}}) == []


@pytest.mark.rule("H-24")
def test_overtaken_datagrams_are_handled_and_doubled_ones_once(tester: RawPeer) -> None:
    answers = [
        len(tester.read("nodeManagementUseCaseData", counter=counter))
        for counter in (9, 11, 10, 10, 11)
    ]

    assert answers == [1, 1, 1, 0, 0]


def test_too_many_peers_are_not_taken(device: LocalDevice) -> None:
    full = LocalDevice(info(EMS), [], timings=SpineTimings(max_peers=1))
    full.connect("a" * 40, 0.0)

    full.connect("b" * 40, 0.0)

    assert full.take_closures() == [("b" * 40, "too many peers")]
    assert full.peers() == ("a" * 40,)


# --- our own misuse ---


def test_declarations_that_break_the_address_model_are_refused() -> None:
    twice = FeatureSpec(type="LoadControl", role="server")
    with pytest.raises(LocalUseError):
        LocalDevice(info("no address"), [])
    with pytest.raises(LocalUseError):
        LocalDevice(info(EMS), [EntitySpec(address=(1,), type="CEM", features=(twice, twice))])
    with pytest.raises(LocalUseError):
        LocalDevice(info(EMS), [EntitySpec(address=(1, 1), type="EV")])


@pytest.mark.rule("H-55")
def test_server_and_client_of_one_type_live_in_one_entity() -> None:
    features = tuple(
        FeatureSpec(type="DeviceDiagnosis", role=role) for role in ("server", "client")
    )
    device = LocalDevice(info(EMS), [EntitySpec(address=(1,), type="CEM", features=features)])

    assert device.feature((1,), "DeviceDiagnosis", "client").feature == 2


@pytest.mark.rule("H-21")
def test_function_declared_twice_is_listed_once_with_both_permissions() -> None:
    specs = (
        FunctionSpec(function=LOAD_CONTROL_LIMIT_LIST_DATA),
        FunctionSpec(function=LOAD_CONTROL_LIMIT_LIST_DATA, write=True, partial=True),
    )
    feature = FeatureSpec(type="LoadControl", role="server", functions=specs)
    tester = RawPeer(
        LocalDevice(info(EMS), [EntitySpec(address=(1,), type="CEM", features=(feature,))])
    )
    tester.connect()

    data = tester.read("nodeManagementDetailedDiscoveryData")[0].cmd

    last = data["nodeManagementDetailedDiscoveryData"]["featureInformation"][-1]["description"]
    assert last["supportedFunction"] == [
        {
            "function": "loadControlLimitListData",
            "possibleOperations": {"read": {"partial": []}, "write": {"partial": []}},
        }
    ]


def test_data_of_a_function_that_was_not_declared_is_our_mistake(device: LocalDevice) -> None:
    with pytest.raises(LocalUseError):
        device.data(device.feature((1,), "DeviceDiagnosis", "server"), LOAD_CONTROL_LIMIT_LIST_DATA)
    with pytest.raises(LocalUseError):
        device.bind_guard(load_control().on("d:_n:X_1"), lambda _r, _n: Accept())


def test_answer_to_a_source_without_device_names_the_peer_once_it_is_known(
    tester: RawPeer,
) -> None:
    tester.read("nodeManagementUseCaseData")

    reply = tester.read("nodeManagementUseCaseData", source=at(None, [1], 1))[0]

    assert reply.header["addressDestination"] == CLIENT


def test_use_cases_of_a_removed_entity_are_gone_and_its_relations_too(
    bound: RawPeer, device: LocalDevice
) -> None:
    bound.relate("Subscription", at(BOX, [0], 0), at(EMS, [0], 0), "NodeManagement")
    bound.take_events()

    device.remove_entity((1,))

    told = [
        next(name for name in reversed(one.cmd) if name != "filter") for one in bound._collect()
    ]
    assert told == ["nodeManagementDetailedDiscoveryData", "nodeManagementUseCaseData"]
    assert bound.take_events() == [Unbound(bound.ski, box_client(), load_control())]
    assert bound.read("nodeManagementUseCaseData")[0].cmd == {"nodeManagementUseCaseData": []}
    assert write(bound, write_cmd(list_of_value(5)))[0].error_number == 4


def test_classifier_as_long_as_a_message_makes_a_short_log_line(
    bound: RawPeer, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")

    answers = bound.send("x" * 50_000, {"loadControlLimitListData": {}})

    assert [one.error_number for one in answers] == [1]
    assert caplog.messages
    assert all(len(line) < 300 for line in caplog.messages)
