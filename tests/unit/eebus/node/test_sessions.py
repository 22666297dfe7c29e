"""How links begin: dialled by names and paths that anybody may have put into mDNS."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import pytest
from websockets.exceptions import InvalidHandshake, InvalidMessage

from eebus.node import ws
from eebus.node.clock import SystemClock
from eebus.node.config import NodeConfig
from eebus.node.events import Fault
from eebus.node.tls import TlsContext, TlsLimits, TlsStream
from eebus.node.ws import WebSocket, WsLimits
from eebus.ship.discovery import ServiceRecord
from eebus.ship.ski import Ski
from tests.kit.node import LOOPBACK, make_bench, run, running
from tests.kit.peer_certificates import make_peer
from tests.kit.ship_tool import ShipTool

pytestmark = pytest.mark.loopback


def fast() -> SystemClock:
    """A second of the protocol takes 20 ms."""
    return SystemClock(speed=50.0)


@pytest.mark.parametrize("path", ["/wrong/", "/a b", "/ship/#x", "/["])
def test_peer_is_reached_although_mdns_shows_a_path_it_does_not_serve(
    tmp_path: Path, path: str
) -> None:
    client = make_bench(tmp_path, clock=fast(), config=NodeConfig(listen=False))
    box = make_bench(tmp_path, clock=fast(), config=NodeConfig(is_server_only=True))

    async def work() -> None:
        async with running(client, box):
            await box.node.add(client.ski)
            client.node._on_found(
                ServiceRecord(
                    ski=box.ski,
                    ship_id="BOX",
                    path=path,
                    name="box",
                    host="box\0..local",
                    port=box.node.port,
                    addresses=(LOOPBACK,),
                )
            )
            await client.node.add(box.ski)
            await client.link_up(box.ski)

    run(work())


@pytest.mark.invariant("I-08")
def test_fault_of_ours_with_one_who_dials_ends_that_link_only_and_is_told_in_full_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    bench = make_bench(tmp_path)
    good, bad = ShipTool(), ShipTool()
    accept = ws.accept

    def told() -> list[logging.LogRecord]:
        return [record for record in caplog.records if "internal fault" in record.message]

    async def stumble(stream: TlsStream, path: str, limits: WsLimits) -> WebSocket:
        if stream.peer_ski == bad.ski:
            raise AssertionError("nobody has thought of this")
        return await accept(stream, path, limits)

    monkeypatch.setattr(ws, "accept", stumble)

    async def work() -> None:
        async with running(bench):
            await bench.node.add(Ski(good.ski))
            async with good.dial(bench.node.port) as link:
                await link.hello_to_data(is_client=True)
                await bench.link_up(good.ski)
                for _ in range(2):
                    with pytest.raises((InvalidHandshake, InvalidMessage, OSError, EOFError)):
                        async with bad.dial(bench.node.port):
                            pass
                await bench.until(lambda: len(told()) == 2 and bench.node._book.link_count == 1)
                assert bench.actors.log == [("up", good.ski)]

    run(work())

    assert [record.exc_info is not None for record in told()] == [True, False]


@pytest.mark.invariant("I-08")
def test_fault_of_ours_with_one_we_dial_is_a_failure_of_that_peer_and_it_is_dialled_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = make_bench(tmp_path, clock=fast(), config=NodeConfig(listen=False))
    box = make_bench(tmp_path, clock=fast(), config=NodeConfig(is_server_only=True))
    connect = ws.connect
    stumbles: list[str | None] = []

    async def stumble(*arguments: Any) -> WebSocket:
        if len(stumbles) < 2:
            stumbles.append(None)
            raise AssertionError("nobody has thought of this")
        failure = client.node.peers()[0].failure
        stumbles.append(failure.reason if failure else None)
        return await connect(*arguments)

    monkeypatch.setattr(ws, "connect", stumble)

    async def work() -> None:
        async with running(client, box):
            await box.node.add(client.ski)
            await client.node.add(box.ski, LOOPBACK, box.node.port)
            await client.link_up(box.ski)
            assert stumbles == [None, None, "internal fault, see the log"]

    run(work())


def test_address_that_is_no_host_name_is_a_failure_of_this_peer_only(tmp_path: Path) -> None:
    client = make_bench(tmp_path, clock=fast())
    other = make_peer().ski

    async def work() -> None:
        async with running(client):
            await client.node.add(Ski(other), host="box..local", port=4712)
            await client.until(lambda: client.node.peers()[0].failure is not None)
            failure = client.node.peers()[0].failure
            assert failure is not None
            assert failure.fault is Fault.NOT_FOUND

    run(work())


def test_names_with_blanks_and_dots_make_a_proper_host_name(tmp_path: Path) -> None:
    bench = make_bench(tmp_path, config=NodeConfig(model="My EMS 2.0", serial="0123456789"))

    announcement = bench.node._announcement()

    assert announcement is not None
    assert announcement.host_name == "my-ems-2-0-0123456789"


@pytest.mark.parametrize(
    "name", ["box\0.local", "box local", "x" * 300, "\N{LATIN SMALL LETTER U WITH DIAERESIS}"]
)
def test_server_name_that_is_no_host_name_is_left_out(name: str) -> None:
    own = make_peer()
    context = TlsContext(own.cert_pem, own.key_pem, TlsLimits())

    stream = context.client(lambda _der: Ski(""), server_name=name)

    assert stream._tls.get_servername() is None
