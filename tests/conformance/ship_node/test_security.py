"""TC_SHIP_SEC: a spoofed SKI never finishes a TLS handshake, in neither role."""

from __future__ import annotations

import asyncio
import ssl

import pytest

from eebus.node.events import Fault
from eebus.ship.ski import Ski
from tests.conformance.ship_node.conftest import Dut, Start
from tests.kit.node import LOOPBACK, run
from tests.kit.peer_certificates import Odd, make_peer
from tests.kit.ship_tool import ShipTool
from tests.kit.tls_wire import foreign_client, foreign_server

pytestmark = pytest.mark.loopback


async def assert_dialling_fails(dut: Dut, spoofed: ShipTool) -> None:
    context = foreign_client(spoofed.made, lambda _context: None)
    with pytest.raises((ssl.SSLError, ConnectionError)) as refused:
        await asyncio.open_connection(LOOPBACK, dut.port, ssl=context)
    assert "unknown" in str(refused.value).lower() or isinstance(refused.value, ConnectionError)


async def assert_being_dialled_fails(dut: Dut, spoofed: ShipTool) -> None:
    finished: list[asyncio.StreamWriter] = []
    server = await asyncio.start_server(
        lambda _reader, writer: finished.append(writer),
        LOOPBACK,
        0,
        ssl=foreign_server(spoofed.made, trusts=dut.made),
    )
    async with server:
        await dut.dials(spoofed, server.sockets[0].getsockname()[1])
        await dut.bench.until(lambda: _failure(dut) is not None)
    assert finished == []


def _failure(dut: Dut) -> object:
    return next((peer.failure for peer in dut.node.peers() if peer.failure), None)


def _spoofed(claimed: str) -> ShipTool:
    tool = ShipTool(make_peer(Odd(ski_extension=claimed)))
    tool.ski = claimed
    return tool


@pytest.mark.rule("TC_SHIP_SEC_001")
def test_spoofed_certificate_without_prior_pairing(start: Start) -> None:
    spoofed = _spoofed("ab" * 20)

    async def work() -> None:
        async with start() as dut:
            await dut.node.add(Ski(spoofed.ski))
            await assert_dialling_fails(dut, spoofed)
            await assert_being_dialled_fails(dut, spoofed)
            assert dut.actors.log == []

    run(work())


@pytest.mark.rule("TC_SHIP_SEC_002")
def test_spoofed_certificate_claiming_a_trusted_ski(start: Start) -> None:
    honest = ShipTool()
    spoofed = _spoofed(honest.ski)

    async def work() -> None:
        async with start(trusts=honest) as dut:
            async with honest.dial(dut.port) as link:
                await link.hello_to_data(is_client=True)
                await dut.linked(honest)
            await dut.bench.until(lambda: dut.actors.connected == [])
            await assert_dialling_fails(dut, spoofed)
            await assert_being_dialled_fails(dut, spoofed)
            assert [event[0] for event in dut.actors.log] == ["up", "down"]

            async with honest.dial(dut.port) as link:  # trust in the original stays
                await link.hello_to_data(is_client=True)
                await dut.linked(honest)

    run(work())


@pytest.mark.rule("TM-01")
def test_other_node_behind_the_announced_address_is_reported_as_such(start: Start) -> None:
    expected, other = ShipTool(), ShipTool()

    async def work() -> None:
        async with start() as dut, other.listen(dut.made) as (port, links):
            await dut.dials(expected, port)
            await dut.bench.until(lambda: _failure(dut) is not None)
            (peer,) = dut.node.peers()
            assert peer.failure is not None
            assert peer.failure.fault is Fault.OTHER_SKI
            assert peer.failure.fault.code == "E-PAIR-006"
            assert other.ski in peer.failure.reason
            assert links.qsize() == 0

    run(work())
