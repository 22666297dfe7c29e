"""Connection mode initialisation: two zero octets each way (SHIP 13.4.3)."""

from __future__ import annotations

from enum import Enum, auto

from eebus.ship.events import Failed, Outcome, Passed, Role
from eebus.ship.frame import CMI, Init, Received
from eebus.ship.timings import DEFAULT_TIMINGS, ShipTimings
from eebus.wire.errors import ShipError, ShipTimeoutError
from eebus.wire.machine import Machine


class CmiState(Enum):
    """The client speaks first; the server never unasked."""

    START = auto()
    CLIENT_WAIT = auto()
    SERVER_WAIT = auto()
    DONE = auto()
    FAILED = auto()


class CmiHandshake(Machine[CmiState, bytes, Outcome]):
    """First exchange of a connection, either role."""

    def __init__(self, role: Role, timings: ShipTimings = DEFAULT_TIMINGS) -> None:
        super().__init__(CmiState.START)
        self._role = role
        self._timeout_s = timings.cmi_s

    def start(self, now: float) -> None:
        """Begin; ``now`` is the end of the TLS handshake, from which the timeout counts."""
        if self._role is Role.CLIENT:
            self._frames.append(CMI)
            self._enter(CmiState.CLIENT_WAIT, deadline=now + self._timeout_s)
        else:
            self._enter(CmiState.SERVER_WAIT, deadline=now + self._timeout_s)

    def receive(self, received: Received, now: float) -> None:
        match self.state, received:
            case CmiState.CLIENT_WAIT, Init(head=0):
                self._pass()
            case CmiState.SERVER_WAIT, Init(head=0):
                self._frames.append(CMI)
                self._pass()
            case CmiState.CLIENT_WAIT, _:  # closed without a further message (TC CMI_002, _006)
                self._fail(ShipError("the peer's CMI is wrong", phase="CMI"))
            case CmiState.SERVER_WAIT, _:  # answered, then closed (TC CMI_001, _005)
                self._frames.append(CMI)
                self._fail(ShipError("the peer's CMI is wrong", phase="CMI"))
            case _:
                pass

    def handle_timer(self, now: float) -> None:
        if self.deadline is not None and now >= self.deadline:
            self._fail(ShipTimeoutError("the peer sent no CMI in time", phase="CMI"))

    def _pass(self) -> None:
        self._events.append(Passed())
        self._enter(CmiState.DONE)

    def _fail(self, error: ShipError) -> None:
        self._events.append(Failed(error))
        self._enter(CmiState.FAILED)
