"""One Modbus TCP endpoint (host:port): one connection, one request at a time, most urgent first.

The only importer of the pymodbus client. There is no queue task: who wants to ask takes a turn;
the turn passes to the most urgent waiter, so a limit goes out right after the request under way
and never waits behind a series of reads (device rules 2.1). Pacing is measured from the last
request sent. There is never more than one request at the device: after a cancelled one the next
waits for the late answer, which is dropped. After a time-out the connection is closed, so nothing
late can be mistaken for an answer.
"""

from __future__ import annotations

import asyncio
import heapq
import itertools
import logging
import struct
from dataclasses import dataclass
from enum import IntEnum
from functools import partial
from typing import TYPE_CHECKING, Final, cast

from pymodbus.client import AsyncModbusTcpClient
from pymodbus.exceptions import ModbusException

from drivers.api import RefusedError, UnreachableError
from drivers.modbus.names import HostName

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from pymodbus.pdu import ModbusPDU

    from drivers.api import Clock
    from drivers.modbus.mapfile import RegisterSpace, Transport

    _Request = Callable[[], Awaitable[ModbusPDU]]

LOGGER = logging.getLogger(__name__)

MAX_WAITING: Final = 64
BUSY_RETRIES: Final = 2
BUSY_PAUSE_S: Final = 0.2

ILLEGAL_FUNCTION: Final = 1
ILLEGAL_ADDRESS: Final = 2
ACKNOWLEDGE: Final = 5
BUSY: Final = 6
GATEWAY_CODES: Final = (10, 11)
MBAP_BYTES: Final = 6
_READ_CODES: Final[dict[str, int]] = {"coil": 1, "discrete": 2, "holding": 3, "input": 4}
_CODE_TEXT: Final = {
    ILLEGAL_FUNCTION: "illegal function (writing switched off?)",
    ILLEGAL_ADDRESS: "illegal address",
    3: "illegal value",
    4: "device failure",
    ACKNOWLEDGE: "accepted, but not finished",
    BUSY: "busy",
}


class Priority(IntEnum):
    """Lower goes first."""

    LIMIT = 0
    KEEP_ALIVE = 1
    STATUS = 2
    MEASUREMENT = 3


class ModbusRefusedError(RefusedError):
    """The device answered with a Modbus exception."""

    def __init__(self, message: str, exception_code: int) -> None:
        """``exception_code``: as sent by the device."""
        super().__init__(message)
        self.exception_code = exception_code


@dataclass(frozen=True, slots=True, kw_only=True)
class Pacing:
    """Times of an endpoint [s]: pauses run on the given clock, the answer time-out on the wall."""

    min_interval_s: float = 0.0
    connect_delay_s: float = 0.0
    timeout_s: float = 1.0

    @classmethod
    def of(cls, transport: Transport) -> Pacing:
        """As the device map says."""
        return cls(
            min_interval_s=transport.min_request_interval_ms / 1000,
            connect_delay_s=transport.connect_delay_ms / 1000,
            timeout_s=transport.timeout_ms / 1000,
        )


