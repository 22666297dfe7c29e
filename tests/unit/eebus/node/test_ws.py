from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable

import pytest
from websockets.asyncio.client import connect as foreign_connect
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.typing import Subprotocol

from eebus.node import ws
from eebus.node.tls import TlsStream
from eebus.node.ws import Note, WebSocket, WsLimits
from eebus.wire.errors import ShipError
from tests.kit.node import LOOPBACK, run
from tests.kit.peer_certificates import make_peer
from tests.kit.tls_wire import foreign_client, pair, serving

pytestmark = pytest.mark.loopback

US = make_peer()
BOX = make_peer()
LIMITS = WsLimits(upgrade_s=0.5, client_upgrade_s=0.5, close_s=0.2)
SHIP = Subprotocol("ship")
UPGRADE = (
    b"GET /ship/ HTTP/1.1\r\nHost: ems\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: 13\r\n"
)


@contextlib.asynccontextmanager
async def open_pair() -> AsyncIterator[tuple[WebSocket, WebSocket]]:
    """Server's and client's end of one WebSocket."""
    async with pair(US, BOX) as (far, near):
        yield await asyncio.gather(
            ws.accept(far, "/ship/", LIMITS),
            ws.connect(near, LOOPBACK, 4712, "/ship/", LIMITS),
        )


async def some(socket: WebSocket) -> list[bytes | Note]:
    return await socket.receive()


def test_messages_arrive_whole_and_in_order() -> None:
    async def work() -> None:
        async with open_pair() as (server, client):
            for message in (b"\x00\x00", b"\x01{}", b"\x02" + b"d" * 3000):
                client.send(message)
            received: list[bytes | Note] = []
            while len(received) < 3:
                received += await server.receive()
            assert received == [b"\x00\x00", b"\x01{}", b"\x02" + b"d" * 3000]

    run(work())


@contextlib.asynccontextmanager
async def foreign_socket(**options: object) -> AsyncIterator[tuple[Awaitable[WebSocket], object]]:
    """Our server, and the client of `websockets` with its own TLS."""
    async with serving(US) as (port, accepted):

        async def accept() -> WebSocket:
            stream = await accepted.get()
            await stream.handshake()
            return await ws.accept(stream, "/ship/", LIMITS)

        ours = asyncio.ensure_future(accept())
        settings = {"subprotocols": [SHIP], "compression": "deflate", **options}
        path = settings.pop("path", "/ship/")
        theirs = foreign_connect(
            f"wss://{LOOPBACK}:{port}{path}",
            ssl=foreign_client(BOX, lambda _context: None),
            proxy=None,
            close_timeout=0.2,
            **settings,
        )
        yield ours, theirs
        ours.cancel()
        await asyncio.gather(ours, return_exceptions=True)


def test_foreign_client_gets_ship_and_no_compression() -> None:
    async def work() -> None:
        async with foreign_socket() as (ours, theirs), theirs as client:
            server = await ours
            assert client.subprotocol == "ship"
            assert client.protocol.extensions == []
            await client.send(b"\x00\x00")
            assert await server.receive() == [b"\x00\x00"]
            server.send(b"\x00\x00")
            assert await client.recv() == b"\x00\x00"

    run(work())


@pytest.mark.parametrize("path", ["/ship/", "/ship", "/", "/ship/?a=b"])
def test_announced_path_and_its_field_variants_are_served(path: str) -> None:
    async def work() -> None:
        async with foreign_socket(path=path) as (ours, theirs), theirs:
            assert (await ours).is_open

    run(work())


def test_other_path_gets_404() -> None:
    async def work() -> None:
        async with foreign_socket(path="/admin") as (ours, theirs):
            with pytest.raises(InvalidStatus) as refused:
                await theirs
            assert refused.value.response.status_code == 404
            with pytest.raises(ShipError, match="/admin"):
                await ours

    run(work())


@pytest.mark.parametrize("offered", [None, [Subprotocol("chat")]], ids=["none", "other"])
def test_client_without_sub_protocol_ship_gets_400(offered: list[Subprotocol] | None) -> None:
    async def work() -> None:
        async with foreign_socket(subprotocols=offered) as (ours, theirs):
            with pytest.raises(InvalidStatus) as refused:
                await theirs
            assert refused.value.response.status_code == 400
            with pytest.raises(ShipError, match="refused"):
                await ours

    run(work())


def test_large_message_is_refused_before_the_data_phase_and_taken_after() -> None:
    async def work() -> None:
        async with open_pair() as (server, client):
            server.allow_large_messages()
            client.send(b"\x02" + b"d" * 100_000)
            received = await server.receive()
            assert [len(part) for part in received if isinstance(part, bytes)] == [100_001]
            server.send(b"\x02" + b"d" * 5_000)
            assert await client.receive() == []
            assert "4097" in client.failure or "5001" in client.failure

    run(work())


