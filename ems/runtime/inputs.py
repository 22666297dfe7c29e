"""The potential-free contact: one code path for a GPIO input and for a file.

A reader gives the level of the line (``"open"``, ``"closed"``) or ``None`` when it cannot be read.
Polarity, debounce, flap guard and failure are judged by ``ems.control.contact`` (14a.md 3.2).
"""

from __future__ import annotations

import asyncio
import importlib
import logging
import os
import time
from typing import TYPE_CHECKING, Any, Final, Literal, Protocol

from drivers.gpio.why import reason_of

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from drivers.api import Clock
    from ems.control.contact import ContactFilter
    from ems.control.events import ContactChanged

LOGGER = logging.getLogger(__name__)

Level = Literal["open", "closed"]
#: 14a.md 3.2: edge interrupt plus 10 Hz poll. A little less than 100 ms, for five whole periods of
#: the mains would show hum on the line as a level that holds.
POLL_S: Final = 0.097
EDGES_PER_POLL: Final = 10
"""So many edges between two polls are looked at one by one; more of them wait for the poll."""
SETTLE_S: Final = 0.02  # real seconds: a pull resistor against the capacity of a long cable
REOPEN_S: Final = 10.0
MAX_FILE_BYTES: Final = 64


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
            # a pipe that nobody writes to must not hang us
            with open(self.path, "rb", opener=_without_waiting) as file:
                text = file.read(MAX_FILE_BYTES).decode("ascii", "replace").strip().lower()
        except OSError:
            return None
        if text == "open":
            return "open"
        return "closed" if text == "closed" else None

    def close(self) -> None:
        """Nothing is held."""


def _without_waiting(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_NONBLOCK)


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
            raise OSError(f"GPIO input {pin} cannot be opened: {reason_of(error)}") from error
        self._device.when_activated = edge
        self._device.when_deactivated = edge
        time.sleep(SETTLE_S)  # the first level that is read counts at once

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
            raise OSError(f"GPIO input {pin} cannot be opened: {reason_of(error)}") from error
        self._line = line
        time.sleep(SETTLE_S)

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
    """A contact that is not there: always unknown, therefore limiting (R-14A-23)."""

    def read(self) -> Level | None:
        return None

    def close(self) -> None:
        """Nothing is held."""


class LastingContact:
    """A contact that may be opened later: its chip, its rights or its pin are not there yet."""

    def __init__(self, make: Callable[[], ContactReader], clock: Clock) -> None:
        """Try at once; what cannot be opened reads as unknown and is tried every ten seconds."""
        self._make = make
        self._clock = clock
        self._reader: ContactReader | None = None
        self.why = ""
        self._try()

    def _try(self) -> None:
        self._next_at = self._clock.monotonic() + REOPEN_S
        try:
            self._reader = self._make()
        except OSError as error:
            if str(error) != self.why:
                LOGGER.error("! %s; the contact counts as limiting", error)  # noqa: TRY400
            self.why = str(error)
        else:
            if self.why:
                LOGGER.info("= the contact can be read now")
            self.why = ""

    def read(self) -> Level | None:
        if self._reader is None and self._clock.monotonic() >= self._next_at:
            self._try()
        return None if self._reader is None else self._reader.read()

    def close(self) -> None:
        """Give the line back, if it was had."""
        if self._reader is not None:
            self._reader.close()


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
        self._edges = 0
        self._loop: asyncio.AbstractEventLoop | None = None
        self.sampled_at: float | None = None

    def edge(self) -> None:
        """An edge was seen, by any thread: sample at once (edges are only hints, I-06).

        A line that hums gives thousands a second; those beyond a few wait for the next poll.
        """
        if self._loop is not None and self._edges < EDGES_PER_POLL:
            self._edges += 1
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
        poll_at = self._clock.monotonic()
        if self.sampled_at is not None:
            self._submit(self.judge.state)
        try:
            while True:
                self.sample()
                now = self._clock.monotonic()
                if now >= poll_at:
                    poll_at = now + POLL_S
                    self._edges = 0
                until = poll_at
                if self.judge.deadline is not None:
                    until = min(until, max(self.judge.deadline, self._clock.monotonic()))
                await self._clock.wait_for(self._edge.wait(), until)
                self._edge.clear()
                for event in self.judge.handle_timer(self._clock.monotonic()):
                    self._submit(event)
        except asyncio.CancelledError:
            self.reader.close()
            raise