class ModbusLink:
    """Reads and writes of one endpoint. Every call raises only ``DriverError``."""

    def __init__(self, host: str, port: int, pacing: Pacing, clock: Clock) -> None:
        """Nothing is opened yet; must be made inside a running event loop."""
        self.endpoint = f"{host}:{port}"
        self._name = HostName(host)
        self._port = port
        self._pacing = pacing
        self._clock = clock
        # retries=0 and reconnect_delay=0: the caller decides what happens next, not the library
        self._client = AsyncModbusTcpClient(
            host,
            port=port,
            timeout=pacing.timeout_s,
            retries=0,
            reconnect_delay=0,
            trace_packet=self._on_packet,
            trace_connect=self._on_connect,
        )
        framer = self._client.ctx.framer
        self._take_frame = framer.handleFrame
        framer.handleFrame = self._on_frame  # type: ignore[method-assign]  # it raises into the loop
        self._open: bytes | None = None
        self._drained: asyncio.Future[None] | None = None
        self._busy = False
        self._waiting: list[tuple[int, int, asyncio.Future[None]]] = []
        self._order = itertools.count()
        self._ready_at = clock.monotonic()

    @property
    def connected(self) -> bool:
        return self._client.connected

    async def open(self) -> None:
        """Connect now.

        Raises:
            UnreachableError: nobody listens there.
        """
        if self._busy:
            await self._wait((Priority.LIMIT, next(self._order)))
        self._busy = True
        try:
            await self._connect()
        finally:
            self._pass_on()

    def close(self) -> None:
        self._client.close()

    async def read(
        self, unit: int, space: RegisterSpace, address: int, count: int, priority: Priority
    ) -> list[int]:
        """``count`` words (or coils as 0 and 1) from ``address``.

        Raises:
            UnreachableError: no connection, no answer in time.
            ModbusRefusedError: the device answered with an exception.
        """
        request = partial(self._read_request, unit, space, address, count)
        response = await self._turn(priority, request)
        if response.isError():
            response = await self._unless_busy(response, priority, request)
        self._check(response, _READ_CODES[space], f"reading {space} {address}")
        if space in ("coil", "discrete"):
            words = [int(bit) for bit in response.bits[:count]]
        else:
            words = list(response.registers)
        if len(words) != count:
            raise UnreachableError(
                f"{self.endpoint}: {len(words)} registers from {space} {address}, not {count}"
            )
        return words

    async def write(
        self, unit: int, function_code: int, address: int, words: list[int], priority: Priority
    ) -> None:
        """Write ``words`` with function 5, 6, 15 or 16.

        Raises:
            UnreachableError: no connection, no answer in time.
            ModbusRefusedError: the device answered with an exception.
        """
        request = partial(self._write_request, unit, function_code, address, words)
        response = await self._turn(priority, request)
        if response.isError():
            response = await self._unless_busy(response, priority, request)
        self._check(response, function_code, f"writing {address}")
        if response.address != address:
            self._distrust()
            raise UnreachableError(f"{self.endpoint}: answer for {response.address}, not {address}")

    def _read_request(
        self, unit: int, space: RegisterSpace, address: int, count: int
    ) -> Awaitable[ModbusPDU]:
        match space:
            case "holding":
                return self._client.read_holding_registers(address, count=count, device_id=unit)
            case "input":
                return self._client.read_input_registers(address, count=count, device_id=unit)
            case "coil":
                return self._client.read_coils(address, count=count, device_id=unit)
            case "discrete":
                return self._client.read_discrete_inputs(address, count=count, device_id=unit)

    def _write_request(
        self, unit: int, function_code: int, address: int, words: list[int]
    ) -> Awaitable[ModbusPDU]:
        match function_code:
            case 5:
                return self._client.write_coil(address, bool(words[0]), device_id=unit)
            case 6:
                return self._client.write_register(address, words[0], device_id=unit)
            case 15:
                return self._client.write_coils(address, [bool(w) for w in words], device_id=unit)
            case _:
                return self._client.write_registers(address, words, device_id=unit)

    async def _unless_busy(
        self, response: ModbusPDU, priority: Priority, request: _Request
    ) -> ModbusPDU:
        """The answer; a busy device is asked again."""
        for _ in range(BUSY_RETRIES):
            if not (response.isError() and _code(response) == BUSY):
                break
            await self._clock.sleep_until(self._clock.monotonic() + BUSY_PAUSE_S)
            response = await self._turn(priority, request)
        return response

    async def _turn(self, priority: Priority, request: _Request) -> ModbusPDU:
        order = next(self._order)
        while True:
            key = (int(priority), order)
            if self._busy:
                await self._wait(key)
            self._busy = True
            try:
                if self._clock.monotonic() < self._ready_at:
                    await self._clock.sleep_until(self._ready_at)
                    if self._waiting and self._waiting[0][:2] < key:
                        continue  # somebody more urgent came while we paused
                if self._open is not None:
                    await self._drain()
                if not self._client.connected:
                    await self._connect()
                self._ready_at = self._clock.monotonic() + self._pacing.min_interval_s
                return await request()
            except ModbusException as error:
                self._distrust()
                raise UnreachableError(f"{self.endpoint}: {error}") from error
            finally:
                self._pass_on()

    def _on_packet(self, sending: bool, data: bytes) -> bytes:  # noqa: FBT001 - the library calls it so
        """Remember which transaction is open, and see its answer even when nobody waits for it."""
        if sending:
            self._open = data[:2]
        elif data[:2] == self._open and len(data) >= MBAP_BYTES + int.from_bytes(data[4:6], "big"):
            self._settled()
        return data

    def _on_frame(self, data: bytes, exp_devid: int, exp_tid: int) -> tuple[int, ModbusPDU | None]:
        """Take a frame apart; one that cannot be read ends the connection, not in a traceback."""
        try:
            return self._take_frame(data, exp_devid, exp_tid)
        except (ModbusException, ValueError, IndexError, struct.error) as error:
            LOGGER.debug("! %s: unreadable frame %s: %s", self.endpoint, data[:32].hex(), error)
            self._distrust()
            return len(data), None

    def _on_connect(self, connected: bool) -> None:  # noqa: FBT001 - the library calls it so
        if not connected:
            self._settled()

    def _settled(self) -> None:
        self._open = None
        if self._drained is not None and not self._drained.done():
            self._drained.set_result(None)

    async def _drain(self) -> None:
        """Wait for the answer to a cancelled request, as long as an answer may take."""
        self._drained = asyncio.get_running_loop().create_future()
        try:
            # wait_for of Python 3.11 may swallow a cancellation
            async with asyncio.timeout(self._pacing.timeout_s):
                await self._drained
        except TimeoutError:
            self._distrust()
        finally:
            self._drained = None

    def _distrust(self) -> None:
        """Close the connection: what still comes on it belongs to nothing."""
        self._client.close()
        self._open = None

    async def _connect(self) -> None:
        if self._client.connected:
            return
        for address in await self._name.addresses(self._pacing.timeout_s):
            if await self._reaches(address):
                break
        else:
            self._client.close()
            raise UnreachableError(f"{self.endpoint}: nobody answers there")
        if self._pacing.connect_delay_s:
            await self._clock.sleep_until(self._clock.monotonic() + self._pacing.connect_delay_s)

    async def _reaches(self, address: str) -> bool:
        self._client.ctx.init_setup_connect_listen(address, self._port)
        try:
            return await self._client.connect()
        except (ModbusException, OSError, ValueError) as error:
            raise UnreachableError(f"{self.endpoint}: {error}") from error

    async def _wait(self, key: tuple[int, int]) -> None:
        """Until the turn is ours."""
        if len(self._waiting) >= MAX_WAITING:
            raise UnreachableError(f"{self.endpoint}: {MAX_WAITING} requests are waiting already")
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        heapq.heappush(self._waiting, (*key, future))
        try:
            await future
        except asyncio.CancelledError:
            if future.done() and not future.cancelled():
                self._pass_on()  # the turn had just been given to us
            raise

    def _pass_on(self) -> None:
        while self._waiting:
            future = heapq.heappop(self._waiting)[2]
            if not future.done():
                future.set_result(None)
                return
        self._busy = False

    def _check(self, response: ModbusPDU, function_code: int, doing: str) -> None:
        if not response.isError():
            if response.function_code != function_code:
                self._distrust()
                raise UnreachableError(
                    f"{self.endpoint}: {doing}: answer to function {response.function_code}"
                )
            return
        code = _code(response)
        text = f"{self.endpoint}: {doing}: exception {code}, {_CODE_TEXT.get(code, 'unknown')}"
        if code in GATEWAY_CODES:
            raise UnreachableError(text)
        raise ModbusRefusedError(text, code)


def _code(response: ModbusPDU) -> int:
    return int(cast("int", getattr(response, "exception_code", 0)))
