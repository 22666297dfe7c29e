"""The stage of the demo: control box, site and EMS as separate programs, and who may touch them.

Only public interfaces are used: command lines, standard input and output of the simulators, the
contact file, the service socket. Everything listens on 127.0.0.1 or in the stage's own folder.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import signal
import socket
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from ems.demo import service
from ems.demo.box import BoxLog
from ems.demo.child import Child, ChildFailedError, run_ems
from ems.demo.plant_toml import PlantOptions, plant_toml

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from pathlib import Path

    from eebus.node.clock import SystemClock
    from ems.demo.trace import Json

HOST: Final = "127.0.0.1"
POLL_S: Final = 0.05
TRUTH_S: Final = 0.2
"""How often the site tells its physics [protocol s]."""
START_S: Final = 30.0
"""Longest time [real s] a program may take to answer for the first time."""
PAIR_S: Final = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class StageOptions:
    """What a run is made with.

    Attributes:
        folder: the run's own folder: configuration, state, logs, contact.
        faults: ``ID:FAULT`` of simulated devices.
        escalation: whether the EMS cuts others when a device disobeys.
    """

    folder: Path
    speed: float = 1.0
    seed: int = 1
    faults: tuple[str, ...] = ()
    escalation: bool = True
    language: str = "de"


@dataclass(slots=True)
class EmsRun:
    """One process of the EMS; times in protocol seconds."""

    pid: int
    started_at: float
    ready_at: float | None = None


@dataclass(slots=True)
class Seen:
    """Everything the programs have said, as it came."""

    site: list[Json] = field(default_factory=list["Json"])
    ems: list[tuple[int, Json]] = field(default_factory=list["tuple[int, Json]"])
    runs: list[EmsRun] = field(default_factory=list[EmsRun])


class Stage:
    """Starts, steers and ends the programs; owned by one task group."""

    def __init__(self, options: StageOptions, clock: SystemClock, group: asyncio.TaskGroup) -> None:
        self.options = options
        self.clock = clock
        self.seen = Seen()
        self.box_log = BoxLog()
        self.programs: list[tuple[str, int]] = []
        self.socket = options.folder / "api.sock"
        self.config = options.folder / "ems.toml"
        self.contact = options.folder / "contact"
        self.plant_args = ["--config", str(self.config)]
        self._group = group
        self._children: dict[str, Child] = {}
        self._pumps: list[asyncio.Task[None]] = []
        self._eebus_port = free_port()
        self.ems_ski = ""

    # -- starting ---------------------------------------------------------------------------------

    async def prepare(self) -> None:
        """Make the folder, start the site, write the configuration, make the EMS's identity.

        Raises:
            ChildFailedError: the site or the identity did not come.
        """
        self.options.folder.mkdir(parents=True, exist_ok=True)
        self.contact.write_text("closed\n", encoding="utf-8")
        self._write_config({})
        ports = await self._start_site()
        self._write_config(ports)
        code, document = await run_ems(["identity", "create", *self.plant_args], self._log("cli"))
        if code != 0 or document is None:
            raise ChildFailedError(f"ems identity create ended with {code}, see {self._log('cli')}")
        self.ems_ski = str(document["data"]["ski"])

    async def start_ems(self) -> None:
        """Start the EMS; returns when its service has answered.

        Raises:
            ChildFailedError: it ended, or did not answer in time.
        """
        args = ["run", *self.plant_args, "--socket", str(self.socket), *self._clock_args()]
        child = await self._start("ems", args)
        run = EmsRun(pid=child.pid, started_at=self.clock.monotonic())
        self.seen.runs.append(run)
        await self._until(child, self._service_answers, "answer its service socket")
        run.ready_at = self.clock.monotonic()
        self._pumps.append(self._group.create_task(self._watch_timeline(len(self.seen.runs))))

    async def start_box(self) -> None:
        """Start the control box: silent until told, dialling the EMS whose SKI it knows.

        Raises:
            ChildFailedError: it ended.
        """
        args = ["sim", "control-box", "--identity", str(self.options.folder / "box")]
        args += ["--peer", self.ems_ski, "--dial", f"{HOST}:{self._eebus_port}", "--json"]
        child = await self._start("control-box", [*args, *self._clock_args()])
        self._pumps.append(self._group.create_task(child.pump(self._take_box)))
        await child.send("heartbeat off")
        await self._until(child, self._box_is_there, "tell its SKI")

    async def pair(self) -> None:
        """Wait until the box is pending at the EMS, then accept it by its full SKI.

        Raises:
            ChildFailedError: it never became pending, or was refused.
        """
        await self._until(self._children["ems"], self._box_is_pending, "show the box as pending")
        args = ["pair", "accept", self.box_log.ski, "--socket", str(self.socket)]
        code, _ = await run_ems([*args, *self.plant_args], self._log("cli"))
        if code != 0:
            raise ChildFailedError(f"ems pair accept ended with {code}, see {self._log('cli')}")
        await self._until(self._children["control-box"], self._box_is_connected, "reach the EMS")

    # -- acting -----------------------------------------------------------------------------------

    async def act(self, action: str) -> None:
        """Carry out one action of a story.

        Raises:
            ChildFailedError: the program concerned has ended.
            ValueError: not an action.
        """
        who, _, what = action.partition(" ")
        match who:
            case "box" if what == "kill":
                await self._children["control-box"].kill()
            case "box":
                await self._children["control-box"].send(what)
            case "site":
                await self._children["site"].send(what)
            case "contact" if what in ("open", "closed"):
                self.set_contact(what)
            case "ems" if what == "kill":
                await self._children["ems"].kill()
            case "ems" if what == "start":
                await self.start_ems()
            case "wait":
                await self.clock.sleep_until(self.clock.monotonic() + float(what))
            case _:
                raise ValueError(f"unknown action {action!r}")

    def set_contact(self, level: str) -> None:
        """Open or close the contact; the file changes in one step."""
        fresh = self.contact.with_suffix(".new")
        fresh.write_text(f"{level}\n", encoding="utf-8")
        fresh.replace(self.contact)

    async def call(self, name: str, args: Json = None) -> Json:
        """A call of the running service.

        Raises:
            service.ServiceError: not reachable, or refused.
        """
        return await service.call(self.socket, name, args)

    async def ask(self, *args: str) -> tuple[int, Json]:
        """``ems ARGS --json`` about this plant."""
        return await run_ems([*args, *self.plant_args], self._log("cli"))

    def check_site(self) -> None:
        """Make sure that the site runs: without its physics nothing can be judged or shown.

        Raises:
            ChildFailedError: it has ended.
        """
        child = self._children["site"]
        if not child.running:
            raise child.failure("has ended")

    # -- ending -----------------------------------------------------------------------------------

    def kill_all(self) -> None:
        """End every program at once; for the very end of this process."""
        for child in self._children.values():
            child.signal(signal.SIGKILL)

    async def end(self) -> None:
        """End every program in order: EMS, box, site."""
        for name in ("ems", "control-box", "site"):
            if name in self._children:
                await self._children[name].end()
        for pump in self._pumps:
            pump.cancel()

    # -- inside -----------------------------------------------------------------------------------

    async def _start(self, name: str, args: list[str]) -> Child:
        child = await Child.start(name, args, self._log(name))
        self._children[name] = child
        self.programs.append((name, child.pid))
        return child

    async def _start_site(self) -> dict[str, int]:
        ports_file = self.options.folder / "ports.json"
        args = ["sim", "site", *self.plant_args, "--ports-out", str(ports_file)]
        args += ["--seed", str(self.options.seed), "--every", str(TRUTH_S), "--json"]
        args += self._clock_args()
        for fault in self.options.faults:
            args += ["--fault", fault]
        child = await self._start("site", args)
        self._pumps.append(self._group.create_task(child.pump(self._take_site)))
        await self._until(child, lambda: _true(ports_file.exists()), "open its ports")
        ports: dict[str, int] = json.loads(ports_file.read_text(encoding="utf-8"))
        return ports

    def _write_config(self, ports: dict[str, int]) -> None:
        options = PlantOptions(
            eebus_port=self._eebus_port,
            ports=ports,
            escalation=self.options.escalation,
            language=self.options.language,
        )
        self.config.write_text(plant_toml(options), encoding="utf-8")

    def _clock_args(self) -> list[str]:
        return ["--speed", repr(self.clock.speed), "--clock-epoch", repr(self.clock.epoch)]

    def _log(self, name: str) -> Path:
        return self.options.folder / f"{name}.log"

    async def _until(self, child: Child, reached: Callable[[], Awaitable[bool]], what: str) -> None:
        """Poll ``reached``; the time allowed is real, as it is the program that needs it."""
        last = self.clock.monotonic() + START_S * self.clock.speed
        while not await reached():
            if not child.running:
                raise child.failure("has ended")
            if self.clock.monotonic() > last:
                raise child.failure(f"did not {what}")
            await self.clock.sleep_until(self.clock.monotonic() + POLL_S * self.clock.speed)

    async def _service_answers(self) -> bool:
        with contextlib.suppress(service.ServiceError):
            await self.call("status")
            return True
        return False

    async def _box_is_there(self) -> bool:
        return bool(self.box_log.ski)

    async def _box_is_pending(self) -> bool:
        try:
            peers = (await self.call("pair.list"))["peers"]
        except service.ServiceError:  # the EEBUS side comes up after contact and control
            return False
        return any(p["ski"] == self.box_log.ski and p["trust"] == "pending" for p in peers)

    async def _box_is_connected(self) -> bool:
        return self.box_log.connected

    async def _watch_timeline(self, process: int) -> None:
        with contextlib.suppress(service.ServiceError):
            async for point in service.watch(self.socket, "timeline"):
                self.seen.ems.append((process, point))

    async def _take_site(self, line: Json) -> None:
        if "event" not in line:
            self.seen.site.append(line)

    async def _take_box(self, line: Json) -> None:
        self.box_log.take(line, self.clock.monotonic())


async def _true(value: bool) -> bool:  # noqa: FBT001 - a condition as an awaitable
    return value


def free_port() -> int:
    """A TCP port of the loopback interface that nobody uses now."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.bind((HOST, 0))
        port: int = probe.getsockname()[1]
    return port
