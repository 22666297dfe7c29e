"""The upgrade to a WebSocket with peers that do not know how, or do not want to."""

from __future__ import annotations

import asyncio

import pytest

from eebus.node import ws
from eebus.node.ws import WsLimits
from eebus.wire.errors import ShipError, ShipTimeoutError
from tests.kit.node import LOOPBACK, run
from tests.kit.peer_certificates import make_peer
from tests.kit.tls_wire import pair

pytestmark = pytest.mark.loopback

US = make_peer()
BOX = make_peer()
LIMITS = WsLimits(upgrade_s=0.5, client_upgrade_s=0.5, close_s=0.2)
UPGRADE = (
    b"GET /ship/ HTTP/1.1\r\nHost: ems\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: 13\r\n"
)


@pytest.mark.parametrize(
    "head",
    [
        b"POST /ship/ HTTP/1.1\r\nHost: ems\r\n\r\n",
        b"GET /ship/ HTTP/1.0\r\n\r\n",
        b"GET /ship/ HTTP/1.1\r\nHost: ems\r\n\r\n",
        UPGRADE + b"\r\n",
        b"GET " + b"/" * 9000 + b" HTTP/1.1\r\n",
        UPGRADE + b"X: " + b"y" * 7000 + b"\r\nZ: " + b"z" * 4000 + b"\r\n",
        b"\x00\x01\x02\x03" * 10 + b"\r\n\r\n",
        UPGRADE + b"Sec-WebSocket-Key: BBBBBBBBBBBBBBBBBBBBBB==\r\n\r\n",
        UPGRADE + b"\r\n" + b"\xff" * 40,
        UPGRADE + b"Sec-WebSocket-Protocol: ship\r\n\r\n" + b"\xff" * 40,
    ],
    ids=[
        "post",
        "http 1.0",
        "no upgrade",
        "no protocol",
        "line",
        "head",
        "noise",
        "two keys",
        "no protocol and noise",
        "noise at once",
    ],
)
def test_bad_upgrade_requests_are_refused_with_an_http_error(head: bytes) -> None:
    async def work() -> None:
        async with pair(US, BOX) as (far, near):
            near.write(head)
            with pytest.raises(ShipError):
                await ws.accept(far, "/ship/", LIMITS)
            answer = bytearray()
            while data := await near.read():
                answer += data
            assert answer.startswith((b"HTTP/1.1 4", b"HTTP/1.1 505 "))
            assert answer.count(b"HTTP/1.1 ") == 1

    run(work())


@pytest.mark.parametrize(
    ("host", "path", "line", "name"),
    [
        ("fe80::1%eth0", "/ship/", b"GET /ship/ HTTP/1.1", b"Host: [fe80::1]:4712"),
        (
            "box.local",
            "/a b#c?d=\u00e9",
            b"GET /a%20b%23c?d=%C3%A9 HTTP/1.1",
            b"Host: box.local:4712",
        ),
        ("box\r\nX: y", "/%zz", b"GET /%zz HTTP/1.1", b"Host: ship-node:4712"),
        ("a[b/c#d", "//", b"GET // HTTP/1.1", b"Host: ship-node:4712"),
    ],
)
def test_whatever_mdns_shows_becomes_one_proper_request(
    host: str, path: str, line: bytes, name: bytes
) -> None:
    async def work() -> None:
        async with pair(US, BOX) as (far, near):
            asking = asyncio.ensure_future(ws.connect(near, host, 4712, path, LIMITS))
            head = bytearray()
            while b"\r\n\r\n" not in head:
                head += await far.read()
            assert head.split(b"\r\n")[:2] == [line, name]
            far.abort()
            with pytest.raises(ShipError):
                await asking

    run(work())


def test_silent_client_is_cut_off() -> None:
    async def work() -> None:
        async with pair(US, BOX) as (far, _near):
            with pytest.raises(ShipTimeoutError):
                await ws.accept(far, "/ship/", WsLimits(upgrade_s=0.03))

    run(work())


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nno",
        b"nonsense\r\n\r\n",
        b"x" * 9000,
        b"",
    ],
    ids=["503", "200", "noise", "endless", "silence"],
)
def test_server_that_does_not_upgrade_is_given_up(answer: bytes) -> None:
    async def work() -> None:
        async with pair(US, BOX) as (far, near):
            far.write(answer)
            with pytest.raises(ShipError):
                await ws.connect(near, LOOPBACK, 4712, "/ship/", WsLimits(client_upgrade_s=0.05))

    run(work())


def test_server_that_selects_no_sub_protocol_is_refused() -> None:
    async def work() -> None:
        async with pair(US, BOX) as (far, near):
            connecting = asyncio.ensure_future(ws.connect(near, "ems", 4712, "/ship/", LIMITS))
            head = (await far.read()).decode()
            assert "Host: ems:4712\r\n" in head
            assert "Origin" not in head
            assert "Sec-WebSocket-Extensions" not in head
            key = next(line for line in head.split("\r\n") if "Sec-WebSocket-Key" in line)
            from websockets.utils import accept_key

            accept = accept_key(key.partition(": ")[2])
            far.write(
                b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"
                b"Connection: Upgrade\r\nSec-WebSocket-Accept: " + accept.encode() + b"\r\n\r\n"
            )
            with pytest.raises(ShipError, match="sub-protocol"):
                await connecting

    run(work())
