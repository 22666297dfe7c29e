"""One worker per device: carries the newest set-point to it and brings readings back.

A worker decides nothing. Set-points are latest-wins: a slot, not a queue. A limit interrupts a
reading under way; a slow or dead device delays nobody but itself (I-08).
"""

from __future__ import annotations

import asyncio
import logging
import math
import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from drivers.api import DriverError, RefusedError, UnreachableError
from ems.control.commands import Release, SetLimit, Stop
from ems.control.events import (
    GridLost,
    GridMeasured,
    LoadFound,
    LoadLost,
    LoadMeasured,
    SetpointFailed,
    SetpointWritten,
)
from ems.control.reasons import Reason, ReasonCode
from ems.runtime.supervise import unless

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractAsyncContextManager

    from drivers.api import Clock, Driver, Measurement, Meter, MeterReading, Setpoint
    from ems.control.events import Event

LOGGER = logging.getLogger(__name__)

LoadCommand: TypeAlias = SetLimit | Release | Stop

LOOK_S = 1.0  # from an order to the first look at what became of it
MISSED_POLLS = 3  # devices.md 2, allocation.md 3.6: offline after three missed polls
RECONNECT_MIN_S = 1.0
RECONNECT_MAX_S = 10.0
KEEP_ALIVE_MAX_S = 10.0  # allocation.md 3.6: a third of the fail-safe time-out, 10 s at most
KEEP_ALIVE_SHARE = 3.0
PREPARE_AGAIN_S = 60.0  # a device that refused its fail-safe settings is asked again


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerInfo:
    """What status shows of a worker besides the core's picture."""

    connected: bool
    last_error: str
    last_read_at: float | None


