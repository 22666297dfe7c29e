"""An energy guard and one controllable system: set-up, opening write, answers, retries.

Owned by :class:`eebus.usecases.lpc.client.EnergyGuard`. Each connection starts a new session; the
target outlives it.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto
from typing import TYPE_CHECKING, Final

from eebus.spine.model.device_configuration import (
    DEVICE_CONFIGURATION_KEY_VALUE_DESCRIPTION_LIST_DATA,
    DEVICE_CONFIGURATION_KEY_VALUE_LIST_DATA,
)
from eebus.spine.model.electrical_connection import ELECTRICAL_CONNECTION_CHARACTERISTIC_LIST_DATA
from eebus.spine.model.load_control import (
    LOAD_CONTROL_LIMIT_DESCRIPTION_LIST_DATA,
    LOAD_CONTROL_LIMIT_LIST_DATA,
)
from eebus.usecases.heartbeat import HeartbeatSender, HeartbeatWatch
from eebus.usecases.limit_values import LPC
from eebus.usecases.lpc import requests
from eebus.usecases.lpc.events import (
    CsState,
    CsUnusable,
    FailsafeAnswered,
    FailsafeRead,
    HeartbeatLost,
    HeartbeatReceived,
    LimitAnswered,
    NominalMaxRead,
)
from eebus.usecases.lpc.insistence import Insistence
from eebus.usecases.lpc.requests import Limit, Target

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime
    from decimal import Decimal

    from eebus.spine.addresses import Entity, FeatureAddress, Peer
    from eebus.spine.device import LocalDevice
    from eebus.spine.events import DataReceived
    from eebus.spine.functions import AnyFunction
    from eebus.spine.model.load_control import LoadControlLimitData
    from eebus.spine.remote import RemoteDevice
    from eebus.usecases.lpc.events import LpcEvent
    from eebus.usecases.lpc.places import Places

SUBSCRIPTION_WAIT_S: Final = 10.0
"""The opening write waits this long for the partner to listen to our heartbeat (guide L 2.11b)."""
OPENING_GRACE_S: Final = 5.0
"""A write of our own accord waits a moment for a newer target; the duty is 60 s (LPC-913)."""
DRIFT_WAIT_S: Final = 30.0
EXPIRY_CHECK_S: Final = 5.0
BINDING_NEEDED: Final = 9


class Kind(Enum):
    """What an open request of ours was."""

    LIMIT = auto()
    RAW = auto()
    FAILSAFE = auto()
    BINDING = auto()


@dataclass(frozen=True, slots=True)
class _Open:
    kind: Kind
    sent_at: float


class CsSession:
    """One controllable system, from discovery to the end of the connection."""

    def __init__(
        self, peer: Peer, entity: Entity, device: LocalDevice, heartbeat: HeartbeatSender,
        utcnow: Callable[[], datetime],
    ) -> None:  # fmt: skip
        self.peer = peer
        self.entity = entity
        self.target: Target | None = None
        self.places: Places | None = None
        self._device = device
        self._heartbeat = heartbeat
        self._watch = HeartbeatWatch(utcnow)
        self._open: dict[int, _Open] = {}
        self._events: list[LpcEvent] = []
        self._said: set[str] = set()
        self._failsafe: tuple[Decimal | None, float | None] | None = None
        self._is_bound = False
        self._is_heard_at: float | None = None
        self._is_answered = False
        self._is_manual = False
        self._insistence = Insistence()
        self._write_at: float | None = None
        self._check_at: float | None = None

    @property
    def deadline(self) -> float | None:
        parts = (self._write_at, self._check_at, self._watch.deadline)
        return min((at for at in parts if at is not None), default=None)

    def take_events(self) -> list[LpcEvent]:
        events, self._events = self._events, []
        return events

    # --- set-up
    def set_up(self, places: Places, now: float) -> None:
        """Subscribe, then bind, then read descriptions, then data; all in one burst."""
        if places == self.places:
            return
        self.places = places
        self._is_bound = False
        self._is_heard_at = now + SUBSCRIPTION_WAIT_S
        peer, client = self.peer, places.client
        limits, keys = places.load_control, places.configuration
        self._device.subscribe(peer, client, limits, now)
        self._bind(limits, now)
        self._read(
            limits, now, LOAD_CONTROL_LIMIT_DESCRIPTION_LIST_DATA, LOAD_CONTROL_LIMIT_LIST_DATA
        )
        if keys is not None:
            self._device.subscribe(peer, client, keys, now)
            self._device.bind(peer, client, keys, now)
            self._read(
                keys,
                now,
                DEVICE_CONFIGURATION_KEY_VALUE_DESCRIPTION_LIST_DATA,
                DEVICE_CONFIGURATION_KEY_VALUE_LIST_DATA,
            )
        if places.diagnosis is not None:
            self._watch.follow(self._device, peer, (client, places.diagnosis), now)
        if places.connection is not None:
            self._device.subscribe(peer, client, places.connection, now)
            self._read(places.connection, now, ELECTRICAL_CONNECTION_CHARACTERISTIC_LIST_DATA)
        self.plan_write(now)

    def heard(self, now: float) -> None:
        """The partner subscribed our heartbeat: one beat now counts for the write that follows."""
        self._is_heard_at = now
        if self._heartbeat.is_running:
            self._heartbeat.beat(now)
        if not self._is_answered:
            self.plan_write(now)

    def _bind(self, server: FeatureAddress, now: float) -> None:
        assert self.places is not None  # noqa: S101  # called from set_up and its answers only
        counter = self._device.bind(self.peer, self.places.client, server, now)
        self._open[counter] = _Open(Kind.BINDING, now)

    def _read(self, server: FeatureAddress, now: float, *functions: AnyFunction) -> None:
        assert self.places is not None  # noqa: S101  # called from set_up only
        for function in functions:
            self._device.read(self.peer, self.places.client, server, function, now)

    # --- what is wanted
    def aim(self, target: Target | None, now: float) -> None:
        """A new target supersedes whatever waits, at once (K-04)."""
        self.target = target
        self._insistence.reset()
        self._is_manual = False
        self._check_at = None
        if self._can_write(now):
            self._write_limit(now)
        else:
            self.plan_write(now)

    def plan_write(self, now: float, *, is_opening: bool = True) -> None:
        """The opening write (at once when there is a target), or one after a silence of ours."""
        if not self._heartbeat.is_running:
            self._write_at = None
            return
        grace_s = 0.0 if is_opening and self.target is not None else OPENING_GRACE_S
        if not any(request.kind is Kind.LIMIT for request in self._open.values()):
            self._write_at = max(now + grace_s, self._is_heard_at or now)

    def hush(self) -> None:
        """Write nothing of our own accord any more."""
        self._write_at = self._check_at = None

    def write_raw(self, limit: Limit, now: float) -> bool:
        """Write once, whatever it is, without retry; the target stays. False: not possible yet."""
        if not self._can_write(now):
            return False
        self._is_manual = True
        self._send_limit(limit, Kind.RAW, now)
        return True

    def set_failsafe(self, limit_w: Decimal | None, duration_s: float | None, now: float) -> None:
        """Write failsafe values, after the first answered limit at the earliest (guide L 2.11c)."""
        self._failsafe = limit_w, duration_s
        if self._is_answered:
            self._write_failsafe(now)

    # --- what the partner tells
    def receive(self, event: DataReceived, now: float) -> None:
        if self._watch.receive(event, now):
            self._events.append(HeartbeatReceived(peer=self.peer, at=now))
        remote = self._device.remote(self.peer)
        if remote is None or self.places is None:
            return
        if event.source == self.places.load_control:
            self._limit_told(event, now)
        elif event.source == self.places.configuration:
            limit_w, duration_s = requests.failsafe_values(remote, event.source, LPC)
            if limit_w is not None or duration_s is not None:
                self._events.append(
                    FailsafeRead(peer=self.peer, limit_w=limit_w, duration_s=duration_s)
                )
        elif event.source == self.places.connection:
            told = requests.nominal_maximum(remote, event.source)
            if told is not None:
                self._events.append(NominalMaxRead(peer=self.peer, kind=told[0], value_w=told[1]))

    def answered(
        self, counter: int, error_number: int | None, description: str, now: float
    ) -> None:
        """A result, or ``None``: no answer in time."""
        request = self._open.pop(counter, None)
        if request is None:
            return
        if request.kind is Kind.BINDING:
            self._binding_answered(error_number, description, now)
            return
        answer = LimitAnswered if request.kind is not Kind.FAILSAFE else FailsafeAnswered
        self._events.append(
            answer(
                peer=self.peer,
                error_number=error_number,
                description=description,
                duration_s=now - request.sent_at,
            )
        )
        if request.kind is Kind.LIMIT:
            self._limit_answered(error_number, now)

    def handle_timer(self, now: float) -> None:
        if self._watch.handle_timer(now):
            self._events.append(HeartbeatLost(peer=self.peer, at=now))
        if self._write_at is not None and now >= self._write_at:
            self._write_at = None
            if self._can_write(now):
                self._write_limit(now)
        if self._check_at is not None and now >= self._check_at:
            self._check_at = None
            if self._has_drifted(now) and self._heartbeat.is_running:
                self._write_limit(now)

    # --- limits
    def _can_write(self, now: float) -> bool:
        """Bound, described, and the partner listens (or had its time to)."""
        listens = not self._heartbeat.is_running or now >= (self._is_heard_at or now)
        return self._is_bound and listens and self._described() is not None

    def _described(self) -> tuple[RemoteDevice, Places, int] | None:
        """The partner's picture, its places and the number of the limit; ``None``: not told."""
        remote = self._device.remote(self.peer)
        if remote is None or self.places is None:
            return None
        number = requests.limit_id(remote, self.places.load_control, LPC)
        return None if number is None else (remote, self.places, number)

    def _limit_entry(self) -> LoadControlLimitData | None:
        """The limit as the partner told it last; ``None``: it did not."""
        found = self._described()
        if found is None:
            return None
        remote, places, number = found
        return requests.limit_entry(remote, places.load_control, number)

    def _wanted(self, now: float) -> Limit:
        """The target; without one a deactivated limit with a valid value above zero (MSG_16)."""
        if self.target is not None:
            return self.target.at(now)
        entry = self._limit_entry()
        value_w = requests.readable_watts(entry.value) if entry else None
        return Limit(active=False, value_w=value_w if value_w else requests.FALLBACK_W)

    def _write_limit(self, now: float) -> None:
        self._write_at = None
        if self._insistence.refusals and self._heartbeat.is_running:
            self._heartbeat.beat(now)  # the retry follows a fresh heartbeat
        self._send_limit(self._wanted(now), Kind.LIMIT, now)

    def _write_failsafe(self, now: float) -> None:
        remote, places = self._device.remote(self.peer), self.places
        wanted, self._failsafe = self._failsafe, None
        if wanted is None or remote is None or places is None or places.configuration is None:
            return
        limit_key, duration_key = requests.key_ids(remote, places.configuration, LPC)
        limit_w, duration_s = wanted
        message = requests.failsafe_message(
            None if limit_w is None or limit_key is None else (limit_key, limit_w),
            None if duration_s is None or duration_key is None else (duration_key, duration_s),
        )
        counter = self._device.write(
            self.peer,
            places.client,
            places.configuration,
            DEVICE_CONFIGURATION_KEY_VALUE_LIST_DATA,
            message.data,
            now,
            filters=message.filters,
        )
        self._open[counter] = _Open(Kind.FAILSAFE, now)

    def _send_limit(self, limit: Limit, kind: Kind, now: float) -> None:
        found = self._described()
        if found is None:
            return
        remote, places, number = found
        feature = remote.feature_at(places.load_control)
        offered = feature.functions.get(LOAD_CONTROL_LIMIT_LIST_DATA.name) if feature else None
        message = requests.limit_message(
            number,
            limit,
            remote.data(places.load_control, LOAD_CONTROL_LIMIT_LIST_DATA),
            partial=offered is None or offered.write_partial,
        )
        counter = self._device.write(
            self.peer,
            places.client,
            places.load_control,
            LOAD_CONTROL_LIMIT_LIST_DATA,
            message.data,
            now,
            filters=message.filters,
        )
        self._open[counter] = _Open(kind, now)

    def _limit_answered(self, error_number: int | None, now: float) -> None:
        if any(request.kind is Kind.LIMIT for request in self._open.values()):
            return  # a newer target is under way: only its answer counts
        if error_number is None:
            again_s = self._insistence.unanswered()
            self._write_at = None if again_s is None else now + again_s
            if again_s is None:
                self._say("limit writes stay unanswered")
            return
        self._is_answered = True
        if error_number == 0:
            self._insistence.reset()
            if self.target is not None and self.target.expires_at is not None:
                self._check_at = max(now, self.target.expires_at) + EXPIRY_CHECK_S
        else:
            self._write_at = now + self._insistence.refused()
            if error_number == BINDING_NEEDED and self.places is not None:
                self._is_bound = False
                self._bind(self.places.load_control, now)
        if self._failsafe is not None:
            self._write_failsafe(now)

    def _binding_answered(self, error_number: int | None, description: str, now: float) -> None:
        # 1: older stacks answer so when the binding stands already
        self._is_bound = error_number in {0, 1}
        if not self._is_bound:
            self._say(f"binding refused: {error_number} {description}")
        elif not self._is_answered:
            self.plan_write(now)

    def _limit_told(self, event: DataReceived, now: float) -> None:
        if event.function is LOAD_CONTROL_LIMIT_DESCRIPTION_LIST_DATA and not self._described():
            self._say("no limit is described: nothing to write to")
        entry = self._limit_entry()
        if entry is None:
            return
        if entry.is_limit_changeable is False:
            self._say("the limit is not changeable")
        period = entry.time_period
        self._events.append(
            CsState(
                peer=self.peer,
                active=bool(entry.is_limit_active),
                value_w=requests.readable_watts(entry.value),
                end=(period.end_time or "") if period else "",
                changeable=entry.is_limit_changeable is not False,
            )
        )
        if not self._is_answered and self._write_at is None:
            self.plan_write(now)  # described late
        if self._check_at is None and self._is_answered and self._has_drifted(now):
            self._check_at = now + DRIFT_WAIT_S

    def _has_drifted(self, now: float) -> bool:
        """The partner holds something else than wanted, and no write is on its way."""
        writing = any(request.kind is not Kind.BINDING for request in self._open.values())
        if self._is_manual or writing or self._write_at is not None:
            return False
        entry = self._limit_entry()
        return entry is not None and requests.differs(entry, self._wanted(now))

    def _say(self, reason: str) -> None:
        """Tell the owner once per reason."""
        if reason not in self._said:
            self._said.add(reason)
            self._events.append(CsUnusable(peer=self.peer, reason=reason))
