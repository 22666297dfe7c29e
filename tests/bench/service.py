"""The real ``ems run`` as a child process, with a configuration and a control box of its own."""

from __future__ import annotations

import socket
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from eebus.node.identity_store import IdentityProfile, open_or_create
from tests.bench.garage import MAP
from tests.kit.programs import Ems, Program

RATED_W = 11_000


def ski_in(folder: Path) -> str:
    """SKI of the identity in ``folder``, made when there is none."""
    return str(open_or_create(folder, IdentityProfile(), datetime.now(UTC)).ski)


def free_port() -> int:
    """A TCP port nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def write_plant(folder: Path, ports: Sequence[int], eebus_port: int, *, contact: str) -> Path:
    """A configuration with one wallbox per port; returns its path."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "contact").write_text(contact + "\n", encoding="utf-8")
    head = f"""schema = 1
[plant]
name = "Bench"
[paths]
state_dir = "state"
identity_dir = "certs"
[connection]
contract_max_w = {len(ports) * RATED_W + 20_000}
[signal]
sources = ["eebus", "contact"]
failsafe_limit_w = {len(ports) * RATED_W}
[signal.contact]
backend = "file"
path = "contact"
confirmed = true
[eebus]
port = {eebus_port}
interfaces = ["127.0.0.1"]
mdns = false
[log]
level = "warning"
"""
    boxes = [
        f"""[[steuve]]
id = "cp{number:02d}"
kind = "wallbox"
rated_w = {RATED_W}
device = "{MAP}"
host = "127.0.0.1"
port = {port}
"""
        for number, port in enumerate(ports)
    ]
    path = folder / "ems.toml"
    path.write_text(head + "".join(boxes), encoding="utf-8")
    return path


@contextmanager
def running(config: Path) -> Iterator[Ems]:
    """``ems run`` until the block ends."""
    ems = Ems(config, log=config.parent / "ems.log")
    try:
        yield ems
    finally:
        ems.stop()


@contextmanager
def own_box(folder: Path, peer: str, prefix: Sequence[str] = ()) -> Iterator[Program]:
    """Our energy guard as a process that trusts ``peer``."""
    with peer_program("box", folder, peer, prefix=prefix) as box:
        yield box


def peer_program(
    role: str, folder: Path, trust: str, *, prefix: Sequence[str] = (), host: str = "127.0.0.1"
) -> Program:
    """``tests.bench.peer`` as a process."""
    words = [*prefix, sys.executable, "-m", "tests.bench.peer", "--role", role]
    words += ["--identity", str(folder), "--trust", trust, "--host", host]
    folder.mkdir(parents=True, exist_ok=True)
    return Program(words, log=folder / "peer.log")


def pair(ems: Ems, box: Program, box_ski: str, port: int) -> None:
    """Make the two trust each other, and wait until the box may write limits."""
    ems.wait_status(lambda status: status["eebus"] and status["eebus"]["port"])
    ems.call("pair.add", ski=box_ski)
    box.send(f"dial 127.0.0.1 {port}")
    box.wait("connected")
    box.wait("failsafe", known=True)
