"""A small plant as the service sees it: configuration, state folder, drivers, systemd."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from drivers.api import Setpoint, UnreachableError
from ems.config.load import load_site
from ems.control.saved import SavedLimit, SavedState
from ems.runtime.options import Options
from ems.runtime.plantlife import PlantLife
from ems.runtime.sd_notify import Systemd
from ems.runtime.state_file import StateFile
from tests.kit.aio import turns
from tests.kit.driver import FakeDriver

PMIN_W = 7_560  # two SteuVE: 4,200 W + 1 * 0.8 * 4,200 W
BOX = "b" * 40
PLANT = """schema = 1
[plant]
name = "Haus"
[paths]
state_dir = "state"
[signal]
sources = ["eebus", "contact"]
[signal.contact]
backend = "file"
path = "contact"
confirmed = true
[eebus]
port = 0
interfaces = ["127.0.0.1"]
mdns = false
[[steuve]]
id = "garage"
kind = "wallbox"
rated_w = 11000
device = "keba_p30"
host = "127.0.0.1"
port = 1
[[steuve]]
id = "yard"
kind = "wallbox"
rated_w = 11000
device = "warp"
host = "127.0.0.1"
port = 2
"""


@dataclass
class Garage:
    """The drivers of both wallboxes: unreachable until they are switched on."""

    drivers: dict[str, FakeDriver] = field(
        default_factory=lambda: {name: FakeDriver() for name in ("garage", "yard")}
    )
    hangs: asyncio.Event | None = None

    def switch(self, *, on: bool) -> None:
        for name, driver in self.drivers.items():
            driver.connect_error = None if on else UnreachableError(f"{name}: no answer")

    @contextlib.asynccontextmanager
    async def open_load(self, config: Any, clock: Any, *, links: Any) -> AsyncIterator[FakeDriver]:
        if self.hangs is not None:
            await self.hangs.wait()
        async with self.drivers[config.id].open() as driver:
            yield driver

    def caps_w(self) -> dict[str, list[int]]:
        """Every set-point each driver was told, in order [W]."""
        return {
            name: [value.power_w for _, value in driver.calls if isinstance(value, Setpoint)]
            for name, driver in self.drivers.items()
        }

    def releases(self) -> int:
        return sum(driver.names().count("release") for driver in self.drivers.values())


@dataclass
class House:
    """Configuration, state folder and drivers of one plant."""

    folder: Path
    garage: Garage
    clock: Any
    listener: socket.socket
    lives: list[PlantLife] = field(default_factory=list)
    heard: list[bytes] = field(default_factory=list)

    @property
    def state(self) -> Path:
        return self.folder / "state"

    @property
    def records(self) -> Path:
        return self.state / "records.db"

    def start(self) -> PlantLife:
        config = self.folder / "ems.toml"
        systemd = Systemd({"NOTIFY_SOCKET": str(self.folder / "notify")})
        life = PlantLife(
            Options(config=config), load_site(config), self.clock, systemd, lambda: None
        )
        self.lives.append(life)
        return life

    def contact(self, level: str) -> None:
        (self.folder / "contact").write_text(level)

    def told(self) -> list[bytes]:
        """Messages to systemd since the last call."""
        self._listen()
        messages, self.heard = self.heard, []
        return messages

    def _listen(self) -> None:
        with contextlib.suppress(BlockingIOError):
            while True:
                self.heard.append(self.listener.recv(200))

    async def after(self, seconds: float, step_s: float = 0.5) -> None:
        """Let protocol time pass."""
        end = self.clock.seconds + seconds
        while self.clock.seconds < end - 1e-9:
            self.clock.advance(min(step_s, end - self.clock.seconds))
            await turns(30)
            self._listen()


@contextlib.asynccontextmanager
async def living(life: PlantLife) -> AsyncIterator[None]:
    task = asyncio.ensure_future(life.run())
    await turns(30)
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def until(true: Callable[[], bool], within_s: float = 5.0) -> None:
    """Real time: threads and sockets have to turn."""
    async with asyncio.timeout(within_s):
        while not true():
            await asyncio.sleep(0.002)


def save(house: House, **fields: Any) -> None:
    StateFile(house.state).save(SavedState(**fields))


def limited_before(house: House, power_w: int = 4_200) -> None:
    """The last process was killed with a limit of the box in force."""
    save(
        house,
        limits=(SavedLimit(power_w=power_w, source="eebus"),),
        lpc_state="limited",
        failsafe_w=PMIN_W,
        failsafe_duration_s=7_200.0,
        failsafe_remaining_s=7_200.0,
        contact_level="closed",
        peer=BOX,
    )


def alarm_codes(life: PlantLife) -> set[str]:
    return {code for code, _ in life.controller.alarms}
