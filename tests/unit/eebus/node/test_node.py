"""Whole nodes that pair and talk, on loopback, with a fast protocol clock."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import replace
from pathlib import Path

import pytest
from websockets.exceptions import InvalidHandshake

from eebus.node.events import Fault
from eebus.node.pump import Direction
from eebus.node.trust_store import TrustStore
from eebus.ship.discovery import ServiceRecord
from eebus.ship.ski import Ski
from tests.kit.clock import FakeClock
from tests.kit.node import LOOPBACK, identity_of, make_bench, ordered_identities, run, running
from tests.kit.node_pairs import fast, pair, say
from tests.kit.peer_certificates import make_elli_like, make_peer
from tests.kit.ship_tool import ShipTool

pytestmark = pytest.mark.loopback


@pytest.mark.rule("H-80")
@pytest.mark.parametrize("small_dials", [True, False])
def test_two_nodes_pair_and_talk_in_both_directions(tmp_path: Path, *, small_dials: bool) -> None:
    small, large = (
        make_bench(tmp_path, identity=identity, clock=fast()) for identity in ordered_identities()
    )
    server, client = (large, small) if small_dials else (small, large)

    async def work() -> None:
        async with running(server, client):
            await pair(server, client)
            await say(server, client, 1)
            await say(client, server, 2)

            (ours,) = server.node.peers()
            assert ours.layers.spine
            assert ours.layers.trusted
            assert (ours.direction, ours.trust, ours.phase) == (Direction.IN, "trusted", "data")
            (theirs,) = client.node.peers()
            assert (theirs.host, theirs.port) == (LOOPBACK, server.node.port)
            assert theirs.direction is Direction.OUT

    run(work())


def test_peers_learn_each_others_ship_id_and_keep_it_on_disk(tmp_path: Path) -> None:
    server = make_bench(tmp_path, clock=fast())
    client = make_bench(tmp_path, identity=identity_of(make_peer(), "EMS-CLIENT"), clock=fast())

    async def work() -> None:
        async with running(server, client):
            await pair(server, client)
            await server.until(lambda: server.node.peers()[0].ship_id == "EMS-CLIENT")
        saved = TrustStore(tmp_path / server.ski[:8]).load(server.ski)
        assert [peer.ship_id for peer in saved.trusted] == ["EMS-CLIENT"]

    run(work())


def test_elli_like_peer_pairs(tmp_path: Path) -> None:
    bench = make_bench(tmp_path, clock=FakeClock())
    elli = make_elli_like()
    peer = make_bench(tmp_path, identity=identity_of(elli, "Elli"), clock=fast())
    bench = make_bench(tmp_path, clock=fast())

    async def work() -> None:
        async with running(bench, peer):
            await pair(bench, peer)

    run(work())


@pytest.mark.rule("H-04")
def test_node_does_not_talk_to_itself_and_warns_of_its_twin(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    made = make_peer()
    bench = make_bench(tmp_path, identity=identity_of(made, "EMS"), clock=fast())
    twin = make_bench(tmp_path / "twin", identity=bench.identity, clock=fast())

    def told() -> list[logging.LogRecord]:
        lines = [one for one in caplog.records if one.name == "eebus.node.sessions"]
        return [one for one in lines if "our own SKI" in one.message]

    other = Ski("cd" * 20)

    async def work() -> None:
        async with running(bench, twin):
            await bench.node.add(other, LOOPBACK, twin.node.port)
            await bench.until(lambda: bench.node.peers()[0].failure is not None)
            failure = bench.node.peers()[0].failure
            assert failure is not None
            assert "our own SKI" in failure.reason
            assert failure.fault is Fault.OTHER_SKI
            assert bench.actors.log == twin.actors.log == []
            for _ in range(2):  # a copy of the card in a second device
                with pytest.raises((OSError, EOFError, InvalidHandshake)):
                    async with ShipTool(made).dial(twin.node.port):
                        pass
            await bench.until(lambda: len(told()) == 2)

    run(work())

    assert [record.levelname for record in told()] == ["WARNING", "INFO"]


@pytest.mark.field("F-06")
def test_trust_is_there_before_the_port_is_open(tmp_path: Path) -> None:
    identity = identity_of(make_peer(), "EMS")
    tool = ShipTool()

    async def work() -> None:
        first = make_bench(tmp_path, identity=identity, clock=FakeClock())
        async with running(first):
            await first.node.add(Ski(tool.ski), role="control_box", name="Steuerbox")
        second = make_bench(tmp_path, identity=identity, clock=FakeClock())
        assert [peer.name for peer in second.node.peers()] == ["Steuerbox"]
        async with running(second), tool.dial(second.node.port) as link:
            await link.hello_to_data(is_client=True)
            await second.link_up(tool.ski)

    run(work())


def test_peer_without_address_is_dialled_when_mdns_shows_it(tmp_path: Path) -> None:
    client = make_bench(tmp_path, clock=fast())
    box = make_bench(tmp_path, clock=fast())

    async def work() -> None:
        async with running(client, box):
            await box.node.add(client.ski)
            await client.node.add(box.ski)
            await client.until(lambda: client.node.peers()[0].failure is not None)
            failure = client.node.peers()[0].failure
            assert failure is not None
            assert failure.fault is Fault.NOT_FOUND

            client.node._on_found(
                ServiceRecord(
                    ski=box.ski,
                    ship_id="BOX",
                    name="box",
                    port=box.node.port,
                    addresses=(LOOPBACK,),
                )
            )
            await client.link_up(box.ski)
            assert [record.ship_id for record in client.node.discovered()] == ["BOX"]

    run(work())


def test_taken_port_is_reported_and_tried_again(tmp_path: Path) -> None:
    bench = make_bench(tmp_path, clock=FakeClock())

    async def work() -> None:
        blocker = await asyncio.start_server(lambda _r, _w: None, LOOPBACK, 0)
        port = blocker.sockets[0].getsockname()[1]
        bench.node._config = replace(bench.node._config, port=port)
        task = asyncio.ensure_future(bench.node.run())
        await bench.until(lambda: bench.node.problems != [])
        assert f"port {port}" in bench.node.problems[0]
        assert not bench.node.ready.is_set()
        blocker.close()
        await blocker.wait_closed()
        bench.clock.advance(10)
        await asyncio.wait_for(bench.node.ready.wait(), 5)
        assert bench.node.port == port
        assert bench.node.problems == []
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    run(work())
