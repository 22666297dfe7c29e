"""Whole nodes against each other and against raw peers, on loopback, with a fast protocol clock."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from eebus.node.clock import SystemClock
from eebus.node.events import (
    Fault,
    PairError,
    PeerConnected,
    PeerDisconnected,
    PeerPending,
    PeerRefused,
    PeerTrusted,
)
from eebus.node.pump import Direction
from eebus.node.trust_store import TrustStore
from eebus.ship.discovery import ServiceRecord
from eebus.ship.ski import Ski
from eebus.wire.errors import LocalUseError
from tests.kit.clock import FakeClock
from tests.kit.node import (
    LOOPBACK,
    Bench,
    datagram,
    identity_of,
    make_bench,
    ordered_identities,
    run,
    running,
)
from tests.kit.peer_certificates import make_elli_like, make_peer
from tests.kit.ship_tool import CMI, READY_60, ShipTool, spine

pytestmark = pytest.mark.loopback


def fast() -> SystemClock:
    """A second of the protocol takes 20 ms."""
    return SystemClock(speed=50.0)


async def pair(server: Bench, client: Bench) -> None:
    await server.node.add(client.ski)
    await client.node.add(server.ski, LOOPBACK, server.node.port)
    await server.link_up(client.ski)
    await client.link_up(server.ski)


async def say(sender: Bench, receiver: Bench, number: int) -> None:
    await sender.node.call(
        lambda actors, _now: actors.outgoing.append((receiver.ski, datagram(number)))
    )
    await receiver.until(lambda: (sender.ski, datagram(number)) in receiver.actors.received)


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
def test_node_does_not_talk_to_itself(tmp_path: Path) -> None:
    bench = make_bench(tmp_path, clock=fast())
    twin = make_bench(tmp_path / "twin", identity=bench.identity, clock=fast())
    other = Ski("cd" * 20)

    async def work() -> None:
        async with running(bench, twin):
            await bench.node.add(other, LOOPBACK, twin.node.port)
            await bench.until(lambda: bench.node.peers()[0].failure is not None)
            failure = bench.node.peers()[0].failure
            assert failure is not None
            assert "our own SKI" in failure.reason
            assert bench.actors.log == twin.actors.log == []

    run(work())


def test_peer_that_went_away_is_dialled_until_it_is_back(tmp_path: Path) -> None:
    identity = identity_of(make_peer(), "BOX")
    client = make_bench(tmp_path, clock=fast())
    box = make_bench(tmp_path, identity=identity, clock=fast())

    async def work() -> None:
        async with running(client):
            async with running(box):
                port = box.node.port
                await pair(box, client)
            await client.until(lambda: client.actors.connected == [])
            assert client.told(PeerDisconnected)[0].reason.startswith("closed by the peer")
            await client.until(lambda: client.node.peers()[0].failure is not None)

            again = make_bench(tmp_path, identity=identity, clock=fast())
            again.node._config = replace(again.node._config, port=port)
            async with running(again):
                await client.link_up(box.ski)
                await again.link_up(client.ski)
            assert client.actors.log[:3] == [("up", box.ski), ("down", box.ski), ("up", box.ski)]

    run(work())


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


@pytest.mark.field("F-05")
def test_both_dial_at_once_and_one_session_remains(tmp_path: Path) -> None:
    small, large = (
        make_bench(tmp_path, identity=identity, clock=fast()) for identity in ordered_identities()
    )

    async def work() -> None:
        async with running(small, large):
            await asyncio.gather(
                small.node.add(large.ski, LOOPBACK, large.node.port),
                large.node.add(small.ski, LOOPBACK, small.node.port),
            )
            await small.link_up(large.ski)
            await large.link_up(small.ski)
            await small.until(lambda: small.node._book.link_count == 1)
            await large.until(lambda: large.node._book.link_count == 1)
            await say(small, large, 1)
            await say(large, small, 2)
            assert small.actors.connected == [large.ski]
            assert large.actors.connected == [small.ski]

    run(work())


class Pipe:
    """A TCP relay that can fall silent without closing: a peer after a power failure."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.is_dead = False

    @contextlib.asynccontextmanager
    async def open(self) -> AsyncIterator[int]:
        tasks: set[asyncio.Task[None]] = set()
        writers: list[asyncio.StreamWriter] = []

        async def relay(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            while data := await reader.read(65536):
                if not self.is_dead:
                    writer.write(data)
            writer.close()

        async def on_link(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            far_reader, far_writer = await asyncio.open_connection(LOOPBACK, self.port)
            writers.extend((writer, far_writer))
            for ends in ((reader, far_writer), (far_reader, writer)):
                tasks.add(asyncio.ensure_future(relay(*ends)))

        server = await asyncio.start_server(on_link, LOOPBACK, 0)
        async with server:
            yield server.sockets[0].getsockname()[1]
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            for writer in writers:
                writer.transport.abort()


@pytest.mark.field("F-33")
@pytest.mark.parametrize("we_are_larger", [True, False], ids=["larger", "smaller"])
def test_limit_over_a_new_link_arrives_although_the_old_one_is_a_zombie(
    tmp_path: Path, *, we_are_larger: bool
) -> None:
    small, large = sorted((make_peer(), make_peer()), key=lambda made: made.ski)
    ours, box = (large, small) if we_are_larger else (small, large)
    bench = make_bench(tmp_path, identity=identity_of(ours, "EMS"), clock=FakeClock())
    tool = ShipTool(box)

    async def work() -> None:
        async with running(bench), Pipe(bench.node.port).open() as first_port:
            await bench.node.add(Ski(tool.ski))
            pipe_link = tool.dial(first_port)
            old = await pipe_link.__aenter__()
            await old.hello_to_data(is_client=True)
            await bench.link_up(tool.ski)
            await old.send(spine(1))
            await bench.until(lambda: len(bench.actors.received) == 1)
            old.socket.transport.pause_reading()  # power is cut: nothing is read or answered
            bench.clock.advance(30)

            async with tool.dial(bench.node.port) as new:
                began_at = bench.clock.monotonic()
                await new.hello_to_data(is_client=True)
                await new.send(spine(2))
                await bench.until(lambda: bench.node._book.link_count == 2)
                await asyncio.sleep(0.02)
                bench.clock.advance(3)
                await bench.until(lambda: len(bench.actors.received) == 2)
                assert bench.actors.received[1] == (tool.ski, {"datagram": [{"payload": 2}]})
                assert bench.clock.monotonic() - began_at <= 5
                assert bench.actors.log == [("up", tool.ski), ("down", tool.ski), ("up", tool.ski)]
            old.socket.transport.abort()
            with contextlib.suppress(Exception):
                await pipe_link.__aexit__(None, None, None)

    run(work())


@pytest.mark.rule("H-78")
def test_last_datagram_before_the_stop_reaches_the_peer(tmp_path: Path) -> None:
    server = make_bench(tmp_path, clock=fast())
    client = make_bench(tmp_path, clock=fast())

    async def work() -> None:
        async with running(client):
            async with running(server):
                await pair(server, client)
                asyncio.ensure_future(  # noqa: RUF006  # it ends with the node
                    server.node.call(
                        lambda actors, _now: actors.outgoing.append((client.ski, datagram(9)))
                    )
                )
                await asyncio.sleep(0)
            assert (server.ski, datagram(9)) in client.actors.received
            await client.until(lambda: client.actors.connected == [])

    run(work())


@pytest.mark.rule("H-45")
def test_ten_dead_peers_do_not_hold_up_the_actors(tmp_path: Path) -> None:
    bench = make_bench(tmp_path, clock=SystemClock(speed=200.0))
    box = make_bench(tmp_path, clock=fast())

    async def work() -> None:
        async with running(bench, box):
            await pair(bench, box)
            for number in range(10):
                # 127.0.0.0/8 is all loopback: nothing listens there, nothing leaves the host
                await bench.node.add(Ski(f"{number:040d}"), f"127.9.9.{number + 1}", 9)
            for beat in range(20):
                bench.actors.deadline = bench.clock.monotonic() + 4
                due = bench.actors.deadline
                await bench.node.call(lambda _actors, _now: None)
                await bench.until(lambda beat=beat: len(bench.actors.timers) > beat)
                assert bench.actors.timers[-1] - due < 20  # 0.1 real seconds
            await say(bench, box, 5)
            failed = [peer for peer in bench.node.peers() if peer.failure]
            assert {peer.failure.fault for peer in failed if peer.failure} == {Fault.NOT_FOUND}
            assert len(failed) == 10

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


@pytest.mark.invariant("I-15")
def test_peer_that_does_not_read_is_cut_and_the_others_go_on(tmp_path: Path) -> None:
    bench = make_bench(tmp_path, clock=FakeClock())
    box = make_bench(tmp_path, clock=fast())
    slow = ShipTool()
    bulk = {"datagram": [{"payload": "x" * 50_000}]}

    async def work() -> None:
        async with running(bench, box):
            await pair(bench, box)
            await bench.node.add(Ski(slow.ski))
            async with slow.dial(bench.node.port) as link:
                await link.hello_to_data(is_client=True)
                await bench.link_up(slow.ski)
                link.socket.transport.pause_reading()
                for number in range(400):
                    await bench.node.call(
                        lambda actors, _now: actors.outgoing.append((slow.ski, bulk))
                    )
                    if slow.ski not in bench.actors.connected:
                        break
                    assert number < 399
                    await asyncio.sleep(0.001)
                await say(bench, box, 3)
                reasons = [event.reason for event in bench.told(PeerDisconnected)]
                assert len(reasons) == 1
                assert "does not" in reasons[0]
                link.socket.transport.abort()

    run(work())


@pytest.mark.invariant("I-08")
def test_flooding_peer_does_not_delay_the_control_box(tmp_path: Path) -> None:
    bench = make_bench(tmp_path, clock=fast())
    box = make_bench(tmp_path, clock=fast())
    flooder = ShipTool()
    bench.actors.reply = lambda payload: datagram(100) if payload == datagram(1) else None

    async def work() -> None:
        async with running(bench, box):
            await pair(bench, box)
            await bench.node.add(Ski(flooder.ski))
            async with flooder.dial(bench.node.port) as link:
                await link.hello_to_data(is_client=True)
                await bench.link_up(flooder.ski)

                async def flood() -> None:
                    while True:
                        await link.send(*[spine(7)] * 50)
                        await asyncio.sleep(0)

                flooding = asyncio.ensure_future(flood())
                loop = asyncio.get_running_loop()
                slowest = 0.0
                for number in range(200):
                    began = loop.time()
                    await box.node.call(
                        lambda actors, _now: actors.outgoing.append((bench.ski, datagram(1)))
                    )
                    await box.until(lambda n=number: len(box.actors.received) > n)
                    slowest = max(slowest, loop.time() - began)
                    if number >= 20 and len(bench.actors.received) > 200:
                        break  # the faster the box is served, the less of the flood is heard
                flooding.cancel()
                await asyncio.gather(flooding, return_exceptions=True)
                assert slowest < 1.0
                assert len(bench.actors.received) > 200

    run(work())


@pytest.mark.parametrize(
    "garbage",
    [
        b"\x01{",
        b"\x01" + b"[" * 2000,
        b'\x01{"connectionHello":[{"phase":NaN}]}',
        b"\x01\xff\xfe\xfd",
        b"\x03{}",
        b'\x02{"data":1}',
        b"\x00\x00",
        b'\x01{"connectionHello":[{"phase":"ready"},{"phase":"pending"}]}',
    ],
    ids=["cut", "deep", "nan", "utf8", "close", "data", "cmi", "twice"],
)
def test_malformed_handshake_ends_this_link_only(tmp_path: Path, garbage: bytes) -> None:
    bench = make_bench(tmp_path, clock=FakeClock())
    box, bad = ShipTool(), ShipTool()

    async def work() -> None:
        async with running(bench):
            await bench.node.add(Ski(box.ski))
            await bench.node.add(Ski(bad.ski))
            async with box.dial(bench.node.port) as good, bad.dial(bench.node.port) as link:
                await good.hello_to_data(is_client=True)
                await bench.link_up(box.ski)
                await link.send(CMI)
                assert await link.receive() == CMI
                await link.expect("connectionHello")
                await link.send(garbage)
                bench.clock.advance(61)
                await asyncio.sleep(0.02)
                bench.clock.advance(2)
                await bench.until(lambda: bench.node._book.link_count == 1)
                assert bench.actors.connected == [box.ski]
                assert bench.node.peers()[1].failure is not None

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