class LoadWorker:
    """Owns the driver of one load."""

    def __init__(
        self,
        load_id: str,
        open_driver: Callable[[], AbstractAsyncContextManager[Driver]],
        clock: Clock,
        submit: Callable[[Event], None],
        *,
        poll_s: float,
    ) -> None:
        """Poll every ``poll_s`` [protocol s]; events go to ``submit``."""
        self.load_id = load_id
        self._open = open_driver
        self._clock = clock
        self._submit = submit
        self._poll_s = poll_s
        self._slot: LoadCommand | None = None
        self._wake = asyncio.Event()
        self.freed = asyncio.Event()
        """Set while the device was told last that it is free, and nothing else waits for it."""
        self._last: LoadCommand | None = None
        self._written_at = -math.inf
        self._parting = False
        self._answered = False
        self._told = ""
        self.measurement: Measurement | None = None
        self.info = WorkerInfo(connected=False, last_error="", last_read_at=None)

    def post(self, command: LoadCommand) -> None:
        """Put ``command`` into the slot; an older one that was not sent yet is gone."""
        self._slot = command
        self.freed.clear()
        self._wake.set()

    def let_go(self) -> None:
        """Free the device as the last word of the service: no write interval holds it back."""
        self._parting = True
        self.post(Release(load_id=self.load_id, reason=Reason(ReasonCode.UNLIMITED)))

    async def run(self) -> None:
        """Connect, serve, and connect again, for ever."""
        pause_s = RECONNECT_MIN_S
        if self.info.connected:  # we fell over: the core must give every order anew
            self._lose("the worker began anew")
        while True:
            self._answered = False
            try:
                async with self._open() as driver:
                    self._note(connected=True, error=self.info.last_error)
                    await self._serve(driver)
            except DriverError as error:
                if self._told != str(error):
                    LOGGER.info("x %s: %s", self.load_id, error)
                self._told = str(error)
                self._lose(str(error))
            if self._answered:  # a connection alone proves nothing
                pause_s = RECONNECT_MIN_S
            await self._clock.sleep_until(self._clock.monotonic() + pause_s)
            pause_s = min(2 * pause_s, RECONNECT_MAX_S)

    def _lose(self, why: str) -> None:
        self._note(connected=False, error=why)
        self._submit(LoadLost(load_id=self.load_id, why=why))

    async def _serve(self, driver: Driver) -> None:
        self._last = None
        self.freed.clear()
        self._submit(LoadFound(load_id=self.load_id, capability=driver.capability))
        prepared = False
        missed = 0
        poll_at = beat_at = prepare_at = self._clock.monotonic()
        while True:
            self._wake.clear()
            command = self._due_command(driver)
            now = self._clock.monotonic()
            if command is not None:
                await self._execute(driver, command)
                poll_at = self._look_at(poll_at)
            elif now >= prepare_at and (self._last is not None or isinstance(self._slot, Release)):
                again_at = await unless(self._prepare(driver), self._wake)
                if again_at is not None:
                    prepared, prepare_at, beat_at = True, again_at, self._clock.monotonic()
            elif prepared and now >= beat_at:
                await unless(self._beat(driver), self._wake)
                beat_at = self._clock.monotonic() + _keep_alive_s(driver)
            elif now >= poll_at:
                missed = await self._poll(driver, missed)
                poll_at = max(poll_at + self._poll_s, self._clock.monotonic())
            else:
                own_at = min(beat_at, prepare_at) if prepared else math.inf
                until = min(poll_at, own_at, self._command_at(driver))
                await self._clock.wait_for(self._wake.wait(), until)

    def _look_at(self, poll_at: float) -> float:
        """A fresh order is looked after soon, and always after the same time: others wait for it.

        Orders that follow each other closely do not put off the reading for ever.
        """
        now = self._clock.monotonic()
        read_at = self.info.last_read_at
        is_fresh = read_at is not None and now - read_at < self._poll_s
        return now + LOOK_S if is_fresh else min(poll_at, now + LOOK_S)

    def _command_at(self, driver: Driver) -> float:
        """When the waiting order, or the repetition of the last one, is due."""
        if self._slot is not None:
            return self._written_at + driver.capability.min_write_interval_s
        if self._last is not None:
            return self._written_at + driver.capability.rewrite_interval_s
        return math.inf

    def _due_command(self, driver: Driver) -> LoadCommand | None:
        """The command to send now; only a decrease ordered by a limit breaks the interval."""
        since_s = self._clock.monotonic() - self._written_at
        command = self._slot
        if command is not None:
            if since_s >= driver.capability.min_write_interval_s or self._is_urgent(command):
                self._slot = None
                return command
            return None
        if self._last is not None and since_s >= driver.capability.rewrite_interval_s:
            return self._last
        return None

    def _is_urgent(self, command: LoadCommand) -> bool:
        """Whether it breaks the write interval of the device.

        The first cap on a new connection does: the device may have begun anew at its own maximum.
        A release waits, also when a connection comes and goes.
        """
        match command:
            case SetLimit(urgent=urgent):
                return urgent or self._last is None
            case Release():
                return self._parting
            case Stop():
                return True

    async def _execute(self, driver: Driver, command: LoadCommand) -> None:
        setpoint: Setpoint | None = None
        try:
            match command:
                case SetLimit():
                    setpoint = command.setpoint
                    await driver.limit(command.setpoint)
                case Release():
                    # releasing may take several attempts, and a limit must not wait for them
                    if await unless(_released(driver), self._wake) is None:
                        return
                case Stop():
                    await driver.stop()
        except DriverError as error:
            refused = isinstance(error, RefusedError)
            self._written_at = self._clock.monotonic()
            self._submit(
                SetpointFailed(
                    load_id=self.load_id, setpoint=setpoint, why=str(error), refused=refused
                )
            )
            if isinstance(error, UnreachableError):
                raise
            self._last = command
            self._tell_refusal(error)
            return
        self._last = command
        self._answered = True
        self._written_at = self._clock.monotonic()
        if isinstance(command, Release) and self._slot is None:
            self.freed.set()
        if isinstance(command, Stop):
            return
        self._submit(SetpointWritten(load_id=self.load_id, setpoint=setpoint, at=self._written_at))

    async def _prepare(self, driver: Driver) -> float:
        """Set the device up; when to do it again, because it refused a part of it."""
        before = driver.capability
        again_at = math.inf
        try:
            await driver.prepare()
        except RefusedError as error:
            self._tell_refusal(error)
            again_at = self._clock.monotonic() + PREPARE_AGAIN_S
        if driver.capability != before:
            self._submit(LoadFound(load_id=self.load_id, capability=driver.capability))
        return again_at

    async def _beat(self, driver: Driver) -> None:
        """Feed the watchdog of the device; one that refuses it is there all the same."""
        try:
            await driver.keep_alive()
        except RefusedError as error:
            self._tell_refusal(error)

    async def _poll(self, driver: Driver, missed: int) -> int:
        """Read once; polls missed in a row. Only silence counts as missed (device rules 2.3)."""
        try:
            reading = await unless(driver.read(), self._wake)
        except UnreachableError as error:
            self._note(connected=True, error=str(error))
            if missed + 1 >= MISSED_POLLS:
                raise
            return missed + 1
        except DriverError as error:
            self._tell_refusal(error)
            return 0
        if reading is not None:
            at = self._clock.monotonic()
            self._answered, self._told = True, ""
            self.measurement = reading
            self.info = WorkerInfo(connected=True, last_error="", last_read_at=at)
            self._submit(LoadMeasured(load_id=self.load_id, measurement=reading, at=at))
        return 0

    def _tell_refusal(self, error: DriverError) -> None:
        """The device answers, but not what it was asked: the core sees that readings stay away."""
        if self._told != str(error):
            LOGGER.warning("! %s: %s", self.load_id, error)
        self._answered, self._told = True, str(error)
        self._note(connected=True, error=str(error))

    def _note(self, *, connected: bool, error: str) -> None:
        self.info = WorkerInfo(
            connected=connected, last_error=error, last_read_at=self.info.last_read_at
        )


