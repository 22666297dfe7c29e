"""Finding, pairing and refusing, live with the current eebus-go."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from ems.cli.errors import CliError
from tests.kit.lab import BOX_PORT, EMS_PORT, Lab, ask
from tests.kit.netns import BOX_ADDRESS
from tests.kit.programs import Program

PEERS = ("peer-current",)
pytestmark = [pytest.mark.interop, pytest.mark.timeout(120)]

# States of a pairing as ship-go numbers them.
COMPLETED = 7
DENIED = 8
ALL_SCENARIOS = [1, 2, 3, 4]


@dataclass
class Found:
    """A box that found us by mDNS and waits for our user."""

    lab: Lab
    box: Program
    ski: str


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Found]:
    with Lab(tmp_path_factory.mktemp("mdns")) as lab:
        box = lab.go_peer("peer-current")
        yield Found(lab, box, box.wait("started")["ski"])


@pytest.fixture(scope="module")
def paired(found: Found) -> Found:
    """The same box after the user accepted it; works alone and after the tests of pairing."""
    found.lab.wait_peer(found.ski, lambda peer: peer["trust"] in ("pending", "trusted"))
    found.lab.ems.call("pair.accept", ski=found.ski)
    found.box.wait("use_case", 40)
    return found


def test_box_finds_us_by_mdns(found: Found) -> None:
    def shows_us(line: object) -> bool:
        return isinstance(line, dict) and line.get("service", {}).get("ski") == found.lab.ski

    seen = found.box.wait_for(shows_us, 20, what="service with our SKI")["service"]

    assert seen["brand"] == "EMS"
    assert seen["model"] == "ems"
    assert seen["type"] == "EnergyManagementSystem"
    assert seen["shipID"] == found.lab.ems.call("status")["eebus"]["ship_id"]


def test_pair_discover_shows_the_box(found: Found) -> None:
    services = found.lab.ems.call("pair.discover", seconds=3)["services"]

    box = next(service for service in services if service["ski"] == found.ski)
    assert (box["host"], box["port"]) == (BOX_ADDRESS, BOX_PORT)
    assert found.lab.ski not in [service["ski"] for service in services]


def test_unknown_box_that_dials_stays_pending_until_its_full_ski_is_accepted(found: Found) -> None:
    found.lab.wait_peer(found.ski, lambda peer: peer["trust"] == "pending")
    assert f"initiating connection to {found.lab.ski}" in found.lab.log()
    assert "incoming connection request" not in found.lab.log()
    with pytest.raises(CliError, match="E-PAIR-003"):
        found.lab.ems.call("pair.accept", ski=found.ski[-8:])
    with pytest.raises(CliError, match="E-PAIR-003"):
        found.lab.ems.call("pair.accept", ski=found.ski[:-1])
    time.sleep(2)  # nothing may happen in this time

    assert ask(found.box, "state", "state")["connected"] is False
    assert not [line for line in found.box.lines if line["event"] == "connected"]
    mark = found.box.mark()
    found.lab.ems.call("pair.accept", ski=found.ski)

    use_case = found.box.wait("use_case", 40, after=mark)
    found.box.wait("pairing", after=mark, state=COMPLETED)
    assert use_case["ski"] == found.lab.ski
    assert sorted(use_case["scenarios"]) == ALL_SCENARIOS


def test_unknown_ski_never_reaches_spine_once_a_box_is_paired(paired: Found) -> None:
    stranger = paired.lab.go_peer("peer-current", folder="stranger", port=BOX_PORT + 1)
    ski = stranger.wait("started")["ski"]

    def is_turned_away(line: object) -> bool:
        return isinstance(line, dict) and (
            line.get("event") == "pairing" and (line["state"] == DENIED or "why" in line)
        )

    stranger.wait_for(is_turned_away, 40, what="denied pairing")
    time.sleep(3)  # it dials again meanwhile

    assert ask(stranger, "state", "state")["connected"] is False
    events = {line["event"] for line in stranger.lines}
    assert events.isdisjoint({"connected", "use_case", "limit", "heartbeat"})
    assert '"datagram"' not in paired.lab.log("stranger")
    assert '"datagram"' in paired.lab.log("box"), "the proof looks for the right word"
    peer = paired.lab.peer(ski)
    assert peer is None or peer["trust"] not in ("trusted", "pending")
    assert ask(paired.box, "state", "state")["connected"] is True
    stranger.stop()


def test_we_dial_a_box_by_its_address_when_neither_announces_to_the_other(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    with Lab(tmp_path_factory.mktemp("address"), mdns=False) as lab:
        box = lab.go_peer("peer-current")
        ski = box.wait("started")["ski"]
        time.sleep(2)  # longer than an announcement takes
        assert not [line for line in box.lines if line["event"] == "visible"]

        lab.ems.call("pair.add", ski=ski, host=BOX_ADDRESS, port=BOX_PORT)

        assert sorted(box.wait("use_case", 30)["scenarios"]) == ALL_SCENARIOS
        assert f"incoming connection request from {lab.ski}" in lab.log()
        assert "initiating connection" not in lab.log()
        peer = lab.peer(ski)
        assert peer is not None
        assert (peer["direction"], peer["host"], peer["port"]) == ("out", BOX_ADDRESS, BOX_PORT)
        box.wait("limit")  # it has read what there is
        assert ask(box, "limit 5000")["error_number"] == 0
        assert lab.signal()["limit_w"] == 5_000


def test_box_that_does_not_trust_us_is_named_as_the_reason(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    with Lab(tmp_path_factory.mktemp("denied"), mdns=False) as lab:
        assert lab.ski  # it listens
        identity = str(lab.folder / "box")
        words = ["--port", str(BOX_PORT), "--identity", identity, "--trace"]
        box = lab.start("peer-current", *words, log="box.log")
        ski = box.wait("started")["ski"]

        lab.ems.call("pair.add", ski=ski, host=BOX_ADDRESS, port=BOX_PORT)

        # a first dial may come before the box listens, and is refused for that
        lab.wait_peer(ski, lambda peer: (peer["failure"] or {}).get("code") == "E-PAIR-004")
        assert lab.ems.call("pair.why", ski=ski)["code"] == "E-PAIR-004"
        assert not [line for line in box.lines if line["event"] == "use_case"]
        assert lab.signal()["source"] in ("failsafe", "start")


def test_port_is_the_one_configured(found: Found) -> None:
    assert found.lab.ems.call("status")["eebus"]["port"] == EMS_PORT
