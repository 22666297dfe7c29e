"""How fast a link comes up and a limit is answered, over real TLS on loopback; prints JSON.

    .venv/bin/python -m tests.bench.bench_node [--links 30] [--limits 300]

Each end runs in a process of its own: the energy guard dials, the controllable system answers.
Times are wall time at the guard [ms].
"""

from __future__ import annotations

import argparse
import asyncio
import json
import multiprocessing
import sys
import tempfile
import time
from datetime import UTC, datetime
from decimal import Decimal
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from eebus.node.clock import SystemClock
from eebus.node.config import NodeConfig
from eebus.node.dialer import Target
from eebus.node.identity_store import Identity, IdentityProfile, open_or_create
from eebus.node.node import Node
from eebus.node.trust_store import TrustStore
from eebus.ship.ski import Ski
from eebus.spine.specs import DeviceInfo
from eebus.usecases.build import Actors, build_device
from eebus.usecases.lpc.client import EnergyGuard
from eebus.usecases.lpc.config import LpcServerConfig
from eebus.usecases.lpc.events import CsFound, FailsafeRead, LimitAnswered
from eebus.usecases.lpc.requests import Limit
from eebus.usecases.lpc.server import LpcServer

LOOPBACK = "127.0.0.1"


def make_node(folder: Path, use_case: Any, deliver: Any) -> tuple[Node[Actors], Identity]:
    clock = SystemClock()
    identity = open_or_create(folder / "identity", IdentityProfile(), datetime.now(UTC))
    info = DeviceInfo(address=f"d:_n:BENCH_{identity.serial}", brand="BENCH", model="bench")
    actors = Actors(build_device(info, [use_case], clock.monotonic()), [use_case])
    node = Node(
        config=NodeConfig(port=0, interfaces=(LOOPBACK,), mdns=False, is_server_only=True),
        identity=identity,
        actors=actors,
        trust=TrustStore(folder),
        clock=clock,
        deliver=deliver,
    )
    return node, identity


def serve(pipe: Connection, folder: str) -> None:
    """The controllable system: tells port and SKI, trusts what it is told, runs until asked."""

    async def work() -> None:
        async def deliver(_event: object) -> None:
            return

        clock = SystemClock()
        config = LpcServerConfig(failsafe_w=Decimal(4200))
        server = LpcServer(config, clock.monotonic(), utcnow=clock.utcnow)
        node, identity = make_node(Path(folder), server, deliver)
        running = asyncio.ensure_future(node.run())
        await node.ready.wait()
        await node.add(Ski(await asyncio.to_thread(pipe.recv)))
        pipe.send((node.port, identity.ski))
        await asyncio.to_thread(pipe.recv)
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)

    asyncio.run(work())


class Guard:
    """The dialling end; waits for events of its use case."""

    def __init__(self, folder: Path) -> None:
        self.clock = SystemClock()
        self.use_case = EnergyGuard(utcnow=self.clock.utcnow)
        self.arrived: asyncio.Queue[tuple[float, object]] = asyncio.Queue()
        self.node, self.identity = make_node(folder, self.use_case, self.deliver)

    async def deliver(self, event: object) -> None:
        self.arrived.put_nowait((time.perf_counter(), event))

    async def wait_for(self, kind: type) -> tuple[float, Any]:
        async with asyncio.timeout(10):
            while True:
                at, event = await self.arrived.get()
                if isinstance(event, kind):
                    return at, event

    async def measure_links(self, ski: Ski, port: int, count: int) -> dict[str, list[float]]:
        from eebus.node.events import PeerConnected

        data, values = [], []
        for _ in range(count):
            while not self.arrived.empty():
                self.arrived.get_nowait()
            began = time.perf_counter()
            link = asyncio.ensure_future(
                self.node._sessions.dial(ski, Target(LOOPBACK, port, "/ship/"))
            )
            data.append((await self.wait_for(PeerConnected))[0] - began)
            values.append((await self.wait_for(FailsafeRead))[0] - began)
            await self.node._hub.call(lambda _actors, _now: self.node._book.close_peer(ski, "next"))
            await link
        return {"dial_to_data": data, "dial_to_lpc_values": values}

    async def measure_limits(self, ski: Ski, port: int, count: int) -> list[float]:
        self.link = asyncio.ensure_future(
            self.node._sessions.dial(ski, Target(LOOPBACK, port, "/ship/"))
        )
        await self.wait_for(CsFound)
        await self.wait_for(LimitAnswered)
        took = []
        for number in range(count):
            limit = Limit(active=True, value_w=Decimal(4200 + number), duration_s=None)
            began = time.perf_counter()
            await self.node.call(
                lambda _actors, now, limit=limit: self.use_case.set_limit(ski, limit, now)
            )
            at, event = await self.wait_for(LimitAnswered)
            assert event.error_number == 0, event
            took.append(at - began)
        return took


async def measure(folder: Path, pipe: Connection, links: int, limits: int) -> dict[str, Any]:
    guard = Guard(folder)
    running = asyncio.ensure_future(guard.node.run())
    await guard.node.ready.wait()
    pipe.send(guard.identity.ski)
    if not await asyncio.to_thread(pipe.poll, 20):
        raise TimeoutError("the other end does not start")
    port, ski = pipe.recv()
    await guard.node.add(ski)
    results = await guard.measure_links(ski, port, links)
    results["limit_to_result"] = await guard.measure_limits(ski, port, limits)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    return {name: summary(values) for name, values in results.items()}


def summary(seconds: list[float]) -> dict[str, float]:
    """p50, p99 and maximum [ms]."""
    ordered = sorted(seconds)
    return {
        "n": len(ordered),
        "p50_ms": round(ordered[len(ordered) // 2] * 1000, 2),
        "p99_ms": round(ordered[min(len(ordered) - 1, int(len(ordered) * 0.99))] * 1000, 2),
        "max_ms": round(ordered[-1] * 1000, 2),
    }


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--links", type=int, default=30)
    parser.add_argument("--limits", type=int, default=300)
    arguments = parser.parse_args()
    context = multiprocessing.get_context("spawn")
    near, far = context.Pipe()
    with tempfile.TemporaryDirectory() as folder:
        process = context.Process(target=serve, args=(far, f"{folder}/system"))
        process.start()
        try:
            guard_folder = Path(folder) / "guard"
            result = asyncio.run(measure(guard_folder, near, arguments.links, arguments.limits))
            near.send(None)
            process.join(10)
        finally:
            process.kill()
    sys.stdout.write(json.dumps({"ok": True, "data": result}) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
