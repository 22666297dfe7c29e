"""The owner of one SHIP connection: WebSocket messages in, events to the hub, frames out.

Nobody else touches the ``Connection``; what others want of it they put into ``order``. The pump
never waits for its peer: a peer that does not read is seen by its unsent bytes and cut, so a slow
or hostile partner delays nobody (I-08, I-15).
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Final, TypeAlias

from eebus.node.keepalive import Keepalive, KeepaliveTimings, Silence
from eebus.node.ws import CLOSE_NORMAL, Note, WebSocket
from eebus.ship.events import Closed, Phase, ShipEvent
from eebus.wire.texts import shown

if TYPE_CHECKING:
    from eebus.node.clock import Clock
    from eebus.ship.connection import Connection
    from eebus.ship.ski import Ski
    from eebus.wire.ejson import JsonValue

LOGGER = logging.getLogger(__name__)

MAX_ORDERS: Final = 256  # outgoing queue per peer, ship.md 9.1
MAX_UNSENT_BYTES: Final = 1024 * 1024
WRITE_STALL_S: Final = 10.0  # ship.md 3
MAX_UNREAD_BATCHES: Final = 8
CLOSE_DOUBLE: Final = "double connection"


class Direction(Enum):
    """Who opened the TCP connection."""

    IN = "in"
    OUT = "out"


@dataclass(frozen=True, slots=True)
class Send:
    """A SPINE datagram."""

    payload: JsonValue


@dataclass(frozen=True, slots=True)
class Decide:
    """The user's decision about this SKI."""

    is_trusted: bool


@dataclass(frozen=True, slots=True)
class CloseLink:
    """End the link in good order; ``reason`` as in ``Connection.close``."""

    reason: str


@dataclass(frozen=True, slots=True)
class Probe:
    """Ping at once; no answer in time ends the link (double connections)."""


