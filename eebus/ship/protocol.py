"""Protocol handshake: version and format (SHIP 13.4.4.2; ship.md 5.4)."""

from __future__ import annotations

from enum import Enum, IntEnum, auto
from typing import Final

from eebus.ship.events import Ending, Failed, Outcome, Passed, Role
from eebus.ship.frame import Received, encode, name_of
from eebus.ship.messages import (
    JSON_UTF8,
    Formats,
    HandshakeType,
    Hello,
    HelloPhase,
    ProtocolError,
    ProtocolHandshake,
    Version,
)
from eebus.ship.timings import DEFAULT_TIMINGS, ShipTimings
from eebus.wire.errors import ShipError, ShipTimeoutError, UntrustedError
from eebus.wire.machine import Machine

OWN_VERSION: Final = Version(1, 0)


class HandshakeError(IntEnum):
    """``messageProtocolHandshakeError.error``."""

    TIMEOUT = 1
    UNEXPECTED_MESSAGE = 2
    SELECTION_MISMATCH = 3


class ProtocolState(Enum):
    """What the side waits for."""

    START = auto()
    CLIENT_WAIT_CHOICE = auto()
    SERVER_WAIT_PROPOSAL = auto()
    SERVER_WAIT_CONFIRM = auto()
    OK = auto()
    FAILED = auto()


class ProtocolNegotiation(Machine[ProtocolState, bytes, Outcome]):
    """The client announces its maximum, the server selects, the client repeats the selection."""

    def __init__(self, role: Role, timings: ShipTimings = DEFAULT_TIMINGS) -> None:
        super().__init__(ProtocolState.START)
        self._role = role
        self._timings = timings
        self._selection = _handshake(HandshakeType.SELECT, OWN_VERSION)

    def start(self, now: float) -> None:
        if self._role is Role.CLIENT:
            self._frames.append(encode(_handshake(HandshakeType.ANNOUNCE_MAX, OWN_VERSION)))
            self._wait(ProtocolState.CLIENT_WAIT_CHOICE, now)
        else:
            self._wait(ProtocolState.SERVER_WAIT_PROPOSAL, now)

    def receive(self, received: Received, now: float) -> None:
        match self.state, received:
            case ((ProtocolState.OK | ProtocolState.FAILED | ProtocolState.START), _):
                pass
            case _, ProtocolError(error=code):
                self._end(ShipError(f"the peer reported handshake error {code}", phase="PROTOCOL"))
            case _, Hello(phase=HelloPhase.ABORTED):
                error = UntrustedError("the peer withdrew its trust", phase="PROTOCOL")
                self._end(error, Ending.REJECTED_BY_PEER)
            case ProtocolState.SERVER_WAIT_PROPOSAL, ProtocolHandshake(
                handshake_type=HandshakeType.ANNOUNCE_MAX
            ) as proposal:
                self._choose(proposal, now)
            case ProtocolState.SERVER_WAIT_CONFIRM, ProtocolHandshake(
                handshake_type=HandshakeType.SELECT
            ) as echo:
                self._confirm(echo)
            case ProtocolState.CLIENT_WAIT_CHOICE, ProtocolHandshake(
                handshake_type=HandshakeType.SELECT
            ) as choice:
                self._accept(choice)
            case _:
                text = f"{name_of(received)} while {self.state.name}"
                self._fail(HandshakeError.UNEXPECTED_MESSAGE, text)

    def handle_timer(self, now: float) -> None:
        if self.deadline is not None and now >= self.deadline:
            self._fail(HandshakeError.TIMEOUT, "the peer did not go on in time")

    def _choose(self, proposal: ProtocolHandshake, now: float) -> None:
        if not _can_speak(proposal):
            self._fail(HandshakeError.SELECTION_MISMATCH, "the peer offers nothing we can speak")
            return
        version = min(OWN_VERSION, proposal.version or OWN_VERSION)
        self._selection = _handshake(HandshakeType.SELECT, version)
        self._frames.append(encode(self._selection))
        self._wait(ProtocolState.SERVER_WAIT_CONFIRM, now)

    def _confirm(self, echo: ProtocolHandshake) -> None:
        if echo == self._selection:
            self._pass()
        else:
            self._fail(HandshakeError.SELECTION_MISMATCH, "the peer confirmed something else")

    def _accept(self, choice: ProtocolHandshake) -> None:
        formats = choice.formats.format if choice.formats else ()
        is_ours = choice.version is not None and choice.version <= OWN_VERSION
        if not (is_ours and _can_speak(choice) and formats == (JSON_UTF8,)):
            self._fail(HandshakeError.SELECTION_MISMATCH, "the peer selected what we cannot speak")
            return
        self._frames.append(encode(choice))
        self._pass()

    def _wait(self, state: ProtocolState, now: float) -> None:
        self._enter(state, deadline=now + self._timings.protocol_s)

    def _pass(self) -> None:
        self._events.append(Passed())
        self._enter(ProtocolState.OK)

    def _fail(self, code: HandshakeError, text: str) -> None:
        kind = ShipTimeoutError if code is HandshakeError.TIMEOUT else ShipError
        self._frames.append(encode(ProtocolError(error=code)))
        self._end(kind(text, phase="PROTOCOL"), linger_s=self._timings.error_linger_s)

    def _end(
        self, error: ShipError, ending: Ending = Ending.FAILED, *, linger_s: float = 0.0
    ) -> None:
        self._events.append(Failed(error, ending, linger_s))
        self._enter(ProtocolState.FAILED)


def _handshake(kind: HandshakeType, version: Version) -> ProtocolHandshake:
    return ProtocolHandshake(
        handshake_type=kind, version=version, formats=Formats(format=(JSON_UTF8,))
    )


def _can_speak(offer: ProtocolHandshake) -> bool:
    if offer.version is None or offer.formats is None:
        return False
    is_version = offer.version.major >= OWN_VERSION.major and offer.version.minor >= 0
    return is_version and JSON_UTF8 in offer.formats.format
