from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator

import pytest

from eebus.node.pump import (
    MAX_ORDERS,
    MAX_UNSENT_BYTES,
    CloseLink,
    Decide,
    Direction,
    Link,
    LinkFacts,
    Probe,
    Pump,
    Send,
)
from eebus.node.ws import Note
from eebus.ship.connection import Connection
from eebus.ship.events import (
    Closed,
    DataReached,
    Phase,
    Role,
    ShipEvent,
    SpineReceived,
    Trust,
)
from eebus.ship.ski import Ski
from tests.kit.clock import FakeClock
from tests.kit.node import run
from tests.kit.ship_tool import ABORTED, ANNOUNCE, CMI, PIN_NONE, READY_60, SELECT, spine

BOX = Ski("b" * 40)


class FakeSocket:
    """The WebSocket's side of the pump, in memory."""

    def __init__(self) -> None:
        self.incoming: asyncio.Queue[list[bytes | Note]] = asyncio.Queue()
        self.sent: list[bytes] = []
        self.pings = 0
        self.unsent_bytes = 0
        self.can_send = True
        self.close_code: int | None = None
        self.close_reason = ""
        self.failure = ""
        self.closed_with: tuple[int, str] | None = None
        self.takes_large = False
        self.aborted = ""
        self.arrived = asyncio.Event()

    async def receive(self) -> list[bytes | Note]:
        return await self.incoming.get()

    def send(self, message: bytes) -> bool:
        self.sent.append(message)
        self.arrived.set()
        return self.can_send

    def ping(self) -> bool:
        self.pings += 1
        return self.can_send

    async def close(self, code: int, reason: str) -> None:
        self.closed_with = (code, reason)

    def abort(self, reason: str) -> None:
        self.aborted = self.aborted or reason

    def allow_large_messages(self) -> None:
        self.takes_large = True


class Stage:
    """A pump for the server side with a trusted peer, and all that it told."""

    def __init__(self, trust: Trust = Trust.TRUSTED) -> None:
        self.clock = FakeClock()
        self.socket = FakeSocket()
        self.link = Link(LinkFacts(1, BOX, Direction.IN, "192.0.2.9", 4712, 1_000.0))
        self.told: list[ShipEvent] = []
        self.gate = asyncio.Event()
        self.gate.set()
        connection = Connection(role=Role.SERVER, local_ship_id="EMS", remote_ski=BOX, trust=trust)
        self.pump = Pump(
            self.link,
            connection,
            self.socket,  # type: ignore[arg-type]  # the methods the pump needs
            self.clock,
            self.report,
        )

    async def report(self, link: Link, event: ShipEvent) -> None:
        self.told.append(event)
        await self.gate.wait()

    def feed(self, *messages: bytes | Note) -> None:
        self.socket.incoming.put_nowait(list(messages))

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[asyncio.Task[None]]:
        task = asyncio.ensure_future(self.pump.run(1_000.0))
        try:
            yield task
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def to_data(self) -> None:
        self.feed(CMI, READY_60, ANNOUNCE, SELECT, PIN_NONE)
        while not any(isinstance(event, DataReached) for event in self.told):
            await asyncio.sleep(0)
        await turns()
        self.socket.sent.clear()


async def turns(count: int = 20) -> None:
    for _ in range(count):
        await asyncio.sleep(0)


def test_handshake_runs_and_large_messages_are_allowed_only_after_it() -> None:
    async def work() -> None:
        stage = Stage()
        async with stage.running():
            stage.feed(CMI)
            await turns()
            assert stage.socket.sent[0] == CMI
            assert not stage.socket.takes_large
            stage.feed(READY_60, ANNOUNCE, SELECT, PIN_NONE)
            await turns(40)
            assert stage.link.phase is Phase.DATA
            assert stage.link.reached_data
            assert stage.socket.takes_large

    run(work())


@pytest.mark.invariant("I-05")
def test_frame_does_not_leave_before_the_event_was_taken() -> None:
    async def work() -> None:
        stage = Stage()
        async with stage.running():
            await stage.to_data()
            stage.gate.clear()
            stage.feed(spine(1))
            await turns()
            assert isinstance(stage.told[-1], SpineReceived)
            stage.link.order(Send({"datagram": []}))
            await turns()
            assert stage.socket.sent == []
            stage.gate.set()
            await turns()
            assert len(stage.socket.sent) == 1

    run(work())


def test_datagram_before_the_data_phase_is_dropped() -> None:
    async def work() -> None:
        stage = Stage()
        async with stage.running():
            stage.link.order(Send({"datagram": []}))
            await turns()
            assert stage.socket.sent == []
            assert not stage.link.orders

    run(work())


def test_reader_waits_while_the_owner_is_busy() -> None:
    async def work() -> None:
        stage = Stage()
        async with stage.running():
            await stage.to_data()
            stage.gate.clear()
            for _ in range(100):
                stage.feed(spine(1))
            await turns(300)
            assert stage.socket.incoming.qsize() > 80  # TCP back-pressure, not memory
            stage.gate.set()
            await turns(600)
            assert stage.socket.incoming.qsize() == 0
            assert len([e for e in stage.told if isinstance(e, SpineReceived)]) == 100

    run(work())


