"""What a TLS stream does with data, slow readers, cut links and its own end."""

from __future__ import annotations

import asyncio
import gc
import ssl

import pytest

from eebus.node.tls import TlsLimits, TlsState, TlsStream
from tests.kit.node import LOOPBACK, run
from tests.kit.peer_certificates import make_peer
from tests.kit.tls_wire import foreign_client, pair, serving

pytestmark = pytest.mark.loopback

US = make_peer()
BOX = make_peer()


def test_records_never_hold_more_than_1024_bytes() -> None:  # SHIP 9.2
    async def work() -> None:
        async with serving(US) as (port, accepted):
            context = foreign_client(BOX, lambda c: c.set_ciphers("ECDHE-ECDSA-AES128-GCM-SHA256"))
            incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
            peer = context.wrap_bio(incoming, outgoing)
            reader, writer = await asyncio.open_connection(LOOPBACK, port)
            wire = bytearray()
            plain = bytearray()
            is_asked = False
            while len(plain) < 5000:
                try:
                    plain += peer.read(65536)
                except ssl.SSLWantReadError:
                    writer.write(outgoing.read())
                    if not is_asked and peer.version() and accepted.qsize() and peer.cipher():
                        stream = accepted.get_nowait()
                        await stream.handshake()
                        stream.write(bytes(range(250)) * 20)
                        is_asked = True
                    data = await reader.read(65536)
                    wire += data
                    incoming.write(data)
            writer.transport.abort()
            assert bytes(plain) == bytes(range(250)) * 20
            assert [n for n in record_sizes(bytes(wire)) if n > 1024 + 24] == []
            assert record_sizes(bytes(wire))[-5:] == [1048, 1048, 1048, 1048, 928]

    run(work())


def record_sizes(wire: bytes) -> list[int]:
    """Lengths of the TLS records on the wire; GCM adds 24 octets to the plaintext."""
    sizes, at = [], 0
    while at < len(wire):
        size = int.from_bytes(wire[at + 3 : at + 5], "big")
        sizes.append(size)
        at += 5 + size
    return sizes


def test_data_goes_both_ways_and_close_notify_is_said() -> None:
    async def work() -> None:
        async with pair(US, BOX) as (far, near):
            near.write(b"a" * 3000)
            received = bytearray()
            while len(received) < 3000:
                received += await far.read()
            far.write(b"answer")
            assert await near.read() == b"answer"

            closing = asyncio.ensure_future(far.close())
            assert await near.read() == b""
            assert near.failure == ""
            await near.close()
            await closing
            assert far.state is near.state is TlsState.CLOSED

    run(work())


def test_reader_that_does_not_read_stops_the_sender() -> None:
    async def work() -> None:
        async with pair(US, BOX) as (far, near):
            for _ in range(200):
                near.write(b"x" * 100_000)
                await asyncio.sleep(0)
            assert near.unsent_bytes > 5_000_000
            assert len(far._plain) < 1_000_000

            received = 0
            while received < 20_000_000:
                received += len(await far.read())
            assert near.unsent_bytes == 0

    run(work())


@pytest.mark.field("F-33")
def test_close_does_not_wait_for_a_peer_that_takes_nothing() -> None:
    async def work() -> None:
        async with pair(US, BOX, TlsLimits(close_s=0.05)) as (far, near):
            for _ in range(100):
                near.write(b"x" * 100_000)
            await near.close()
            assert near.state is TlsState.CLOSED
            assert near.failure == "peer did not take the rest"
            far.abort()

    run(work())


def test_cut_connection_wakes_whoever_reads() -> None:
    async def work() -> None:
        async with pair(US, BOX) as (far, near):
            reading = asyncio.ensure_future(near.read())
            await asyncio.sleep(0)
            far.abort()
            assert await reading == b""
            near.write(b"too late")  # nothing happens, nothing raises

    run(work())


def test_corrupted_record_ends_the_connection() -> None:
    async def work() -> None:
        async with pair(US, BOX) as (far, near):
            assert near._transport is not None
            near._transport.write(b"\x17\x03\x03\x00\x20" + b"\x00" * 32)
            assert await far.read() == b""
            assert "TLS failed" in far.failure

    run(work())


def test_streams_leave_nothing_behind() -> None:
    async def work() -> None:
        async with pair(US, BOX):
            pass
        await asyncio.sleep(0.01)

    run(work())
    gc.collect()

    assert [item for item in gc.get_objects() if isinstance(item, TlsStream)] == []
