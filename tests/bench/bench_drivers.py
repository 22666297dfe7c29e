"""One limit to n wallboxes at once, beside a bare burst of as many pymodbus writes in the same run.

The wallboxes are TCP servers in another process that note on CLOCK_MONOTONIC when a register
write arrived. Both ways write the same two registers over connections that are open already;
rounds of both alternate, so that both see the same machine.

Run: ``python -m tests.bench.bench_drivers [rounds]``; prints one JSON document, times in
milliseconds.
"""

from __future__ import annotations

import asyncio
import gc
import json
import multiprocessing
import os
import statistics
import struct
import sys
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AsyncExitStack
from ctypes import c_double, c_int
from typing import Any

from pymodbus.client import AsyncModbusTcpClient

from drivers.api import Driver, Setpoint
from drivers.registry import LoadConfig, open_load
from eebus.node.clock import SystemClock

SIZES = (1, 16, 64)
ROUNDS = 200
MAP = "warp"
ADDRESS = 1002
Burst = Callable[[int], Awaitable[None]]


class Wallbox(asyncio.Protocol):
    """Answers every request; a write leaves its time of arrival behind."""

    def __init__(self, latest: Any, writes: Any) -> None:
        self._latest = latest
        self._writes = writes

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        arrived = time.monotonic()
        transaction, unit, code = data[:2], data[6:7], data[7]
        if code in (5, 6, 16):
            self._latest.value = max(self._latest.value, arrived)
            self._writes.value += 1
            body = data[7:12]
        else:
            (count,) = struct.unpack(">H", data[10:12])
            body = bytes([code, 2 * count]) + bytes(2 * count)
        self._transport.write(
            transaction + b"\0\0" + struct.pack(">H", len(body) + 1) + unit + body
        )


def serve(ports: Any, latest: Any, writes: Any) -> None:
    """Open as many wallboxes as ``ports`` has room for, and stay until killed."""

    async def main() -> None:
        loop = asyncio.get_running_loop()
        for place in range(len(ports)):
            server = await loop.create_server(lambda: Wallbox(latest, writes), "127.0.0.1", 0)
            ports[place] = server.sockets[0].getsockname()[1]
        await asyncio.Event().wait()

    asyncio.run(main())


def setpoint_of(number: int) -> Setpoint:
    """A different cap each round, so that nothing can be skipped as unchanged."""
    current_ma = 6_000 + number % 10_000
    return Setpoint(power_w=current_ma * 69 // 100, current_ma=current_ma)


async def through_drivers(ports: Sequence[int], stack: AsyncExitStack) -> Burst:
    """``Driver.limit`` on every wallbox."""
    clock = SystemClock()
    drivers: list[Driver] = []
    for number, port in enumerate(ports):
        config = LoadConfig.model_validate(
            {
                "id": f"cp{number}",
                "kind": "wallbox",
                "device": MAP,
                "host": "127.0.0.1",
                "port": port,
                "rated_w": 11_000,
            }
        )
        drivers.append(await stack.enter_async_context(open_load(config, clock)))

    async def burst(number: int) -> None:
        setpoint = setpoint_of(number)
        await asyncio.gather(*(driver.limit(setpoint) for driver in drivers))

    return burst


async def bare(ports: Sequence[int], stack: AsyncExitStack) -> Burst:
    """``write_registers`` on as many clients, and nothing else."""
    clients = [
        AsyncModbusTcpClient("127.0.0.1", port=port, timeout=1.0, retries=0) for port in ports
    ]
    for client in clients:
        await client.connect()
        stack.callback(client.close)

    async def burst(number: int) -> None:
        words = [0, 6_000 + number % 10_000]
        await asyncio.gather(
            *(client.write_registers(ADDRESS, words, device_id=1) for client in clients)
        )

    return burst


async def compare(ports: Sequence[int], latest: Any, writes: Any, rounds: int) -> dict[str, Any]:
    """Both ways in turn; from the call to the arrival of the last write, and to its answer."""
    times: dict[str, dict[str, list[float]]] = {}
    async with AsyncExitStack() as stack:
        ways = {"driver": await through_drivers(ports, stack), "bare": await bare(ports, stack)}
        gc.collect()
        gc.freeze()  # as a service does once after its start: maps and models live for ever
        for number in range(rounds + 10):
            for name, burst in ways.items():
                writes.value = 0
                latest.value = 0.0
                begin = time.monotonic()
                await burst(number)
                answered = time.monotonic()
                if number < 10:
                    continue  # the first ones fill caches and resume after the unknown state
                assert writes.value == len(ports), f"{writes.value} of {len(ports)} writes arrived"
                found = times.setdefault(name, {"arrived": [], "answered": []})
                found["arrived"].append((latest.value - begin) * 1_000)
                found["answered"].append((answered - begin) * 1_000)
    return summary(times)


def summary(times: dict[str, dict[str, list[float]]]) -> dict[str, Any]:
    """p50 and p99 [ms] of both, and their ratios."""
    result: dict[str, Any] = {}
    for name, found in times.items():
        for what, values in found.items():
            cuts = statistics.quantiles(values, n=100)
            result[f"{name}_{what}"] = {"p50_ms": round(cuts[49], 3), "p99_ms": round(cuts[98], 3)}
    for what in ("arrived", "answered"):
        result[f"ratio_{what}"] = {
            key: round(
                result[f"driver_{what}"][f"{key}_ms"] / result[f"bare_{what}"][f"{key}_ms"], 2
            )
            for key in ("p50", "p99")
        }
    return result


def measure(rounds: int = ROUNDS) -> dict[str, Any]:
    """Figures per number of wallboxes."""
    context = multiprocessing.get_context("spawn")
    ports = context.Array(c_int, max(SIZES), lock=False)
    latest, writes = context.Value(c_double, 0.0, lock=False), context.Value(c_int, 0, lock=False)
    server = context.Process(target=serve, args=(ports, latest, writes), daemon=True)
    server.start()
    try:
        until = time.monotonic() + 30
        while not ports[max(SIZES) - 1]:
            assert time.monotonic() < until, "the wallboxes did not start"
            time.sleep(0.01)
        return {
            str(size): asyncio.run(compare(list(ports)[:size], latest, writes, rounds))
            for size in SIZES
        }
    finally:
        server.terminate()
        server.join()


def main() -> None:
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else ROUNDS
    print(
        json.dumps({"bench": "drivers", "cpus": os.cpu_count(), "sizes": measure(rounds)}, indent=2)
    )


if __name__ == "__main__":
    main()
