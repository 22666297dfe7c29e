"""From a TCP connection to the end of its SHIP link, in both directions."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass
from functools import partial
from itertools import count
from typing import TYPE_CHECKING, Any, Final

from eebus.node import ws
from eebus.node.dialer import Resolver, Target
from eebus.node.dialer import connect as connect_tcp
from eebus.node.events import Fault
from eebus.node.pump import Direction, Link, LinkFacts, Pump
from eebus.ship.connection import Connection
from eebus.ship.events import PhaseChanged, Role, ShipEvent, SpineReceived, Trust
from eebus.ship.identity import OwnSkiError, check_peer_certificate
from eebus.wire.errors import ShipError, UntrustedError

if TYPE_CHECKING:
    from eebus.node.admission import Admission
    from eebus.node.clock import Clock
    from eebus.node.config import NodeConfig
    from eebus.node.hub import Hub, Owned
    from eebus.node.peers import PeerBook, Welcome
    from eebus.node.tls import TlsContext, TlsStream
    from eebus.ship.ski import Ski

LOGGER = logging.getLogger(__name__)

HTTP_UNAVAILABLE: Final = "503"
MAX_FAULT: Final = 500


class OtherSkiError(UntrustedError):
    """Another node than the one we dialled has answered (E-PAIR-006)."""


@dataclass(frozen=True, slots=True)
class Own:
    """What every link of this node shares."""

    config: NodeConfig
    ski: Ski
    ship_id: str
    context: TlsContext
    clock: Clock


class Sessions:
    """Makes links and runs them."""

    def __init__(self, own: Own, hub: Hub[Any], book: PeerBook, admission: Admission) -> None:
        self._own = own
        self._config = own.config
        self._clock = own.clock
        self._hub = hub
        self._book = book
        self._admission = admission
        self._resolver = Resolver()
        self._numbers = count(1)
        self._fault = ""
        self._has_twin = False

    # --- as server

    def judge_incoming(self, der: bytes) -> Ski:
        """Verdict on whoever dials us: a proper key that is not our own."""
        return check_peer_certificate(der, own=self._own.ski)

    async def serve(self, stream: TlsStream) -> None:
        """Run one accepted connection to its end."""
        host, port = stream.peer_address
        opened_at = self._clock.monotonic()
        link: Link | None = None
        try:
            ski = await stream.handshake()
            link = self._link(ski, Direction.IN, host, port, opened_at)
            tls_done_at = self._clock.monotonic()
            welcome = await self._hub.call(partial(_open, self._book, link))
            if welcome.trust is Trust.TRUSTED:
                self._admission.handshake_done(host)
                link.is_admitted = True
            socket = await ws.accept(stream, self._config.path, self._config.ws)
            await self._run(link, welcome, socket, tls_done_at)
        except ShipError as error:
            is_news = isinstance(error, OwnSkiError) and not self._has_twin
            self._has_twin |= is_news
            level = logging.WARNING if is_news else logging.INFO
            LOGGER.log(level, "x %s %s: %s", host, link.ski if link else "", error)
            if link is not None:
                link.close_reason = str(error)
        except Exception as error:  # noqa: BLE001  # one peer must not end the others
            self._note_fault(host, error)
        finally:
            stream.abort("link ended")
            self._leave(link, host)

    def _leave(self, link: Link | None, host: str) -> None:
        is_admitted = link is not None and link.is_admitted
        if link is not None:
            self._hub.post(partial(_closed, self._book, link))
        if not is_admitted:
            self._admission.failed(host, self._clock.monotonic())
        self._admission.left(host, in_handshake=not is_admitted)

    # --- as client

    async def dial(self, ski: Ski, target: Target) -> bool:
        """Connect to ``target`` and run the link to its end; ``False`` when it is not the peer."""
        opened_at = self._clock.monotonic()
        try:
            sock = await connect_tcp(self._resolver, target, self._config.dial_s)
        except OSError as error:
            text = str(error) or "no answer"
            await self._fail(ski, Fault.NOT_FOUND, f"{target.host}:{target.port}: {text}")
            return False
        _, stream = await asyncio.get_running_loop().create_connection(
            lambda: self._own.context.client(
                partial(self._judge_dialled, ski), server_name=target.server_name
            ),
            sock=sock,
        )
        link: Link | None = None
        led_there = True
        try:
            await stream.handshake()
            link = self._link(ski, Direction.OUT, target.host, target.port, opened_at)
            tls_done_at = self._clock.monotonic()
            welcome = await self._hub.call(partial(_open, self._book, link))
            socket = await ws.connect(
                stream, target.host, target.port, target.path, self._config.ws
            )
            await self._run(link, welcome, socket, tls_done_at)
        except (OtherSkiError, OwnSkiError) as error:
            await self._fail(ski, Fault.OTHER_SKI, str(error))
        except ShipError as error:
            fault = Fault.SLOT_TAKEN if HTTP_UNAVAILABLE in str(error) else Fault.OTHER
            await self._fail(ski, fault, str(error))
            led_there = error.phase != ws.UPGRADE  # another path may
        except Exception as error:  # noqa: BLE001  # as above
            self._note_fault(target.host, error)
            await self._fail(ski, Fault.OTHER, "internal fault, see the log")
        finally:
            stream.abort("link ended")
            if link is not None:
                self._hub.post(partial(_closed, self._book, link))
        await self._hub.call(_nothing)  # the end has reached the book before the next attempt
        return link is not None and led_there

    async def _fail(self, ski: Ski, fault: Fault, reason: str) -> None:
        await self._hub.call(partial(_failed, self._book, ski, fault, reason))

    def _judge_dialled(self, ski: Ski, der: bytes) -> Ski:
        found = check_peer_certificate(der, own=self._own.ski)
        if found != ski:
            raise OtherSkiError(f"expected SKI {ski}, {found} has answered", phase="TLS")
        return found

    # --- both

    def _note_fault(self, host: str, error: Exception) -> None:
        """A fault of ours: told in full once while it stays the same."""
        text = repr(error)[:MAX_FAULT]
        log = LOGGER.exception if text != self._fault else LOGGER.info
        log("! internal fault with %s", host)
        self._fault = text

    def close(self) -> None:
        """Give up what outlives the links."""
        self._resolver.close()

    def _link(self, ski: Ski, direction: Direction, host: str, port: int, opened_at: float) -> Link:
        return Link(LinkFacts(next(self._numbers), ski, direction, host, port, opened_at))

    async def _run(
        self, link: Link, welcome: Welcome, socket: ws.WebSocket, tls_done_at: float
    ) -> None:
        connection = Connection(
            role=Role.SERVER if link.facts.direction is Direction.IN else Role.CLIENT,
            local_ship_id=self._own.ship_id,
            remote_ski=link.ski,
            trust=welcome.trust,
            expected_ship_id=welcome.expected_ship_id,
            timings=self._config.ship,
        )
        pump = Pump(
            link, connection, socket, self._clock, self._report, keepalive=self._config.keepalive
        )
        await pump.run(tls_done_at)

    async def _report(self, link: Link, event: ShipEvent) -> None:
        match event:
            case SpineReceived():
                await self._hub.call(partial(_receive, self._book, link, event))
            case PhaseChanged():
                if link.reached_data and not link.is_admitted:
                    self._admit(link)
            case _:
                await self._hub.call(partial(_on_event, self._book, link, event))

    def _admit(self, link: Link) -> None:
        """A stranger that was accepted while it waited is no handshake any more."""
        link.is_admitted = True
        if link.facts.direction is Direction.IN:
            self._admission.handshake_done(link.facts.host)


def _open(book: PeerBook, link: Link, _actors: Owned, now: float) -> Welcome:
    return book.open(link, now)


def _closed(book: PeerBook, link: Link, _actors: Owned, now: float) -> None:
    book.closed(link, now)


def _failed(
    book: PeerBook, ski: Ski, fault: Fault, reason: str, _actors: Owned, now: float
) -> None:
    book.failed(ski, fault, reason, now)


def _on_event(book: PeerBook, link: Link, event: ShipEvent, _actors: Owned, now: float) -> None:
    book.on_event(link, event, now)


def _receive(book: PeerBook, link: Link, event: SpineReceived, actors: Owned, now: float) -> None:
    if book.receives(link, event.payload):
        actors.receive(link.ski, event.payload, now)


def _nothing(_actors: Owned, _now: float) -> None:
    pass