async def _released(driver: Driver) -> bool:
    await driver.release()
    return True


def _keep_alive_s(driver: Driver) -> float:
    return min(KEEP_ALIVE_MAX_S, driver.capability.keeps_limit_s / KEEP_ALIVE_SHARE)


def next_poll(device_id: str, period_s: float, now: float) -> float:
    """The next moment after ``now`` at which a meter is read [protocol s].

    Each meter has its own grid in time, whenever its connection was made: ids spread the meters
    over the period, and a story that is played twice is read at the same moments.
    """
    offset_s = zlib.crc32(device_id.encode()) % 100 / 100 * period_s
    due = (math.floor((now - offset_s) / period_s) + 1) * period_s + offset_s
    return due if due > now else due + period_s  # the grid point itself, rounded down


class MeterWorker:
    """Owns one meter; the one at the connection point feeds the core."""

    def __init__(
        self,
        meter_id: str,
        role: str,
        open_meter: Callable[[], AbstractAsyncContextManager[Meter]],
        clock: Clock,
        submit: Callable[[Event], None],
        *,
        poll_s: float = 1.0,
    ) -> None:
        """Poll every ``poll_s`` [protocol s]; only ``role == "grid"`` submits events itself.

        A PV meter calls ``generated`` instead: its reading is one part of the sum.
        """
        self.meter_id = meter_id
        self.role = role
        self._open = open_meter
        self._clock = clock
        self._submit = submit
        self._poll_s = poll_s
        self.generated: Callable[[], None] = lambda: None
        self.reading: MeterReading | None = None
        self.read_at: float | None = None
        self.last_error = ""

    async def run(self) -> None:
        """Connect, poll, and connect again, for ever."""
        pause_s = RECONNECT_MIN_S
        while True:
            known_at = self.read_at
            try:
                async with self._open() as meter:
                    await self._serve(meter)
            except DriverError as error:
                if self.last_error != str(error):
                    LOGGER.info("x meter %s: %s", self.meter_id, error)
                self.last_error = str(error)
                if self.role == "grid":
                    self._submit(GridLost(why=str(error)))
            if self.read_at != known_at:  # a connection alone proves nothing
                pause_s = RECONNECT_MIN_S
            await self._clock.sleep_until(self._clock.monotonic() + pause_s)
            pause_s = min(2 * pause_s, RECONNECT_MAX_S)

    async def _serve(self, meter: Meter) -> None:
        missed = 0
        poll_at = self._clock.monotonic()
        while True:
            try:
                reading = await meter.read()
            except DriverError:
                missed += 1
                if missed >= MISSED_POLLS:
                    raise
            else:
                missed = 0
                self.last_error = ""
                self.reading, self.read_at = reading, self._clock.monotonic()
                if self.role == "grid":
                    self._submit(GridMeasured(power_w=reading.power_w, at=self.read_at))
                elif self.role == "pv":
                    self.generated()
            poll_at = next_poll(self.meter_id, self._poll_s, self._clock.monotonic())
            await self._clock.sleep_until(poll_at)
