"""``ems sim site``: Modbus devices of a configuration with physics behind them.

Truth as JSON lines on standard output, one per protocol second or as often as told; commands on
standard input. Runs until SIGTERM, SIGINT or ``quit``. Contract: docs/borders.md 10.
"""

from __future__ import annotations

import asyncio
import json
import math
import signal
import sys
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Any, Final

from drivers.api import DriverError
from eebus.node.clock import SystemClock
from ems.config.load import load_site
from ems.config.problem import ConfigError
from ems.sim.faults import FaultOrder, parse_fault
from ems.sim.modbus_server import DeviceServer
from ems.sim.physics import STEP_S
from ems.sim.setup import build_site
from ems.sim.site_commands import Kettle, Plug, Quit, Sun, parse_command
from ems.sim.stdio import emit, input_lines
from ems.sim.units import WallboxUnit

if TYPE_CHECKING:
    from collections.abc import Callable

    from eebus.node.clock import Clock
    from ems.sim.loads import Car
    from ems.sim.physics import Truth
    from ems.sim.setup import SimulatedSite

TICK_S: Final = 0.2
EXIT_CONFIG: Final = 3
EXIT_PORT: Final = 6


@dataclass(frozen=True, slots=True, kw_only=True)
class SiteOptions:
    """Options of ``ems sim site``.

    Attributes:
        ports_out: file that gets ``{"id": port}``; devices then listen on any free port.
        faults: ``ID:FAULT`` from the start on.
        seed: of noise, ramps and phases.
        every_s: time between two lines of truth [protocol s], at least 0.1.
        speed, epoch: protocol clock, shared with the EMS and the control box.
    """

    config: Path
    ports_out: Path | None = None
    faults: tuple[str, ...] = ()
    seed: int = 1
    every_s: float = 1.0
    speed: float = 1.0
    epoch: float = 0.0


async def run_site(options: SiteOptions, *, say: Callable[[Any], None] = emit) -> int:
    """Play the site until told to stop; the exit code (0, 3 configuration, 6 port taken)."""
    clock = SystemClock(speed=options.speed, epoch=options.epoch)
    try:
        loaded = load_site(options.config)
        orders = [parse_fault(text) for text in options.faults]
        site = build_site(loaded.site, seed=options.seed, now=clock.monotonic())
        runner = SiteRunner(site, options, clock, say)
        runner.check(orders)
    except (ConfigError, DriverError, ValueError) as error:
        say({"event": "failed", "why": str(error)})
        return EXIT_CONFIG
    try:
        await runner.run(orders)
    except OSError as error:
        say({"event": "failed", "why": str(error)})
        return EXIT_PORT
    return 0


class SiteRunner:
    """Owns plant and servers; everything runs on one event loop."""

    def __init__(
        self,
        site: SimulatedSite,
        options: SiteOptions,
        clock: Clock,
        say: Callable[[Any], None],
    ) -> None:
        self.site = site
        self.servers = {
            name: DeviceServer(
                name,
                endpoint,
                self,
                Random(f"{options.seed}/{name}/wire"),
                speed=options.speed,
            )
            for name, endpoint in site.endpoints.items()
        }
        self._options = options
        self._clock = clock
        self._say = say
        self._stop = asyncio.Event()
        self._shown: dict[str, float] = {}

    def check(self, orders: list[FaultOrder]) -> None:
        """Refuse faults of devices that are not there.

        Raises:
            ValueError: an unknown device.
        """
        for order in orders:
            self._known(order.device)

    def refresh(self, name: str) -> float:
        """Bring plant and registers of a device up to date; the protocol time of that."""
        now = self._clock.monotonic()
        if now - self.site.plant.now >= STEP_S:
            self.site.advance(now)
        if self._shown.get(name) != self.site.plant.now:
            self._shown[name] = self.site.plant.now
            self.site.endpoints[name].unit.show(self.site.plant)
        return now

    async def run(self, orders: list[FaultOrder]) -> None:
        """Listen, tell the truth, obey commands.

        Raises:
            OSError: a port is taken.
        """
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._stop.set)
        async with AsyncExitStack() as stack:
            for server in self.servers.values():
                if self._options.ports_out is not None:
                    server.port = 0
                await server.start()
                stack.push_async_callback(server.stop)
            for order in orders:
                await self.servers[order.device].switch(order.fault)
            self._tell_ports()
            await self._live()

    async def obey(self, line: str) -> None:
        """Carry out one line of standard input and say how it went."""
        try:
            await self._carry_out(line)
        except (ValueError, OSError) as error:
            self._say({"event": "command", "line": line, "ok": False, "why": str(error)})
        else:
            self._say({"event": "command", "line": line, "ok": True})

    async def _live(self) -> None:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(self._tell_truth()), group.create_task(self._listen())]
            await self._stop.wait()
            for task in tasks:
                task.cancel()

    async def _tell_truth(self) -> None:
        every_s = self._options.every_s
        due = self._next_line()
        while True:
            await self._clock.sleep_until(min(due * every_s, self._clock.monotonic() + TICK_S))
            self.site.advance(self._clock.monotonic())
            if self._clock.monotonic() >= due * every_s:
                self._say(truth_json(self._truth()))
                due = self._next_line()

    def _next_line(self) -> int:
        """Number of the next moment, counted from the clock's zero, at which truth is told."""
        return math.floor(self._clock.monotonic() / self._options.every_s) + 1

    async def _listen(self) -> None:
        async for line in input_lines(sys.stdin):
            if line:
                await self.obey(line)

    async def _carry_out(self, line: str) -> None:
        now = self._clock.monotonic()
        match parse_command(line):
            case Sun(power_w):
                self.site.plant.pv.shine(power_w)
            case Kettle(on):
                house = self.site.plant.house
                house.kettle_on(now) if on else house.kettle_off()
            case Plug(device, plugged):
                self._car(device).plugged = plugged
            case FaultOrder(device, fault):
                await self.servers[self._known(device)].switch(fault)
            case Quit():
                self._stop.set()

    def _known(self, device: str) -> str:
        if device not in self.servers:
            raise ValueError(f"unknown device {device!r}; known: {', '.join(sorted(self.servers))}")
        return device

    def _car(self, device: str) -> Car:
        match self.site.endpoints[self._known(device)].unit:
            case WallboxUnit(car=car):
                return car
            case _:
                raise ValueError(f"{device} has no plug")

    def _tell_ports(self) -> None:
        ports = {name: server.port for name, server in self.servers.items()}
        told = self._options.ports_out
        if told is not None:  # in one step: whoever waits for the file finds it complete
            fresh = told.with_name(f"{told.name}.new")
            fresh.write_text(json.dumps(ports), encoding="utf-8")
            fresh.replace(told)
        self._say({"event": "ready", "ports": ports})

    def _truth(self) -> Truth:
        return self.site.plant.truth(
            {name: unit.allowed_w() for name, unit in self.site.units.items()}
        )


def truth_json(truth: Truth) -> dict[str, Any]:
    """A line of truth: whole watts, protocol seconds."""
    return {
        "t_s": round(truth.at, 1),
        "steuve_w": round(truth.steuve_w),
        "grid_w": round(truth.grid_w),
        "nwlb_w": round(truth.nwlb_w),
        "pv_w": round(truth.pv_w),
        "house_w": round(truth.house_w),
        "loads": {
            name: {
                "power_w": round(load.power_w),
                "allowed_w": None if load.allowed_w is None else round(load.allowed_w),
            }
            for name, load in truth.loads.items()
        },
    }
