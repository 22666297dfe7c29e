"""What belongs to one connection: counters, duplicates, open requests, the peer's picture."""

from __future__ import annotations

import logging
import math
from collections import OrderedDict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, TypeAlias

from eebus.spine.remote import RemoteDevice
from eebus.spine.requests import Requests
from eebus.wire.texts import shown

if TYPE_CHECKING:
    from eebus.spine.addresses import Peer
    from eebus.wire.ejson import JsonValue

Json: TypeAlias = "JsonValue"

LOGGER = logging.getLogger(__name__)

WINDOW: Final = 64
COMPLAINT_PERIOD_S: Final = 60.0


class Seen:
    """Recognises datagrams that arrive twice, without refusing overtaken ones (spine.md 1.9, H-24).

    A counter far below the newest one is a restart of the peer's counting: everything is forgotten.
    The same counter with another content is another datagram.
    """

    def __init__(self) -> None:
        self._contents: OrderedDict[int, int] = OrderedDict()
        self._newest = 0

    def is_duplicate(self, counter: int, payload: Json) -> bool:
        """Tell whether this datagram was seen, and remember it."""
        if counter + WINDOW < self._newest:
            self._contents.clear()
            self._newest = counter
        content = hash(repr(payload))
        if self._contents.get(counter) == content:
            return True
        self._contents[counter] = content
        self._newest = max(self._newest, counter)
        while len(self._contents) > WINDOW:
            self._contents.popitem(last=False)
        return False


class Complaints:
    """Lets each cause be told once a minute, so that a peer cannot fill the log (TM-28)."""

    def __init__(self) -> None:
        self._told: dict[str, tuple[float, int]] = {}

    def count(self, cause: str, now: float) -> int:
        """How often ``cause`` came since it was told last; 0: do not tell it now."""
        told_at, kept = self._told.get(cause, (-math.inf, 0))
        is_due = now - told_at >= COMPLAINT_PERIOD_S
        self._told[cause] = (now, 0) if is_due else (told_at, kept + 1)
        return kept + 1 if is_due else 0


@dataclass(slots=True, eq=False)
class Session:
    """One connected peer; made at connect, thrown away at disconnect."""

    peer: Peer
    remote: RemoteDevice
    requests: Requests = field(default_factory=Requests)
    seen: Seen = field(default_factory=Seen)
    complaints: Complaints = field(default_factory=Complaints)
    counter: int = 0
    asked_at: float = 0.0
    """When the discovery was asked for last [s]."""
    is_discovered: bool = False
    are_use_cases_known: bool = False
    is_banned: bool = False

    @classmethod
    def of(cls, peer: Peer) -> Session:
        """Start a session in which nothing is known."""
        return cls(peer, RemoteDevice(peer))

    def complain(self, cause: str, text: str, now: float) -> None:
        """Log what the peer does wrong, each cause once a minute with how often it came."""
        times = self.complaints.count(cause, now)
        if times:
            LOGGER.warning("! %s %s (%d times)", self.peer[-8:], shown(text, 200), times)

    def next_counter(self) -> int:
        """Return the counter of the next datagram: strictly ascending (TC DATA_001)."""
        self.counter += 1
        return self.counter
