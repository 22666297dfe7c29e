"""mDNS on the loopback interface only; nothing leaves the host."""

from __future__ import annotations

import asyncio
import socket
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from zeroconf import (
    DNSOutgoing,
    DNSPointer,
    ServiceStateChange,
    const,
)
from zeroconf.asyncio import AsyncServiceInfo, AsyncZeroconf

from eebus.node import mdns as mdns_module
from eebus.node.addresses import own_addresses
from eebus.node.announcement import Announcement
from eebus.node.clock import SystemClock
from eebus.node.discovered import MAX_ENTRIES
from eebus.node.mdns import Mdns, record_of
from eebus.ship.discovery import SERVICE_TYPE, ServiceRecord, build_txt, txt_rdata
from eebus.ship.ski import Ski
from tests.kit.clock import FakeClock
from tests.kit.node import LOOPBACK, make_bench, run, running

pytestmark = pytest.mark.loopback

BOX = ServiceRecord(ski=Ski("b" * 40), ship_id="BOX-1", brand="Box", model="b", serial="1")
NAME = f"Box-b-1.{SERVICE_TYPE}"


def make_mdns(found: list[ServiceRecord], gone: list[str]) -> Mdns:
    return Mdns((LOOPBACK,), SystemClock(), found=found.append, gone=gone.append)


def announcement(txt: bytes, instance: str = "Box-b-1") -> Announcement:
    return Announcement(instance, "box-1", 4712, txt)


async def until(true: object, timeout_s: float = 8.0) -> None:
    async with asyncio.timeout(timeout_s):
        while not true():  # type: ignore[operator]  # a condition
            await asyncio.sleep(0.02)


def test_announced_node_is_found_and_its_end_is_seen() -> None:
    async def work() -> None:
        found: list[ServiceRecord] = []
        gone: list[str] = []
        browsing = asyncio.ensure_future(make_mdns(found, gone).run(None))
        announcing = asyncio.ensure_future(
            make_mdns([], []).run(announcement(txt_rdata(build_txt(BOX))))
        )
        await until(lambda: found)
        assert found[-1] == replace(
            BOX,
            name=NAME,
            host="box-1.local",
            port=4712,
            addresses=(LOOPBACK,),
            categories=(2,),
        )
        announcing.cancel()
        await asyncio.gather(announcing, return_exceptions=True)
        await until(lambda: gone == [NAME])
        browsing.cancel()
        await asyncio.gather(browsing, return_exceptions=True)

    run(work())


def test_two_nodes_find_each_other_and_pair_without_any_address(tmp_path: Path) -> None:
    box, ems = (make_bench(tmp_path, clock=SystemClock(speed=20)) for _ in range(2))
    for bench in (box, ems):
        bench.node._config = replace(
            bench.node._config, mdns=True, brand="T", serial=bench.ski[:10]
        )

    async def work() -> None:
        async with running(box, ems):
            await box.node.add(ems.ski)
            await ems.node.add(box.ski)
            await ems.link_up(box.ski)
            await box.link_up(ems.ski)
            await until(lambda: box.ski in {record.ski for record in ems.node.discovered()})
            assert ems.ski not in {record.ski for record in ems.node.discovered()}

    run(work())


@pytest.mark.rule("H-25")
def test_node_without_an_address_announces_nothing_and_says_so() -> None:
    async def work() -> None:
        mdns = Mdns(("192.0.2.77",), FakeClock(), found=lambda _r: None, gone=lambda _n: None)
        task = asyncio.ensure_future(mdns.run(announcement(b"")))
        await until(lambda: mdns.problem)
        assert "no network address" in mdns.problem
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    run(work())


def test_name_that_no_packet_can_hold_does_not_end_our_questions(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    opened: list[AsyncZeroconf] = []
    open_one = mdns_module._open

    def remember(interfaces: tuple[str, ...], addresses: list[str]) -> AsyncZeroconf:
        opened.append(open_one(interfaces, addresses))
        return opened[0]

    monkeypatch.setattr(mdns_module, "_open", remember)
    label = b"\xff" * 63  # read as 63 replacement characters, which make 189 octets
    kind = b"\x05_ship\x04_tcp\x05local\x00"
    answer = b"\x00\x0c\x00\x01\x00\x00\x00\x78" + (len(label) + 3).to_bytes(2) + b"\x3f" + label
    packet = b"\x00\x00\x84\x00\x00\x00\x00\x01\x00\x00\x00\x00" + kind + answer + b"\xc0\x0c"

    async def work() -> None:
        faults: list[object] = []
        asyncio.get_running_loop().set_exception_handler(lambda _loop, what: faults.append(what))
        mdns = make_mdns([], [])
        heard: list[str] = []
        on_change = mdns._on_change

        def listen(**change: Any) -> None:
            on_change(**change)
            heard.append(change["name"])

        monkeypatch.setattr(mdns, "_on_change", listen)
        task = asyncio.ensure_future(mdns.run(None))
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger:
            loopback = socket.inet_aton(LOOPBACK)
            stranger.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, loopback)

            def is_heard() -> bool:
                stranger.sendto(packet, ("224.0.0.251", 5353))
                return any("\ufffd" in name for name in heard)

            await until(is_heard)
        assert opened[0].zeroconf.cache.entries_with_name(SERVICE_TYPE) == []
        asked: list[object] = []
        monkeypatch.setattr(opened[0].zeroconf, "async_send", lambda *packet: asked.append(packet))
        await until(lambda: asked or faults)  # a second after the first question
        assert faults == []
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    run(work())


