"""One SHIP connection from the open WebSocket to its end (SHIP 13.4; ship.md 5).

Phases follow each other: CMI → hello → protocol handshake → PIN → data → closing → closed; each is
a machine of its own and this composite hands messages to the current one. Access methods run beside
the data and hold nothing up. No input makes it raise: a peer's fault ends in frames and ``Closed``.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Final, TypeAlias

from eebus.ship.access import AccessExchange
from eebus.ship.bounds import InputBounds
from eebus.ship.cmi import CmiHandshake
from eebus.ship.events import (
    Closed,
    DataReached,
    Ending,
    Failed,
    Passed,
    Phase,
    PhaseChanged,
    Role,
    ShipEvent,
    SpineReceived,
    Trust,
)
from eebus.ship.frame import Received, decode, encode, name_of
from eebus.ship.hello import CLOSE_REJECTED, HelloHandshake
from eebus.ship.messages import (
    REMOVED_CONNECTION,
    SPINE_PROTOCOL,
    UNSPECIFIC,
    AccessMethods,
    AccessMethodsRequest,
    Close,
    ClosePhase,
    Data,
    DataHeader,
    Hello,
    HelloPhase,
)
from eebus.ship.pin import PinCheck
from eebus.ship.protocol import ProtocolNegotiation
from eebus.ship.ski import Ski
from eebus.ship.timings import DEFAULT_LIMITS, DEFAULT_TIMINGS, ShipTimings
from eebus.wire.ejson import JsonValue
from eebus.wire.errors import LocalUseError, ShipError, UntrustedError
from eebus.wire.texts import shown

LOGGER = logging.getLogger(__name__)

Part: TypeAlias = CmiHandshake | HelloHandshake | ProtocolNegotiation | PinCheck

CLOSE_NORMAL: Final = 1000
CLOSE_TEXT_FRAME: Final = 1003
_MS: Final = 1000


class Connection:
    """Owned by one pump; ``take_frames`` and ``take_events`` after every call."""

    def __init__(
        self,
        *,
        role: Role,
        local_ship_id: str,
        remote_ski: Ski,
        trust: Trust,
        expected_ship_id: str | None = None,
        timings: ShipTimings = DEFAULT_TIMINGS,
    ) -> None:
        self.remote_ski = remote_ski
        self.phase = Phase.CMI
        self.close_code = CLOSE_NORMAL
        """What the WebSocket is to be closed with once ``closed``."""
        self._timings = timings
        self._bounds = InputBounds(DEFAULT_LIMITS, remote_ski)
        self._hello = HelloHandshake(trust, timings)
        self._protocol = ProtocolNegotiation(role, timings)
        self._access = AccessExchange(local_ship_id, expected_ship_id, timings)
        self._part: Part | None = CmiHandshake(role, timings)
        self._closing_at: float | None = None
        self._farewell = Closed("closed")
        self._frames: list[bytes] = []
        self._events: list[ShipEvent] = []

    # --- for the owner ---

    @property
    def closed(self) -> bool:
        """Nothing more will happen; close the WebSocket with ``close_code``."""
        return self.phase is Phase.CLOSED

    @property
    def ship_id(self) -> str | None:
        """The peer's SHIP ID, as far as it is known yet."""
        return self._access.ship_id

    @property
    def deadline(self) -> float | None:
        """When ``handle_timer`` must be called [s]; the earliest of all that run."""
        part = self._part.deadline if self._part is not None else None
        running = (part, self._access.deadline, self._closing_at)
        return min((at for at in running if at is not None), default=None)

    def take_frames(self) -> list[bytes]:
        """Binary WebSocket messages to send, in order."""
        frames, self._frames = self._frames, []
        return frames

    def take_events(self) -> list[ShipEvent]:
        """What happened, in order."""
        events, self._events = self._events, []
        return events

    def start(self, now: float, *, tls_done_at: float | None = None) -> None:
        """The WebSocket is open; the CMI timeout counts from the end of TLS where it is told."""
        if isinstance(self._part, CmiHandshake):
            self._events.append(PhaseChanged(Phase.CMI))
            self._part.start(now if tls_done_at is None else tls_done_at)
            self._settle(now)

    def receive(self, message: bytes, now: float) -> None:
        """One binary WebSocket message, type octet included."""
        if self.phase is Phase.CLOSED:
            return
        error = self._bounds.check_size(len(message), self.phase)
        if error is None:
            received = decode(message)
            if not self._bounds.is_dropped(received, self.phase):
                self._dispatch(received, len(message), now)
            error = self._bounds.check_dropped()
        if error is not None:
            self._end(error)
        self._settle(now)

    def receive_text(self, now: float) -> None:
        """A text message: SHIP knows binary ones only (SHIP 10.3)."""
        self._end(ShipError("the peer sent a text frame", close_code=CLOSE_TEXT_FRAME))

    def send(self, payload: JsonValue, now: float) -> None:
        """Send a SPINE datagram, ``{"datagram": …}``; dropped once the connection is closing.

        Raises:
            LocalUseError: the data phase is not reached yet.
        """
        if self.phase in {Phase.CLOSING, Phase.CLOSED}:
            LOGGER.debug("x datagram dropped, the connection is closing")
            return
        if self.phase is not Phase.DATA:
            raise LocalUseError(f"no data in phase {self.phase.name}")
        header = DataHeader(protocol_id=SPINE_PROTOCOL)
        self._frames.append(encode(Data(header=header, payload=payload)))

    def trust_granted(self, now: float) -> None:
        """The user trusts this SKI; effective at once while the peer waits."""
        if not self.closed:
            self._hello.approve(now)
            self._settle(now)

    def trust_refused(self, now: float) -> None:
        """The user does not trust this SKI; aborts a hello that waits for the answer."""
        if not self.closed:
            self._hello.refuse()
            self._settle(now)

    def close(self, reason: str, now: float) -> None:
        """End in good order: announce, wait for the confirmation at most ``close_s``.

        ``removedConnection`` tells the peer that we no longer trust it; anything else goes out as
        ``unspecific`` and stays in the log.
        """
        if self.phase in {Phase.CLOSING, Phase.CLOSED}:
            return
        is_removed = reason == REMOVED_CONNECTION
        if self.phase is Phase.DATA:
            announce = Close(
                phase=ClosePhase.ANNOUNCE,
                max_time=round(self._timings.close_s * _MS),
                reason=REMOVED_CONNECTION if is_removed else UNSPECIFIC,
            )
            self._frames.append(encode(announce))
            self._linger(Closed(reason), now + self._timings.close_s)
        elif self.phase is Phase.HELLO and is_removed:
            self._hello.refuse()
            self._settle(now)
        else:
            self._finish(Closed(reason))

    def lost(self, reason: str, code: int | None = None) -> None:
        """The WebSocket is gone, closed by the peer with ``code``; nothing can be sent any more."""
        if self.phase is Phase.CLOSING:
            self._finish(self._farewell)
        elif self.phase is Phase.HELLO and code == CLOSE_REJECTED:
            # Elli and ship-go say pending and close while their own user has not decided
            self._end(UntrustedError("the peer does not trust us yet"), Ending.REJECTED_BY_PEER)
        else:
            self._end(ShipError(reason))
        self._frames.clear()

    def handle_timer(self, now: float) -> None:
        """Do what is due at ``now``; harmless when nothing is."""
        if self._closing_at is not None and now >= self._closing_at:
            self._finish(self._farewell)
            return
        if self._part is not None:
            self._part.handle_timer(now)
        self._access.handle_timer(now)
        self._settle(now)

    # --- receiving ---

    def _dispatch(self, received: Received, size: int, now: float) -> None:
        if isinstance(received, Close) and self.phase is not Phase.CMI:
            self._peer_closes(received)
        elif self.phase in {Phase.DATA, Phase.PIN}:
            self._in_exchange(received, size, now)
        elif self._is_late_answer(received):
            self._hello.is_answer_underway = False
        elif self._part is not None:
            self._part.receive(received, now)

    def _in_exchange(self, received: Received, size: int, now: float) -> None:
        match received:
            case Data() if self.phase is Phase.PIN:
                error = self._bounds.keep_early(received, size)
                if error is not None:
                    self._end(error)
            case Data():
                self._data(received)
            case AccessMethodsRequest() | AccessMethods():
                self._access.receive(received, now)
            case Hello(phase=HelloPhase.ABORTED):
                refusal = UntrustedError("the peer withdrew its trust")
                self._end(refusal, Ending.REJECTED_BY_PEER)
            case _ if self._part is not None:
                self._part.receive(received, now)
            case _:
                LOGGER.debug("! ignored in the data phase: %s", name_of(received))

    def _data(self, data: Data) -> None:
        payload: JsonValue = data.payload
        if isinstance(payload, list) and len(payload) == 1:
            payload = payload[0]
        is_spine = data.header.protocol_id == SPINE_PROTOCOL and isinstance(payload, dict)
        if is_spine and isinstance(payload, dict) and "datagram" in payload:
            self._events.append(SpineReceived(payload))
        else:
            LOGGER.debug("! data of protocol %.40r dropped", data.header.protocol_id)

    def _is_late_answer(self, received: Received) -> bool:
        """The answer to a prolongation request that our user's decision has overtaken."""
        is_ready = isinstance(received, Hello) and received.phase == HelloPhase.READY
        return is_ready and self.phase is Phase.PROTOCOL and self._hello.is_answer_underway

    def _peer_closes(self, close: Close) -> None:
        was_removed = close.reason == REMOVED_CONNECTION
        if self.phase is Phase.CLOSING:
            # confirm, or an announce of its own (Tinkerforge answers so): both sides agree
            ending = Ending.REMOVED_BY_PEER if was_removed else self._farewell.ending
            if close.phase == ClosePhase.ANNOUNCE:
                self._frames.append(encode(Close(phase=ClosePhase.CONFIRM)))
            self._finish(Closed(self._farewell.reason, self._farewell.error, ending))
            return
        self._frames.append(encode(Close(phase=ClosePhase.CONFIRM)))
        ending = Ending.REMOVED_BY_PEER if was_removed else Ending.PEER
        self._finish(
            Closed(f"closed by the peer: {shown(close.reason or UNSPECIFIC)}", None, ending)
        )

    # --- phases ---

    def _settle(self, now: float) -> None:
        """Collect what the parts produced and move on as far as it goes."""
        part = self._part
        while part is not None:
            self._frames += part.take_frames()
            for event in part.take_events():
                match event:
                    case Passed():
                        self._next_phase(now)
                    case Failed():
                        self._fail(event, now)
                    case _:
                        self._events.append(event)
            if self._part is part:
                break
            part = self._part
        self._frames += self._access.take_frames()
        self._events += self._access.take_events()

    def _next_phase(self, now: float) -> None:
        starts: dict[Phase, Callable[[float], None]] = {
            Phase.CMI: self._start_hello,
            Phase.HELLO: self._start_protocol,
            Phase.PROTOCOL: self._start_pin,
            Phase.PIN: self._start_data,
        }
        starts[self.phase](now)

    def _start_hello(self, now: float) -> None:
        self._enter(Phase.HELLO, self._hello)
        self._hello.start(now)

    def _start_protocol(self, now: float) -> None:
        self._enter(Phase.PROTOCOL, self._protocol)
        self._protocol.start(now)
        if self._hello.early_handshake is not None:
            self._protocol.receive(self._hello.early_handshake, now)

    def _start_pin(self, now: float) -> None:
        pin = PinCheck(self._timings)
        self._enter(Phase.PIN, pin)
        pin.start(now)

    def _start_data(self, now: float) -> None:
        self._enter(Phase.DATA, None)
        self._events.append(DataReached(self.ship_id))
        self._access.start(now)
        for data in self._bounds.take_early():
            self._data(data)

    def _enter(self, phase: Phase, part: Part | None) -> None:
        LOGGER.debug("= %s -> %s", self.phase.name, phase.name)
        self.phase, self._part = phase, part
        self._events.append(PhaseChanged(phase))

    # --- ends ---

    def _fail(self, failed: Failed, now: float) -> None:
        self.close_code = failed.error.close_code
        farewell = Closed(str(failed.error), failed.error, failed.ending)
        if failed.linger_s > 0:
            self._linger(farewell, now + failed.linger_s)
        else:
            self._finish(farewell)

    def _end(self, error: ShipError, ending: Ending = Ending.FAILED) -> None:
        if self.phase is not Phase.CLOSED:
            error.phase = error.phase or self.phase.name
            self.close_code = error.close_code
            self._finish(Closed(str(error), error, ending))

    def _linger(self, farewell: Closed, until: float) -> None:
        self._farewell, self._closing_at = farewell, until
        self._enter(Phase.CLOSING, None)

    def _finish(self, farewell: Closed) -> None:
        self._closing_at = None
        self._access.deadline = None
        self._enter(Phase.CLOSED, None)
        self._events.append(farewell)
