"""Our own control box against foreign controllable systems."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.kit.lab import BOX_PORT, Lab
from tests.kit.netns import BOX_ADDRESS
from tests.kit.programs import Program

PEERS = ("peer-current", "heat_pump")
pytestmark = [pytest.mark.interop, pytest.mark.timeout(120)]

DIAL = ("--dial", f"{BOX_ADDRESS}:{BOX_PORT}")


@pytest.fixture
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    with Lab(tmp_path_factory.mktemp("sim"), mdns=False) as lab:
        yield lab


def _own_ski(lab: Lab) -> str:
    """SKI of the simulator: it tells it at every start, the key is made at the first one."""
    first = lab.simulator("0" * 40, "--listen", "0")
    ski = str(first.wait("started")["ski"])
    first.stop()
    return ski


def _ask(box: Program, line: str, event: str = "answer") -> dict[str, object]:
    mark = box.mark()
    box.send(line)
    return box.wait(event, after=mark)


def test_limits_reach_a_go_system(lab: Lab) -> None:
    words = ["--port", str(BOX_PORT), "--identity", str(lab.folder / "cs"), "--role", "cs"]
    ski = _own_ski(lab)
    words += ["--trust", ski, "--heartbeat", "4s", "--trace"]
    system = lab.start("peer-current", *words, log="cs.log")
    box = lab.simulator(system.wait("started")["ski"], *DIAL)
    box.wait("cs_found")
    box.wait("heartbeat_received")

    assert _ask(box, "limit 4200 for 10m")["error_number"] == 0
    written = system.wait("written", active=True, value_w=4_200)
    assert 590 <= written["duration_s"] <= 600
    assert _ask(box, "limit 0")["error_number"] == 0
    system.wait("written", active=True, value_w=0)
    assert _ask(box, "release")["error_number"] == 0
    system.wait("written", active=False)
    system.wait("heartbeat")


def test_limits_reach_a_rust_heat_pump(lab: Lab) -> None:
    words = ["--state", str(lab.folder / "pump"), "--port", str(BOX_PORT)]
    words += ["--trust", _own_ski(lab)]
    pump = lab.start("heat_pump", *words, log="pump.log", stdin=False)
    box = lab.simulator(_rust_ski(pump), *DIAL)
    box.wait("cs_found")

    assert _ask(box, "limit 3300")["error_number"] == 0
    pump.has_text("[pump] a 3300 W limit was accepted")
    assert _ask(box, "limit 0")["error_number"] == 0
    pump.has_text("[pump] a 0 W limit was accepted")
    limited = len(pump.text)
    pump.has_text("lpc:isActive true")
    assert _ask(box, "release")["error_number"] == 0
    pump.has_text("lpc:isActive false", after=limited)
    pump.has_text("lpc:state unlimited/controlled", after=limited)


def _rust_ski(pump: Program) -> str:
    line = pump.has_text("SKI")
    return "".join(line.split("SKI", 1)[1].split()).strip(":").lower()[:40]
