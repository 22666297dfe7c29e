"""What peers get from our servers: reads, guards in their order, writes, notifies, relations."""

from __future__ import annotations

from typing import Any

import pytest

from eebus.spine.device import LocalDevice
from eebus.spine.events import Bound, PeerGone, Subscribed, Unbound, WriteRefused
from eebus.spine.guards import Accept, BindingRequest, Refuse, Verdict, Write
from eebus.spine.model.common_data_types import ScaledNumber
from eebus.spine.model.load_control import (
    LOAD_CONTROL_LIMIT_LIST_DATA,
    LoadControlLimitData,
    LoadControlLimitListData,
)
from eebus.spine.specs import EntitySpec, FeatureSpec, FunctionSpec
from eebus.spine.timings import SpineTimings
from eebus.wire.errors import LocalUseError
from tests.kit.spine import BOX, EMS, RawPeer, at, info

LOAD_CONTROL = at(EMS, [1], 1)
DIAGNOSIS = at(EMS, [1], 2)
CLIENT = at(BOX, [1], 1)
PARTIAL = {"cmdControl": {"partial": {}}}


def write_cmd(*entries: dict[str, Any], filters: list[Any] | None = None) -> dict[str, Any]:
    data = {"loadControlLimitData": [list_of(entry) for entry in entries]}
    return {
        "function": "loadControlLimitListData",
        "filter": [list_of(one) for one in ([PARTIAL] if filters is None else filters)],
        "loadControlLimitListData": data,
    }


def list_of(members: dict[str, Any]) -> list[dict[str, Any]]:
    return [{name: value} for name, value in members.items()]


def write(tester: RawPeer, cmd: dict[str, Any], **header: Any) -> list[Any]:
    return tester.send(
        "write", cmd, source=CLIENT, to=LOAD_CONTROL, **{"ackRequest": True} | header
    )


@pytest.fixture
def bound(tester: RawPeer) -> RawPeer:
    assert tester.relate("Binding", CLIENT, LOAD_CONTROL, "LoadControl")[0].error_number == 0
    tester.take_events()
    return tester


def stored(device: LocalDevice) -> LoadControlLimitData:
    data = device.data(device.feature((1,), "LoadControl", "server"), LOAD_CONTROL_LIMIT_LIST_DATA)
    assert data is not None
    assert data.load_control_limit_data is not None
    return data.load_control_limit_data[0]


# --- derived node management ---


def test_discovery_is_derived_from_the_declarations(tester: RawPeer) -> None:
    reply = tester.read("nodeManagementDetailedDiscoveryData")[0]

    data = reply.cmd["nodeManagementDetailedDiscoveryData"]
    assert data["specificationVersionList"] == {"specificationVersion": ["1.3.0"]}
    assert data["deviceInformation"]["description"] == {
        "deviceAddress": {"device": EMS},
        "deviceType": "EnergyManagementSystem",
        "networkFeatureSet": "smart",
    }
    assert [e["description"] for e in data["entityInformation"]] == [
        {"entityAddress": {"entity": [0]}, "entityType": "DeviceInformation"},
        {"entityAddress": {"entity": [1]}, "entityType": "CEM"},
    ]
    features = [f["description"] for f in data["featureInformation"]]
    assert [(f["featureAddress"], f["featureType"], f["role"]) for f in features] == [
        ({"entity": [0], "feature": 0}, "NodeManagement", "special"),
        ({"entity": [0], "feature": 1}, "DeviceClassification", "server"),
        ({"entity": [1], "feature": 1}, "LoadControl", "server"),
        ({"entity": [1], "feature": 2}, "DeviceDiagnosis", "server"),
        ({"entity": [1], "feature": 3}, "Generic", "client"),
    ]
    assert features[2]["supportedFunction"][1] == {
        "function": "loadControlLimitListData",
        "possibleOperations": {"read": {"partial": []}, "write": {"partial": []}},
    }
    assert features[0]["supportedFunction"][5] == {
        "function": "nodeManagementSubscriptionRequestCall",
        "possibleOperations": [],
    }
    assert features[3]["maxResponseDelay"] == "PT5S"


