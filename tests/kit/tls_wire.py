"""TLS peers for the tests of the node: our streams, and those of the standard library."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
import tempfile
from collections.abc import AsyncIterator, Callable
from pathlib import Path

from eebus.node.tls import Judge, TlsContext, TlsLimits, TlsStream
from eebus.ship.identity import check_peer_certificate
from eebus.ship.ski import Ski
from tests.kit.node import LOOPBACK
from tests.kit.peer_certificates import Made


def anybody(der: bytes) -> Ski:
    return check_peer_certificate(der)


@contextlib.asynccontextmanager
async def serving(
    made: Made, judge: Judge = anybody, limits: TlsLimits | None = None
) -> AsyncIterator[tuple[int, asyncio.Queue[TlsStream]]]:
    """Listen on loopback; gives the port and the accepted streams."""
    context = TlsContext(made.cert_pem, made.key_pem, limits or TlsLimits())
    accepted: asyncio.Queue[TlsStream] = asyncio.Queue()
    loop = asyncio.get_running_loop()
    server = await loop.create_server(
        lambda: context.server(judge, made=accepted.put_nowait), LOOPBACK, 0
    )
    try:
        yield server.sockets[0].getsockname()[1], accepted
    finally:
        server.close()
        await server.wait_closed()


async def dial(
    made: Made, port: int, judge: Judge = anybody, limits: TlsLimits | None = None
) -> TlsStream:
    """Connect with our own client stream; the handshake is not awaited."""
    context = TlsContext(made.cert_pem, made.key_pem, limits or TlsLimits())
    _, stream = await asyncio.get_running_loop().create_connection(
        lambda: context.client(judge), LOOPBACK, port
    )
    return stream


@contextlib.asynccontextmanager
async def pair(
    server: Made, client: Made, limits: TlsLimits | None = None
) -> AsyncIterator[tuple[TlsStream, TlsStream]]:
    """Two streams with finished handshakes: the server's, the client's."""
    async with serving(server, limits=limits) as (port, accepted):
        near = await dial(client, port, limits=limits)
        far = await accepted.get()
        await asyncio.gather(near.handshake(), far.handshake())
        try:
            yield far, near
        finally:
            near.abort()
            far.abort()


def foreign_client(made: Made | None, tweak: Callable[[ssl.SSLContext], None]) -> ssl.SSLContext:
    """A client of the standard library, as an independent stack would be."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    if made is not None:
        load_chain(context, made)
    tweak(context)
    return context


def foreign_server(made: Made, trusts: Made) -> ssl.SSLContext:
    """A server of the standard library that asks for the certificate of ``trusts``."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    load_chain(context, made)
    context.verify_mode = ssl.CERT_REQUIRED
    context.load_verify_locations(cadata=trusts.cert_pem.decode())
    return context


def load_chain(context: ssl.SSLContext, made: Made) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "chain.pem"
        path.write_bytes(made.cert_pem + made.key_pem)
        context.load_cert_chain(path)
