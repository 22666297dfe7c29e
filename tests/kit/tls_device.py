"""Actors behind a real node: what a raw SPINE peer gives and takes travels by TLS and SHIP.

``TlsDevice`` stands where the tests of the pure cores put the actors themselves, so the same test
tool, and the same tests, run over sockets. The node and the tool's end live on a loop of their own.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import threading
from collections.abc import Coroutine, Iterator
from pathlib import Path
from typing import Any, TypeVar

from eebus.node.config import NodeConfig
from eebus.node.node import Node
from eebus.node.trust_store import TrustStore
from eebus.ship.ski import Ski
from eebus.usecases.build import Actors
from eebus.wire.ejson import JsonValue
from tests.kit.clock import FakeClock
from tests.kit.node import LOOPBACK, identity_of
from tests.kit.peer_certificates import make_peer
from tests.kit.ship_tool import ShipTool, ToolLink

T = TypeVar("T")
PATIENCE_S = 10.0
DATA = 2


class Watched:
    """The actors, with a count of what came in and what went out."""

    def __init__(self, actors: Actors) -> None:
        self.actors = actors
        self.connected: list[str] = []
        self.received = 0
        self.sent = 0
        self.changed = asyncio.Event()

    @property
    def deadline(self) -> float | None:
        return self.actors.deadline

    def connect(self, peer: str, now: float) -> None:
        self.actors.connect(peer, now)
        self.connected.append(peer)
        self.changed.set()

    def disconnect(self, peer: str, now: float) -> None:
        self.actors.disconnect(peer, now)
        self.connected.remove(peer)
        self.changed.set()

    def receive(self, peer: str, payload: JsonValue, now: float) -> None:
        self.actors.receive(peer, payload, now)
        self.received += 1
        self.changed.set()

    def handle_timer(self, now: float) -> None:
        self.actors.handle_timer(now)

    def settle(self, now: float) -> None:
        self.actors.settle(now)

    def take_datagrams(self) -> list[tuple[str, JsonValue]]:
        taken = self.actors.take_datagrams()
        self.sent += len(taken)
        self.changed.set()
        return taken

    def take_closures(self) -> list[tuple[str, str]]:
        return self.actors.take_closures()

    def take_events(self) -> list[object]:
        return self.actors.take_events()


class TlsDevice:
    """Same methods as ``Actors``; ``device`` is the SPINE device behind the sockets."""

    def __init__(self, actors: Actors, folder: Path, start: float) -> None:
        self.device = actors.device
        self.tool = ShipTool()
        self._clock = FakeClock(start)
        self._watched = Watched(actors)
        self._folder = folder
        self._link: ToolLink | None = None
        self._stack = contextlib.AsyncExitStack()
        self._got: list[JsonValue] = []
        self._loop = asyncio.new_event_loop()

    @contextlib.contextmanager
    def running(self) -> Iterator[TlsDevice]:
        thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        thread.start()
        task = self._do(self._start())
        try:
            yield self
        finally:
            self._do(self._stop(task))
            self._loop.call_soon_threadsafe(self._loop.stop)
            thread.join(PATIENCE_S)
            self._loop.close()

    # --- what a raw peer calls
    @property
    def deadline(self) -> float | None:
        return self._watched.deadline

    def connect(self, _ski: str, _now: float) -> None:
        self._do(self._dial())

    def disconnect(self, _ski: str, _now: float) -> None:
        self._do(self._hang_up())

    def receive(self, _ski: str, payload: JsonValue, _now: float) -> None:
        self._do(self._give(payload))

    def handle_timer(self, now: float) -> None:
        self._do(self._wait_until(now))

    def take_datagrams(self) -> list[tuple[str, JsonValue]]:
        got, self._got = self._got, []
        return [(self.tool.ski, payload) for payload in got]

    def take_events(self) -> list[Any]:
        return []  # the node delivers them

    # --- on the loop
    def _do(self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(PATIENCE_S)

    async def _start(self) -> asyncio.Future[None]:
        async def deliver(_event: object) -> None: ...

        self._node = Node(
            config=NodeConfig(port=0, interfaces=(LOOPBACK,), mdns=False),
            identity=identity_of(make_peer(), "EMS-DUT"),
            actors=self._watched,
            trust=TrustStore(self._folder),
            clock=self._clock,
            deliver=deliver,
        )
        task: asyncio.Future[None] = asyncio.ensure_future(self._node.run())
        await self._node.ready.wait()
        await self._node.add(Ski(self.tool.ski))
        return task

    async def _stop(self, task: asyncio.Future[None]) -> None:
        await self._stack.aclose()
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    async def _dial(self) -> None:
        self._got, self._watched.sent = [], 0
        self._link = await self._stack.enter_async_context(self.tool.dial(self._node.port))
        await self._link.hello_to_data(is_client=True)
        await self._until(lambda: self._watched.connected != [])
        await self._collect()

    async def _hang_up(self) -> None:
        await self._stack.aclose()
        self._stack = contextlib.AsyncExitStack()
        await self._until(lambda: self._watched.connected == [])

    async def _give(self, payload: JsonValue) -> None:
        before = self._watched.received
        body = {"data": [{"header": [{"protocolId": "ee1.0"}]}, {"payload": payload}]}
        assert self._link is not None
        await self._link.send(bytes([DATA]) + json.dumps(body).encode())
        await self._until(lambda: self._watched.received > before)
        await self._collect()

    async def _wait_until(self, now: float) -> None:
        self._clock.advance(now - self._clock.monotonic())
        await self._collect()

    async def _collect(self) -> None:
        """Take in all that was sent; the empty call comes after everything before it."""
        await self._node.call(lambda _actors, _now: None)
        assert self._link is not None
        while self._watched.sent:
            message = await self._link.receive()
            if message[0] == DATA:  # access methods come in between
                parts = {k: v for one in json.loads(message[1:])["data"] for k, v in one.items()}
                self._got.append(parts["payload"])
                self._watched.sent -= 1

    async def _until(self, condition: Any) -> None:
        async with asyncio.timeout(PATIENCE_S):
            while not condition():
                self._watched.changed.clear()
                await self._watched.changed.wait()