Order: TypeAlias = Send | Decide | CloseLink | Probe
Report: TypeAlias = Callable[["Link", ShipEvent], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class LinkFacts:
    """What is known when TLS and WebSocket stand."""

    number: int
    ski: Ski
    direction: Direction
    host: str
    port: int
    opened_at: float  # TCP was established [protocol s]


class Link:
    """One connection as its peers see it: facts, the way in, and how it ended."""

    def __init__(self, facts: LinkFacts) -> None:
        self.facts = facts
        self.phase = Phase.CMI
        self.close_reason = ""
        self.peer_close_code: int | None = None
        self.reached_data = False
        self.is_rejected = False
        self.is_admitted = False
        self.heard_at = facts.opened_at
        self.orders: deque[Order] = deque()
        self.bell = asyncio.Event()
        self.is_overrun = False

    @property
    def ski(self) -> Ski:
        """Who is at the other end."""
        return self.facts.ski

    def order(self, order: Order) -> None:
        """Queue ``order``; more than 256 waiting mean that the pump cannot get rid of them."""
        if len(self.orders) >= MAX_ORDERS:
            self.is_overrun = True
        else:
            self.orders.append(order)
        self.bell.set()


class Pump:
    """Runs one ``Connection`` over one ``WebSocket`` until either ends."""

    def __init__(
        self,
        link: Link,
        connection: Connection,
        socket: WebSocket,
        clock: Clock,
        report: Report,
        *,
        keepalive: KeepaliveTimings | None = None,
    ) -> None:
        self._link = link
        self._connection = connection
        self._socket = socket
        self._clock = clock
        self._report = report
        self._keepalive = Keepalive(clock.monotonic(), keepalive)
        self._unread: deque[bytes | Note] = deque()
        self._room = asyncio.Event()
        self._link_ended = False
        self._stalled_since: float | None = None
        self._log = logging.LoggerAdapter(LOGGER, {"peer": link.ski[-8:]})

    async def run(self, tls_done_at: float) -> None:
        """Own the connection until it is closed; the CMI timeout counts from ``tls_done_at``."""
        try:
            async with asyncio.TaskGroup() as tasks:
                reader = tasks.create_task(self._read())
                self._connection.start(self._clock.monotonic(), tls_done_at=tls_done_at)
                await self._own()
                reader.cancel()
            await self._socket.close(self._connection.close_code, self._link.close_reason)
        finally:
            self._socket.abort("link ended")

    async def _read(self) -> None:
        """Fill the inbox; waits while it is full, so that a fast peer meets TCP back-pressure."""
        while batch := await self._socket.receive():
            while len(self._unread) > MAX_UNREAD_BATCHES:
                self._room.clear()
                await self._room.wait()
            self._unread.extend(batch)
            self._link.bell.set()
        self._link_ended = True
        self._link.bell.set()

    async def _own(self) -> None:
        while True:
            await self._hand_over()
            if self._connection.closed:
                return
            now = self._clock.monotonic()
            if self._handle_timers(now):
                continue
            if self._take_order(now) or self._take_message(now):
                continue
            if self._link_ended:
                self._lose(self._why_ended())
                continue
            self._link.bell.clear()
            await self._clock.wait_for(self._link.bell.wait(), until=self._deadline())

    async def _hand_over(self) -> None:
        """Events first, then frames: an answer never leaves before its event was taken."""
        events = self._connection.take_events()
        while True:
            for event in events:
                self._note(event)
                await self._report(self._link, event)
            self._flush()
            if not (events := self._connection.take_events()):
                return

    def _flush(self) -> None:
        for frame in self._connection.take_frames():
            if not self._socket.send(frame):
                self._link_ended = True
        self._watch_unsent()

    def _note(self, event: ShipEvent) -> None:
        self._link.phase = self._connection.phase
        self._link.reached_data |= self._connection.phase is Phase.DATA
        if isinstance(event, Closed):
            self._link.close_reason = event.reason
        if self._connection.phase in (Phase.PIN, Phase.DATA):
            self._socket.allow_large_messages()

    def _take_order(self, now: float) -> bool:
        if self._link.is_overrun:
            self._lose("peer does not keep up: more than 256 messages wait")
            return True
        if not self._link.orders:
            return False
        match self._link.orders.popleft():
            case Send(payload) if self._connection.phase is Phase.DATA:
                self._connection.send(payload, now)
            case Send():
                self._log.debug("x datagram for a link that is not in the data phase")
            case Decide(is_trusted=True):
                self._connection.trust_granted(now)
            case Decide():
                self._connection.trust_refused(now)
            case CloseLink(reason):
                self._connection.close(reason, now)
            case Probe():
                self._ping(self._keepalive.probe(now))
        return True

    def _take_message(self, now: float) -> bool:
        if not self._unread:
            return False
        self._keepalive.heard(now)
        self._link.heard_at = now
        match self._unread.popleft():
            case bytes() as message:
                self._connection.receive(message, now)
            case Note.TEXT:
                self._connection.receive_text(now)
            case Note.ALIVE:
                pass
        if len(self._unread) <= MAX_UNREAD_BATCHES:
            self._room.set()
        return True

    def _handle_timers(self, now: float) -> bool:
        """Timers before the inbox: a flood must not starve them."""
        if self._stalled_since is not None and now >= self._stalled_since + WRITE_STALL_S:
            self._lose("peer does not read")
            return True
        if now >= self._keepalive.deadline and not self._unread:
            self._ping(self._keepalive.handle_timer(now))
            return True
        deadline = self._connection.deadline
        if deadline is None or now < deadline:
            return False
        self._connection.handle_timer(now)
        return True

    def _ping(self, silence: Silence | None) -> None:
        if silence is Silence.DEAD:
            self._lose("peer does not answer the ping")
        elif silence is Silence.PING and not self._socket.ping():
            self._lose("ping could not be sent")

    def _watch_unsent(self) -> None:
        unsent = self._socket.unsent_bytes
        if unsent > MAX_UNSENT_BYTES:
            self._lose(f"peer does not read: {unsent} bytes wait")
        elif not unsent:
            self._stalled_since = None
        elif self._stalled_since is None:
            self._stalled_since = self._clock.monotonic()

    def _lose(self, reason: str) -> None:
        """The transport is of no use any more."""
        self._stalled_since = None
        self._socket.abort(reason)
        self._link.peer_close_code = self._socket.close_code
        self._connection.lost(reason)

    def _why_ended(self) -> str:
        code, text = self._socket.close_code, self._socket.close_reason
        if code is not None and (code != CLOSE_NORMAL or text):
            return f"peer closed the WebSocket: {code} {shown(text)}".rstrip()
        return shown(self._socket.failure, 200) or "peer closed the link"

    def _deadline(self) -> float:
        stalled = self._stalled_since
        parts = (
            self._connection.deadline,
            self._keepalive.deadline,
            stalled + WRITE_STALL_S if stalled is not None else None,
        )
        return min(at for at in parts if at is not None)
