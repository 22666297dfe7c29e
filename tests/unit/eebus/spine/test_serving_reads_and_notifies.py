"""What peers read and are notified of."""

from __future__ import annotations

from typing import Any

import pytest

from eebus.spine.device import LocalDevice
from eebus.spine.model.load_control import (
    LOAD_CONTROL_LIMIT_LIST_DATA,
    LoadControlLimitData,
    LoadControlLimitListData,
)
from eebus.spine.specs import EntitySpec, FeatureSpec
from tests.kit.spine import BOX, EMS, RawPeer, at
from tests.unit.eebus.spine.serving import (
    CLIENT,
    DIAGNOSIS,
    LOAD_CONTROL,
    list_of,
    load_control,
    stored,
)

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
