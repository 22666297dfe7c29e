"""What an unvetted peer may send before the connection ends (ship.md 4.5, 9.1)."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Final

from eebus.ship.events import Phase
from eebus.ship.frame import Unreadable, Unusable, name_of
from eebus.wire.errors import ShipError

if TYPE_CHECKING:
    from eebus.ship.frame import Received
    from eebus.ship.messages import Data
    from eebus.ship.timings import ShipLimits

LOGGER = logging.getLogger(__name__)

CLOSE_POLICY: Final = 1008
CLOSE_TOO_BIG: Final = 1009
_HANDSHAKE: Final = {Phase.CMI, Phase.HELLO, Phase.PROTOCOL}


class InputBounds:
    """Counts what is dropped and keeps what comes too early, both within limits."""

    def __init__(self, limits: ShipLimits, peer: str = "") -> None:
        self._limits = limits
        self._peer = peer
        self._unusable = 0
        self._unreadable = 0
        self._early: list[Data] = []
        self._early_bytes = 0

    def check_size(self, size: int, phase: Phase) -> ShipError | None:
        """What ends the connection when ``size`` [bytes] is too much for ``phase``."""
        is_handshake = phase in _HANDSHAKE
        limit = self._limits.handshake_bytes if is_handshake else self._limits.message_bytes
        if size <= limit:
            return None
        return ShipError(f"message of {size} bytes, {limit} allowed", close_code=CLOSE_TOO_BIG)

    def is_dropped(self, received: Received, phase: Phase) -> bool:
        """Whether the message is to be ignored; counts it (CMI judges everything itself)."""
        is_unreadable = isinstance(received, Unreadable) and phase is Phase.DATA
        is_unusable = isinstance(received, Unusable) and phase is not Phase.CMI
        self._unreadable = self._unreadable + 1 if is_unreadable else 0
        self._unusable += is_unusable
        if is_unreadable or is_unusable:
            LOGGER.info("! %s: dropped: %s", self._peer, name_of(received))
        return is_unreadable or is_unusable

    def check_dropped(self) -> ShipError | None:
        """What ends the connection when too much had to be dropped."""
        if self._unusable >= self._limits.unusable_messages:
            return ShipError("too many unusable messages", close_code=CLOSE_POLICY)
        if self._unreadable >= self._limits.unreadable_in_a_row:
            return ShipError("too many unreadable messages in a row", close_code=CLOSE_POLICY)
        return None

    def keep_early(self, data: Data, size: int) -> ShipError | None:
        """Keep data that comes before the data phase; what ends the connection when it is full."""
        self._early.append(data)
        self._early_bytes += size
        limits = self._limits
        if len(self._early) > limits.early_messages or self._early_bytes > limits.early_bytes:
            return ShipError("too much data before the data phase", close_code=CLOSE_POLICY)
        return None

    def take_early(self) -> list[Data]:
        """Hand over what was kept, in order, and forget it."""
        early, self._early, self._early_bytes = self._early, [], 0
        return early
