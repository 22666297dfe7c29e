"""Access methods: who are you, in parallel with the data (SHIP 13.4.6; SHIP guide 2.1).

Never holds anything up. A ship-go peer is not complete before our answer, so a request is answered
at any time; our own request is made once and a missing answer is only logged.
"""

from __future__ import annotations

import logging
from enum import Enum, auto
from typing import Final

from eebus.ship.events import ShipIdLearnt
from eebus.ship.frame import Received, encode
from eebus.ship.messages import AccessMethods, AccessMethodsRequest
from eebus.ship.timings import DEFAULT_TIMINGS, ShipTimings
from eebus.wire.machine import Machine
from eebus.wire.texts import is_printable

LOGGER = logging.getLogger(__name__)

MAX_SHIP_ID: Final = 255


class AccessState(Enum):
    """State of our own question."""

    START = auto()
    ASKED = auto()
    ANSWERED = auto()
    UNANSWERED = auto()


class AccessExchange(Machine[AccessState, bytes, ShipIdLearnt]):
    """Answers with our SHIP ID and learns the peer's."""

    def __init__(
        self, own_id: str, expected_id: str | None, timings: ShipTimings = DEFAULT_TIMINGS
    ) -> None:
        super().__init__(AccessState.START)
        self._own_id = own_id
        self._expected_id = expected_id
        self._timeout_s = timings.access_s
        self.ship_id = expected_id
        """The peer's, as far as it is known yet."""

    def start(self, now: float) -> None:
        self._frames.append(encode(AccessMethodsRequest()))
        if self.state is AccessState.START:  # the peer may have told it unasked
            self._enter(AccessState.ASKED, deadline=now + self._timeout_s)

    def receive(self, received: Received, now: float) -> None:
        match received:
            case AccessMethodsRequest():
                self._frames.append(encode(AccessMethods(id=self._own_id, dns_sd_mdns=[])))
            case AccessMethods(id=str(ship_id)) if _is_usable(ship_id):
                self._learn(ship_id)
            case AccessMethods():
                self._enter(AccessState.ANSWERED)  # SHIP 1.0: the id may be missing
            case _:
                pass

    def handle_timer(self, now: float) -> None:
        if self.deadline is not None and now >= self.deadline:
            LOGGER.info("! the peer did not tell its access methods")
            self._enter(AccessState.UNANSWERED)

    def _learn(self, ship_id: str) -> None:
        if self.state is not AccessState.ANSWERED:
            differs = self._expected_id is not None and ship_id != self._expected_id
            if differs:
                LOGGER.warning("! SHIP ID %s, the trust entry says %s", ship_id, self._expected_id)
            self.ship_id = ship_id
            self._events.append(ShipIdLearnt(ship_id, differs))
        self._enter(AccessState.ANSWERED)


def _is_usable(ship_id: str) -> bool:
    """A SHIP ID has up to 63 bytes; peers may be generous, but not boundless."""
    return 0 < len(ship_id) <= MAX_SHIP_ID and is_printable(ship_id)
