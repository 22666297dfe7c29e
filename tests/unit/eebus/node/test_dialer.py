from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator

import pytest

from eebus.node.dialer import Dialer, Resolver, Target, connect
from eebus.ship.ski import Ski
from tests.kit.clock import FakeClock
from tests.kit.node import LOOPBACK, run

BOX = Ski("b" * 40)
DEAD = Ski("d" * 40)


class FakePlan:
    def __init__(self, clock: FakeClock) -> None:
        self.clock = clock
        self.peers: list[Ski] = []
        self.linked: set[Ski] = set()
        self.ways: dict[Ski, list[Target]] = {}
        self.due: dict[Ski, float] = {}
        self.postponed: list[Ski] = []

    def wanted(self) -> list[Ski]:
        return self.peers

    def is_linked(self, ski: Ski) -> bool:
        return ski in self.linked

    def targets(self, ski: Ski) -> list[Target]:
        return self.ways.get(ski, [])

    def due_at(self, ski: Ski) -> float:
        return self.due.get(ski, 0.0)

    def found_no_way(self, ski: Ski, now: float) -> None:
        self.postponed.append(ski)
        self.due[ski] = now + 10


class Stage:
    def __init__(self) -> None:
        self.clock = FakeClock()
        self.plan = FakePlan(self.clock)
        self.dialled: list[str] = []
        self.reached = {"good"}
        self.gate = asyncio.Event()
        self.dialer = Dialer(self.plan, self.dial, self.clock)

    async def dial(self, ski: Ski, target: Target) -> bool:
        self.dialled.append(target.host)
        if target.host == "hangs":
            await self.gate.wait()
        self.plan.due[ski] = self.clock.seconds + 5
        return target.host in self.reached

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        task = asyncio.ensure_future(self.dialer.run())
        await turns()
        try:
            yield
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


async def turns(count: int = 20) -> None:
    for _ in range(count):
        await asyncio.sleep(0)


def ways(*hosts: str) -> list[Target]:
    return [Target(host, 4712, "/ship/") for host in hosts]


def test_addresses_are_tried_in_order_until_one_leads_to_the_peer() -> None:
    async def work() -> None:
        stage = Stage()
        stage.plan.peers, stage.plan.ways[BOX] = [BOX], ways("bad", "good", "never")
        async with stage.running():
            assert stage.dialled == ["bad", "good"]
            stage.clock.advance(4.9)
            await turns()
            assert len(stage.dialled) == 2
            stage.clock.advance(0.1)
            await turns()
            assert stage.dialled == ["bad", "good"] * 2

    run(work())


@pytest.mark.rule("H-45")
def test_peer_that_hangs_does_not_hold_up_another() -> None:
    async def work() -> None:
        stage = Stage()
        stage.plan.peers = [DEAD, BOX]
        stage.plan.ways = {DEAD: ways("hangs"), BOX: ways("good")}
        async with stage.running():
            assert sorted(stage.dialled) == ["good", "hangs"]
            for _ in range(5):
                stage.clock.advance(5)
                await turns()
            assert stage.dialled.count("good") == 6
            assert stage.dialled.count("hangs") == 1  # one dial task per peer

    run(work())


def test_linked_peer_is_not_dialled_until_the_link_has_gone() -> None:
    async def work() -> None:
        stage = Stage()
        stage.plan.peers, stage.plan.ways[BOX] = [BOX], ways("good")
        stage.plan.linked.add(BOX)
        async with stage.running():
            stage.clock.advance(100)
            await turns()
            assert stage.dialled == []
            stage.plan.linked.clear()
            stage.dialer.kick(BOX)
            await turns()
            assert stage.dialled == ["good"]

    run(work())


def test_peer_without_address_is_looked_at_again_later_and_when_kicked() -> None:
    async def work() -> None:
        stage = Stage()
        stage.plan.peers = [BOX]
        async with stage.running():
            assert stage.plan.postponed == [BOX]
            stage.plan.ways[BOX] = ways("good")
            stage.plan.due[BOX] = stage.clock.seconds
            stage.dialer.kick()
            await turns()
            assert stage.dialled == ["good"]

    run(work())


