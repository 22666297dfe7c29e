"""The state machine of a controllable system for LPC and LPP (section 2.3 of both documents).

Pure: heartbeats, writes and ``now`` [s, monotonic] go in; rulings and steps come out. Conditions
are judged *before* the table and become a :class:`Trigger`; the table :data:`EDGES` holds none, and
each row names its transition number and its rules. What is missing there is not evaluated.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from enum import Enum, StrEnum, auto
from typing import TYPE_CHECKING, Final, Never

from eebus.usecases.limit_values import (
    KEEP,
    AfterFailsafe,
    Failsafe,
    FailsafeWrite,
    LimitWrite,
    StoredLimit,
)
from eebus.wire.machine import Machine

if TYPE_CHECKING:
    from collections.abc import Mapping
    from decimal import Decimal

    from eebus.usecases.limit_values import Profile, Settings

HEARTBEAT_WINDOW_S: Final = 60.0
"""A limit follows a heartbeat when it comes at most this much later (LPC-914/2, LPC-TS-036)."""
HEARTBEAT_LOSS_S: Final = 120.0
"""A heartbeat is lost when *more* than this has passed since the last one (LPC-911, LPC-912)."""
CONTROL_WAIT_S: Final = 120.0
"""How long a limit is waited for in INIT, and after a heartbeat in FAILSAFE (LPC-906, LPC-921)."""
FAILSAFE_DURATION_MIN_S: Final = 7_200.0
FAILSAFE_DURATION_MAX_S: Final = 86_400.0
"""Range of the failsafe duration minimum; the upper end is our own maximum (LPC-022)."""

ACCEPTED: Final = 0
REJECTED: Final = 7
"""SPINE result: understood but refused."""


class State(StrEnum):
    """The five states; the value is the word of events, journal and status."""

    INIT = "init"
    UNLIMITED_CONTROLLED = "unlimited_controlled"
    LIMITED = "limited"
    FAILSAFE = "failsafe"
    UNLIMITED_AUTONOMOUS = "unlimited_autonomous"


class Trigger(Enum):
    """What may move the machine. The first three are writes that passed the gate."""

    LIMIT_ON = auto()
    LIMIT_OFF = auto()
    LIMIT_REFUSED = auto()
    LIMIT_EXPIRED = auto()
    INTERRUPTED = auto()
    HEARTBEAT_LOST = auto()
    NOBODY_CAME = auto()
    NO_LIMIT_FOLLOWED = auto()
    FAILSAFE_OVER = auto()


@dataclass(frozen=True, slots=True)
class Edge:
    """A row: transition number (0: the state stays), where it leads, the rules that say so."""

    number: int
    target: State
    rules: tuple[str, ...]


_INIT, _UC, _LI = State.INIT, State.UNLIMITED_CONTROLLED, State.LIMITED
_FS, _UA = State.FAILSAFE, State.UNLIMITED_AUTONOMOUS

EDGES: Final[Mapping[tuple[State, Trigger], Edge]] = {
    (_INIT, Trigger.LIMIT_OFF): Edge(1, _UC, ("905",)),
    (_INIT, Trigger.LIMIT_REFUSED): Edge(1, _UC, ("902",)),
    (_INIT, Trigger.LIMIT_ON): Edge(2, _LI, ("904",)),
    (_INIT, Trigger.NOBODY_CAME): Edge(3, _UA, ("906",)),
    (_UC, Trigger.LIMIT_ON): Edge(4, _LI, ("910",)),
    (_UC, Trigger.LIMIT_OFF): Edge(0, _UC, ("008",)),
    (_UC, Trigger.LIMIT_REFUSED): Edge(0, _UC, ("907/1",)),
    (_UC, Trigger.HEARTBEAT_LOST): Edge(5, _FS, ("911",)),
    (_LI, Trigger.LIMIT_EXPIRED): Edge(6, _UC, ("908", "007")),
    (_LI, Trigger.LIMIT_OFF): Edge(6, _UC, ("909",)),
    (_LI, Trigger.INTERRUPTED): Edge(6, _UC, ("923",)),
    (_LI, Trigger.LIMIT_ON): Edge(0, _LI, ("002/1",)),
    (_LI, Trigger.LIMIT_REFUSED): Edge(0, _LI, ("907/2",)),
    (_LI, Trigger.HEARTBEAT_LOST): Edge(7, _FS, ("912",)),
    (_FS, Trigger.LIMIT_OFF): Edge(8, _UC, ("920", "916")),
    (_FS, Trigger.LIMIT_REFUSED): Edge(8, _UC, ("918",)),
    (_FS, Trigger.LIMIT_ON): Edge(9, _LI, ("919",)),
    (_FS, Trigger.FAILSAFE_OVER): Edge(10, _UA, ("922",)),
    (_FS, Trigger.NO_LIMIT_FOLLOWED): Edge(10, _UA, ("921",)),
    (_UA, Trigger.LIMIT_OFF): Edge(11, _UC, ("920",)),
    (_UA, Trigger.LIMIT_REFUSED): Edge(11, _UC, ("918",)),
    (_UA, Trigger.LIMIT_ON): Edge(12, _LI, ("919",)),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Ruling:
    """What a write comes to. ``trigger`` ``None``: not evaluated, nothing may change.

    ``rule`` carries the prefix (``LPC-904``); ``clamp`` marks the one refusal that changes data: a
    failsafe duration above our maximum sets that maximum (LPC-022/5).
    """

    error_number: int
    rule: str
    reason: str = ""
    trigger: Trigger | None = None
    clamp: bool = False

    @property
    def accepted(self) -> bool:
        return self.error_number == ACCEPTED


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """A row of the table was taken at ``at``; ``rule`` is its first one with prefix.

    ``limit_w`` and ``expires_at`` are what the new state asks for (see ``in_force_w``).
    """

    edge: Edge
    rule: str
    trigger: Trigger
    at: float
    limit_w: Decimal | None
    expires_at: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Presence:
    """When the state was entered, the first heartbeat since then, the last one of all."""

    entered_at: float
    first_at: float | None = None
    last_at: float | None = None


def _after(moment: float) -> float:
    """Earliest time that is *more* than ``moment``: progress happens at a deadline, not after."""
    return math.nextafter(moment, math.inf)


class PowerLimit(Machine[State, Never, Step]):
    """The machine. ``judge_…`` tells what a write comes to, ``apply_…`` does it.

    The two are apart because one message may carry entries for LPC and LPP: all are judged before
    any is applied. A refused limit is applied too: it proves presence (rules 902, 918).
    """

    def __init__(self, profile: Profile, settings: Settings, now: float) -> None:
        super().__init__(State.INIT)
        self.profile = profile
        self.failsafe: Failsafe = settings.failsafe
        self.limit: StoredLimit = StoredLimit(value_w=settings.value_w)
        self.obstacle = ""
        self._settings = settings
        self._presence = _Presence(entered_at=now)
        self._rearm()

    @property
    def last_heartbeat_at(self) -> float | None:
        """Reception of the last heartbeat that counts [s]; ``None``: none since the start."""
        return self._presence.last_at

    @property
    def in_force_w(self) -> Decimal | None:
        """Magnitude the state asks for [W, >= 0]; ``None``: the state does not limit."""
        if self.state is State.LIMITED:
            return self.limit.value_w * self.profile.sign
        if self.state in {State.INIT, State.FAILSAFE}:
            return self.failsafe.limit_w
        return None

    @property
    def controlled(self) -> bool:
        """The energy guard has proven itself: limits and failsafe values are open to it."""
        return self.state in {State.UNLIMITED_CONTROLLED, State.LIMITED}

    @property
    def binding_until(self) -> float | None:
        """Until when the site stays limited although nobody speaks to it any more [s].

        ``None``: it is not limited now. Counted from the last heartbeat (reliability.md 10).
        """
        if self.in_force_w is None:
            return None
        seen = self._presence
        since = seen.entered_at if self.state is State.FAILSAFE else seen.last_at
        hold = self._settings.hold_init_until if self.state is State.INIT else None
        if since is None or self.state is State.INIT:
            return hold
        return since + self.failsafe.duration_s

    def heartbeat(self, now: float) -> None:
        """A heartbeat of the energy guard in control was received. Alone it changes no state."""
        self.handle_timer(now)
        seen = self._presence
        fresh = seen.first_at is None or (
            seen.last_at is not None and now - seen.last_at > HEARTBEAT_LOSS_S
        )
        self._presence = replace(seen, first_at=now if fresh else seen.first_at, last_at=now)
        self._rearm()

    def judge_limit(self, write: LimitWrite, now: float) -> Ruling:
        """Gate (LPC-TS-036), sign, permitted reasons, table: in this order. Changes no data."""
        self.handle_timer(now)
        if not (self.controlled or self._heard_within_window(now)):
            return self._refuse("914/2", "no heartbeat within 60 s before the limit")
        trigger, reason = self._trigger_of(write)
        edge = EDGES.get((self.state, trigger))
        if edge is None:
            return self._refuse("003/1", "not evaluated in this state")
        error_number = REJECTED if trigger is Trigger.LIMIT_REFUSED else ACCEPTED
        return Ruling(
            error_number=error_number,
            rule=self._rule(edge.rules[0]),
            reason=reason,
            trigger=trigger,
        )

    def apply_limit(self, write: LimitWrite, ruling: Ruling, now: float) -> None:
        """Store what was accepted and take the row; a refusal takes its row only."""
        if ruling.trigger is None:
            return
        if ruling.accepted:
            self._store(write, now, on=ruling.trigger is Trigger.LIMIT_ON)
        self._take(ruling.trigger, now)

    def judge_failsafe(self, write: FailsafeWrite, now: float) -> Ruling:
        """Presence first (LPC-TS-037), then ranges; one bad value refuses the whole write."""
        self.handle_timer(now)
        if not self.controlled:
            return self._refuse("003/2", "heartbeat and a following limit come first")
        if write.limit_w is not None and write.limit_w < 0:
            return self._refuse("010", "failsafe limit below zero")
        if write.duration_s is not None and write.duration_s < FAILSAFE_DURATION_MIN_S:
            return self._refuse("022/3", "failsafe duration below 2 h")
        if write.duration_s is not None and write.duration_s > FAILSAFE_DURATION_MAX_S:
            refusal = self._refuse("022/5", "failsafe duration above the maximum of 24 h")
            return replace(refusal, clamp=True)
        return Ruling(error_number=ACCEPTED, rule=self._rule("002/2"))

    def apply_failsafe(self, write: FailsafeWrite, ruling: Ruling) -> None:
        """Store accepted values, or our own maximum duration after a refusal by LPC-022/4."""
        if ruling.clamp:
            self.failsafe = replace(
                self.failsafe, duration_s=FAILSAFE_DURATION_MAX_S, from_box=True
            )
        elif ruling.accepted:
            old = self.failsafe
            self.failsafe = Failsafe(
                limit_w=old.limit_w if write.limit_w is None else write.limit_w,
                duration_s=old.duration_s if write.duration_s is None else write.duration_s,
                from_box=True,
            )

    def interrupt(self, reason: str, now: float) -> None:
        """A permitted reason (self-protection, safety, law) forbids activated limits (LPC-923).

        A limit in force ends; new activated ones are refused until ``resume``.
        """
        self.handle_timer(now)
        self.obstacle = reason
        self._take(Trigger.INTERRUPTED, now)

    def resume(self) -> None:
        """The permitted reason is gone."""
        self.obstacle = ""

    def handle_timer(self, now: float) -> None:
        """Take every step that was due until ``now``, each at its own time."""
        while self.deadline is not None and now >= self.deadline:
            at, trigger = min(self._timers(), key=lambda timer: timer[0])
            if trigger is Trigger.NO_LIMIT_FOLLOWED and self._lost(at):
                self._presence = replace(self._presence, first_at=None)
            elif (self.state, trigger) in EDGES:
                self._take(trigger, at)
            else:  # a row taken out of the table leaves its timer dead, not spinning
                self.deadline = None
                return
            self._rearm()

    def _trigger_of(self, write: LimitWrite) -> tuple[Trigger, str]:
        if write.value_w * self.profile.sign < 0:
            side = "below" if self.profile.sign > 0 else "above"
            return Trigger.LIMIT_REFUSED, f"limit {side} zero"
        if not write.active or write.duration_s == 0:  # PT0S means: off now (guide L 2.2)
            return Trigger.LIMIT_OFF, ""
        if self.obstacle:
            return Trigger.LIMIT_REFUSED, self.obstacle
        return Trigger.LIMIT_ON, ""

    def _store(self, write: LimitWrite, now: float, *, on: bool) -> None:
        old = self.limit
        if not on:
            kept = write.duration_s or None if write.duration_s is not KEEP else None
            if write.duration_s is KEEP and self.state is not State.LIMITED:
                kept = old.duration_s
            self.limit = StoredLimit(value_w=write.value_w, duration_s=kept)
        elif write.duration_s is not KEEP:
            self.limit = self._running(write.value_w, write.duration_s, now)
        elif old.expires_at is not None:  # value-only write: the duration runs on
            self.limit = replace(old, value_w=write.value_w)
        else:
            self.limit = self._running(write.value_w, old.duration_s, now)

    @staticmethod
    def _running(value_w: Decimal, duration_s: float | None, now: float) -> StoredLimit:
        expires_at = None if duration_s is None else now + duration_s
        return StoredLimit(value_w=value_w, duration_s=duration_s, expires_at=expires_at)

    def _take(self, trigger: Trigger, at: float) -> None:
        edge = EDGES.get((self.state, trigger))
        if edge is None:
            return
        if edge.target is not self.state:
            if self.state is State.LIMITED and trigger is not Trigger.LIMIT_OFF:
                # a duration that stayed behind would end the next open limit (LPC-007, H-42)
                self.limit = StoredLimit(value_w=self.limit.value_w)
            self._presence = replace(self._presence, entered_at=at, first_at=None)
            self._enter(edge.target)
        elif trigger is Trigger.LIMIT_REFUSED:
            return  # nothing has happened
        self._events.append(
            Step(
                edge=edge,
                rule=self._rule(edge.rules[0]),
                trigger=trigger,
                at=at,
                limit_w=self.in_force_w,
                expires_at=self.limit.expires_at,
            )
        )
        self._rearm()

    def _timers(self) -> list[tuple[float, Trigger]]:
        """What will happen by itself in the present state, and when."""
        seen, policy = self._presence, self._settings.after_failsafe
        timers: list[tuple[float, Trigger]] = []
        if self.controlled and seen.last_at is not None:
            timers.append((_after(seen.last_at + HEARTBEAT_LOSS_S), Trigger.HEARTBEAT_LOST))
        if self.state is State.LIMITED and self.limit.expires_at is not None:
            timers.append((self.limit.expires_at, Trigger.LIMIT_EXPIRED))
        if policy == AfterFailsafe.HOLD_FAILSAFE:  # equal, not identical: also as plain text
            return timers
        if self.state is State.INIT:
            waited_from = seen.entered_at if seen.first_at is None else seen.first_at
            over_at = _after(waited_from + CONTROL_WAIT_S)
            hold = self._settings.hold_init_until
            timers.append((over_at if hold is None else max(over_at, hold), Trigger.NOBODY_CAME))
        if self.state is State.FAILSAFE:
            timers.append((seen.entered_at + self.failsafe.duration_s, Trigger.FAILSAFE_OVER))
            if seen.first_at is not None:
                timers.append((_after(seen.first_at + CONTROL_WAIT_S), Trigger.NO_LIMIT_FOLLOWED))
        return timers

    def _rearm(self) -> None:
        self.deadline = min((at for at, _ in self._timers()), default=None)

    def _heard_within_window(self, now: float) -> bool:
        last_at = self._presence.last_at
        return last_at is not None and now - last_at <= HEARTBEAT_WINDOW_S

    def _lost(self, at: float) -> bool:
        last_at = self._presence.last_at
        return last_at is None or at - last_at > HEARTBEAT_LOSS_S

    def _refuse(self, rule: str, reason: str) -> Ruling:
        return Ruling(error_number=REJECTED, rule=self._rule(rule), reason=reason)

    def _rule(self, number: str) -> str:
        return f"{self.profile.rule_prefix}-{number}"
