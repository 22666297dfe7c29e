"""What a peer does wrong is told on one short line, each cause once a minute (TM-28)."""

from __future__ import annotations

from typing import Any

import pytest

from eebus.spine.device import LocalDevice
from eebus.spine.events import WriteRefused
from eebus.spine.model.load_control import LOAD_CONTROL_LIMIT_DESCRIPTION_LIST_DATA
from eebus.spine.specs import EntitySpec, FeatureSpec
from eebus.spine.timings import SpineTimings
from tests.kit.spine import BOX, EMS, RawPeer, at, info
from tests.unit.eebus.spine.asking import BOX_TREE, LIMIT_SERVER
from tests.unit.eebus.spine.serving import CLIENT, LOAD_CONTROL, list_of_value, write, write_cmd

FORGED = "x\n! all devices are free \x1b[31m\u202e"


def warnings(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.levelname == "WARNING"]


def test_a_flood_of_unusable_headers_is_told_once_a_minute_with_its_size(
    tester: RawPeer, caplog: pytest.LogCaptureFixture
) -> None:
    for _ in range(961):
        tester.raw({"datagram": {"header": {}}})
        tester.now += 0.0625

    assert warnings(caplog) == [
        "! b0b0b0b0 sent no usable header: header/msgCounter: no message counter (1 times)",
        "! b0b0b0b0 sent no usable header: header/msgCounter: no message counter (960 times)",
    ]


def test_causes_are_told_apart(tester: RawPeer, caplog: pytest.LogCaptureFixture) -> None:
    tester.read("nodeManagementUseCaseData")

    tester.raw({"datagram": {"header": {}}})
    tester.read("nodeManagementUseCaseData", source=at("d:_n:Test_Other-1", [0], 0))

    assert [line.split(" (")[0] for line in warnings(caplog)] == [
        "! b0b0b0b0 sent no usable header: header/msgCounter: no message counter",
        "! b0b0b0b0 speaks for another device, ignored",
    ]


def test_a_refused_binding_names_the_peer_that_holds_the_first(
    bound: RawPeer, device: LocalDevice, caplog: pytest.LogCaptureFixture
) -> None:
    other = RawPeer(device, address="d:_n:Test_Box-2", ski="c2" * 20)
    other.connect()

    assert other.relate("Binding", at(other.address, [1], 1), LOAD_CONTROL)[0].error_number == 7

    (line,) = warnings(caplog)
    assert line.startswith("! c2c2c2c2 cannot bind ")
    assert line.endswith(", b0b0b0b0 holds it (1 times)")


@pytest.mark.parametrize(
    "cmd",
    [
        write_cmd(list_of_value(1), filters=[{"cmdControl": {"partial": {}}, FORGED: 1}]),
        [{FORGED: 1}, {FORGED: 1}],
        write_cmd({"limitId": FORGED}),
        {"function": FORGED},
    ],
)
def test_a_name_of_the_peer_forges_no_line(
    bound: RawPeer, cmd: Any, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")

    answer = write(bound, cmd)[0]

    assert answer.error_number > 0
    (refused,) = [event for event in bound.take_events() if isinstance(event, WriteRefused)]
    for text in (*caplog.messages, refused.description, str(answer.cmd)):
        assert not {"\n", "\x1b", "\u202e"} & set(text)
        assert len(text) < 400


def test_a_list_beyond_the_bounds_is_told_and_not_kept(
    box: RawPeer, device: LocalDevice, caplog: pytest.LogCaptureFixture
) -> None:
    source = at(BOX, [2], 3)
    entries = [[{"limitId": number}] for number in range(1_025)]

    for _ in range(2):
        box.send(
            "notify",
            {"loadControlLimitListData": {"loadControlLimitData": entries}},
            source=source,
            to=CLIENT | {"device": device.feature((1,), "Generic", "client").device, "feature": 3},
        )

    assert warnings(caplog) == [
        "! b0b0b0b0 told too much loadControlLimitListData, ignored (1 times)"
    ]
    remote = device.remote(box.ski)
    assert remote is not None
    assert remote.cached() == 0


def test_long_texts_of_a_peer_cannot_fill_the_memory(
    box: RawPeer, device: LocalDevice, caplog: pytest.LogCaptureFixture
) -> None:
    name = "loadControlLimitDescriptionListData"
    partial = [[{"cmdControl": [{"partial": []}]}]]
    client = device.feature((1,), "Generic", "client")

    for number in range(40):
        entry = [[{"limitId": number}, {"label": "x" * 90_000}]]
        box.send(
            "notify",
            {"function": name, "filter": partial, name: {"loadControlLimitDescriptionData": entry}},
            source=at(BOX, [2], 3),
            to=at(client.device, client.entity, client.feature),
        )

    remote = device.remote(box.ski)
    assert remote is not None
    kept = remote.data(LIMIT_SERVER, LOAD_CONTROL_LIMIT_DESCRIPTION_LIST_DATA)
    assert kept is not None
    assert len(kept.load_control_limit_description_data or ()) == 23  # of two million characters
    assert warnings(caplog) == [
        "! b0b0b0b0 told too much loadControlLimitDescriptionListData, ignored (1 times)"
    ]


def test_more_functions_than_the_bounds_allow_are_not_kept(
    caplog: pytest.LogCaptureFixture,
) -> None:
    client = FeatureSpec(type="Generic", role="client")
    device = LocalDevice(
        info(EMS),
        [EntitySpec(address=(1,), type="CEM", features=(client,))],
        timings=SpineTimings(max_cached=1),
    )
    box = RawPeer(device)
    box.answer(box.connect()[0], BOX_TREE)
    names = ("loadControlLimitListData", "loadControlLimitDescriptionListData")

    for name in (*names, names[0]):
        items = name.replace("ListData", "Data")
        box.send("notify", {name: {items: [[{"limitId": 1}]]}}, source=at(BOX, [2], 3),
                 to=at(EMS, [1], 1))  # fmt: skip

    remote = device.remote(box.ski)
    assert remote is not None
    assert remote.cached() == 1
    assert warnings(caplog) == [f"! b0b0b0b0 told too much {names[1]}, ignored (1 times)"]
