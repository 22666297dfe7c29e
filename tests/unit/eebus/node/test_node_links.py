"""Links that break, come back, come twice, die silently or end with the node."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from eebus.node.events import PeerDisconnected
from eebus.ship.ski import Ski
from tests.kit.clock import FakeClock
from tests.kit.node import (
    LOOPBACK,
    datagram,
    identity_of,
    make_bench,
    ordered_identities,
    run,
    running,
)
from tests.kit.node_pairs import fast, pair, say
from tests.kit.peer_certificates import make_peer
from tests.kit.ship_tool import ShipTool, spine

pytestmark = pytest.mark.loopback


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


@pytest.mark.field("F-05")
def test_what_two_partners_say_stays_theirs_when_they_come_back_in_the_other_order(
    tmp_path: Path,
) -> None:
    bench = make_bench(tmp_path, clock=FakeClock())
    first, second = ShipTool(), ShipTool()

    async def say_once(tool: ShipTool, number: int, links: contextlib.AsyncExitStack) -> None:
        link = await links.enter_async_context(tool.dial(bench.node.port))
        await link.hello_to_data(is_client=True)
        await link.send(spine(number))
        await bench.until(lambda: len(bench.actors.received) == number)

    async def work() -> None:
        async with running(bench):
            for tool in (first, second):
                await bench.node.add(Ski(tool.ski))
            async with contextlib.AsyncExitStack() as links:
                await say_once(first, 1, links)
                await say_once(second, 2, links)
            await bench.until(lambda: bench.actors.connected == [])
            async with contextlib.AsyncExitStack() as links:
                await say_once(second, 3, links)
                await say_once(first, 4, links)
            told = [(ski, body["datagram"][0]["payload"]) for ski, body in bench.actors.received]
            assert told == [(first.ski, 1), (second.ski, 2), (second.ski, 3), (first.ski, 4)]

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
