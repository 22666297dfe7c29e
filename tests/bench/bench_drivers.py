"""Set-points at the drivers → register write at the last of n wallboxes, beside a bare burst.

The share of the drivers alone: connections stand, nothing decides. Rounds of both alternate in one
process, so that both see the same machine.
"""

from __future__ import annotations

import asyncio
import time
from contextlib import AsyncExitStack
from pathlib import Path

from drivers.api import Driver, Setpoint
from drivers.registry import LoadConfig, open_load
from eebus.node.clock import SystemClock
from tests.bench.burst import BareBurst
from tests.bench.figures import Figure, ratio, spread
from tests.bench.garage import MAP, Garage
from tests.bench.service import RATED_W

NAME = "drivers"
SIZES = (1, 16, 64)
WARM_UP = 10
HIGHEST_MA = 15_900


def measure(folder: Path, *, quick: bool) -> list[Figure]:
    figures = []
    for size in SIZES:
        ours, bare = _rounds(size, 40 if quick else 300)
        to_last = spread(NAME, f"set-points → register write at last of {size}", ours)
        burst = spread(NAME, f"bare burst of {size} pymodbus writes", bare)
        figures += [to_last, burst, ratio(f"last of {size} / bare", to_last, burst)]
    return figures


def _rounds(size: int, rounds: int) -> tuple[list[float], list[float]]:
    ours, bare = [], []
    with Garage(size) as garage, asyncio.Runner() as runner:
        stack = AsyncExitStack()
        drivers = [runner.run(_opened(stack, number, garage)) for number in range(size)]
        with BareBurst(garage) as burst:
            for number in range(rounds + WARM_UP):
                current_ma = HIGHEST_MA - 10 * number
                taken = runner.run(_limit(drivers, current_ma))
                assert list(garage.limits_ma) == [current_ma] * size
                if number >= WARM_UP:
                    ours.append(max(garage.limit_at) - taken)
                    bare.append(burst.write(number + 1))
        runner.run(stack.aclose())
    return ours, bare


async def _opened(stack: AsyncExitStack, number: int, garage: Garage) -> Driver:
    config = LoadConfig.model_validate(
        {
            "id": f"cp{number}",
            "kind": "wallbox",
            "device": MAP,
            "host": "127.0.0.1",
            "port": garage.ports[number],
            "rated_w": RATED_W,
        }
    )
    return await stack.enter_async_context(open_load(config, SystemClock()))


async def _limit(drivers: list[Driver], current_ma: int) -> float:
    """When the set-points were handed out [CLOCK_MONOTONIC s]; returns after every answer."""
    setpoint = Setpoint(power_w=current_ma * 69 // 100, current_ma=current_ma)
    began = time.monotonic()
    await asyncio.gather(*(driver.limit(setpoint) for driver in drivers))
    return began
