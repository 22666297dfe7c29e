"""Peers that are no proper Modbus device: each becomes a driver error, soon, and nothing else."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import struct
import time
from collections.abc import AsyncIterator, Callable

import pytest

from drivers.api import DriverError, UnreachableError
from drivers.modbus.link import (
    BUSY,
    BUSY_RETRIES,
    ModbusLink,
    ModbusRefusedError,
    Pacing,
    Priority,
)
from tests.kit.aio import run
from tests.kit.modbus_device import JumpClock

pytestmark = pytest.mark.loopback
TIMEOUT_S = 0.15
Answer = Callable[[int, int, int, bytes], bytes | None]


def frame(transaction: int, unit: int, pdu: bytes, *, length: int | None = None) -> bytes:
    told = len(pdu) + 1 if length is None else length
    return struct.pack(">HHHB", transaction, 0, told, unit) + pdu


def proper(transaction: int, unit: int, code: int, body: bytes) -> bytes:
    count = struct.unpack(">HH", body[:4])[1]
    pdu = bytes([code, 2 * count]) + bytes(2 * count) if code == 3 else bytes([code]) + body[:4]
    return frame(transaction, unit, pdu)


def exception(number: int) -> Answer:
    return lambda transaction, unit, code, _: frame(transaction, unit, bytes([code | 0x80, number]))


def pdu(*words: bytes) -> Answer:
    return lambda transaction, unit, _code, _body: frame(transaction, unit, b"".join(words))


#: what the peer does with a request; ``None``: it hangs up
FAULTS: dict[str, Answer] = {
    "hangs up": lambda *_: None,
    "is silent": lambda *_: b"",
    "half a header": lambda t, u, c, b: proper(t, u, c, b)[:5],
    "half an answer": lambda t, u, c, b: proper(t, u, c, b)[:-1],
    "another unit": lambda t, u, c, b: proper(t, u + 1, c, b),
    "another transaction": lambda t, u, c, b: proper(t + 7, u, c, b),
    "another function": pdu(b"\x04\x04\0\0\0\0"),
    "no function": pdu(b"\x55\1\2\3"),
    "nothing": pdu(b""),
    "no length": lambda t, u, _c, _b: frame(t, u, b"", length=0),
    "endless length": lambda t, u, _c, _b: frame(t, u, b"\x03\x04\0\0\0\0", length=0xFFFF),
    "odd bytes": pdu(b"\x03\x03\0\0\0"),
    "fewer registers": pdu(b"\x03\x02\0\0"),
    "more registers": pdu(b"\x03\x08" + bytes(8)),
    "a count that lies": pdu(b"\x03\xc8\0\0\0\0"),
    "an identification cut short": pdu(b"\x2b\x0e\1\1\0\0\1\0\xc8"),
    "text": lambda *_: b"HTTP/1.1 400 Bad Request\r\n\r\n",
    "noise": lambda *_: bytes(range(256)),
    "ten thousand bytes": lambda *_: b"\xa5" * 10_000,
}


@contextlib.asynccontextmanager
async def peer(faults: list[Answer]) -> AsyncIterator[tuple[ModbusLink, list[int]]]:
    """A link to a peer that answers with the faults in turn, and then properly."""
    connections: list[int] = []
    serving: set[asyncio.Future[None]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connections.append(0)
        serving.add(asyncio.ensure_future(writer.wait_closed()))
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                head = await reader.readexactly(7)
                transaction, _, length, unit = struct.unpack(">HHHB", head)
                request = await reader.readexactly(length - 1)
                answer = faults.pop(0) if faults else proper
                said = answer(transaction, unit, request[0], request[1:])
                if said is None:
                    break
                writer.write(said)
                await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    link = ModbusLink("127.0.0.1", port, Pacing(timeout_s=TIMEOUT_S), JumpClock())
    try:
        yield link, connections
    finally:
        link.close()
        server.close()
        await server.wait_closed()
        await asyncio.gather(*serving, return_exceptions=True)


@pytest.mark.parametrize("fault", FAULTS)
def test_a_peer_that_speaks_wrongly_is_unreachable_soon_and_may_come_to_its_senses(
    fault: str, caplog: pytest.LogCaptureFixture
) -> None:
    async def story() -> float:
        async with peer([FAULTS[fault]] * 2) as (link, _):
            began = time.perf_counter()
            with pytest.raises(DriverError):
                await link.read(1, "holding", 100, 2, Priority.MEASUREMENT)
            with pytest.raises(DriverError):
                await link.read(1, "holding", 100, 2, Priority.LIMIT)
            lasted_s = time.perf_counter() - began
            assert await link.read(1, "holding", 100, 2, Priority.STATUS) == [0, 0]
            return lasted_s

    with caplog.at_level(logging.INFO):
        lasted_s = run(story())

    assert lasted_s < 4 * TIMEOUT_S + 0.5
    assert [r.message for r in caplog.records if r.name == "asyncio"] == []


@pytest.mark.parametrize("number", [1, 2, 3, 4, 5, 6, 8, 255])
def test_every_exception_is_a_refusal_with_its_number(number: int) -> None:
    async def story() -> int:
        asked = 1 + BUSY_RETRIES if number == BUSY else 1
        async with peer([exception(number)] * asked) as (link, connections):
            with pytest.raises(ModbusRefusedError) as refused:
                await link.write(1, 16, 100, [0, 0], Priority.LIMIT)
            await link.read(1, "holding", 100, 2, Priority.STATUS)
            assert connections == [0]  # a refusal is no reason to hang up
            return refused.value.exception_code

    assert run(story()) == number


@pytest.mark.parametrize("number", [10, 11])
def test_a_gateway_without_its_device_is_unreachable(number: int) -> None:
    async def story() -> None:
        async with peer([exception(number)]) as (link, _):
            with pytest.raises(UnreachableError):
                await link.read(1, "holding", 100, 2, Priority.STATUS)

    run(story())


def test_a_peer_that_hangs_up_after_every_answer_is_dialled_anew_each_time() -> None:
    def once(transaction: int, unit: int, code: int, body: bytes) -> bytes:
        return proper(transaction, unit, code, body)

    async def story() -> int:
        async with peer([once, FAULTS["hangs up"]] * 4) as (link, connections):
            read = 0
            for _ in range(8):
                with contextlib.suppress(UnreachableError):
                    await link.read(1, "holding", 100, 2, Priority.STATUS)
                    read += 1
            assert len(connections) >= 4
            return read

    assert run(story()) == 4


def test_an_acknowledgement_of_another_address_is_none() -> None:
    def elsewhere(transaction: int, unit: int, code: int, body: bytes) -> bytes:
        return frame(transaction, unit, bytes([code]) + b"\x00\x65" + body[2:4])

    async def story() -> int:
        async with peer([elsewhere]) as (link, connections):
            with pytest.raises(UnreachableError, match="answer for 101, not 100"):
                await link.write(1, 16, 100, [0, 1], Priority.LIMIT)
            await link.write(1, 16, 100, [0, 1], Priority.LIMIT)
            return len(connections)

    assert run(story()) == 2  # what else comes on the first connection belongs to nothing


def test_several_coils_are_written_at_once() -> None:
    async def story() -> list[bytes]:
        seen: list[bytes] = []

        def note(transaction: int, unit: int, code: int, body: bytes) -> bytes:
            seen.append(bytes([code]) + body)
            return frame(transaction, unit, bytes([code]) + body[:4])

        async with peer([note]) as (link, _):
            await link.write(1, 15, 8, [1, 0, 1], Priority.LIMIT)
        return seen

    assert run(story()) == [b"\x0f\x00\x08\x00\x03\x01\x05"]


def test_who_opens_a_link_that_others_use_waits_for_the_turn() -> None:
    async def story() -> list[list[int] | None]:
        async with peer([]) as (link, connections):
            reads = [link.read(1, "holding", 100, 2, Priority.STATUS) for _ in range(3)]
            done = await asyncio.gather(*reads, link.open(), link.open())
            assert connections == [0]
            return list(done)

    assert run(story()) == [[0, 0], [0, 0], [0, 0], None, None]