@pytest.mark.rule("K-08")
def test_server_actor_leaves_the_availability_out(tester: RawPeer) -> None:
    reply = tester.read("nodeManagementUseCaseData")[0]

    assert reply.cmd["nodeManagementUseCaseData"]["useCaseInformation"] == [
        {
            "address": {"device": EMS, "entity": [1]},
            "actor": "ControllableSystem",
            "useCaseSupport": [
                {
                    "useCaseName": "limitationOfPowerConsumption",
                    "useCaseVersion": "1.0.0",
                    "scenarioSupport": [1, 2, 3, 4],
                    "useCaseDocumentSubRevision": "release",
                }
            ],
        }
    ]


def test_destination_list_names_only_ourselves(tester: RawPeer) -> None:
    reply = tester.read("nodeManagementDestinationListData")[0]

    assert reply.cmd["nodeManagementDestinationListData"] == {
        "nodeManagementDestinationData": [
            {"deviceDescription": {"deviceAddress": {"device": EMS}, "networkFeatureSet": "smart"}}
        ]
    }


def test_manufacturer_data_are_those_of_the_device_info(tester: RawPeer) -> None:
    reply = tester.read("deviceClassificationManufacturerData", to=at(EMS, [0], 1))[0]

    assert reply.cmd["deviceClassificationManufacturerData"] == {
        "deviceName": "Device",
        "serialNumber": "1",
        "brandName": "Test",
    }


# --- reads ---


def test_reply_goes_back_where_the_read_came_from(tester: RawPeer) -> None:
    reply = tester.read("loadControlLimitListData", source=CLIENT, to=at(None, [1], 1))[0]

    assert reply.header["addressSource"] == LOAD_CONTROL
    assert reply.header["addressDestination"] == CLIENT
    assert reply.header["cmdClassifier"] == "reply"


def test_read_with_selectors_gets_matching_entries_and_a_partial_filter(tester: RawPeer) -> None:
    restriction = list_of(
        {
            "cmdControl": [{"partial": []}],
            "loadControlLimitListDataSelectors": [{"limitId": 0}],
            "loadControlLimitDataElements": [{"value": [{"number": []}]}],
        }
    )
    cmd = {"function": "loadControlLimitListData", "filter": [restriction]}

    reply = tester.send("read", cmd, to=LOAD_CONTROL)[0]

    assert reply.cmd["loadControlLimitListData"] == {
        "loadControlLimitData": [{"limitId": 0, "value": {"number": 11_000}}]
    }
    assert "partial" in reply.cmd["filter"][0]["cmdControl"]


def test_restriction_that_was_not_announced_is_ignored_and_all_is_told(tester: RawPeer) -> None:
    restriction = list_of(
        {
            "cmdControl": [{"partial": []}],
            "deviceDiagnosisHeartbeatDataElements": [{"timestamp": []}],
        }
    )
    cmd = {"function": "deviceDiagnosisHeartbeatData", "filter": [restriction]}

    reply = tester.send("read", cmd, to=DIAGNOSIS)[0]

    assert reply.cmd == {"deviceDiagnosisHeartbeatData": []}


@pytest.mark.rule("H-53")
@pytest.mark.parametrize(
    "cmd",
    [
        {"function": "loadControlLimitListData"},
        {"loadControlLimitListData": {}},
        {"function": "", "loadControlLimitListData": []},
    ],
    ids=["function alone", "element alone", "empty function"],
)
def test_read_is_understood_in_every_form(tester: RawPeer, cmd: dict[str, Any]) -> None:
    assert "loadControlLimitListData" in tester.send("read", cmd, to=LOAD_CONTROL)[0].cmd