def test_silent_peer_is_pinged_and_then_given_up() -> None:
    async def work() -> None:
        stage = Stage()
        async with stage.running() as task:
            await stage.to_data()
            stage.clock.advance(50)
            await turns()
            assert stage.socket.pings == 1
            stage.clock.advance(10)
            await task
            assert stage.link.close_reason == "peer does not answer the ping"

    run(work())


@pytest.mark.rule("H-01")
def test_pongs_keep_the_link() -> None:
    async def work() -> None:
        stage = Stage()
        async with stage.running() as task:
            await stage.to_data()
            for _ in range(12):
                stage.clock.advance(50)
                await turns()
                stage.feed(Note.ALIVE)
                await turns()
            assert stage.socket.pings == 12
            assert not task.done()

    run(work())


@pytest.mark.rule("H-02")
def test_ping_that_cannot_be_sent_ends_the_link_at_once() -> None:
    async def work() -> None:
        stage = Stage()
        async with stage.running() as task:
            await stage.to_data()
            stage.socket.can_send = False
            stage.link.order(Probe())
            await task
            assert stage.link.close_reason == "ping could not be sent"

    run(work())


def test_timer_runs_although_messages_keep_coming() -> None:
    async def work() -> None:
        stage = Stage()
        async with stage.running():
            stage.feed(CMI)
            await turns()
            stage.clock.advance(60)
            for _ in range(50):
                stage.feed(b"\x01")
            await turns()
            assert ABORTED in stage.socket.sent

    run(work())


def test_cmi_timeout_counts_from_the_end_of_tls() -> None:
    async def work() -> None:
        stage = Stage()
        stage.clock.advance(5)  # the upgrade took five seconds
        async with stage.running() as task:
            stage.clock.advance(24.9)
            await turns()
            assert not task.done()
            stage.clock.advance(0.1)
            await task

    run(work())


@pytest.mark.invariant("I-15")
def test_peer_that_takes_nothing_for_ten_seconds_is_cut() -> None:
    async def work() -> None:
        stage = Stage()
        async with stage.running() as task:
            await stage.to_data()
            stage.socket.unsent_bytes = 500
            stage.link.order(Send({"datagram": []}))
            await turns()
            stage.clock.advance(9.9)
            await turns()
            assert not task.done()
            stage.clock.advance(0.1)
            await task
            assert stage.link.close_reason == "peer does not read"

    run(work())


def test_peer_that_is_slow_but_reads_is_not_cut() -> None:
    async def work() -> None:
        stage = Stage()
        async with stage.running() as task:
            await stage.to_data()
            stage.socket.unsent_bytes = 500
            stage.link.order(Send({"datagram": []}))
            await turns()
            stage.socket.unsent_bytes = 0
            stage.clock.advance(10)
            await turns()
            assert not task.done()

    run(work())


@pytest.mark.invariant("I-15")
@pytest.mark.parametrize("way", ["bytes", "messages"])
def test_outgoing_queue_is_bounded(way: str) -> None:
    async def work() -> None:
        stage = Stage()
        async with stage.running() as task:
            await stage.to_data()
            if way == "bytes":
                stage.socket.unsent_bytes = MAX_UNSENT_BYTES + 1
                stage.link.order(Send({"datagram": []}))
            else:
                for _ in range(MAX_ORDERS + 1):
                    stage.link.order(Send({"datagram": []}))
            await task
            assert "peer does not" in stage.link.close_reason
            assert isinstance(stage.told[-1], Closed)

    run(work())


def test_users_decision_reaches_the_waiting_handshake() -> None:
    async def work() -> None:
        stage = Stage(Trust.PENDING)
        async with stage.running():
            stage.feed(CMI, READY_60)
            await turns()
            stage.link.order(Decide(is_trusted=True))
            await turns()
            assert b'"ready"' in stage.socket.sent[-1]
            assert stage.link.phase is Phase.PROTOCOL

    run(work())


def test_orderly_close_announces_waits_and_closes() -> None:
    async def work() -> None:
        stage = Stage()
        async with stage.running() as task:
            await stage.to_data()
            stage.link.order(CloseLink("shutdown"))
            await turns()
            assert b"announce" in stage.socket.sent[-1]
            stage.clock.advance(2)
            await task
            assert stage.socket.closed_with == (1000, "shutdown")

    run(work())


@pytest.mark.parametrize(
    ("code", "reason", "told"),
    [
        (4452, "rejected", "peer closed the WebSocket: 4452 rejected"),
        (None, "", "peer closed the link"),
        (1000, "", "peer closed the link"),
    ],
)
def test_end_by_the_peer_is_told_with_its_reason(code: int | None, reason: str, told: str) -> None:
    async def work() -> None:
        stage = Stage()
        async with stage.running() as task:
            await stage.to_data()
            stage.socket.close_code, stage.socket.close_reason = code, reason
            stage.socket.incoming.put_nowait([])
            await task
            assert stage.link.close_reason == told
            assert stage.link.peer_close_code == code

    run(work())


def test_text_message_ends_the_link_with_1003() -> None:
    async def work() -> None:
        stage = Stage()
        async with stage.running() as task:
            await stage.to_data()
            stage.feed(Note.TEXT)
            await task
            assert stage.socket.closed_with is not None
            assert stage.socket.closed_with[0] == 1003

    run(work())


def test_cancelled_pump_cuts_its_socket() -> None:
    async def work() -> None:
        stage = Stage()
        async with stage.running():
            await turns()
        assert stage.socket.aborted == "link ended"

    run(work())
