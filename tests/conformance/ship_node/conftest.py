"""The device under test: a node on loopback whose protocol clock only moves when told."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from eebus.ship.ski import Ski
from tests.kit.clock import FakeClock
from tests.kit.node import Bench, identity_of, make_bench, running
from tests.kit.peer_certificates import Made, make_peer
from tests.kit.ship_tool import ShipTool, ToolLink

Start = Callable[..., contextlib.AbstractAsyncContextManager["Dut"]]


class Dut:
    def __init__(self, bench: Bench, made: Made) -> None:
        self.bench = bench
        self.made = made
        self.node = bench.node
        self.actors = bench.actors

    @property
    def port(self) -> int:
        return self.node.port

    def pass_time(self, seconds: float) -> None:
        self.bench.clock.advance(seconds)

    async def dials(self, tool: ShipTool, port: int) -> None:
        await self.node.add(Ski(tool.ski), "127.0.0.1", port)

    async def linked(self, tool: ShipTool) -> None:
        await self.bench.link_up(tool.ski)


@contextlib.asynccontextmanager
async def dialling(dut: Dut, tool: ShipTool) -> AsyncIterator[ToolLink]:
    """The DUT dials the tool; gives the tool's end."""
    async with tool.listen(dut.made) as (port, links):
        await dut.dials(tool, port)
        yield await links.get()


@pytest.fixture
def start(tmp_path: Path) -> Start:
    @contextlib.asynccontextmanager
    async def dut(
        *, trusts: ShipTool | None = None, made: Made | None = None
    ) -> AsyncIterator[Dut]:
        made = made or make_peer()
        bench = make_bench(tmp_path, identity=identity_of(made, "EMS-DUT"), clock=FakeClock())
        async with running(bench):
            if trusts is not None:
                await bench.node.add(Ski(trusts.ski))
            yield Dut(bench, made)

    return dut
