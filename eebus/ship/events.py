"""What a connection tells its owner, and the words both share."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from eebus.wire.ejson import JsonValue
    from eebus.wire.errors import ShipError


class Role(Enum):
    """Who opened the TCP connection; per connection, not per node (SHIP 13.4.1)."""

    CLIENT = "client"
    SERVER = "server"


class Trust(Enum):
    """What the user decided about a SKI when the connection starts."""

    TRUSTED = "trusted"
    PENDING = "pending"
    UNTRUSTED = "untrusted"


class Phase(Enum):
    """Phases of a connection, in order."""

    CMI = "cmi"
    HELLO = "hello"
    PROTOCOL = "protocol"
    PIN = "pin"
    DATA = "data"
    CLOSING = "closing"
    CLOSED = "closed"


class Ending(Enum):
    """Why a connection ended: decides about redialling and what the user is told."""

    LOCAL = "local"
    """We closed it."""
    PEER = "peer"
    """The peer closed it in good order."""
    REMOVED_BY_PEER = "removed_by_peer"
    """The peer no longer trusts us (``removedConnection``)."""
    REJECTED_BY_PEER = "rejected_by_peer"
    """The peer aborted the hello: it does not trust us (yet)."""
    REFUSED = "refused"
    """We do not trust the peer."""
    FAILED = "failed"
    """Timer, protocol fault or broken link."""


@dataclass(frozen=True, slots=True)
class PhaseChanged:
    """The connection has entered ``phase``."""

    phase: Phase


@dataclass(frozen=True, slots=True)
class TrustPending:
    """The user must decide; told again when the peer has said that it is ready."""

    remote_waiting: bool


@dataclass(frozen=True, slots=True)
class DataReached:
    """SPINE may talk; ``ship_id`` as far as it is known yet."""

    ship_id: str | None


@dataclass(frozen=True, slots=True)
class SpineReceived:
    """A SPINE datagram: EEBUS JSON value of ``{"datagram": …}``."""

    payload: JsonValue


@dataclass(frozen=True, slots=True)
class ShipIdLearnt:
    """The peer named itself; ``differs`` when the trust entry knew another name."""

    ship_id: str
    differs: bool = False


@dataclass(frozen=True, slots=True)
class Closed:
    """Last event of a connection; ``error`` only when something went wrong."""

    reason: str
    error: ShipError | None = None
    ending: Ending = Ending.LOCAL


ShipEvent: TypeAlias = (
    PhaseChanged | TrustPending | DataReached | SpineReceived | ShipIdLearnt | Closed
)


@dataclass(frozen=True, slots=True)
class Passed:
    """A phase is complete (between the parts of a connection only)."""


@dataclass(frozen=True, slots=True)
class Failed:
    """A phase has failed; the link stays open for ``linger_s`` so that the last frame is read."""

    error: ShipError
    ending: Ending = Ending.FAILED
    linger_s: float = 0.0


Outcome: TypeAlias = Passed | Failed
