"""Who is let in: peers that wait, are accepted, rejected or strangers, and trust withdrawn."""

from __future__ import annotations

import contextlib
from pathlib import Path

import pytest

from eebus.node.events import Fault, PairError, PeerConnected, PeerPending, PeerRefused, PeerTrusted
from eebus.ship.ski import Ski
from eebus.wire.errors import LocalUseError
from tests.kit.clock import FakeClock
from tests.kit.node import make_bench, run, running
from tests.kit.node_pairs import fast, pair
from tests.kit.ship_tool import CMI, READY_60, ShipTool, spine

pytestmark = pytest.mark.loopback


def test_unknown_peer_is_accepted_in_the_handshake_that_is_waiting(tmp_path: Path) -> None:  # H-43
    bench = make_bench(tmp_path, clock=FakeClock())
    tool = ShipTool()

    async def work() -> None:
        async with running(bench), tool.dial(bench.node.port) as link:
            await link.send(CMI)
            assert await link.receive() == CMI
            assert (await link.expect("connectionHello"))["phase"] == "pending"
            await link.send(READY_60)
            await bench.until(lambda: bench.told(PeerPending) != [])
            assert [event.ski for event in bench.told(PeerPending)] == [tool.ski]
            await bench.until(lambda: bench.node.peers()[0].peer_is_waiting)
            assert bench.node.peers()[0].trust == "pending"

            await bench.node.accept(Ski(tool.ski))

            assert (await link.expect("connectionHello"))["phase"] == "ready"
            await link.protocol_to_data(is_client=True)
            await bench.link_up(tool.ski)
            assert [type(event) for event in bench.events[:3]] == [
                PeerPending,
                PeerTrusted,
                PeerConnected,
            ]

    run(work())


def test_rejected_peer_is_aborted_with_4452_and_not_asked_about_again(tmp_path: Path) -> None:
    bench = make_bench(tmp_path, clock=FakeClock())
    tool = ShipTool()

    async def work() -> None:
        async with running(bench):
            async with tool.dial(bench.node.port) as link:
                await link.send(CMI)
                assert await link.receive() == CMI
                await link.expect("connectionHello")
                await bench.until(lambda: bench.told(PeerPending) != [])
                await bench.node.reject(Ski(tool.ski))
                assert (await link.expect("connectionHello"))["phase"] == "aborted"
                bench.clock.advance(1)
                assert await link.closed() == 4452
            async with tool.dial(bench.node.port) as link:
                await link.send(CMI)
                assert await link.receive() == CMI
                assert (await link.expect("connectionHello"))["phase"] == "aborted"
            assert len(bench.told(PeerPending)) == 1
            assert bench.actors.log == []

    run(work())


@pytest.mark.field("F-06")
def test_stranger_never_reaches_spine_once_a_control_box_is_paired(tmp_path: Path) -> None:
    bench = make_bench(tmp_path, clock=FakeClock())
    box, stranger = ShipTool(), ShipTool()

    async def work() -> None:
        async with running(bench):
            assert bench.node.asks_user
            await bench.node.add(Ski(box.ski))
            assert not bench.node.asks_user
            async with stranger.dial(bench.node.port) as link:
                await link.send(CMI)
                assert await link.receive() == CMI
                assert (await link.expect("connectionHello"))["phase"] == "aborted"
                await link.send(READY_60, spine(1))
                bench.clock.advance(1)
                await link.closed()
            await bench.until(lambda: bench.told(PeerRefused) != [])
            assert [event.ski for event in bench.told(PeerRefused)] == [stranger.ski]
            assert bench.actors.log == []
            assert bench.actors.received == []

    run(work())


def test_open_window_lets_a_second_peer_ask_and_closes_after_it(tmp_path: Path) -> None:
    bench = make_bench(tmp_path, clock=FakeClock())
    box, second = ShipTool(), ShipTool()

    async def work() -> None:
        async with running(bench):
            await bench.node.add(Ski(box.ski))
            await bench.node.open_window(900)
            assert bench.node.window_until == bench.clock.monotonic() + 900
            async with second.dial(bench.node.port) as link:
                await link.send(CMI)
                assert await link.receive() == CMI
                assert (await link.expect("connectionHello"))["phase"] == "pending"
                await bench.until(lambda: bench.told(PeerPending) != [])
                await bench.node.accept(Ski(second.ski), role="device", name="wallbox")
                assert bench.node.window_until is None
                assert (await link.expect("connectionHello"))["phase"] == "ready"
            names = {peer.ski: (peer.name, peer.role) for peer in bench.node.peers()}
            assert names[Ski(second.ski)] == ("wallbox", "device")

    run(work())


@pytest.mark.rule("H-26")
def test_one_stranger_takes_one_pending_place_however_often_it_dials(tmp_path: Path) -> None:
    bench = make_bench(tmp_path, clock=FakeClock())
    pushy, other = ShipTool(), ShipTool()

    async def work() -> None:
        async with running(bench), contextlib.AsyncExitStack() as stack:
            for tool in (pushy, pushy, pushy, other):
                link = await stack.enter_async_context(tool.dial(bench.node.port))
                await link.send(CMI)
                assert await link.receive() == CMI
            await bench.until(lambda: len(bench.told(PeerPending)) == 2)
            pending = [peer.ski for peer in bench.node.peers() if peer.trust == "pending"]
            assert sorted(pending) == sorted([pushy.ski, other.ski])

    run(work())


def test_accepting_somebody_who_does_not_wait_is_refused(tmp_path: Path) -> None:
    bench = make_bench(tmp_path)

    async def work() -> None:
        async with running(bench):
            with pytest.raises(PairError, match="not waiting"):
                await bench.node.accept(Ski("ab" * 20))
            with pytest.raises(PairError) as own:
                await bench.node.add(bench.ski)
            assert own.value.fault is Fault.OWN_SKI
            with pytest.raises(LocalUseError):
                await bench.node.remove(Ski("ab" * 20))
            assert bench.node.peers() == []

    run(work())


def test_link_whose_trust_is_withdrawn_is_told_and_does_not_come_back(tmp_path: Path) -> None:
    server = make_bench(tmp_path, clock=fast())
    client = make_bench(tmp_path, clock=fast())

    async def work() -> None:
        async with running(server, client):
            await pair(server, client)
            await server.node.add(Ski("ef" * 20))  # another control box stays paired
            await server.node.remove(client.ski)
            await client.until(lambda: client.actors.connected == [])
            await client.until(lambda: client.node.peers()[0].failure is not None)
            failure = client.node.peers()[0].failure
            assert failure is not None
            assert failure.fault is Fault.REJECTED_BY_PEER
            assert failure.fault.code == "E-PAIR-004"
            assert server.actors.connected == []
            assert client.ski not in [p.ski for p in server.node.peers() if p.trust == "trusted"]

    run(work())