def test_view_shows_peers_what_holds_now(device: LocalDevice, tester: RawPeer) -> None:
    address = device.feature((1,), "LoadControl", "server")

    def view(data: LoadControlLimitListData, now: float) -> LoadControlLimitListData:
        return LoadControlLimitListData(
            load_control_limit_data=(LoadControlLimitData(limit_id=int(now)),)
        )

    device.view(address, LOAD_CONTROL_LIMIT_LIST_DATA, view)
    tester.now = 1_234.0

    reply = tester.read("loadControlLimitListData", to=LOAD_CONTROL)[0]

    assert reply.cmd["loadControlLimitListData"] == {"loadControlLimitData": [{"limitId": 1_234}]}
    assert stored(device).limit_id == 0


# --- guards in their order (spine.md 1.7) ---


@pytest.mark.parametrize(
    ("cmd", "changes", "expected"),
    [
        (write_cmd({"limitId": 0}), {"specificationVersion": "2.0.0"}, 1),
        (write_cmd({"limitId": 0}), {"cmdClassifier": "order"}, 1),
        (write_cmd({"limitId": 0}), {"addressDestination": at("d:_n:X_1", [1], 1)}, 4),
        (write_cmd({"limitId": 0}), {"addressDestination": at(EMS, [7], 1)}, 4),
        (write_cmd({"limitId": 0}), {"addressDestination": at(EMS, [1], 9)}, 4),
        ({"noSuchFunctionAnywhere": {}}, {}, 6),
        ({"measurementListData": {}}, {}, 6),
        ({"loadControlLimitDescriptionListData": {}}, {}, 6),
        ({"function": "measurementListData", "loadControlLimitListData": {}}, {}, 1),
        (write_cmd({"limitId": 0}), {"addressDestination": DIAGNOSIS}, 6),
        (write_cmd({"limitId": 0}, filters=[{"cmdControl": {}}]), {}, 8),
        (write_cmd({"limitId": 0}, filters=[PARTIAL, PARTIAL, PARTIAL]), {}, 8),
        (write_cmd({"limitId": 0}, filters=[PARTIAL | {"odd": {}}]), {}, 8),
        (write_cmd({"limitId": 0, "value": [{"number": "4200"}]}), {}, 1),
    ],
    ids=[
        "version", "classifier", "other device", "entity", "feature", "unknown function",
        "not of this feature", "not writable", "function and element differ", "H-79",
        "no control", "three filters", "unknown filter element", "text instead of number",
    ],
)  # fmt: skip
def test_refused_write_tells_the_error_number(
    bound: RawPeer, device: LocalDevice, cmd: Any, changes: dict[str, Any], expected: int
) -> None:
    header = {"ackRequest": False} | changes
    to = header.pop("addressDestination", LOAD_CONTROL)
    classifier = header.pop("cmdClassifier", "write")

    answers = bound.send(classifier, cmd, source=CLIENT, to=to, **header)

    assert [answer.error_number for answer in answers] == [expected]
    assert stored(device).value == ScaledNumber(number=11_000, scale=0)


@pytest.mark.rule("H-44")
@pytest.mark.parametrize("count", [0, 2])
def test_exactly_one_command_is_executed(bound: RawPeer, device: LocalDevice, count: int) -> None:
    cmd = list_of(write_cmd(list_of_value(5)))
    message = {
        "datagram": {
            "header": {
                "specificationVersion": "1.3.0",
                "addressSource": CLIENT,
                "addressDestination": LOAD_CONTROL,
                "msgCounter": 77,
                "cmdClassifier": "write",
            },
            "payload": {"cmd": [cmd] * count},
        }
    }

    assert [answer.error_number for answer in bound.raw(message)] == [1]
    assert stored(device).value == ScaledNumber(number=11_000, scale=0)


def list_of_value(number: int) -> dict[str, Any]:
    return {"limitId": 0, "value": [{"number": number}, {"scale": 0}]}


