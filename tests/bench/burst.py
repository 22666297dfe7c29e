"""A bare burst of pymodbus writes, the yardstick of everything that goes to wallboxes."""

from __future__ import annotations

import asyncio
import gc
import time
from typing import Self

from pymodbus.client import AsyncModbusTcpClient

from tests.bench.garage import BARE, Garage


class BareBurst:
    """One client per wallbox, connected once; the collector leaves alone what stands before."""

    def __init__(self, garage: Garage) -> None:
        self._garage = garage
        self._runner = asyncio.Runner()
        self._clients: list[AsyncModbusTcpClient] = []

    def __enter__(self) -> Self:
        async def connect() -> None:
            for port in self._garage.ports:
                client = AsyncModbusTcpClient("127.0.0.1", port=port, timeout=3.0, retries=0)
                await client.connect()
                self._clients.append(client)

        self._runner.run(connect())
        gc.collect()
        gc.freeze()
        return self

    def write(self, value: int) -> float:
        """Seconds from the call to the arrival of the last write."""

        async def write() -> float:
            words = [0, value]
            began = time.monotonic()
            await asyncio.gather(
                *(client.write_registers(BARE, words, device_id=1) for client in self._clients)
            )
            return began

        began = self._runner.run(write())
        assert list(self._garage.bare) == [value] * len(self._clients)
        return float(max(self._garage.bare_at)) - began

    def __exit__(self, *_: object) -> None:
        for client in self._clients:
            client.close()
        self._runner.close()
        gc.unfreeze()
