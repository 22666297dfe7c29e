"""What mDNS does when the system or the network lets it down, and when the node ends."""

from __future__ import annotations

import asyncio
import socket
from dataclasses import replace
from pathlib import Path

import pytest
from zeroconf import IPVersion, NonUniqueNameException
from zeroconf.asyncio import AsyncZeroconf

from eebus.node import mdns as mdns_module
from eebus.node.clock import SystemClock
from eebus.node.mdns import Mdns
from eebus.ship.discovery import ServiceRecord, build_txt, txt_rdata
from tests.kit.clock import FakeClock
from tests.kit.node import LOOPBACK, make_bench, run, running
from tests.unit.eebus.node.test_mdns import BOX, announcement, make_mdns, until

pytestmark = pytest.mark.loopback


def test_mdns_that_cannot_be_opened_is_told_and_the_node_works(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_arguments: object) -> None:
        raise OSError("address already in use")

    monkeypatch.setattr(mdns_module, "_open", refuse)
    box, ems = (make_bench(tmp_path, clock=SystemClock(speed=20)) for _ in range(2))
    ems.node._config = replace(ems.node._config, mdns=True)

    async def work() -> None:
        async with running(box, ems):
            await until(lambda: ems.node.problems)
            assert "already in use" in ems.node.problems[0]
            await box.node.add(ems.ski)
            await ems.node.add(box.ski, LOOPBACK, box.node.port)
            await ems.link_up(box.ski)

    run(work())


def test_failure_of_a_running_session_is_told_and_mdns_starts_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked: list[float] = []
    clock = FakeClock()

    def fail_at_the_second_look(_interfaces: tuple[str, ...]) -> list[str]:
        asked.append(clock.monotonic())
        if len(asked) == 2:
            raise OSError("too many open files")
        return [LOOPBACK]

    monkeypatch.setattr(mdns_module, "own_addresses", fail_at_the_second_look)

    async def work() -> None:
        mdns = Mdns((LOOPBACK,), clock, found=lambda _r: None, gone=lambda _n: None)
        task = asyncio.ensure_future(mdns.run(None))
        await until(lambda: mdns.problem or task.done())
        assert mdns.problem == "mDNS does not work: too many open files"
        clock.advance(60)
        await until(lambda: len(asked) == 4 or task.done())
        assert not task.done()
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    run(work())


def test_announcement_that_fails_is_told_and_browsing_goes_on(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def refuse(*_arguments: object, **_options: object) -> None:
        raise NonUniqueNameException

    async def work() -> None:
        found: list[ServiceRecord] = []
        mdns = make_mdns(found, [])
        with monkeypatch.context() as patch:
            patch.setattr(AsyncZeroconf, "async_register_service", refuse)
            task = asyncio.ensure_future(mdns.run(announcement(b"", "Me")))
            await until(lambda: mdns.problem)
            assert "announcement failed" in mdns.problem
        other = asyncio.ensure_future(
            make_mdns([], []).run(announcement(txt_rdata(build_txt(BOX))))
        )
        await until(lambda: found)
        for running_one in (task, other):
            running_one.cancel()
        await asyncio.gather(task, other, return_exceptions=True)

    run(work())


def test_new_address_begins_a_new_session(monkeypatch: pytest.MonkeyPatch) -> None:
    looks = iter([[LOOPBACK], [LOOPBACK], ["192.0.2.9"], []])
    opened: list[list[str]] = []
    clock = FakeClock()

    def remember(_interfaces: tuple[str, ...], addresses: list[str]) -> AsyncZeroconf:
        opened.append(addresses)
        return AsyncZeroconf(interfaces=[LOOPBACK])

    monkeypatch.setattr(mdns_module, "own_addresses", lambda _interfaces: next(looks))
    monkeypatch.setattr(mdns_module, "_open", remember)

    async def work() -> None:
        mdns = Mdns((), clock, found=lambda _r: None, gone=lambda _n: None)
        task = asyncio.ensure_future(mdns.run(None))
        await until(lambda: opened == [[LOOPBACK]])
        for _ in range(2):  # the look that sees the change, then the pause before the new session
            await asyncio.sleep(0.05)
            clock.advance(60)
        await until(lambda: "no network address" in mdns.problem)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    run(work())


@pytest.mark.parametrize("has_ipv6", [True, False])
def test_ipv6_that_is_switched_off_leaves_ipv4(
    monkeypatch: pytest.MonkeyPatch, *, has_ipv6: bool
) -> None:
    versions: list[IPVersion] = []

    def opening(*, interfaces: object, ip_version: IPVersion) -> str:
        versions.append(ip_version)
        if ip_version is not IPVersion.V4Only:
            raise OSError("address family not supported")
        return "opened"

    monkeypatch.setattr(socket, "has_ipv6", has_ipv6)
    monkeypatch.setattr(mdns_module, "AsyncZeroconf", opening)

    assert mdns_module._open((), [LOOPBACK]) == "opened"
    assert versions == ([IPVersion.All] if has_ipv6 else []) + [IPVersion.V4Only]


def test_announcement_is_withdrawn_before_the_port_closes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench = make_bench(tmp_path)
    bench.node._config = replace(bench.node._config, mdns=True)
    told: list[str] = []

    class SlowGoodbye:
        problem = ""

        def __init__(self, *_arguments: object, **_options: object) -> None:
            pass

        async def run(self, _announcement: object) -> None:
            try:
                told.append("announced")
                await asyncio.get_running_loop().create_future()
            finally:
                await asyncio.sleep(0.05)
                _, writer = await asyncio.open_connection(LOOPBACK, bench.node.port)
                writer.close()
                told.append("withdrawn")

    monkeypatch.setattr(mdns_module, "Mdns", SlowGoodbye)

    async def work() -> None:
        async with running(bench):
            await until(lambda: told)
        assert told == ["announced", "withdrawn"]
        with pytest.raises(ConnectionRefusedError):
            await asyncio.open_connection(LOOPBACK, bench.node.port)

    run(work())
