"""PIN check: neither asked for nor entered (SHIP 13.4.4.3; ship.md 5.5)."""

from __future__ import annotations

import logging
from enum import Enum, auto

from eebus.ship.events import Failed, Outcome, Passed
from eebus.ship.frame import Received, Unreadable, encode, name_of
from eebus.ship.messages import PinState, PinStateValue
from eebus.ship.timings import DEFAULT_TIMINGS, ShipTimings
from eebus.wire.errors import ShipError, ShipTimeoutError
from eebus.wire.machine import Machine

LOGGER = logging.getLogger(__name__)


class PinPhase(Enum):
    """Both sides tell their state at once."""

    START = auto()
    LISTEN = auto()
    OK = auto()
    FAILED = auto()


class PinCheck(Machine[PinPhase, bytes, Outcome]):
    """Sends ``none`` and goes on when the peer lets us in without a PIN."""

    def __init__(self, timings: ShipTimings = DEFAULT_TIMINGS) -> None:
        super().__init__(PinPhase.START)
        self._timeout_s = timings.pin_s

    def start(self, now: float) -> None:
        self._frames.append(encode(PinState(pin_state=PinStateValue.NONE)))
        self._enter(PinPhase.LISTEN, deadline=now + self._timeout_s)

    def receive(self, received: Received, now: float) -> None:
        if self.state is not PinPhase.LISTEN:
            return
        match received:
            case PinState(pin_state=pin_state):
                self._judge(pin_state)
            case Unreadable():  # bad JSON ends a handshake (ship.md 4.5)
                self._fail(ShipError(name_of(received), phase="PIN"))
            case _:
                pass

    def handle_timer(self, now: float) -> None:
        if self.deadline is not None and now >= self.deadline:
            self._fail(ShipTimeoutError("the peer sent no PIN state in time", phase="PIN"))

    def _judge(self, pin_state: PinStateValue) -> None:
        match pin_state:
            case PinStateValue.NONE | PinStateValue.PIN_OK:
                self._pass()
            case PinStateValue.OPTIONAL:
                LOGGER.warning("! the peer may restrict us, because we have no PIN for it")
                self._pass()
            case PinStateValue.REQUIRED:
                self._fail(ShipError("the peer requires a PIN, and we have none", phase="PIN"))
            case unknown:
                self._fail(ShipError(f"unknown PIN state {unknown!r:.40}", phase="PIN"))

    def _pass(self) -> None:
        self._events.append(Passed())
        self._enter(PinPhase.OK)

    def _fail(self, error: ShipError) -> None:
        self._events.append(Failed(error))
        self._enter(PinPhase.FAILED)
