"""A simulated device on the wire: one Modbus TCP server per unit, with answers that take time.

What a device needs to think, 5 to 30 ms, is its own and passes in protocol time; TCP is real, and
so are the three seconds of a slow one, which have to outlast a real time-out.
"""

from __future__ import annotations

import logging
from random import Random
from typing import TYPE_CHECKING, Any, Final, Protocol

from pymodbus.constants import ExcCodes
from pymodbus.server import ModbusTcpServer
from pymodbus.simulator import DataType, SimData, SimDevice

from eebus.node.clock import SystemClock
from ems.sim.bank import BITS, RefusedWordsError
from ems.sim.faults import Fault

if TYPE_CHECKING:
    from collections.abc import Callable

    from ems.sim.setup import Endpoint

ANSWER_MIN_S: Final = 0.005
ANSWER_MAX_S: Final = 0.030
SLOW_ANSWER_S: Final = 3.0
BITS_PER_WORD: Final = 16

READ_SPACES: Final = {1: "coil", 2: "discrete", 3: "holding", 4: "input"}
WRITE_SPACES: Final = {5: "coil", 6: "holding", 15: "coil", 16: "holding"}
SPACE_ORDER: Final = ("coil", "discrete", "holding", "input")
EXCEPTIONS: Final = {"address": ExcCodes.ILLEGAL_ADDRESS, "value": ExcCodes.ILLEGAL_VALUE}


class Site(Protocol):
    """The part of the site that a server needs."""

    def refresh(self, name: str) -> float:
        """Bring plant and registers of a device up to date; the protocol time of that."""
        ...


class DeviceServer:
    """Serves the registers of one unit; ``fault`` may be switched at any time."""

    def __init__(
        self, name: str, endpoint: Endpoint, site: Site, random: Random, *, speed: float = 1.0
    ) -> None:
        self.name = name
        self._speed = speed
        self.endpoint = endpoint
        self.fault = Fault.NONE
        self.port = endpoint.port
        self._site = site
        self._random = random
        self._real = SystemClock()
        self._server: ModbusTcpServer | None = None
        # a client that goes in the middle of an answer is a matter of course, not a page of dumps
        logging.getLogger("pymodbus.logging").setLevel(logging.CRITICAL)

    async def start(self) -> None:
        """Listen; with port 0 ``port`` tells the one that was given.

        Raises:
            OSError: the port is taken.
        """
        device = SimDevice(id=self.endpoint.unit_id, simdata=self._layout(), action=self._act)
        server = ModbusTcpServer(device, address=(self.endpoint.host, self.port))
        try:
            await server.serve_forever(background=True)
        except RuntimeError as error:
            raise OSError(f"{self.name}: port {self.port} is taken") from error
        self._server = server
        listener: Any = server.transport  # a server here, which the stubs call a transport
        self.port = int(listener.sockets[0].getsockname()[1])

    async def stop(self) -> None:
        """Hang up on every client and stop listening."""
        server, self._server = self._server, None
        if server is not None:
            await server.shutdown()  # type: ignore[no-untyped-call]  # pymodbus leaves it bare

    async def switch(self, fault: Fault) -> None:
        """Begin or end a fault."""
        was, self.fault = self.fault, fault
        self.endpoint.unit.ignores = fault is Fault.IGNORE_SETPOINT
        if fault is Fault.OFFLINE:
            await self.stop()
        elif was is Fault.OFFLINE:
            await self.start()

    def _layout(self) -> tuple[list[SimData], list[SimData], list[SimData], list[SimData]]:
        """One block per register space that covers every point; the bank decides what is legal."""
        spans = self.endpoint.unit.bank.spans()
        blocks = [_block(space, spans.get(space, (0, 0))) for space in SPACE_ORDER]
        return blocks[0], blocks[1], blocks[2], blocks[3]

    async def _act(
        self,
        function_code: int,
        start_address: int,
        address: int,
        count: int,
        current_registers: list[int],
        set_values: list[int] | list[bool] | None,
    ) -> ExcCodes | None:
        """Answer one request: refuse it, take the values, or show the present ones."""
        if set_values is None and function_code in WRITE_SPACES:
            return None  # the echo of a write that was just handled
        await self._think()
        unit = self.endpoint.unit
        now = self._site.refresh(self.name)
        unit.heard(now, wrote=set_values is not None)
        try:
            if set_values is not None:
                space = WRITE_SPACES[function_code]
                unit.written(unit.bank.write(space, address, [int(v) for v in set_values]), now)
            else:
                offset = address - start_address
                self._show(READ_SPACES[function_code], (address, count, offset), current_registers)
        except RefusedWordsError as refusal:
            return EXCEPTIONS[refusal.why]
        return None

    def _show(self, space: str, place: tuple[int, int, int], out: list[int]) -> None:
        address, count, offset = place
        if space in BITS:
            self._show_bits(space, address, count, out)
            return
        words = self.endpoint.unit.bank.read(space, address, count)
        if self.fault is Fault.GARBAGE:
            words = [
                self._random.choice((0xFFFF, 0x7FC0, self._random.getrandbits(16))) for _ in words
            ]
        out[offset : offset + count] = words

    def _show_bits(self, space: str, address: int, words: int, out: list[int]) -> None:
        """Bits travel sixteen to a word; ``words`` of them are asked for."""
        bank = self.endpoint.unit.bank
        first = address // BITS_PER_WORD * BITS_PER_WORD
        low = bank.spans().get(space, (0, 0))[0] // BITS_PER_WORD
        for index in range(words):
            word = 0
            for bit in range(BITS_PER_WORD):
                word |= _bit(bank.read, space, first + index * BITS_PER_WORD + bit) << bit
            out[first // BITS_PER_WORD - low + index] = word

    async def _think(self) -> None:
        delay_s = self._random.uniform(ANSWER_MIN_S, ANSWER_MAX_S) / self._speed
        if self.fault is Fault.SLOW:
            delay_s = SLOW_ANSWER_S
        await self._real.sleep_until(self._real.monotonic() + delay_s)


def _bit(read: Callable[[str, int, int], list[int]], space: str, address: int) -> int:
    try:
        return read(space, address, 1)[0] & 1
    except RefusedWordsError:
        return 0


def _block(space: str, span: tuple[int, int]) -> list[SimData]:
    low, high = span
    if space in BITS:
        first = low // BITS_PER_WORD * BITS_PER_WORD
        bits = (high // BITS_PER_WORD + 1) * BITS_PER_WORD - first
        return [SimData(first, values=[False] * bits, datatype=DataType.BITS)]
    return [SimData(low, values=[0] * (high - low + 1), datatype=DataType.REGISTERS)]
