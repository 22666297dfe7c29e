"""A laboratory for interop tests: our service on one host, foreign programs on the other."""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from tests.kit.netns import EMS_ADDRESS, Hosts
from tests.kit.programs import ROOT, Ems, Program

EMS_PORT = 4712
BOX_PORT = 4711
CONTRACT_MAX_W = 43_470
"""Contractual maximum of the plant, what a box reads as nominal maximum [W]."""

CONFIG = """
schema = 1
[plant]
name = "Interop"
[paths]
state_dir = "state"
[connection]
contract_max_w = {contract_max_w}
[signal]
sources = ["eebus", "contact"]
[signal.contact]
backend = "file"
path = "contact"
confirmed = true
[eebus]
port = {port}
mdns = {mdns}
[[steuve]]
id = "garage"
kind = "wallbox"
rated_w = 11000
device = "keba_p30"
host = "127.0.0.1"
port = 1501
[log]
level = "debug"
"""


def peer_path(name: str) -> Path:
    """Where ``make peers`` puts a foreign program; ``EMS_PEERS`` names another folder."""
    return Path(os.environ.get("EMS_PEERS") or ROOT / ".peers" / "bin") / name


class Lab:
    """Two hosts, one of our services and any number of foreign programs, ended with the lab."""

    def __init__(self, folder: Path, *, speed: float = 1.0, mdns: bool = True) -> None:
        self.hosts = Hosts()
        self.folder = folder
        self._speed = speed
        self._programs: list[Program] = []
        # The protocol clock goes on while the service is dead, as the clock on the wall does.
        self._epoch = time.clock_gettime(time.CLOCK_MONOTONIC)
        self._site = folder / "ems.toml"
        (folder / "contact").write_text("closed")
        self._site.write_text(
            CONFIG.format(
                contract_max_w=CONTRACT_MAX_W, port=EMS_PORT, mdns="true" if mdns else "false"
            )
        )
        self.ems: Ems

    def __enter__(self) -> Self:
        self.hosts.__enter__()
        try:
            self.start_ems()
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            for program in reversed(self._programs):
                program.stop()
        finally:
            self.hosts.__exit__(kind, error, trace)

    @property
    def ski(self) -> str:
        """SKI of our service, once it listens."""
        status = self.ems.wait_status(lambda status: status["eebus"] and status["eebus"]["port"])
        return str(status["eebus"]["ski"])

    @property
    def ems_log(self) -> str:
        return (self.folder / "ems.log").read_text(errors="replace")

    def start_ems(self) -> Ems:
        """Start our service with the state that the one before left."""
        options = ["--speed", str(self._speed), "--clock-epoch", str(self._epoch)]
        self.ems = Ems(
            self._site,
            log=self.folder / "ems.log",
            prefix=self.hosts.on(self.hosts.ems),
            options=options,
        )
        self._programs.append(self.ems)
        return self.ems

    def start(self, name: str, *words: str, log: str, stdin: bool = True) -> Program:
        """A foreign program on the other host; its standard error goes to the file ``log``."""
        return self._start([str(peer_path(name)), *words], log, stdin=stdin)

    def go_peer(self, name: str, *words: str, folder: str = "box", port: int = BOX_PORT) -> Program:
        """A Go peer that trusts us; it beats every 2 s and traces into ``<folder>.log``."""
        given = ["--port", str(port), "--identity", str(self.folder / folder), "--trust", self.ski]
        options = [*given, "--heartbeat", "4s", "--trace", *words]
        return self.start(name, *options, log=f"{folder}.log")

    def steuerbox(self, *words: str, folder: str = "box", port: int = BOX_PORT) -> Program:
        """The Rust control box that trusts us; it asks on the terminal: it gets none."""
        given = ["--state", str(self.folder / folder), "--port", str(port), "--trust", self.ski]
        return self.start("steuerbox", *given, *words, log=f"{folder}.log", stdin=False)

    def simulator(self, ski: str, *words: str) -> Program:
        """Our own control box, on the host of the EMS, for a foreign controllable system."""
        command = [sys.executable, "-m", "ems.cli.main", "sim", "control-box"]
        given = ["--identity", str(self.folder / "sim"), "--peer", ski]
        prefix = self.hosts.on(self.hosts.ems)
        program = Program([*prefix, *command, *given, *words], log=self.folder / "sim.log")
        self._programs.append(program)
        return program

    def log(self, folder: str = "box") -> str:
        """What a foreign program has written to standard error."""
        return (self.folder / f"{folder}.log").read_text(errors="replace")

    def peer(self, ski: str) -> dict[str, Any] | None:
        """What our service knows about ``ski``."""
        peers = self.ems.call("pair.list")["peers"]
        return next((peer for peer in peers if peer["ski"] == ski), None)

    def wait_peer(
        self, ski: str, fits: Callable[[dict[str, Any]], bool], timeout_s: float = 30.0
    ) -> dict[str, Any]:
        """Our service's view of ``ski`` as soon as it ``fits``."""
        ends_at = time.perf_counter() + timeout_s
        while True:
            peer = self.peer(ski)
            if peer is not None and fits(peer):
                return peer
            if time.perf_counter() > ends_at:
                raise AssertionError(f"{ski} not so within {timeout_s} s: {json.dumps(peer)}")
            time.sleep(0.05)

    def wait_pending(self, timeout_s: float = 30.0) -> str:
        """The SKI that waits for a decision."""
        status = self.ems.wait_status(
            lambda status: any(peer["trust"] == "pending" for peer in status["eebus"]["peers"]),
            timeout_s,
        )
        peers = status["eebus"]["peers"]
        return str(next(peer["ski"] for peer in peers if peer["trust"] == "pending"))

    def signal(self) -> dict[str, Any]:
        """The limit in force, as our service tells it."""
        signal: dict[str, Any] = self.ems.call("limit.show")["signal"]
        return signal

    def wait_signal(
        self, limit_w: int | None, source: str | None, timeout_s: float = 20.0
    ) -> dict[str, Any]:
        """The limit in force as soon as it is this one; ``None``: no limit."""
        status = self.ems.wait_status(
            lambda status: (
                status["signal"]["limit_w"] == limit_w and status["signal"]["source"] == source
            ),
            timeout_s,
        )
        signal: dict[str, Any] = status["signal"]
        return signal

    def _start(self, command: list[str], log: str, *, stdin: bool) -> Program:
        prefix = self.hosts.on(self.hosts.box)
        program = Program([*prefix, *command], log=self.folder / log, stdin=stdin)
        self._programs.append(program)
        return program


def ask(peer: Program, line: str, event: str = "answer", timeout_s: float = 15.0) -> dict[str, Any]:
    """Send one command to a Go peer and take the first such event after it; an error fails."""
    told = ask_any(peer, line, event, timeout_s)
    assert told["event"] == event, f"{line}: {told}"
    return told


def ask_any(
    peer: Program, line: str, event: str = "answer", timeout_s: float = 15.0
) -> dict[str, Any]:
    """The same, but an ``error`` of the peer program is an answer, too."""
    mark = peer.mark()
    peer.send(line)
    return peer.wait_for(
        lambda line: line["event"] in (event, "error"), timeout_s, after=mark, what=event
    )


def dial_address() -> str:
    """Where a foreign program reaches our service."""
    return f"{EMS_ADDRESS}:{EMS_PORT}"
