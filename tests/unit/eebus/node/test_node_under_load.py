"""Dead, slow, flooding and malformed peers cost nobody else anything."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from pathlib import Path

import pytest

from eebus.node.admission import AdmissionLimits
from eebus.node.clock import SystemClock
from eebus.node.config import NodeConfig
from eebus.node.events import Fault, PeerDisconnected
from eebus.ship.ski import Ski
from tests.kit.clock import FakeClock
from tests.kit.node import LOOPBACK, datagram, make_bench, run, running
from tests.kit.node_pairs import fast, pair, say
from tests.kit.ship_tool import CMI, ShipTool, spine

pytestmark = pytest.mark.loopback


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


@pytest.mark.invariant("I-15")
def test_flood_of_bad_handshakes_is_refused_at_the_door_and_fills_no_log(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    limits = AdmissionLimits(failed_burst=2, failed_per_minute=1)
    bench = make_bench(tmp_path, clock=FakeClock(), config=NodeConfig(admission=limits))

    async def work() -> None:
        async with running(bench):
            for _ in range(12):
                reader, writer = await asyncio.open_connection(LOOPBACK, bench.node.port)
                writer.write(b"GET / HTTP/1.1\r\n\r\n")
                with contextlib.suppress(ConnectionError):
                    await reader.read()
                writer.close()
            bench.clock.advance(60)
            await bench.node.open_window(60)
            async with ShipTool().dial(bench.node.port):
                pass  # a minute later one may try again

    run(work())

    assert sum("TLS failed" in line for line in caplog.messages) == 2
    refused = [one for one in caplog.records if "too many failed handshakes" in one.message]
    assert [one.levelname for one in refused] == ["WARNING"] * 4  # the 1st, 2nd, 4th and 8th
