"""Forms that devices in the field use, in samples of our own; never skipped."""

from __future__ import annotations

from typing import Any

import pytest

from eebus.spine.device import LocalDevice
from eebus.spine.events import DataReceived
from eebus.spine.model.alarm import ALARM_LIST_DATA, AlarmData, AlarmListData
from eebus.spine.model.device_diagnosis import DEVICE_DIAGNOSIS_HEARTBEAT_DATA as HEARTBEAT
from eebus.spine.model.measurement import MeasurementData, MeasurementListData
from eebus.spine.specs import EntitySpec, FeatureSpec
from tests.conformance.spine.rig import DISCOVERY, USE_CASES, GuardTool, entity, feature, tree
from tests.kit.spine import EMS, RawPeer, at, info


def a_peer() -> RawPeer:
    client = EntitySpec(
        address=(1,), type="CEM", features=(FeatureSpec(type="Generic", role="client"),)
    )
    return RawPeer(LocalDevice(info(EMS), [client]))


def discovered(cmd: dict[str, Any]) -> RawPeer:
    peer = a_peer()
    peer.answer(peer.connect()[0], {DISCOVERY: cmd})
    return peer


def use_cases_of(information: list[Any]) -> list[tuple[Any, str, str]]:
    peer = discovered(tree([entity([1], "EVSE")], []))
    peer.answer(peer.sent[-1], {USE_CASES: {"useCaseInformation": information}})
    remote = peer.device.remote(peer.ski)
    assert remote is not None
    return [(u.entity, u.actor, u.name) for u in remote.use_cases]


@pytest.mark.rule("H-34")
@pytest.mark.parametrize(
    "address",
    [[{"address": [{"device": "d:_n:Test_Box-1"}]}], [], [{"address": []}]],
    ids=["device only", "absent", "empty"],
)
def test_use_case_address_may_lack_the_entity(address: list[Any]) -> None:
    support = [{"useCaseName": "evseCommissioningAndConfiguration"}, {"useCaseVersion": "1.0.1b"}]

    found = use_cases_of([[*address, {"actor": "EVSE"}, {"useCaseSupport": [support]}]])

    assert found == [(None, "EVSE", "evseCommissioningAndConfiguration")]


def test_several_identical_entities_are_all_kept_and_told_apart() -> None:
    places = [[1], [2], [3], [4]]
    features = [
        one
        for place in places
        for one in (
            feature(place, 1, "Generic", "client"),
            feature(place, 1000, "DeviceDiagnosis", "server", HEARTBEAT.name),
        )
    ]

    peer = discovered(tree([entity(place, "CEM") for place in places], features))

    remote = peer.device.remote(peer.ski)
    assert remote is not None
    found = [remote.server_of((n,), HEARTBEAT) for n in (1, 2, 3, 4)]
    assert [f.address.entity for f in found if f] == [(1,), (2,), (3,), (4,)]


def test_heartbeat_in_a_generic_server_feature_is_found() -> None:
    peer = discovered(
        tree([entity([1], "CEM")], [feature([1], 0, "Generic", "server", HEARTBEAT.name)])
    )

    remote = peer.device.remote(peer.ski)
    assert remote is not None
    server = remote.server_of((1,), HEARTBEAT)
    assert server is not None
    assert server.address.feature == 0


@pytest.mark.rule("H-56")
def test_discovery_addresses_may_name_the_own_device_but_no_other() -> None:
    own, foreign = entity([1], "EVSE"), entity([2], "EVSE")
    own["description"]["entityAddress"]["device"] = "d:_n:Test_Box-1"
    foreign["description"]["entityAddress"]["device"] = "d:_n:Other_1"

    peer = discovered(tree([own, foreign], []))

    remote = peer.device.remote(peer.ski)
    assert remote is not None
    assert set(remote.entities) == {(0,), (1,)}


def test_operations_may_carry_members_of_no_standard() -> None:
    odd = feature([1], 1, "Measurement", "server")
    odd["description"]["supportedFunction"] = [
        [
            {"function": "measurementListData"},
            {"possibleOperations": [{"read": [{"partial": []}]}, {"notify": []}]},
        ]
    ]

    peer = discovered(tree([entity([1], "EVSE")], [odd]))

    remote = peer.device.remote(peer.ski)
    assert remote is not None
    operations = next(remote.features(entity=(1,))).functions["measurementListData"]
    assert (operations.read, operations.read_partial, operations.write) == (True, True, False)


def test_measurement_without_value_is_no_measurement() -> None:
    peer = a_peer()
    peer.connect()
    entries = [[{"measurementId": 0}], [{"measurementId": 1}, {"value": []}]]

    peer.send("notify", {"measurementListData": [{"measurementData": entries}]}, to=at(EMS, [1], 1))

    event = peer.take_events()[0]
    assert isinstance(event, DataReceived)
    data = event.data
    assert isinstance(data, MeasurementListData)
    first, second = data.measurement_data or ()
    assert first == MeasurementData(measurement_id=0)
    assert second.value is not None
    assert second.value.to_decimal() is None


def test_misspelt_names_of_older_stacks_are_read() -> None:
    peer = a_peer()
    peer.connect()
    cmd = {"alarmListData": [{"alarmListData": [[{"alarmId": 3}]]}]}

    peer.send("notify", cmd, to=at(EMS, [1], 1))

    event = peer.take_events()[0]
    assert isinstance(event, DataReceived)
    assert event.function is ALARM_LIST_DATA
    assert event.data == AlarmListData(alarm_data=(AlarmData(alarm_id=3),))


@pytest.mark.parametrize("cmd_form", ["arrays", "plain", "brackets forgotten"])
def test_limit_write_is_understood_in_each_json_form(cmd_form: str) -> None:
    tool = GuardTool()
    assert tool.run_scenario() == 0
    data = {"loadControlLimitData": [{"limitId": 0, "value": {"number": 3_300, "scale": 0}}]}
    members = [
        {"function": "loadControlLimitListData"},
        {"filter": [{"cmdControl": {"partial": {}}}]},
        {"loadControlLimitListData": data},
    ]
    cmd: Any = {
        "arrays": [members],
        "plain": [{name: value for one in members for name, value in one.items()}],
        "brackets forgotten": members,
    }[cmd_form]
    header = {
        "specificationVersion": "1.3.0",
        "addressSource": tool.client,
        "addressDestination": tool.address_of("LoadControl"),
        "msgCounter": 5_000,
        "cmdClassifier": "write",
        "ackRequest": True,
    }

    tool.raw(
        {"datagram": [{"header": [{n: v} for n, v in header.items()]}, {"payload": {"cmd": cmd}}]}
    )

    assert tool.limit()["value"] == {"number": 3_300, "scale": 0}


@pytest.mark.parametrize("version", ["", "...", "draft", "1.3.0-RC1", "1.1.1", "1.2.0", None])
def test_versions_seen_in_the_field_are_answered(version: str | None) -> None:
    peer = a_peer()
    peer.connect()

    answers = peer.read(DISCOVERY, specificationVersion=version)

    assert [a.classifier for a in answers] == ["reply"]


def test_read_from_an_undiscovered_feature_without_device_is_answered() -> None:
    peer = a_peer()
    peer.connect()

    reply = peer.read(DISCOVERY, source=at(None, [9], 77), to=at(None, [0], 0))[0]

    assert reply.header["addressDestination"] == at(None, [9], 77)
