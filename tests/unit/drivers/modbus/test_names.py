"""Names of devices: asked for in a thread of their own, and never waited for long."""

from __future__ import annotations

import asyncio
import socket
import threading
import time
from typing import Any

import pytest

from drivers.api import UnreachableError
from drivers.modbus.link import ModbusLink, Pacing, Priority
from drivers.modbus.mapfile import load_map
from drivers.modbus.names import HostName
from tests.kit.aio import run
from tests.kit.modbus_device import JumpClock, MapDevice


def rows(*addresses: str) -> list[Any]:
    return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, 0)) for address in addresses]


class Names:
    """A name server that a test can silence."""

    def __init__(self, *addresses: str) -> None:
        self.addresses = addresses
        self.answers = threading.Event()
        self.answers.set()
        self.asked = 0
        self.error: Exception | None = None

    def __call__(self, *_: object, **__: object) -> list[Any]:
        self.asked += 1
        self.answers.wait(5)
        if self.error is not None:
            raise self.error
        return rows(*self.addresses)


@pytest.fixture
def names(monkeypatch: pytest.MonkeyPatch) -> Names:
    server = Names("192.0.2.7")
    monkeypatch.setattr("drivers.modbus.names.socket.getaddrinfo", server)
    return server


@pytest.mark.parametrize("host", ["127.0.0.1", "::1", "fe80::1%eth0"])
def test_an_address_is_not_asked_for(host: str, names: Names) -> None:
    assert run(HostName(host).addresses(0.1)) == (host,)
    assert names.asked == 0


def test_a_name_is_asked_for_anew_before_each_connection(names: Names) -> None:
    async def story() -> list[tuple[str, ...]]:
        host = HostName("keba.example")
        first = await host.addresses(1.0)
        names.addresses = ("192.0.2.8", "192.0.2.8", "192.0.2.9")
        return [first, await host.addresses(1.0)]

    assert run(story()) == [("192.0.2.7",), ("192.0.2.8", "192.0.2.9")]


@pytest.mark.invariant("I-08")
@pytest.mark.invariant("I-07")
def test_silent_name_servers_take_no_thread_from_those_who_write_the_state(names: Names) -> None:
    async def story() -> float:
        names.answers.clear()
        hosts = [HostName(f"wallbox-{number}.example") for number in range(40)]
        asking = [asyncio.ensure_future(host.addresses(0.05)) for host in hosts]
        answers = await asyncio.gather(*asking, return_exceptions=True)
        assert {type(answer) for answer in answers} == {UnreachableError}
        began = time.perf_counter()
        await asyncio.to_thread(time.perf_counter)
        return time.perf_counter() - began

    try:
        assert run(story()) < 0.5
    finally:
        names.answers.set()


def test_one_question_is_under_way_at_most_and_its_late_answer_counts(names: Names) -> None:
    async def story() -> tuple[str, ...]:
        names.answers.clear()
        host = HostName("keba.example")
        for _ in range(5):
            with pytest.raises(UnreachableError, match=r"keba\.example: no answer from the name"):
                await host.addresses(0.01)
        names.answers.set()
        return await host.addresses(1.0)

    assert run(story()) == ("192.0.2.7",)
    assert names.asked == 1


@pytest.mark.parametrize(
    "error", [socket.gaierror(-2, "Name or service not known"), UnicodeError("label too long")]
)
def test_a_name_that_cannot_be_is_unreachable_and_asked_for_again(
    names: Names, error: Exception
) -> None:
    async def story() -> tuple[str, ...]:
        names.error = error
        host = HostName("a..b")
        with pytest.raises(UnreachableError, match=r"a\.\.b"):
            await host.addresses(1.0)
        names.error = None
        return await host.addresses(1.0)

    assert run(story()) == ("192.0.2.7",)


@pytest.mark.loopback
def test_every_address_of_a_name_is_tried(names: Names) -> None:
    async def story() -> list[int]:
        device = MapDevice(load_map("warp"))
        async with device.serving():
            names.addresses = ("::1", "127.0.0.1")
            link = ModbusLink("warp.example", device.port, Pacing(timeout_s=0.5), JumpClock())
            words = await link.read(1, "input", 1000, 2, Priority.STATUS)
            link.close()
            return words

    assert run(story()) == [0, 0]