def test_names_of_strangers_are_fit_for_screens_and_logs() -> None:
    info = AsyncServiceInfo(
        SERVICE_TYPE,
        f"b\N{RIGHT-TO-LEFT OVERRIDE}x.{SERVICE_TYPE}",
        port=4712,
        properties=txt_rdata(GOOD),
        server="box\n\x1b[2J.local.",
    )
    gone: list[str] = []

    record = record_of(info.name, info)
    make_mdns([], gone)._on_change(
        None,  # type: ignore[arg-type]  # not looked at
        SERVICE_TYPE,
        info.name,
        ServiceStateChange.Removed,
    )

    assert record is not None
    assert record.name == f"b?x.{SERVICE_TYPE}"
    assert record.host == ""
    assert gone == [record.name]


GOOD = build_txt(BOX)


@pytest.mark.parametrize(
    "txt",
    [
        b"",
        b"\x00",
        b"\xff" * 50,
        txt_rdata([b"txtvers=2", *GOOD[1:]]),
        txt_rdata([string for string in GOOD if not string.startswith(b"ski=")]),
        txt_rdata([b"ski=xyz" if string.startswith(b"ski=") else string for string in GOOD]),
        txt_rdata(GOOD) + b"\x20short",
        txt_rdata([*GOOD, *[b"x" * 200] * 3]),
    ],
    ids=["empty", "nul", "noise", "txtvers", "no ski", "bad ski", "cut", "too long"],
)
def test_unusable_txt_record_is_dropped(txt: bytes) -> None:
    info = AsyncServiceInfo(SERVICE_TYPE, NAME, port=4712, properties=txt, server="box.local.")

    assert record_of(NAME, info) is None


def test_record_without_port_is_dropped() -> None:
    info = AsyncServiceInfo(SERVICE_TYPE, NAME, port=0, properties=txt_rdata(GOOD))

    assert record_of(NAME, info) is None


@pytest.mark.invariant("I-15")
def test_flood_of_names_is_bounded() -> None:
    async def work() -> None:
        mdns = make_mdns([], [])
        for number in range(MAX_ENTRIES * 3):
            mdns._on_change(
                None,  # type: ignore[arg-type]  # not looked at
                SERVICE_TYPE,
                f"flood-{number}",
                ServiceStateChange.Added,
            )
        assert mdns._asked.qsize() == MAX_ENTRIES

    run(work())


def test_loopback_is_announced_only_where_it_was_asked_for() -> None:
    assert own_addresses((LOOPBACK,)) == [LOOPBACK]
    assert LOOPBACK in own_addresses(("lo",))
    assert LOOPBACK not in own_addresses(())


@pytest.mark.parametrize("name", ["a\x01b", "x" * 62 + "\N{LATIN SMALL LETTER U WITH DIAERESIS}"])
def test_instance_name_that_is_against_the_rules_costs_nobody_else(name: str) -> None:
    async def work() -> None:
        found: list[ServiceRecord] = []
        browsing = asyncio.ensure_future(make_mdns(found, []).run(None))
        evil = AsyncZeroconf(interfaces=[LOOPBACK])
        out = DNSOutgoing(const._FLAGS_QR_RESPONSE | const._FLAGS_AA)
        pointer = (const._TYPE_PTR, const._CLASS_IN, 120, f"{name}.{SERVICE_TYPE}")
        out.add_answer_at_time(DNSPointer(SERVICE_TYPE, *pointer), 0)
        for _ in range(10):  # the browser may not listen yet
            evil.zeroconf.async_send(out)
            await asyncio.sleep(0.04)
        announcing = asyncio.ensure_future(
            make_mdns([], []).run(announcement(txt_rdata(build_txt(BOX))))
        )
        await until(lambda: found or browsing.done())
        assert not browsing.done()
        assert [record.ski for record in found] == [BOX.ski]
        for task in (browsing, announcing):
            task.cancel()
        await asyncio.gather(browsing, announcing, return_exceptions=True)
        await evil.async_close()

    run(work())