def test_kick_does_not_shorten_the_pause() -> None:
    async def work() -> None:
        stage = Stage()
        stage.plan.peers, stage.plan.ways[BOX] = [BOX], ways("bad")
        async with stage.running():
            for _ in range(10):
                stage.dialer.kick()
                await turns()
            assert stage.dialled == ["bad"]

    run(work())


def test_peer_that_is_no_longer_trusted_is_not_dialled_any_more() -> None:
    async def work() -> None:
        stage = Stage()
        stage.plan.peers, stage.plan.ways[BOX] = [BOX], ways("bad")
        async with stage.running():
            stage.plan.peers = []
            stage.clock.advance(100)
            await turns()
            assert stage.dialled == ["bad"]
            stage.plan.peers = [BOX]
            stage.dialer.kick()
            await turns()
            assert stage.dialled == ["bad", "bad"]

    run(work())


@pytest.mark.field("F-05")
def test_peer_that_dials_us_meanwhile_is_not_dialled_at_its_next_address() -> None:
    async def work() -> None:
        stage = Stage()
        stage.plan.peers, stage.plan.ways[BOX] = [BOX], ways("hangs", "good")
        async with stage.running():
            stage.plan.linked.add(BOX)
            stage.gate.set()
            await turns()
            assert stage.dialled == ["hangs"]

    run(work())


@pytest.mark.loopback
def test_cancelled_dial_leaves_no_socket() -> None:
    async def work() -> None:
        with socket.socket() as full:
            full.bind((LOOPBACK, 0))
            full.listen(0)
            address = full.getsockname()
            crowd = [socket.socket() for _ in range(4)]  # whoever comes next gets no answer
            for one in crowd:
                one.setblocking(False)
                one.connect_ex(address)
            resolver = Resolver()
            dialling = asyncio.ensure_future(
                connect(resolver, Target(LOOPBACK, address[1], "/"), 9.0)
            )
            await asyncio.sleep(0.02)
            dialling.cancel()
            await asyncio.gather(dialling, return_exceptions=True)
            assert dialling.cancelled()
            for one in crowd:
                one.close()
            resolver.close()

    run(work())  # a socket that is left open is a warning, and a warning is an error


@pytest.mark.field("F-08")
def test_zone_of_a_link_local_address_is_kept() -> None:
    async def work() -> None:
        resolver = Resolver()
        ((family, address),) = await resolver.resolve("fe80::1%lo", 4712)
        resolver.close()
        assert family == socket.AF_INET6
        assert address[3] == socket.if_nametoindex("lo")

    run(work())


@pytest.mark.invariant("I-07")
def test_literal_address_needs_no_name_resolution(monkeypatch: pytest.MonkeyPatch) -> None:
    async def work() -> None:
        resolver = Resolver()
        monkeypatch.setattr(resolver._threads, "submit", None)
        assert await resolver.resolve("192.0.2.1", 1) == [(socket.AF_INET, ("192.0.2.1", 1))]

    run(work())


@pytest.mark.loopback
def test_closed_port_is_an_os_error_and_leaves_no_socket() -> None:
    async def work() -> None:
        resolver = Resolver()
        with pytest.raises(ConnectionRefusedError):
            await connect(resolver, Target(LOOPBACK, 9, "/"), 1.0)
        resolver.close()

    run(work())


@pytest.mark.loopback
@pytest.mark.parametrize(
    "name", ["box..local", "a" * 64 + ".local", "x" * 300, "\N{LATIN SMALL LETTER SHARP S}" * 60]
)
def test_name_that_is_no_host_name_is_an_os_error(name: str) -> None:
    async def work() -> None:
        resolver = Resolver()
        with pytest.raises(OSError, match="no host name"):
            await connect(resolver, Target(name, 9, "/"), 1.0)
        resolver.close()

    run(work())


@pytest.mark.loopback
def test_name_that_never_resolves_costs_the_time_limit_only() -> None:
    async def work() -> None:
        resolver = Resolver()

        async def hang(_host: str, _port: int) -> list[tuple[int, tuple[object, ...]]]:
            await asyncio.Event().wait()
            return []

        resolver.resolve = hang  # type: ignore[method-assign,assignment]
        with pytest.raises(TimeoutError):
            await connect(resolver, Target("box.local", 9, "/"), 0.02)
        resolver.close()

    run(work())
