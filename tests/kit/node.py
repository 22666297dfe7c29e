"""Nodes and raw SHIP peers on the loopback interface."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Coroutine
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from eebus.node.clock import SystemClock
from eebus.node.config import NodeConfig
from eebus.node.identity_store import Identity
from eebus.node.node import Node
from eebus.node.trust_store import TrustStore
from eebus.ship.ski import Ski
from eebus.wire.ejson import JsonValue
from tests.kit.peer_certificates import Made, make_peer

LOOPBACK = "127.0.0.1"


def run(work: Coroutine[Any, Any, None], timeout_s: float = 20.0) -> None:
    """Run one async test; whatever it leaves running is its fault."""

    async def bounded() -> None:
        async with asyncio.timeout(timeout_s):
            await work
        for _ in range(3):  # closed transports say goodbye in the next turns
            await asyncio.sleep(0)

    asyncio.run(bounded())


def identity_of(made: Made, ship_id: str) -> Identity:
    return Identity(made.cert_pem, made.key_pem, Ski(made.ski), ship_id, made.ski[:10])


def ordered_identities() -> tuple[Identity, Identity]:
    """Two identities, the one with the smaller SKI first."""
    first, second = sorted((make_peer(), make_peer()), key=lambda made: made.ski)
    return identity_of(first, "SMALL"), identity_of(second, "LARGE")


def datagram(number: int) -> JsonValue:
    return {"datagram": [{"payload": number}]}


@dataclass
class FakeActors:
    """Remembers what the hub did with it; answers what ``reply`` says."""

    connected: list[str] = field(default_factory=list)
    log: list[tuple[str, str]] = field(default_factory=list)
    received: list[tuple[str, JsonValue]] = field(default_factory=list)
    outgoing: list[tuple[str, JsonValue]] = field(default_factory=list)
    closures: list[tuple[str, str]] = field(default_factory=list)
    events: list[object] = field(default_factory=list)
    reply: Callable[[JsonValue], JsonValue | None] = lambda _payload: None
    raise_event: Callable[[JsonValue], object | None] = lambda _payload: None
    deadline: float | None = None
    timers: list[float] = field(default_factory=list)
    changed: asyncio.Event = field(default_factory=asyncio.Event)

    def connect(self, peer: str, now: float) -> None:
        self.connected.append(peer)
        self.log.append(("up", peer))
        self.changed.set()

    def disconnect(self, peer: str, now: float) -> None:
        self.connected.remove(peer)
        self.log.append(("down", peer))
        self.changed.set()

    def receive(self, peer: str, payload: JsonValue, now: float) -> None:
        self.received.append((peer, payload))
        if (event := self.raise_event(payload)) is not None:
            self.events.append(event)
        if (answer := self.reply(payload)) is not None:
            self.outgoing.append((peer, answer))
        self.changed.set()

    def handle_timer(self, now: float) -> None:
        self.timers.append(now)
        self.deadline = None

    def settle(self, now: float) -> None:
        pass

    def take_datagrams(self) -> list[tuple[str, JsonValue]]:
        taken, self.outgoing = self.outgoing, []
        return taken

    def take_closures(self) -> list[tuple[str, str]]:
        taken, self.closures = self.closures, []
        return taken

    def take_events(self) -> list[object]:
        taken, self.events = self.events, []
        return taken

    async def until(self, condition: Callable[[], bool], timeout_s: float = 10.0) -> None:
        """Wait for ``condition`` without polling slower than events come."""
        async with asyncio.timeout(timeout_s):
            while not condition():
                self.changed.clear()
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self.changed.wait(), 0.02)


@dataclass
class Bench:
    """A node under test with everything around it."""

    node: Node[FakeActors]
    actors: FakeActors
    events: list[object]
    identity: Identity
    clock: Any

    @property
    def ski(self) -> Ski:
        return self.identity.ski

    def told(self, kind: type) -> list[Any]:
        return [event for event in self.events if isinstance(event, kind)]

    async def until(self, condition: Callable[[], bool], timeout_s: float = 10.0) -> None:
        await self.actors.until(condition, timeout_s)

    async def link_up(self, peer: str, timeout_s: float = 10.0) -> None:
        await self.until(lambda: peer in self.actors.connected, timeout_s)


def make_bench(
    folder: Path,
    *,
    identity: Identity | None = None,
    config: NodeConfig | None = None,
    clock: Any = None,
    actors: FakeActors | None = None,
) -> Bench:
    identity = identity or identity_of(make_peer(), "EMS-TEST")
    clock = clock or SystemClock()
    actors = actors or FakeActors()
    events: list[object] = []

    async def deliver(event: object) -> None:
        events.append(event)
        actors.changed.set()

    settings = config or NodeConfig()
    settings = replace(settings, port=0, interfaces=(LOOPBACK,), mdns=False)
    store = TrustStore(folder / identity.ski[:8])
    node = Node(
        config=settings,
        identity=identity,
        actors=actors,
        trust=store,
        clock=clock,
        deliver=deliver,
    )
    return Bench(node, actors, events, identity, clock)


@contextlib.asynccontextmanager
async def running(*benches: Bench) -> AsyncIterator[None]:
    """Run nodes, stop them in good order."""
    tasks = [asyncio.ensure_future(bench.node.run()) for bench in benches]
    try:
        for bench, task in zip(benches, tasks, strict=True):
            ready = asyncio.ensure_future(bench.node.ready.wait())
            await asyncio.wait({ready, task}, return_when=asyncio.FIRST_COMPLETED)
            if task.done():
                ready.cancel()
                task.result()
        yield
    finally:
        for task in tasks:
            task.cancel()
        results = await asyncio.gather(*tasks, return_exceptions=True)
        failed = [r for r in results if isinstance(r, Exception)]
        if failed:
            raise failed[0]
