"""A SHIP test tool with the TLS of the standard library and the shells of `websockets`.

It does nothing by itself: tests send and expect literal messages, in both roles.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

from websockets.asyncio.client import connect
from websockets.asyncio.connection import Connection
from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed
from websockets.typing import Subprotocol

from tests.kit.node import LOOPBACK
from tests.kit.peer_certificates import Made, make_peer
from tests.kit.tls_wire import foreign_client, foreign_server

CMI = b"\x00\x00"
READY = b'\x01{"connectionHello":[{"phase":"ready"}]}'
READY_60 = b'\x01{"connectionHello":[{"phase":"ready"},{"waiting":60000}]}'
PENDING_120 = b'\x01{"connectionHello":[{"phase":"pending"},{"waiting":120000}]}'
ABORTED = b'\x01{"connectionHello":[{"phase":"aborted"}]}'
ANNOUNCE = (
    b'\x01{"messageProtocolHandshake":[{"handshakeType":"announceMax"},'
    b'{"version":[{"major":1},{"minor":0}]},{"formats":[{"format":["JSON-UTF8"]}]}]}'
)
SELECT = ANNOUNCE.replace(b"announceMax", b"select")
PIN_NONE = b'\x01{"connectionPinState":[{"pinState":"none"}]}'
ACCESS_REQUEST = b'\x01{"accessMethodsRequest":[]}'


def spine(number: int) -> bytes:
    payload = {"datagram": [{"payload": number}]}
    body = {"data": [{"header": [{"protocolId": "ee1.0"}]}, {"payload": payload}]}
    return b"\x02" + json.dumps(body).encode()


def name_of(message: bytes) -> str:
    """Root element of a control message."""
    return next(iter(json.loads(message[1:])))


def fields_of(message: bytes) -> dict[str, Any]:
    """First-level children of the root element."""
    body = json.loads(message[1:])
    return {key: value for part in next(iter(body.values())) for key, value in part.items()}


@dataclass
class ToolLink:
    """One WebSocket of the tool."""

    socket: Connection

    async def send(self, *messages: bytes) -> None:
        for message in messages:
            await self.socket.send(message)

    async def receive(self, timeout_s: float = 5.0) -> bytes:
        async with asyncio.timeout(timeout_s):
            message = await self.socket.recv()
        assert isinstance(message, bytes)
        return message

    async def expect(self, name: str, timeout_s: float = 5.0) -> dict[str, Any]:
        """Next message with this root; others in between must be access methods."""
        while True:
            message = await self.receive(timeout_s)
            if message[0] in (1, 3) and name_of(message) == name:
                return fields_of(message)
            assert name_of(message) in ("accessMethodsRequest", "accessMethods"), message

    async def closed(self, timeout_s: float = 5.0) -> int | None:
        """Wait for the end; messages that still come are a fault. Gives the close code."""
        try:
            message = await self.receive(timeout_s)
        except ConnectionClosed as end:
            return end.rcvd.code if end.rcvd else None
        raise AssertionError(f"expected the end, got {message!r}")

    async def quiet(self, seconds: float = 0.05) -> None:
        """Assert that nothing comes and nothing ends for a moment."""
        try:
            message = await self.receive(seconds)
        except TimeoutError:
            return
        raise AssertionError(f"expected silence, got {message!r}")

    async def hello_to_data(self, *, is_client: bool) -> None:
        """Run the handshake from CMI to data in the given role."""
        if is_client:
            await self.send(CMI)
        assert await self.receive() == CMI
        if not is_client:
            await self.send(CMI)
        await self.expect("connectionHello")
        await self.send(READY_60)
        await self.protocol_to_data(is_client=is_client)

    async def protocol_to_data(self, *, is_client: bool) -> None:
        if is_client:
            await self.send(ANNOUNCE)
            await self.expect("messageProtocolHandshake")
            await self.send(SELECT)
        else:
            assert (await self.expect("messageProtocolHandshake"))["handshakeType"] == "announceMax"
            await self.send(SELECT)
            await self.expect("messageProtocolHandshake")
        await self.send(PIN_NONE)
        await self.expect("connectionPinState")


class ShipTool:
    """One identity of the tool; dials, or listens and hands over what comes in."""

    def __init__(self, made: Made | None = None) -> None:
        self.made = made or make_peer()
        self.ski = self.made.ski

    @contextlib.asynccontextmanager
    async def dial(self, port: int, path: str = "/ship/") -> AsyncIterator[ToolLink]:
        async with connect(
            f"wss://{LOOPBACK}:{port}{path}",
            ssl=foreign_client(self.made, lambda _context: None),
            subprotocols=[Subprotocol("ship")],
            compression=None,
            proxy=None,
            ping_interval=None,
            close_timeout=0.1,
        ) as socket:
            yield ToolLink(socket)

    @contextlib.asynccontextmanager
    async def listen(self, dut: Made) -> AsyncIterator[tuple[int, asyncio.Queue[ToolLink]]]:
        links: asyncio.Queue[ToolLink] = asyncio.Queue()

        async def on_link(socket: ServerConnection) -> None:
            links.put_nowait(ToolLink(socket))
            await socket.wait_closed()

        async with serve(
            on_link,
            LOOPBACK,
            0,
            ssl=foreign_server(self.made, trusts=dut),
            subprotocols=[Subprotocol("ship")],
            compression=None,
            ping_interval=None,
            close_timeout=0.1,
        ) as server:
            yield next(iter(server.sockets)).getsockname()[1], links