def test_unbound_write_is_refused_with_nine(tester: RawPeer) -> None:
    answer = write(tester, write_cmd(list_of_value(5)))[0]

    assert answer.error_number == 9
    assert tester.take_events()[-1] == WriteRefused(
        peer=tester.ski,
        client=box_client(),
        server=load_control(),
        function="loadControlLimitListData",
        msg_counter=1,
        error_number=9,
        description="binding required",
    )


def box_client() -> Any:
    from eebus.spine.addresses import FeatureAddress

    return FeatureAddress(BOX, (1,), 1)


def load_control() -> Any:
    from eebus.spine.addresses import FeatureAddress

    return FeatureAddress(EMS, (1,), 1)


@pytest.mark.rule("H-18")
def test_feature_that_needs_no_binding_is_written_without() -> None:
    entity = EntitySpec(
        address=(1,),
        type="CEM",
        features=(
            FeatureSpec(
                type="LoadControl",
                role="server",
                functions=(
                    FunctionSpec(function=LOAD_CONTROL_LIMIT_LIST_DATA, write=True, partial=True),
                ),
                writes_need_binding=False,
            ),
        ),
    )
    device = LocalDevice(info(EMS), [entity])
    device.set_data(
        device.feature((1,), "LoadControl", "server"),
        LOAD_CONTROL_LIMIT_LIST_DATA,
        LoadControlLimitListData(
            load_control_limit_data=(LoadControlLimitData(limit_id=0, is_limit_changeable=True),)
        ),
        0.0,
    )
    tester = RawPeer(device)
    tester.connect()

    assert write(tester, write_cmd(list_of_value(5)))[0].error_number == 0


@pytest.mark.rule("H-69")
def test_filter_is_refused_where_only_full_writes_are_announced() -> None:
    spec = FunctionSpec(function=LOAD_CONTROL_LIMIT_LIST_DATA, write=True)
    feature = FeatureSpec(type="LoadControl", role="server", functions=(spec,))
    device = LocalDevice(info(EMS), [EntitySpec(address=(1,), type="CEM", features=(feature,))])
    tester = RawPeer(device)
    tester.connect()
    tester.relate("Binding", CLIENT, LOAD_CONTROL)

    assert write(tester, write_cmd(list_of_value(5)))[0].error_number == 8


def test_too_long_list_is_an_overload(bound: RawPeer) -> None:
    entries = [{"limitId": number} for number in range(129)]

    assert write(bound, write_cmd(*entries))[0].error_number == 3


# --- writes ---


def test_write_is_stored_acknowledged_and_then_told_to_all_subscribers(
    bound: RawPeer, device: LocalDevice
) -> None:
    bound.relate("Subscription", CLIENT, LOAD_CONTROL, "LoadControl")

    result, notify = write(bound, write_cmd(list_of_value(4_201)))

    assert (result.classifier, result.error_number) == ("result", 0)
    assert notify.classifier == "notify"
    assert notify.header["addressDestination"] == CLIENT
    assert "msgCounterReference" not in notify.header
    assert notify.cmd["loadControlLimitListData"]["loadControlLimitData"][0]["value"] == {
        "number": 4_201,
        "scale": 0,
    }
    assert stored(device).value == ScaledNumber(number=4_201, scale=0)


def test_write_without_ack_request_is_silent(bound: RawPeer, device: LocalDevice) -> None:
    assert write(bound, write_cmd(list_of_value(5)), ackRequest=False) == []
    assert stored(device).value == ScaledNumber(number=5, scale=0)


def test_judge_sees_what_was_sent_and_what_it_would_become(
    bound: RawPeer, device: LocalDevice
) -> None:
    seen: list[Write] = []

    def judge(asked: Write, now: float) -> Verdict:
        seen.append(asked)
        return Refuse(7, "no [room]")

    device.guard(load_control(), LOAD_CONTROL_LIMIT_LIST_DATA, judge)

    answer = write(bound, write_cmd({"limitId": 0, "isLimitActive": True}))[0]

    assert answer.cmd["resultData"] == {"errorNumber": 7, "description": "no (room)"}
    assert seen[0].msg_counter == answer.header["msgCounterReference"]
    assert seen[0].merged == LoadControlLimitListData(
        load_control_limit_data=(
            LoadControlLimitData(
                limit_id=0,
                is_limit_changeable=True,
                is_limit_active=True,
                value=ScaledNumber(number=11_000, scale=0),
            ),
        )
    )
    assert stored(device).is_limit_active is False


