"""What a node tells about its peers: events, states by layer, and why something failed."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING, TypeAlias

from eebus.wire.errors import LocalUseError

if TYPE_CHECKING:
    from eebus.node.pump import Direction
    from eebus.ship.ski import Ski


class Fault(Enum):
    """Why a peer is not connected, with the code users know (ux.md 11)."""

    NOT_FOUND = "E-PAIR-001"
    OWN_SKI = "E-PAIR-002"
    BAD_SKI = "E-PAIR-003"
    REJECTED_BY_PEER = "E-PAIR-004"
    PEER_PENDING = "E-PAIR-005"
    OTHER_SKI = "E-PAIR-006"
    DOUBLE_CONNECTION = "E-PAIR-007"
    SLOT_TAKEN = "E-PAIR-008"
    OTHER = ""

    @property
    def code(self) -> str:
        """``E-PAIR-0xx``; empty when the reason text has to do."""
        return self.value


class PairError(LocalUseError):
    """A pairing call of the user cannot be carried out; ``fault`` carries the code."""

    def __init__(self, fault: Fault, message: str) -> None:
        super().__init__(message)
        self.fault = fault


@dataclass(frozen=True, slots=True)
class Failure:
    """The last thing that went wrong with a peer; ``at`` [protocol s]."""

    fault: Fault
    reason: str
    at: float


@dataclass(frozen=True, slots=True)
class Layers:
    """How far a peer got, bottom up; each implies the ones before, except ``found``."""

    found: bool = False
    tls: bool = False
    hello: bool = False
    trusted: bool = False
    spine: bool = False


@dataclass(frozen=True, slots=True)
class PeerStatus:
    """One peer for status, CLI and support."""

    ski: Ski
    ship_id: str | None = None
    name: str = ""
    role: str = ""
    trust: str = "unknown"  # trusted | pending | refused | unknown
    direction: Direction | None = None
    layers: Layers = field(default_factory=Layers)
    phase: str = ""
    host: str = ""
    port: int = 0
    failure: Failure | None = None
    peer_is_waiting: bool = False
    """The peer has said that it is ready; only our user's decision is missing."""


@dataclass(frozen=True, slots=True)
class PeerPending:
    """An unknown SKI waits for the user's decision."""

    ski: Ski
    ship_id: str | None
    host: str


@dataclass(frozen=True, slots=True)
class PeerTrusted:
    """The user trusts this SKI from now on."""

    ski: Ski


@dataclass(frozen=True, slots=True)
class PeerConnected:
    """SPINE talks to this peer."""

    ski: Ski
    ship_id: str | None
    direction: Direction


@dataclass(frozen=True, slots=True)
class PeerDisconnected:
    """SPINE no longer talks to this peer."""

    ski: Ski
    reason: str


@dataclass(frozen=True, slots=True)
class PeerRefused:
    """A connection was refused, by us or by the peer; ``ski`` is what TLS proved (H-52)."""

    ski: Ski
    reason: str
    fault: Fault = Fault.OTHER


PeerEvent: TypeAlias = PeerPending | PeerTrusted | PeerConnected | PeerDisconnected | PeerRefused
NodeEvent: TypeAlias = PeerEvent | object
"""Events of the use cases pass as they are."""
