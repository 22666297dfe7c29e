"""The potential-free contact: one code path for a GPIO input and for a file.

A reader gives the level of the line (``"open"``, ``"closed"``) or ``None`` when it cannot be read.
Polarity, debounce, flap guard and failure are judged by ``ems.control.contact`` (14a.md 3.2).
"""

from __future__ import annotations

import asyncio
import importlib
import logging
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable

    from drivers.api import Clock
    from ems.control.contact import ContactFilter
    from ems.control.events import ContactChanged

LOGGER = logging.getLogger(__name__)

Level = Literal["open", "closed"]
POLL_S = 0.1  # 14a.md 3.2: edge interrupt plus 10 Hz poll
MAX_FILE_BYTES = 64


class ContactReader(Protocol):
    """Something that knows the level of the contact now."""

    def read(self) -> Level | None:
        """Level of the line; ``None``: it cannot be read."""
        ...

    def close(self) -> None:
        """Give the line back."""
        ...


class FileContact:
    """A contact kept in a file that holds ``open`` or ``closed``; for demo, tests and bridges."""

    def __init__(self, path: Path) -> None:
        """Read from ``path``; the file may appear later."""
        self.path = path

    def read(self) -> Level | None:
        try:
            with self.path.open("rb") as file:
                text = file.read(MAX_FILE_BYTES).decode("ascii", "replace").strip().lower()
        except OSError:
            return None
        if text == "open":
            return "open"
        return "closed" if text == "closed" else None

    def close(self) -> None:
        """Nothing is held."""


class GpioContact:
    """A contact between a GPIO pin and ground (or 3.3 V), read through gpiozero.

    With ``pull="up"`` the contact lies between pin and ground: closed pulls the pin low. With
    ``pull="down"`` it lies between pin and 3.3 V: closed pulls it high.
    """

    def __init__(self, pin: str, *, pull: Literal["up", "down"], edge: Callable[[], None]) -> None:
        """Open ``pin`` (for example ``GPIO17``); ``edge`` is called from gpiozero's thread.

        Raises:
            OSError: the pin cannot be had; the message names it.
        """
        import gpiozero  # noqa: PLC0415  # costs 40 ms and a pin factory: only where it is wired

        try:
            self._device = gpiozero.DigitalInputDevice(pin, pull_up=pull == "up")
        except Exception as error:  # gpiozero's pin factories raise anything
            raise OSError(f"GPIO input {pin} cannot be opened: {error}") from error
        self._device.when_activated = edge
        self._device.when_deactivated = edge

    def read(self) -> Level | None:
        try:
            return "closed" if self._device.is_active else "open"
        except Exception:  # noqa: BLE001  # a dead pin factory must read as unknown, not stop us
            return None

    def close(self) -> None:
        """Release the pin."""
        self._device.close()


class GpiodContact:
    """A contact read through libgpiod 2 on any Linux board; polled, pull and level as above."""

    def __init__(self, pin: str, *, pull: Literal["up", "down"]) -> None:
        """Open ``pin``: ``GPIO17`` is line 17 of the first chip, ``gpiochip4_17`` names the chip.

        Raises:
            OSError: the line cannot be had; the message names it.
        """
        chip, line = _chip_and_line(pin)
        try:
            gpiod: Any = importlib.import_module("gpiod")  # optional, only where it is wired
            bias = gpiod.line.Bias.PULL_UP if pull == "up" else gpiod.line.Bias.PULL_DOWN
            settings = gpiod.LineSettings(
                direction=gpiod.line.Direction.INPUT, bias=bias, active_low=pull == "up"
            )
            self._active: Any = gpiod.line.Value.ACTIVE
            self._request: Any = gpiod.request_lines(chip, consumer="ems", config={line: settings})
        except Exception as error:  # a missing package, chip, right or line: all the same here
            raise OSError(f"GPIO input {pin} cannot be opened: {error}") from error
        self._line = line

    def read(self) -> Level | None:
        try:
            return "closed" if self._request.get_value(self._line) == self._active else "open"
        except Exception:  # noqa: BLE001  # a dead chip must read as unknown, not stop us
            return None

    def close(self) -> None:
        """Release the line."""
        self._request.release()


def _chip_and_line(pin: str) -> tuple[str, int]:
    name, _, number = pin.rpartition("_")
    digits = "".join(c for c in (number if name else pin) if c.isdigit())
    if not digits:
        raise OSError(f"GPIO input {pin} cannot be opened: no line number in its name")
    return f"/dev/{name or 'gpiochip0'}", int(digits)


class BrokenContact:
    """A contact that could not be opened: always unknown, therefore limiting (R-14A-23)."""

    def __init__(self, why: str) -> None:
        """Remember ``why`` for status and log."""
        self.why = why

    def read(self) -> Level | None:
        return None

    def close(self) -> None:
        """Nothing is held."""


class ContactWatch:
    """Feeds a filter with samples and hands on what it decides."""

    def __init__(
        self,
        reader: ContactReader,
        judge: ContactFilter,
        clock: Clock,
        submit: Callable[[ContactChanged], None],
    ) -> None:
        """Wire ``reader`` to ``judge``; decisions go to ``submit``."""
        self.reader = reader
        self.judge = judge
        self._clock = clock
        self._submit = submit
        self._edge = asyncio.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self.sampled_at: float | None = None

    def edge(self) -> None:
        """An edge was seen, by any thread: sample at once (edges are only hints, I-06)."""
        if self._loop is not None:
            self._loop.call_soon_threadsafe(self._edge.set)

    def sample(self) -> None:
        """Read the level now and submit what follows from it."""
        now = self._clock.monotonic()
        self.sampled_at = now
        for event in self.judge.sample(self.reader.read(), now):
            self._submit(event)

    async def run(self) -> None:
        """Sample ten times a second, at every edge and when the filter's deadline is due.

        Begins with what counts now, so that a change that got lost when this fell over is not lost
        for ever (I-06). The reader is closed when the service ends, not when this falls over.
        """
        self._loop = asyncio.get_running_loop()
        if self.sampled_at is not None:
            self._submit(self.judge.state)
        try:
            while True:
                self.sample()
                until = self._clock.monotonic() + POLL_S
                if self.judge.deadline is not None:
                    until = min(until, max(self.judge.deadline, self._clock.monotonic()))
                await self._clock.wait_for(self._edge.wait(), until)
                self._edge.clear()
                for event in self.judge.handle_timer(self._clock.monotonic()):
                    self._submit(event)
        except asyncio.CancelledError:
            self.reader.close()
            raise
