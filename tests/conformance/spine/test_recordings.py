"""What real devices and the reference stack have sent (outside the repository), read by our device.

The recordings lie in ``$EMS_SHARED/interop`` or ``../shared/interop``; without them these tests are
skipped and the samples in ``test_field_forms.py`` have to do.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from eebus.spine.device import LocalDevice
from eebus.spine.events import DataReceived, PeerReady
from eebus.spine.specs import EntitySpec, FeatureSpec
from eebus.wire import ejson
from tests.kit.spine import EMS, RawPeer, at, info

SHARED = Path(os.environ.get("EMS_SHARED") or Path(__file__).parents[4] / "shared") / "interop"
DISCOVERIES = sorted(SHARED.glob("recorded-devices/*/*/discovery-data.json"))
USE_CASES = sorted(SHARED.glob("recorded-devices/*/*/usecase-data.json"))
DATAGRAMS = sorted(SHARED.glob("spine-go-datagrams/*_recv_*.json"))

pytestmark = pytest.mark.skipif(
    not (DISCOVERIES and DATAGRAMS), reason=f"no recordings in {SHARED}"
)


def name_of(path: Path) -> str:
    return path.parent.name if path.parent.name != "spine-go-datagrams" else path.stem


def datagram_of(path: Path) -> Any:
    content: Any = ejson.loads(path.read_bytes())
    return content["data"]["payload"] if "data" in content else content


def parts_of(message: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    return message["datagram"]["header"], message["datagram"]["payload"]["cmd"][0]


def peer_of(header: dict[str, Any]) -> RawPeer:
    client = EntitySpec(
        address=(1,), type="CEM", features=(FeatureSpec(type="Generic", role="client"),)
    )
    device = LocalDevice(info(EMS), [client])
    return RawPeer(device, address=header["addressSource"].get("device") or "d:_n:Unnamed_1")


@pytest.mark.parametrize("path", DISCOVERIES, ids=name_of)
def test_recorded_discovery_is_understood_completely(path: Path) -> None:
    header, cmd = parts_of(datagram_of(path))
    peer = peer_of(header)
    read = peer.connect()[0]

    answers = peer.answer(read, cmd, specificationVersion=header["specificationVersion"])

    told = cmd["nodeManagementDetailedDiscoveryData"]
    remote = peer.device.remote(peer.ski)
    assert remote is not None
    assert len(remote.entities) == len(told["entityInformation"])
    assert len(list(remote.features())) == len(told["featureInformation"])
    assert all(f.type and f.role in {"client", "server", "special"} for f in remote.features())
    assert "result" not in [a.classifier for a in answers]


@pytest.mark.parametrize("path", USE_CASES, ids=name_of)
def test_recorded_use_cases_are_understood_completely(path: Path) -> None:
    header, cmd = parts_of(datagram_of(path))
    peer = peer_of(header)
    peer.answer(peer.connect()[0], {"nodeManagementDetailedDiscoveryData": {}})
    read = peer.sent[-1]

    peer.answer(read, cmd)

    told = {
        (entry["actor"], support["useCaseName"])
        for entry in cmd["nodeManagementUseCaseData"]["useCaseInformation"]
        for support in entry.get("useCaseSupport", [])
    }
    remote = peer.device.remote(peer.ski)
    assert remote is not None
    assert {(u.actor, u.name) for u in remote.use_cases} == told
    assert peer.take_events()[-1] == PeerReady(peer.ski)


@pytest.mark.parametrize("path", DATAGRAMS, ids=name_of)
def test_recorded_datagram_gets_the_right_kind_of_answer(path: Path) -> None:
    message = datagram_of(path)
    header, cmd = parts_of(message)
    header["addressDestination"] |= {"device": EMS}
    if header["cmdClassifier"] in {"reply", "notify"}:
        header["addressDestination"] = at(EMS, [1], 1)  # a client feature that exists here
    peer = peer_of(header)
    peer.connect()

    answers = peer.raw(message)

    errors = [a.error_number for a in answers if a.classifier == "result" and a.error_number]
    if header["cmdClassifier"] in {"reply", "notify"}:
        assert errors == []
    elif header["cmdClassifier"] == "read":
        assert [a.classifier for a in answers] == ["reply"]
    elif "nodeManagementSubscriptionRequestCall" in cmd:
        assert len(answers) == 1


@pytest.mark.parametrize(
    "path", [p for p in DATAGRAMS if "notify" in p.stem and "discovery" not in p.stem], ids=name_of
)
def test_recorded_notify_reaches_the_use_cases(path: Path) -> None:
    message = datagram_of(path)
    header, _ = parts_of(message)
    header["addressDestination"] = at(EMS, [1], 1)
    peer = peer_of(header)
    peer.connect()

    peer.raw(message)

    event = peer.take_events()[-1]
    assert isinstance(event, DataReceived)
    assert event.data != type(event.data)()


def test_the_read_we_send_is_the_one_the_reference_stack_sends() -> None:
    expected = json.loads(
        (
            SHARED / "spine-go-datagrams" / "nm_detaileddiscoverydata_send_read_expected.json"
        ).read_text()
    )["datagram"]["header"]
    header, _ = parts_of(datagram_of(DATAGRAMS[0]))

    sent = peer_of(header).connect()[0].header

    assert list(sent) == list(expected)
    assert sent["cmdClassifier"] == expected["cmdClassifier"]
