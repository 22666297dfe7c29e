"""The 31 official SPINE cases (SPINE test specification 1.0.0), with the LPC actors on top."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from tests.conformance.spine.rig import DISCOVERY, USE_CASES, GuardTool, SystemTool
from tests.kit.spine import BOX, EMS, at

PATTERN = re.compile(r"[1-9][0-9]*\.[0-9]+\.[0-9]+")
FUTURE = {"specificationVersion": "1.999.999"}


@pytest.fixture
def tool() -> GuardTool:
    return GuardTool()


def connected(tool: GuardTool) -> GuardTool:
    tool.open()
    return tool


@pytest.mark.rule("TC_SPINE_COMP_001")
def test_unknown_function_is_answered_with_command_not_supported(tool: GuardTool) -> None:
    answers = connected(tool).read("qwertzuiopasdfghjkly", **FUTURE)

    assert [a.error_number for a in answers] == [6]


@pytest.mark.rule("TC_SPINE_COMP_002")
def test_read_with_a_higher_minor_version_is_answered(tool: GuardTool) -> None:
    answers = connected(tool).read(DISCOVERY, **FUTURE)

    assert [a.classifier for a in answers] == ["reply"]


@pytest.mark.rule("TC_SPINE_COMP_003")
def test_unknown_types_and_elements_in_a_reply_are_ignored(tool: GuardTool) -> None:
    read = tool.connect()[0]
    unknown = {
        "entityInformation": [
            {
                "description": {
                    "entityAddress": {"entity": [99]},
                    "entityType": "unsupportedEntityType",
                }
            }
        ],
        "featureInformation": [
            {
                "description": {
                    "featureAddress": {"entity": [99], "feature": 99},
                    "featureType": "unsupportedFeatureType",
                    "undefinedElement": {"deep": [1, 2]},
                }
            }
        ],
    }

    answers = tool.answer(read, {DISCOVERY: unknown}, **FUTURE)

    assert "result" not in [a.classifier for a in answers]
    assert tool.read(DISCOVERY)[0].classifier == "reply"


@pytest.mark.rule("TC_SPINE_COMP_004")
@pytest.mark.parametrize(
    "payload",
    [
        {
            "entityInformation": [
                {"description": {"entityAddress": {"entity": ["InvalidStringValue"]}}}
            ]
        },
        "InvalidStringValue",
        [1, 2, 3],
    ],
)
def test_invalid_reply_gets_no_application_error(tool: GuardTool, payload: Any) -> None:
    read = tool.connect()[0]

    answers = tool.answer(read, {DISCOVERY: payload}, ackRequest=True)

    results = [a.error_number for a in answers if a.classifier == "result"]
    assert results == [0]
    assert tool.read(DISCOVERY)[0].classifier == "reply"


@pytest.mark.rule("TC_SPINE_COMP_005")
def test_every_version_we_send_is_well_formed(tool: GuardTool) -> None:
    connected(tool)
    discovery = tool.read(DISCOVERY)[0].cmd[DISCOVERY]
    use_cases = tool.read(USE_CASES)[0].cmd[USE_CASES]["useCaseInformation"]

    versions = [sent.header["specificationVersion"] for sent in tool.sent]
    versions += discovery["specificationVersionList"]["specificationVersion"]
    support = [one for entry in use_cases for one in entry["useCaseSupport"]]
    versions += [one["useCaseVersion"] for one in support]
    assert support
    assert [v for v in versions if not PATTERN.fullmatch(v)] == []
    assert [one["useCaseDocumentSubRevision"] for one in support] == ["release"]


@pytest.mark.rule("TC_SPINE_COMP_006")
@pytest.mark.parametrize(
    ("version", "expected"),
    [
        ("0.3.0", "result"), ("2.0.0", "result"), ("v0.3.0", "result"), ("V0.3.0", "result"),
        ("TS1.3.0", "reply"), ("v1.3.0", "reply"), ("V1.3.0", "reply"),
    ],
)  # fmt: skip
def test_malformed_version_is_refused_or_tolerated_never_acknowledged(
    tool: GuardTool, version: str, expected: str
) -> None:
    answers = connected(tool).read(DISCOVERY, specificationVersion=version)

    assert [a.classifier for a in answers] == [expected]
    assert [a.error_number for a in answers if a.classifier == "result"] in ([], [1])


@pytest.mark.rule("TC_SPINE_DATA_001")
def test_message_counters_ascend(tool: GuardTool) -> None:
    connected(tool)

    replies = [tool.read(DISCOVERY)[0] for _ in range(20)]

    counters = [reply.header["msgCounter"] for reply in replies]
    assert counters == sorted(set(counters))
    everything = [sent.header["msgCounter"] for sent in tool.sent]
    assert everything == sorted(set(everything))


@pytest.mark.rule("TC_SPINE_DATA_002")
def test_skipped_counters_are_fine(tool: GuardTool) -> None:
    connected(tool)

    replies = [tool.read(DISCOVERY, counter=n) for n in (21_012, 123_321)]

    assert [[r.classifier for r in one] for one in replies] == [["reply"], ["reply"]]


@pytest.mark.rule("TC_SPINE_DATA_003")
def test_falling_counters_are_a_new_baseline(tool: GuardTool) -> None:
    connected(tool)

    replies = [tool.read(DISCOVERY, counter=n) for n in (123_456, 1_000, 2_000)]

    assert [[r.classifier for r in one] for one in replies] == [["reply"]] * 3


@pytest.mark.rule("TC_SPINE_DATA_004")
def test_reply_refers_to_its_request(tool: GuardTool) -> None:
    connected(tool)
    counters = [88_777 + 200 * i for i in range(20)] + [2**64 - 1]

    references = [
        tool.read(DISCOVERY, counter=n)[0].header["msgCounterReference"] for n in counters
    ]

    assert references == counters


@pytest.mark.rule("TC_SPINE_DATA_005")
def test_notify_with_ack_request_is_acknowledged_with_zero(tool: GuardTool) -> None:
    connected(tool)
    known = tool.served[((0,), 0, DISCOVERY)]
    description = {"deviceAddress": {"device": BOX}, "lastStateChange": "added"}
    notify = {
        "function": DISCOVERY,
        "filter": [[{"cmdControl": [{"partial": []}]}]],
        DISCOVERY: known | {"deviceInformation": {"description": description}},
    }

    answers = tool.send("notify", notify, to=at(None, [0], 0), ackRequest=True)

    assert [(a.classifier, a.error_number) for a in answers] == [("result", 0)]
    remote = tool.device.device.remote(tool.ski)
    assert remote is not None
    assert set(remote.entities) == {(0,), (1,)}


@pytest.mark.rule("TC_SPINE_DATA_006")
def test_result_is_never_answered(tool: GuardTool) -> None:
    connected(tool)
    reply = tool.read(DISCOVERY)[0]

    answers = tool.send(
        "result",
        {"resultData": {"errorNumber": 0}},
        ackRequest=True,
        msgCounterReference=reply.header["msgCounter"],
    )

    assert answers == []


@pytest.mark.rule("TC_SPINE_DATA_007")
@pytest.mark.parametrize("ack", [False, True])
def test_ack_request_of_a_read_has_no_effect(tool: GuardTool, *, ack: bool) -> None:
    answers = connected(tool).read(DISCOVERY, ackRequest=ack)

    assert [a.classifier for a in answers] == ["reply"]


@pytest.mark.rule("TC_SPINE_DATA_008")
@pytest.mark.parametrize("number", [0, 1, 6])
def test_result_to_our_own_read_is_not_answered(tool: GuardTool, number: int) -> None:
    read = tool.connect()[0]

    assert (
        tool.answer(read, {"resultData": {"errorNumber": number}}, "result", ackRequest=True) == []
    )


@pytest.mark.rule("TC_SPINE_FC_001")
@pytest.mark.parametrize("place", [at(EMS, [1], 0), at(EMS, [0], 1), at(EMS, [1], 1)])
def test_node_management_lives_at_entity_0_feature_0_only(
    tool: GuardTool, place: dict[str, Any]
) -> None:
    connected(tool)
    request = {"clientAddress": at(BOX, [0], 0), "serverAddress": at(EMS, [0], 0)}
    call = {"nodeManagementSubscriptionRequestCall": {"subscriptionRequest": request}}

    answers = tool.send("call", call, to=place, ackRequest=True)

    assert [a.error_number > 0 for a in answers] == [True]


@pytest.mark.rule("TC_SPINE_DDISC_001")
def test_new_partner_is_asked_at_once(tool: GuardTool) -> None:
    sent = tool.connect()

    assert [(s.classifier, DISCOVERY in s.cmd) for s in sent] == [("read", True)]


@pytest.mark.rule("TC_SPINE_DDISC_002")
def test_silent_partner_is_asked_again_after_30_seconds(tool: GuardTool) -> None:
    start = tool.now
    tool.connect()

    again = tool.wait_until(start + 32.0)

    assert [(s.classifier, DISCOVERY in s.cmd) for s in again if s.classifier == "read"] == [
        ("read", True)
    ]


@pytest.mark.rule("TC_SPINE_BIND_001")
@pytest.mark.field("C-07")
def test_node_management_cannot_be_bound(tool: GuardTool) -> None:
    connected(tool)

    refused = tool.relate("Binding", at(BOX, [0], 0), at(EMS, [0], 0), "NodeManagement")
    table = tool.read("nodeManagementBindingData")[0]

    assert [a.error_number for a in refused] == [7]
    assert table.cmd["nodeManagementBindingData"] == []


@pytest.mark.rule("TC_SPINE_BIND_002")
def test_write_after_the_binding_was_deleted_is_refused(tool: GuardTool) -> None:
    assert tool.run_scenario(4_201) == 0
    addresses = {"clientAddress": tool.client, "serverAddress": tool.address_of("LoadControl")}

    deleted = tool.send(
        "call", {"nodeManagementBindingDeleteCall": {"bindingDelete": addresses}}, ackRequest=True
    )
    beat = tool.beat(ackRequest=True)
    written = tool.write_limit({"value": [{"number": 3_300}, {"scale": 0}]})
    table = tool.read("nodeManagementBindingData")[0].cmd["nodeManagementBindingData"]

    assert [a.error_number for a in deleted] == [0]
    assert [a.error_number for a in beat] == [0]
    assert [a.error_number for a in written] == [9]
    assert tool.limit()["value"] == {"number": 4_201, "scale": 0}
    servers = [entry["serverAddress"] for entry in table["bindingEntry"]]
    assert servers == [tool.address_of("DeviceConfiguration")]


@pytest.mark.rule("TC_SPINE_SUBS_001")
def test_node_management_can_be_subscribed(tool: GuardTool) -> None:
    connected(tool)

    accepted = tool.relate("Subscription", at(BOX, [0], 0), at(EMS, [0], 0), "NodeManagement")
    table = tool.read("nodeManagementSubscriptionData")[0].cmd["nodeManagementSubscriptionData"]

    assert [a.error_number for a in accepted] == [0]
    assert {"clientAddress": at(BOX, [0], 0), "serverAddress": at(EMS, [0], 0)} in [
        {key: entry[key] for key in ("clientAddress", "serverAddress")}
        for entry in table["subscriptionEntry"]
    ]


@pytest.mark.rule("TC_SPINE_SUBS_002")
def test_subscription_may_be_deleted_twice(tool: GuardTool) -> None:
    connected(tool)
    tool.relate("Subscription", at(BOX, [0], 0), at(EMS, [0], 0), "NodeManagement")
    ends = {"clientAddress": at(None, [0], 0), "serverAddress": at(None, [0], 0)}
    call = {"nodeManagementSubscriptionDeleteCall": {"subscriptionDelete": ends}}

    first = tool.send("call", call, ackRequest=True)
    second = tool.send("call", call, ackRequest=True)
    table = tool.read("nodeManagementSubscriptionData")[0].cmd["nodeManagementSubscriptionData"]

    assert [a.error_number for a in first] == [0]
    assert len(second) == 1
    entries = [] if table == [] else table["subscriptionEntry"]
    assert at(EMS, [0], 0) not in [entry["serverAddress"] for entry in entries]


@pytest.mark.rule("TC_SPINE_ENTITY_001")
def test_energy_guard_finds_the_system_at_its_new_addresses() -> None:
    tool = SystemTool()
    assert tool.completes_scenario()

    tool.disconnect()
    tool.move_to([3], first_feature=7, first_id=40)

    assert tool.completes_scenario()
    assert tool.writes("loadControlLimitListData")[0].header["addressDestination"] == at(
        BOX, [3], 7
    )


@pytest.mark.rule("TC_SPINE_ENTITY_002")
def test_controllable_system_follows_the_guard_to_its_new_address(tool: GuardTool) -> None:
    assert tool.run_scenario() == 0
    assert at(BOX, [1], 1000) in tool.calls("Subscription")

    tool.disconnect()
    tool.move_to(((4,),))

    assert tool.run_scenario(3_300) == 0
    assert at(BOX, [4], 1000) in tool.calls("Subscription")
    assert at(BOX, [1], 1000) not in tool.calls("Subscription")


@pytest.mark.rule("TC_SPINE_RTS_001")
def test_client_feature_may_have_any_known_type() -> None:
    assert GuardTool(client_type="DeviceClassification").run_scenario() == 0


@pytest.mark.rule("TC_SPINE_RTS_002")
def test_client_feature_may_have_an_unknown_type() -> None:
    tool = GuardTool(client_type="CompletelyUnknownFeatureType")
    tool.version = "1.999.999"

    assert tool.run_scenario() == 0


@pytest.mark.rule("TC_SPINE_RTS_003")
def test_heartbeat_is_subscribed_where_the_bindings_came_from() -> None:
    tool = GuardTool(places=((1,), (2,)))
    tool.open()
    tool.place = (2,)

    assert tool.ask("Binding", "LoadControl") == 0
    assert tool.ask("Binding", "DeviceConfiguration") == 0
    tool.let_pass(120.0)

    subscribed = tool.calls("Subscription")
    assert at(BOX, [2], 1000) in subscribed
    assert at(BOX, [1], 1000) not in subscribed


@pytest.mark.rule("TC_SPINE_RTS_004")
def test_unknown_element_in_a_limit_write_is_ignored(tool: GuardTool) -> None:
    assert tool.run_scenario() == 0

    beat = tool.beat(ackRequest=True)
    answers = tool.write_limit(
        {"unknownElement": "testData"}, {"value": [{"number": 3_300}, {"scale": 0}]}, **FUTURE
    )

    assert [a.error_number for a in beat] == [0]
    assert [a.error_number for a in answers if a.classifier == "result"] == [0]
    assert tool.limit()["value"] == {"number": 3_300, "scale": 0}


@pytest.mark.rule("TC_SPINE_RTS_005")
@pytest.mark.parametrize(("stored", "scale"), [(4_201, 0), (42, 2)])
def test_number_without_scale_keeps_the_stored_scale(
    tool: GuardTool, stored: int, scale: int
) -> None:
    assert tool.run_scenario() == 0
    tool.write_limit({"value": [{"number": stored}, {"scale": scale}]})
    tool.beat(ackRequest=True)

    answers = tool.write_limit({"value": [{"number": 33}]})

    assert [a.error_number for a in answers if a.classifier == "result"] == [0]
    assert tool.limit()["value"] == {"number": 33, "scale": scale}


@pytest.mark.rule("TC_SPINE_RTC_001")
def test_additional_element_of_the_system_is_ignored() -> None:
    tool = SystemTool()
    tool.description = [{"label": "Grid limit"}]
    tool.move_to([1], first_feature=1, first_id=0)

    assert tool.completes_scenario()


@pytest.mark.rule("TC_SPINE_RTC_002")
def test_unknown_element_of_the_system_is_ignored() -> None:
    tool = SystemTool()
    tool.version = "1.999.999"
    tool.description = [{"unknownElement": [{"deep": "testData"}]}]
    tool.move_to([1], first_feature=1, first_id=0)

    assert tool.completes_scenario()


@pytest.mark.rule("TC_SPINE_RTC_003")
def test_availability_flag_of_the_system_is_ignored() -> None:
    tool = SystemTool()
    tool.available = {"useCaseAvailable": False}
    tool.move_to([1], first_feature=1, first_id=0)

    assert tool.completes_scenario()


def test_every_official_case_has_a_test_here() -> None:
    catalogue = Path(__file__).parents[3] / "protocol" / "conformance-cases.json"
    cases = json.loads(catalogue.read_text("utf-8"))["cases"]
    official = {case["id"] for case in cases if case["id"].startswith("TC_SPINE_")}

    marked = {
        mark.args[0]
        for test in globals().values()
        for mark in getattr(test, "pytestmark", [])
        if mark.name == "rule"
    }

    assert marked == official
