"""Wallboxes of the map ``warp`` in a process of their own that note when a register changed.

A box that charges at what it is allowed: status C, power and currents follow the last limit at
once. The times are CLOCK_MONOTONIC, which all processes of a machine share.
"""

from __future__ import annotations

import asyncio
import multiprocessing
import struct
import time
from collections.abc import Callable
from ctypes import c_double, c_int
from types import TracebackType
from typing import Any, Self

from typing_extensions import override

MAP = "warp"
LIMIT = 1002  # holding register of the current limit, two words, mA
BARE = 9000  # where the bare burst writes, so that the service does not see it
VOLTAGE_V = 230.0
WRITES = (6, 16)
COILS = (1, 2)


class Garage:
    """``count`` wallboxes on free ports of 127.0.0.1."""

    def __init__(self, count: int) -> None:
        context = multiprocessing.get_context("spawn")
        self.ports: Any = context.Array(c_int, count, lock=False)
        self.limits_ma: Any = context.Array(c_int, count, lock=False)
        self.limit_at: Any = context.Array(c_double, count, lock=False)
        self.bare: Any = context.Array(c_int, count, lock=False)
        self.bare_at: Any = context.Array(c_double, count, lock=False)
        shared = (self.ports, self.limits_ma, self.limit_at, self.bare, self.bare_at)
        self._process = context.Process(target=serve, args=shared, daemon=True)

    def __enter__(self) -> Self:
        self._process.start()
        wait_until(lambda: all(self.ports), "the wallboxes start")
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._process.kill()
        self._process.join()


def wait_until(true: Callable[[], bool], what: str, timeout_s: float = 30.0) -> None:
    """Look every half millisecond.

    Raises:
        TimeoutError: it did not come true.
    """
    until = time.monotonic() + timeout_s
    while not true():
        if time.monotonic() > until:
            raise TimeoutError(f"{what}: not within {timeout_s} s")
        time.sleep(0.0005)


def serve(ports: Any, limits_ma: Any, limit_at: Any, bare: Any, bare_at: Any) -> None:
    """Open one server per place of ``ports`` and stay until killed."""

    def noting(place: int) -> Callable[[], Wallbox]:
        def note(address: int, value: int, at: float) -> None:
            values, times = (limits_ma, limit_at) if address == LIMIT else (bare, bare_at)
            if values[place] != value:
                values[place], times[place] = value, at

        registers: dict[int, int] = {}
        return lambda: Wallbox(registers, note)

    async def main() -> None:
        loop = asyncio.get_running_loop()
        for place in range(len(ports)):
            server = await loop.create_server(noting(place), "127.0.0.1", 0)
            ports[place] = server.sockets[0].getsockname()[1]
        await asyncio.Event().wait()

    asyncio.run(main())


class Wallbox(asyncio.Protocol):
    """One connection to a box with the memory ``registers``."""

    def __init__(self, registers: dict[int, int], note: Callable[[int, int, float], None]) -> None:
        self._registers = registers
        self._note = note
        self._held = b""

    @override
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    @override
    def data_received(self, data: bytes) -> None:
        arrived = time.monotonic()
        self._held += data
        while len(self._held) >= 6:
            length = 6 + int.from_bytes(self._held[4:6])
            if len(self._held) < length:
                return
            frame, self._held = self._held[:length], self._held[length:]
            body = self._answer(frame[7], frame[8:], arrived)
            head = frame[:4] + struct.pack(">H", len(body) + 1) + frame[6:7]
            self._transport.write(head + body)

    def _answer(self, code: int, body: bytes, arrived: float) -> bytes:
        address, count = int.from_bytes(body[:2]), int.from_bytes(body[2:4])
        if code == 16:
            words = struct.unpack(f">{count}H", body[5 : 5 + 2 * count])
            self._registers.update(zip(range(address, address + count), words, strict=True))
            if address in (LIMIT, BARE):
                self._note(address, (words[0] << 16) + words[1], arrived)
        elif code in COILS:
            size = (count + 7) // 8
            return bytes([code, size]) + b"\xff" * size
        elif code not in (5, *WRITES):
            held = {**self._registers, **(self._drawn() if code == 4 else {})}
            words = tuple(held.get(place, 0) for place in range(address, address + count))
            return bytes([code, 2 * count]) + struct.pack(f">{count}H", *words)
        return bytes((code,)) + body[:4]

    def _drawn(self) -> dict[int, int]:
        """Input registers of a car that takes what it may."""
        limit_ma = self._registers.get(LIMIT + 1, 0)
        current_a = limit_ma / 1000
        found = {1001: 2, 1003: 3, 1011: limit_ma, 3101: 3}
        floats = {2002: 3 * VOLTAGE_V * current_a}
        floats |= dict.fromkeys((2100, 2102, 2104), VOLTAGE_V)
        floats |= dict.fromkeys((2106, 2108, 2110), current_a)
        for address, value in floats.items():
            found[address], found[address + 1] = struct.unpack(">HH", struct.pack(">f", value))
        return found
