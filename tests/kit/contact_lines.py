"""Contacts whose wire a test moves: a file, a mock pin of gpiozero, a fake libgpiod."""

from __future__ import annotations

import asyncio
import contextlib
import enum
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Literal, Protocol

from gpiozero.pins.mock import MockFactory

from ems.control.contact import ContactConfig, ContactFilter
from ems.control.events import ContactChanged
from ems.runtime.inputs import (
    BrokenContact,
    ContactReader,
    ContactWatch,
    FileContact,
    GpioContact,
    GpiodContact,
)
from tests.kit.aio import turns
from tests.kit.clock import FakeClock

Level = Literal["open", "closed"]
STEP_S = 0.05


class Line(Protocol):
    """What a test does to the wire, and the reader under test."""

    def put(self, level: Level) -> None: ...
    def fail(self) -> None:
        """Make it unreadable."""
        ...

    def mend(self) -> None: ...
    def reader(self, watch: ContactWatch | None) -> ContactReader: ...


@dataclass
class FileLine:
    path: Path
    level: Level = "closed"

    def put(self, level: Level) -> None:
        self.level = level
        self.path.write_text(level + "\n")

    def fail(self) -> None:
        self.path.unlink()

    def mend(self) -> None:
        self.put(self.level)

    def reader(self, watch: ContactWatch | None) -> ContactReader:
        return FileContact(self.path)


@dataclass
class GpioLine:
    """A relay between the mock pin and ground (``up``) or 3.3 V (``down``)."""

    factory: MockFactory
    pull: Literal["up", "down"]
    factory_get_state: Any = None
    level: Level = "closed"

    @property
    def pin(self) -> Any:
        return self.factory.pin("GPIO17")

    def put(self, level: Level) -> None:
        self.level = level
        closed_is_low = self.pull == "up"
        if (level == "closed") == closed_is_low:
            self.pin.drive_low()
        else:
            self.pin.drive_high()

    def fail(self) -> None:
        def dead(_pin: object) -> int:
            raise OSError("the chip is gone")

        type(self.pin)._get_state = dead

    def mend(self) -> None:
        type(self.pin)._get_state = self.factory_get_state

    def reader(self, watch: ContactWatch | None) -> ContactReader:
        edge = (lambda: None) if watch is None else watch.edge
        contact = GpioContact("GPIO17", pull=self.pull, edge=edge)
        self.put(self.level)  # a mock pin forgets what drives it when its pull is set
        return contact


@dataclass
class FakeGpiod:
    """The few names of libgpiod 2 that are used; lines read what the test says."""

    active: bool = True
    dead: bool = False
    requests: list[tuple[str, dict[int, Any]]] = field(default_factory=list)
    released: int = 0

    class Value(enum.Enum):
        INACTIVE = 0
        ACTIVE = 1

    def module(self) -> Any:
        line = SimpleNamespace(
            Bias=SimpleNamespace(PULL_UP="pull-up", PULL_DOWN="pull-down"),
            Direction=SimpleNamespace(INPUT="input"),
            Value=self.Value,
        )
        return SimpleNamespace(
            line=line, LineSettings=SimpleNamespace, request_lines=self.request_lines
        )

    def request_lines(self, chip: str, *, consumer: str, config: dict[int, Any]) -> Any:
        assert consumer == "ems"
        if chip == "/dev/gpiochip9":
            raise FileNotFoundError(2, "No such file or directory")
        self.requests.append((chip, config))
        return SimpleNamespace(get_value=self.get_value, release=self.release)

    def get_value(self, line: int) -> Value:
        if self.dead:
            raise OSError("the chip is gone")
        return self.Value.ACTIVE if self.active else self.Value.INACTIVE

    def release(self) -> None:
        self.released += 1


@dataclass
class GpiodLine:
    chip: FakeGpiod

    def put(self, level: Level) -> None:
        self.chip.active = level == "closed"  # active_low turns the pull-up wiring round

    def fail(self) -> None:
        self.chip.dead = True

    def mend(self) -> None:
        self.chip.dead = False

    def reader(self, watch: ContactWatch | None) -> ContactReader:
        return GpiodContact("GPIO17", pull="up")


class Watched:
    """A contact watch that runs over one line; time moves when the test says so."""

    def __init__(self, line: Line, config: ContactConfig | None = None) -> None:
        self.line = line
        self.clock = FakeClock()
        self.told: list[ContactChanged] = []
        judge = ContactFilter(config or ContactConfig(), self.clock.seconds)
        self.watch = ContactWatch(BrokenContact(), judge, self.clock, self.told.append)
        self.watch.reader = line.reader(self.watch)

    async def after(self, seconds: float) -> list[ContactChanged]:
        """Let time pass; everything told so far."""
        end = self.clock.seconds + seconds
        while self.clock.seconds < end - 1e-9:
            self.clock.advance(min(STEP_S, end - self.clock.seconds))
            await turns(12)
        return self.told


@contextlib.asynccontextmanager
async def watching(
    line: Line, level: Level = "closed", config: ContactConfig | None = None
) -> AsyncIterator[Watched]:
    line.put(level)
    watched = Watched(line, config)
    task = asyncio.ensure_future(watched.watch.run())
    await turns()
    try:
        yield watched
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