def test_message_of_100_kib_and_one_octet_closes_with_1009() -> None:
    async def work() -> None:
        async with foreign_socket() as (ours, theirs), theirs as client:
            server = await ours
            server.allow_large_messages()
            await client.send(b"\x02" * (100 * 1024 + 1))
            assert await server.receive() == []
            await server.close()
            with pytest.raises(ConnectionClosed) as closed:
                await client.recv()
            assert closed.value.rcvd is not None
            assert closed.value.rcvd.code == 1009

    run(work())


def test_fragments_are_joined_and_their_sum_is_bounded() -> None:
    async def work() -> None:
        async with foreign_socket() as (ours, theirs), theirs as client:
            server = await ours
            await client.send([b"\x01", b'{"a":', b"1}"])
            assert await server.receive() == [b'\x01{"a":1}']
            await client.send([b"x" * 1000] * 5)
            assert await server.receive() == []
            await server.close()

    run(work())


def test_text_is_told_apart_from_binary() -> None:
    async def work() -> None:
        async with foreign_socket() as (ours, theirs), theirs as client:
            server = await ours
            await client.send("hello")
            assert await server.receive() == [Note.TEXT]

    run(work())


def test_pings_are_answered_and_pongs_are_signs_of_life() -> None:
    async def work() -> None:
        async with foreign_socket() as (ours, theirs), theirs as client:
            server = await ours
            pong = await client.ping(b"1")
            assert await server.receive() == [Note.ALIVE]
            await pong
            assert server.ping()
            assert await server.receive() == [Note.ALIVE]

    run(work())


def test_close_code_and_reason_of_the_peer_are_kept() -> None:
    async def work() -> None:
        async with foreign_socket() as (ours, theirs), theirs as client:
            server = await ours
            closing = asyncio.ensure_future(client.close(4452, "Node rejected by application"))
            assert await server.receive() == []
            assert (server.close_code, server.close_reason) == (
                4452,
                "Node rejected by application",
            )
            assert not server.send(b"\x02x")
            await server.close()
            await closing

    run(work())


@pytest.mark.parametrize(("ours", "sent"), [(4452, 4452), (1006, 1000)], ids=["own", "reserved"])
def test_our_close_code_reaches_the_peer(ours: int, sent: int) -> None:
    async def work() -> None:
        async with foreign_socket() as (accepting, theirs), theirs as client:
            server = await accepting
            closing = asyncio.ensure_future(server.close(ours, "r" * 200))
            with pytest.raises(ConnectionClosed) as closed:
                await client.recv()
            await closing
            assert closed.value.rcvd is not None
            assert closed.value.rcvd.code == sent
            assert closed.value.rcvd.reason == "r" * 123

    run(work())


def test_close_ends_although_the_peer_never_answers() -> None:
    async def work() -> None:
        async with pair(US, BOX) as (far, near):
            socket, _ = await asyncio.gather(
                ws.accept(far, "/ship/", LIMITS), upgrade_by_hand(near)
            )
            await socket.close(1000, "bye")
            assert not socket.is_open

    run(work())


async def upgrade_by_hand(stream: TlsStream) -> None:
    stream.write(UPGRADE + b"Sec-WebSocket-Protocol: ship\r\n\r\n")
    assert (await stream.read()).startswith(b"HTTP/1.1 101")


@pytest.mark.parametrize(
    "frame",
    [
        b"\x82\x02\x00\x00",  # not masked
        b"\x83\x80\x00\x00\x00\x00",  # reserved opcode
        b"\xc2\x80\x00\x00\x00\x00",  # compressed although nobody agreed
        b"\x80\x80\x00\x00\x00\x00",  # continuation of nothing
        b"\x82\xff\xff\xff\xff\xff\xff\xff\xff\xff\x00\x00\x00\x00",  # 2^64 - 1 bytes
        b"\x89\xfe\x01\x00\x00\x00\x00\x00" + b"p" * 256,  # ping of 256 bytes
    ],
    ids=["unmasked", "opcode", "compressed", "continuation", "huge", "long ping"],
)
def test_malformed_frames_end_the_websocket(frame: bytes) -> None:
    async def work() -> None:
        async with pair(US, BOX) as (far, near):
            socket, _ = await asyncio.gather(
                ws.accept(far, "/ship/", LIMITS), upgrade_by_hand(near)
            )
            near.write(frame)
            assert await socket.receive() == []
            assert socket.failure
            assert (await near.read())[0] == 0x88  # a close frame says why
            await socket.close()

    run(work())


@pytest.mark.invariant("I-15")
def test_endless_empty_fragments_take_no_memory() -> None:
    async def work() -> None:
        async with pair(US, BOX) as (far, near):
            socket, _ = await asyncio.gather(
                ws.accept(far, "/ship/", LIMITS), upgrade_by_hand(near)
            )
            near.write(b"\x02\x80\x00\x00\x00\x00" + b"\x00\x80\x00\x00\x00\x00" * 20_000)
            near.write(b"\x80\x82\x00\x00\x00\x00\x00\x00")
            assert await socket.receive() == [b"\x00\x00"]

    run(work())
