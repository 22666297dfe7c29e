"""Our own stack as one end of a link, steered like the foreign peers: lines in, JSON lines out.

    python -m tests.bench.peer --role box|cs --identity DIR --trust SKI [--host A] [--port P]

``cs`` is a bare controllable system (no disk, no devices); ``box`` dials it, or any EMS. Orders to
the box: ``dial HOST PORT``, ``limit W [SECONDS]``, ``release W``, ``hang up``, ``quit``. Every line
carries ``mono_s``, the second on CLOCK_MONOTONIC.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import time
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

from eebus.node.clock import SystemClock
from eebus.node.config import NodeConfig
from eebus.node.dialer import Target
from eebus.node.events import PeerConnected, PeerDisconnected, PeerRefused
from eebus.node.identity_store import IdentityProfile, open_or_create
from eebus.node.node import Node
from eebus.node.tls import TlsStream
from eebus.node.trust_store import TrustStore
from eebus.node.warm import prepare_codecs
from eebus.ship.ski import Ski, parse_ski
from eebus.spine.specs import DeviceInfo
from eebus.usecases.build import Actors, build_device
from eebus.usecases.lpc.client import EnergyGuard
from eebus.usecases.lpc.config import LpcServerConfig
from eebus.usecases.lpc.events import CsState, FailsafeRead, LimitAnswered, LimitStateChanged
from eebus.usecases.lpc.requests import Limit
from eebus.usecases.lpc.server import LpcServer
from eebus.usecases.lpc.spec import LPC_CS
from ems.sim.stdio import input_lines


def emit(event: str, at: float | None = None, **facts: Any) -> None:
    line = {"event": event, "mono_s": time.monotonic() if at is None else at, **facts}
    sys.stdout.write(json.dumps(line) + "\n")
    sys.stdout.flush()


class Frames:
    """When octets left for the peer and came from it: the borders of the other side's work."""

    def __init__(self) -> None:
        self.written_at: float | None = None
        self.read_at = 0.0
        write, received = TlsStream.write, TlsStream.data_received

        def noting_write(stream: TlsStream, data: bytes) -> None:
            write(stream, data)
            if self.written_at is None:
                self.written_at = time.monotonic()

        def noting_received(stream: TlsStream, data: bytes) -> None:
            self.read_at = time.monotonic()
            received(stream, data)

        TlsStream.write = noting_write  # type: ignore[method-assign,assignment]  # the only look at the wire
        TlsStream.data_received = noting_received  # type: ignore[method-assign,assignment]


class Peer:
    """One node with one use case."""

    def __init__(self, role: str, folder: Path, host: str, port: int) -> None:
        clock = SystemClock()
        now = clock.monotonic()
        prepare_codecs((LPC_CS,))  # as the service and the simulator do
        self.guard = EnergyGuard(utcnow=clock.utcnow)
        identity = open_or_create(folder, IdentityProfile(), datetime.now(UTC))
        config = LpcServerConfig(failsafe_w=Decimal(4200))
        use_case: Any = self.guard if role == "box" else LpcServer(config, now, utcnow=clock.utcnow)
        info = DeviceInfo(address=f"d:_n:BENCH_{identity.serial}", brand="BENCH", model=role)
        self.ski = identity.ski
        self.sent_at = 0.0
        self.frames = Frames()
        self.node: Node[Actors] = Node(
            config=NodeConfig(port=port, interfaces=(host,), mdns=False, is_server_only=True),
            identity=identity,
            actors=Actors(build_device(info, [use_case], now), [use_case]),
            trust=TrustStore(folder),
            clock=clock,
            deliver=self._deliver,
        )

    async def run(self, peer: Ski) -> None:
        running = asyncio.ensure_future(self.node.run())
        await self.node.ready.wait()
        await self.node.add(peer)
        emit("started", ski=self.ski, port=self.node.port)
        links: list[asyncio.Future[Any]] = []
        async for line in input_lines(sys.stdin):
            words = line.split()
            if words[:1] == ["quit"]:
                break
            await self._obey(peer, words, links)
        running.cancel()
        await asyncio.gather(running, *links, return_exceptions=True)

    async def _obey(self, peer: Ski, words: list[str], links: list[asyncio.Future[Any]]) -> None:
        match words:
            case ["dial", host, port]:
                emit("dialling")
                target = Target(host, int(port), "/ship/")
                links.append(asyncio.ensure_future(self.node._sessions.dial(peer, target)))
            case ["hang", "up"]:
                await self.node._hub.call(lambda _a, _n: self.node._book.close_peer(peer, "next"))
                await asyncio.gather(*links, return_exceptions=True)
                links.clear()
                emit("hung_up")
            case ["limit" | "release" as order, value, *rest]:
                seconds = float(rest[0]) if rest else None
                limit = Limit(active=order == "limit", value_w=Decimal(value), duration_s=seconds)
                self.sent_at, self.frames.written_at = time.monotonic(), None
                await self.node.call(lambda _, now: self.guard.set_limit(None, limit, now))
            case _:
                emit("error", why=f"unknown order {words}")

    async def _deliver(self, event: object) -> None:
        at = time.monotonic()
        match event:
            case PeerConnected():
                emit("connected", at)
            case PeerDisconnected() | PeerRefused():
                emit("disconnected", at, why=event.reason)
            case CsState():
                emit("limit", at, active=event.active)
            case FailsafeRead():
                known = event.limit_w is not None and event.duration_s is not None
                emit("failsafe", at, known=known)
            case LimitAnswered():
                took_ms = (at - self.sent_at) * 1000
                emit(
                    "answer",
                    at,
                    error_number=event.error_number,
                    took_ms=took_ms,
                    frame_out_s=self.frames.written_at,
                    frame_in_s=self.frames.read_at,
                )
            case LimitStateChanged():
                emit("state", at, state=event.state)
            case _:
                pass


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--role", choices=("box", "cs"), required=True)
    parser.add_argument("--identity", type=Path, required=True)
    parser.add_argument("--trust", required=True)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=0)
    options = parser.parse_args()
    peer = Peer(options.role, options.identity, options.host, options.port)
    asyncio.run(peer.run(parse_ski(options.trust)))


if __name__ == "__main__":
    main()
