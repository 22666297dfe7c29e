"""The ``steuerbox`` program of the Rust crate ``eebus``: one start for every order."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from tests.kit.lab import BOX_PORT, Lab, dial_address
from tests.kit.netns import BOX_ADDRESS
from tests.kit.programs import Program

PEERS = ("steuerbox",)
pytestmark = [pytest.mark.interop, pytest.mark.timeout(120)]


class Rust:
    """Our service without mDNS, and a box that is started anew for every order."""

    def __init__(self, lab: Lab) -> None:
        self.lab = lab
        box = lab.steuerbox("--dial", dial_address(), "--limit", "9000")
        self.ski = lab.wait_pending()
        self.pending_text = "\n".join(box.text)
        lab.ems.call("pair.accept", ski=self.ski)
        box.has_text("9000 W accepted", 30)
        box.stop()
        self._gone()

    def dials(self, *order: str) -> Program:
        """The box dials us with an order."""
        return self.lab.steuerbox("--dial", dial_address(), *order)

    def end(self, box: Program) -> None:
        """So that the next one starts from no connection."""
        box.stop()
        self._gone()

    def _gone(self) -> None:
        self.lab.wait_peer(self.ski, lambda peer: not peer["layers"]["spine"])


@pytest.fixture(scope="module")
def rust(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rust]:
    with Lab(tmp_path_factory.mktemp("rust"), mdns=False) as lab:
        yield Rust(lab)


def test_unknown_box_was_not_bound_before_it_was_accepted(rust: Rust) -> None:
    assert "listening" in rust.pending_text.lower()
    assert "bound to" not in rust.pending_text
    assert "accepted" not in rust.pending_text


def test_box_dials_us_and_its_limit_without_duration_is_accepted(rust: Rust) -> None:
    box = rust.dials("--limit", "4300")

    box.has_text("bound to d:_n:EMS_")
    box.has_text("[box]  4300 W accepted, answering msgCounter")
    rust.lab.wait_signal(4_300, "eebus")
    peer = rust.lab.wait_peer(rust.ski, lambda peer: peer["layers"]["heartbeat"])
    assert peer["direction"] == "in"
    rust.end(box)


def test_we_dial_the_box_and_its_limit_with_duration_is_accepted(rust: Rust) -> None:
    rust.lab.ems.call("pair.add", ski=rust.ski, host=BOX_ADDRESS, port=BOX_PORT)

    box = rust.lab.steuerbox("--limit", "4400", "--for", "600")

    box.has_text("[box]  4400 W accepted, answering msgCounter", 40)
    rust.lab.wait_signal(4_400, "eebus")
    peer = rust.lab.peer(rust.ski)
    assert peer is not None
    assert peer["direction"] == "out"
    sources = rust.lab.ems.call("limit.show")["sources"]
    eebus = next(source for source in sources if source["source"] == "eebus")
    assert 500 < eebus["remaining_s"] <= 600
    rust.end(box)


def test_box_reads_the_contractual_maximum(rust: Rust) -> None:
    box = rust.dials("--limit", "4500")

    assert re.search(r"at most 43470 W", box.has_text("it can draw at most"))
    rust.end(box)


def test_zero_watts_is_a_limit(rust: Rust) -> None:
    box = rust.dials("--limit", "0")

    box.has_text("[box]  0 W accepted, answering msgCounter")
    signal = rust.lab.wait_signal(0, "eebus")
    assert signal["limited"] is True
    rust.end(box)


def test_release_lifts_the_limit(rust: Rust) -> None:
    limiting = rust.dials("--limit", "4600")
    limiting.has_text("4600 W accepted")
    rust.lab.wait_signal(4_600, "eebus")
    rust.end(limiting)

    box = rust.dials("--release")

    box.has_text("W accepted, answering msgCounter")
    rust.lab.wait_signal(None, None)
    rust.end(box)


def test_other_box_is_turned_away_once_one_is_paired(rust: Rust) -> None:
    box = rust.lab.steuerbox(
        "--dial", dial_address(), "--limit", "1", folder="stranger", port=BOX_PORT + 1
    )

    box.has_text("failed:", 30)

    text = "\n".join(box.text)
    assert "connected to" not in text
    assert "bound to" not in text
    assert "accepted" not in text
    assert rust.lab.signal()["limit_w"] != 1
    box.stop()
