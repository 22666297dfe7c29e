"""What the LPC actors tell their owner; frozen, taken in order with ``take_events``.

Power is exact ``Decimal`` W, times are protocol seconds (monotonic), peers are SKIs.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from decimal import Decimal

    from eebus.spine.addresses import Peer
    from eebus.spine.events import WriteRefused


@dataclass(frozen=True, slots=True, kw_only=True)
class LimitStateChanged:
    """The controllable system took a step, or a stored value changed.

    Attributes:
        state: ``init | unlimited_controlled | limited | failsafe | unlimited_autonomous``.
        limit_w: what the state asks for [W, >= 0]: the limit in ``limited``, the failsafe limit in
            ``init`` and ``failsafe``; ``None``: the state does not limit.
        expires_at: end of a timed limit; ``None``: until changed.
        failsafe_w, failsafe_duration_s: failsafe values now stored [W], [s].
        failsafe_from_box: the energy guard wrote them; keep them over a restart.
        binding_until: until when the site stays limited without a new word of the box: what must
            survive a restart (reliability.md 10); ``None``: not limited.
        rule: number of the rule with prefix, e.g. ``LPC-904``.
        edge: transition number 1 to 12; 0: the state stays.
        peer: SKI of the energy guard in control; empty before the first contact.
    """

    state: str
    limit_w: Decimal | None
    expires_at: float | None
    failsafe_w: Decimal
    failsafe_duration_s: float
    failsafe_from_box: bool
    binding_until: float | None
    rule: str
    edge: int
    peer: Peer


@dataclass(frozen=True, slots=True, kw_only=True)
class WriteJudged:
    """A write of the energy guard was answered; ``error_number`` 0 is accepted.

    ``value_w``, ``duration_s`` and ``active`` are what the message carried; ``None``: absent or
    unreadable (never shown as 0, H-77).
    """

    peer: Peer
    msg_counter: int
    function: str
    value_w: Decimal | None
    duration_s: float | None
    active: bool | None
    error_number: int
    rule: str
    reason: str

    @classmethod
    def unseen(cls, refused: WriteRefused) -> WriteJudged:
        """Refused by the device (no binding, wrong filter): recorded all the same."""
        return cls(
            peer=refused.peer,
            msg_counter=refused.msg_counter,
            function=refused.function,
            value_w=None,
            duration_s=None,
            active=None,
            error_number=refused.error_number,
            rule="",
            reason=refused.description,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class HeartbeatSent:
    """Our own heartbeat went out to all subscribers."""

    at: float


@dataclass(frozen=True, slots=True, kw_only=True)
class HeartbeatReceived:
    """A heartbeat of ``peer`` that counts."""

    peer: Peer
    at: float


@dataclass(frozen=True, slots=True, kw_only=True)
class HeartbeatLost:
    """No heartbeat of ``peer`` for more than 120 s."""

    peer: Peer
    at: float


@dataclass(frozen=True, slots=True, kw_only=True)
class ScenarioMissing:
    """``peer`` announces the use case without these scenarios; it is served all the same (F-25)."""

    peer: Peer
    numbers: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class CsFound:
    """A controllable system was found at ``peer`` and is being set up."""

    peer: Peer
    entity: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class CsUnusable:
    """``peer`` announces a controllable system that cannot be limited; said once per reason."""

    peer: Peer
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CsState:
    """The limit as the controllable system tells it.

    ``value_w`` ``None``: it tells no value (some do not while the limit is inactive). ``end`` is
    the validity as text (ISO 8601 duration); empty: none.
    """

    peer: Peer
    active: bool
    value_w: Decimal | None
    end: str
    changeable: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class LimitAnswered:
    """A limit write was answered; ``error_number`` ``None``: not in time.

    ``duration_s``: from sending to the answer.
    """

    peer: Peer
    error_number: int | None
    description: str
    duration_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class FailsafeAnswered:
    """A write of failsafe values was answered; ``error_number`` ``None``: not in time."""

    peer: Peer
    error_number: int | None
    description: str
    duration_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class FailsafeRead:
    """Failsafe values as the controllable system tells them; ``None``: it does not tell."""

    peer: Peer
    limit_w: Decimal | None
    duration_s: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class NominalMaxRead:
    """A nominal maximum of the controllable system [W]; ``kind`` is the wire name."""

    peer: Peer
    kind: str
    value_w: Decimal | None


LpcEvent: TypeAlias = (
    LimitStateChanged
    | WriteJudged
    | HeartbeatSent
    | HeartbeatReceived
    | HeartbeatLost
    | ScenarioMissing
    | CsFound
    | CsUnusable
    | CsState
    | LimitAnswered
    | FailsafeAnswered
    | FailsafeRead
    | NominalMaxRead
)