def test_judge_may_store_something_else(bound: RawPeer, device: LocalDevice) -> None:
    instead = LoadControlLimitListData(
        load_control_limit_data=(LoadControlLimitData(limit_id=0, is_limit_changeable=True),)
    )
    device.guard(load_control(), LOAD_CONTROL_LIMIT_LIST_DATA, lambda _w, _now: Accept(instead))

    write(bound, write_cmd(list_of_value(5)))

    assert stored(device) == LoadControlLimitData(limit_id=0, is_limit_changeable=True)


@pytest.mark.rule("H-60")
def test_delete_and_partial_filter_in_one_command(bound: RawPeer, device: LocalDevice) -> None:
    write(bound, write_cmd({"limitId": 0, "timePeriod": [{"endTime": "PT2H"}]}))
    delete = {
        "cmdControl": [{"delete": []}],
        "loadControlLimitListDataSelectors": [{"limitId": 0}],
        "loadControlLimitDataElements": [{"timePeriod": [{"endTime": []}]}],
    }

    answer = write(bound, write_cmd(list_of_value(6_000), filters=[delete, PARTIAL]))[0]

    assert answer.error_number == 0
    assert stored(device).time_period is None
    assert stored(device).value == ScaledNumber(number=6_000, scale=0)


# --- notifies ---


def test_unchanged_data_are_not_notified_unless_announced(
    device: LocalDevice, tester: RawPeer
) -> None:
    tester.relate("Subscription", CLIENT, LOAD_CONTROL)
    address = load_control()
    same = device.data(address, LOAD_CONTROL_LIMIT_LIST_DATA)
    assert same is not None

    device.set_data(address, LOAD_CONTROL_LIMIT_LIST_DATA, same, 0.0)
    assert device.take_datagrams() == []
    device.announce(address, LOAD_CONTROL_LIMIT_LIST_DATA, 0.0)
    assert len(device.take_datagrams()) == 1


def test_change_that_should_stay_quiet_is_not_notified(
    device: LocalDevice, tester: RawPeer
) -> None:
    tester.relate("Subscription", CLIENT, LOAD_CONTROL)

    device.set_data(
        load_control(), LOAD_CONTROL_LIMIT_LIST_DATA, LoadControlLimitListData(), 0.0, notify=False
    )

    assert device.take_datagrams() == []


@pytest.mark.rule("H-64")
def test_changed_tree_is_told_to_subscribers_of_the_node_management(
    device: LocalDevice, tester: RawPeer
) -> None:
    tester.relate("Subscription", at(BOX, [0], 0), at(EMS, [0], 0), "NodeManagement")
    spec = EntitySpec(
        address=(2,), type="Generic", features=(FeatureSpec(type="Generic", role="client"),)
    )

    device.add_entity(spec)
    added = tester._collect()[0].cmd
    device.remove_entity((2,))
    removed = tester._collect()[0].cmd

    discovery = "nodeManagementDetailedDiscoveryData"
    assert added["filter"] == [{"cmdControl": {"partial": []}}]
    assert added[discovery]["entityInformation"][0]["description"] == {
        "entityAddress": {"entity": [2]},
        "entityType": "Generic",
        "lastStateChange": "added",
    }
    assert added[discovery]["featureInformation"][0]["description"]["role"] == "client"
    assert removed[discovery]["entityInformation"][0]["description"]["lastStateChange"] == "removed"
    assert "featureInformation" not in removed[discovery]


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
