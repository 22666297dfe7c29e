"""A link between two processes of one stack: ours, and eebus-go with itself, in the same run.

Box and controllable system stand in network namespaces of their own, joined by a veth pair, where
eebus-go can find itself by mDNS; without the right to make namespaces ours is measured on loopback
and eebus-go not at all. The clock starts where a stack says that it dials, and stops at its own
events, so the random wait of ship-go before a dial is outside. Values known: limit, failsafe limit
and failsafe duration have reached the box.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from tests.bench.figures import Figure, missing, ratio, spread
from tests.bench.service import peer_program, ski_in
from tests.kit.netns import BOX_ADDRESS, EMS_ADDRESS, Hosts, why_impossible
from tests.kit.programs import ROOT, Program

NAME = "link"
GO = ROOT / ".peers" / "bin" / "peer-current"
GO_PORTS = {"box": "4711", "cs": "4712"}
FIRST_LIMIT_W = 4_200
LOOPBACK = "127.0.0.1"
Values = dict[str, list[float]]

DATA, KNOWN, WRITE = "TCP dial → SHIP data phase", "TCP dial → LPC values known", "limit → result"
AGAIN = ", same process again"


def measure(folder: Path, *, quick: bool) -> list[Figure]:
    links, limits = (4, 50) if quick else (15, 400)
    why = why_impossible() or ("" if GO.exists() else "tools/build_peers.sh was not run")
    with ExitStack() as stack:
        hosts = None if why else stack.enter_context(Hosts())
        mine = _ours(folder / "ours", hosts, links, limits)
        ours = {what: spread(NAME, f"{what}, ours", values) for what, values in mine.items()}
        if hosts is None:
            return [*ours.values(), missing(NAME, "eebus-go with itself", why)]
        its = _go(folder / "go", hosts, links, limits)
    figures: list[Figure] = []
    for what, figure in ours.items():
        figures.append(figure)
        if what in its:
            other = spread(NAME, f"{what}, eebus-go", its[what])
            figures += [other, ratio(f"{what}, ours / eebus-go", figure, other)]
    return figures


def _ours(folder: Path, hosts: Hosts | None, links: int, limits: int) -> Values:
    """Cold dials of fresh processes, then warm ones, then limits."""
    box_folder, cs_folder = folder / "box", folder / "cs"
    box_ski, cs_ski = ski_in(box_folder), ski_in(cs_folder)
    near, far = (BOX_ADDRESS, EMS_ADDRESS) if hosts else (LOOPBACK, LOOPBACK)
    on_box, on_cs = (hosts.on(hosts.box), hosts.on(hosts.ems)) if hosts else ([], [])
    found: Values = {}
    with peer_program("cs", cs_folder, box_ski, prefix=on_cs, host=far) as system:
        order = f"dial {far} {system.wait('started')['port']}"
        for number in range(links):
            with peer_program("box", box_folder, cs_ski, prefix=on_box, host=near) as box:
                box.wait("started")
                time.sleep(0.2)
                _dial(box, order, found, "")
                if number == links - 1:
                    for _ in range(links):
                        box.send("hang up")
                        box.wait("hung_up", after=box.mark() - 1)
                        _dial(box, order, found, AGAIN)
                    found[WRITE] = _limits(box, limits)
    return found


def _dial(box: Program, order: str, found: Values, suffix: str) -> None:
    mark = box.mark()
    box.send(order)
    began = box.wait("dialling", after=mark)["mono_s"]
    _note(found, suffix, began, box, mark, ({"event": "failsafe", "known": True},))


def _note(
    found: Values, suffix: str, began: float, box: Program, mark: int,
    known_by: Sequence[dict[str, Any]],
) -> None:  # fmt: skip
    connected = box.wait("connected", after=mark)["mono_s"]
    events = [box.wait_for(_fits(wanted), after=mark) for wanted in ({"event": "limit"}, *known_by)]
    found.setdefault(DATA + suffix, []).append(connected - began)
    known = max(event["mono_s"] for event in events)
    found.setdefault(KNOWN + suffix, []).append(known - began)


def _fits(wanted: dict[str, Any]) -> Callable[[Any], bool]:
    return lambda line: all(line.get(name) == value for name, value in wanted.items())


def _limits(box: Program, count: int) -> list[float]:
    """Times from write to result as the box itself takes them; ten more go first."""
    taken = []
    time.sleep(1.0)
    for number in range(count + 10):
        mark = box.mark()
        box.send(f"limit {FIRST_LIMIT_W + number}")
        answer = box.wait("answer", after=mark)
        assert answer["error_number"] == 0, answer
        taken.append(answer["took_ms"] / 1000)
    return taken[10:]


def _go(folder: Path, hosts: Hosts, links: int, limits: int) -> Values:
    """Fresh processes of the box, found by mDNS; whoever dials, its clock counts."""
    skis = {}
    for role in ("box", "cs"):
        with _peer(folder, role, "", hosts) as fresh:
            skis[role] = fresh.wait("started")["ski"]
    found: Values = {}
    with _peer(folder, "cs", skis["box"], hosts) as system:
        system.wait("started")
        for number in range(links):
            mark = system.mark()
            with _peer(folder, "box", skis["cs"], hosts) as box:
                box.wait("connected", 60.0)
                known = ({"event": "failsafe"}, {"event": "failsafe_duration"})
                _note(found, "", _dialled_at(box, system, mark), box, 0, known)
                if number == links - 1:
                    found[WRITE] = _limits(box, limits)
            system.wait("disconnected", 60.0, after=mark)
    return found


def _dialled_at(box: Program, system: Program, mark: int) -> float:
    """When the dial began that led to this connection: the last one before it, on either side."""
    connected = next(line for line in box.lines if line.get("event") == "connected")
    dials = [
        line["mono_s"]
        for line in (*box.lines, *system.lines[mark:])
        if line.get("event") == "dialling" and line["mono_s"] < connected["mono_s"]
    ]
    return float(max(dials))


@contextmanager
def _peer(folder: Path, role: str, trust: str, hosts: Hosts) -> Iterator[Program]:
    place = folder / role
    place.mkdir(parents=True, exist_ok=True)
    words = [*hosts.on(hosts.box if role == "box" else hosts.ems), str(GO), "--role", role]
    words += ["--port", GO_PORTS[role], "--identity", str(place), "--trust", trust]
    with Program(words, log=place / "peer.log") as program:
        yield program
