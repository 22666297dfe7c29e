"""How links begin: dialled by names and paths that anybody may have put into mDNS."""

from __future__ import annotations

from pathlib import Path

import pytest

from eebus.node.clock import SystemClock
from eebus.node.config import NodeConfig
from eebus.node.events import Fault
from eebus.node.tls import TlsContext, TlsLimits
from eebus.ship.discovery import ServiceRecord
from eebus.ship.ski import Ski
from tests.kit.node import LOOPBACK, make_bench, run, running
from tests.kit.peer_certificates import make_peer

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
