"""LPC as controllable system on an energy manager: data points, guards, state machine, heartbeats.

The machine (:mod:`eebus.usecases.power_limit`) decides; this module reads writes, publishes what
the machine holds, and tells its owner by events. It never touches a device.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from eebus.spine.events import Bound, EntityGone, PeerGone, PeerReady, Unbound, WriteRefused
from eebus.spine.guards import Accept, Refuse, Verdict, Write
from eebus.spine.model.device_configuration import (
    DEVICE_CONFIGURATION_KEY_VALUE_DESCRIPTION_LIST_DATA,
    DEVICE_CONFIGURATION_KEY_VALUE_LIST_DATA,
)
from eebus.spine.model.device_diagnosis import DEVICE_DIAGNOSIS_HEARTBEAT_DATA
from eebus.spine.model.electrical_connection import ELECTRICAL_CONNECTION_CHARACTERISTIC_LIST_DATA
from eebus.spine.model.load_control import (
    LOAD_CONTROL_LIMIT_DESCRIPTION_LIST_DATA,
    LOAD_CONTROL_LIMIT_LIST_DATA,
)
from eebus.usecases import peers
from eebus.usecases.build import CLIENT_FEATURE
from eebus.usecases.heartbeat import HeartbeatSender, HeartbeatWatch
from eebus.usecases.limit_values import LPC, Failsafe, Settings
from eebus.usecases.lpc import points
from eebus.usecases.lpc.config import LpcServerConfig
from eebus.usecases.lpc.control import SECOND_BINDING_WAIT_S, BindingGroup
from eebus.usecases.lpc.events import (
    HeartbeatLost,
    HeartbeatReceived,
    LimitStateChanged,
    ScenarioMissing,
    WriteJudged,
)
from eebus.usecases.lpc.spec import (
    DEVICE_CONFIGURATION,
    DEVICE_DIAGNOSIS,
    ELECTRICAL_CONNECTION,
    LOAD_CONTROL,
    LPC_CS,
)
from eebus.usecases.power_limit import (
    REJECTED,
    PowerLimit,
    Ruling,
    State,
)
from eebus.wire.errors import WireError

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime
    from decimal import Decimal

    from eebus.spine.addresses import Entity, FeatureAddress, Peer
    from eebus.spine.device import LocalDevice
    from eebus.spine.events import SpineEvent
    from eebus.spine.model.load_control import LoadControlLimitListData
    from eebus.usecases.lpc.events import LpcEvent

__all__ = ["LpcServer", "LpcServerConfig"]

NEEDED_SCENARIOS: Final = LPC_CS.mandatory_numbers


@dataclass(frozen=True, slots=True)
class _Places:
    """Addresses of our features."""

    client: FeatureAddress
    load_control: FeatureAddress
    configuration: FeatureAddress
    diagnosis: FeatureAddress


class LpcServer:
    """The actor; ``utcnow`` gives wall time for the timestamps on the wire and for nothing else."""

    def __init__(
        self, config: LpcServerConfig, now: float, *, utcnow: Callable[[], datetime]
    ) -> None:
        self.spec = replace(LPC_CS, available=True) if config.tells_availability else LPC_CS
        self.config = config
        failsafe = Failsafe(
            limit_w=config.failsafe_w,
            duration_s=config.failsafe_duration_s,
            from_box=config.failsafe_from_box,
        )
        first_w = config.failsafe_w if config.contract_max_w is None else config.contract_max_w
        self.machine = PowerLimit(
            LPC,
            Settings(
                failsafe=failsafe,
                value_w=first_w,
                after_failsafe=config.after_failsafe,
                hold_init_until=config.hold_init_until,
            ),
            now,
        )
        self.peer: Peer = ""
        self._heartbeat = HeartbeatSender(utcnow)
        self._watch = HeartbeatWatch(utcnow)
        self._entry = points.first_limit(first_w)
        self._keys = points.key_entries(failsafe)
        self._events: list[LpcEvent] = []
        self._follow_at: float | None = None

    # --- status
    @property
    def state(self) -> State:
        return self.machine.state

    @property
    def last_heartbeat_at(self) -> float | None:
        """Last heartbeat of the energy guard [s]."""
        return self.machine.last_heartbeat_at

    @property
    def own_heartbeat_at(self) -> float | None:
        """Last heartbeat we sent [s]."""
        return self._heartbeat.last_at

    @property
    def guard(self) -> tuple[Peer, Entity] | None:
        """Peer and entity in control now."""
        return self._group.owner

    def scenarios_of(self, peer: Peer) -> tuple[int, ...]:
        """Scenarios ``peer`` announces as energy guard; empty: it announces none."""
        return peers.scenarios(self._device.remote(peer), self.spec)

    # --- what the owner may do
    def interrupt(self, reason: str, now: float) -> None:
        """A permitted reason forbids limits from now on (LPC-923, LPC-TS-035/2)."""
        self.machine.interrupt(reason, now)
        self._follow_machine(now)

    def resume(self) -> None:
        """The permitted reason is gone."""
        self.machine.resume()

    # --- the use case port
    @property
    def deadline(self) -> float | None:
        parts = (
            self.machine.deadline,
            self._heartbeat.deadline,
            self._watch.deadline,
            self._watch.probe_at,
            self._follow_at,
        )
        return min((at for at in parts if at is not None), default=None)

    def attach(self, device: LocalDevice, entity: Entity, now: float) -> None:
        """Publish every data point of scenarios 1 to 4 and guard the two that may be written."""
        self._device = device
        self._places = _Places(
            client=device.feature(entity, CLIENT_FEATURE, "client"),
            load_control=device.feature(entity, LOAD_CONTROL, "server"),
            configuration=device.feature(entity, DEVICE_CONFIGURATION, "server"),
            diagnosis=device.feature(entity, DEVICE_DIAGNOSIS, "server"),
        )
        limits, keys = self._places.load_control, self._places.configuration
        device.set_data(
            limits,
            LOAD_CONTROL_LIMIT_DESCRIPTION_LIST_DATA,
            points.limit_description(LPC),
            now,
        )
        device.set_data(
            keys,
            DEVICE_CONFIGURATION_KEY_VALUE_DESCRIPTION_LIST_DATA,
            points.key_descriptions(LPC),
            now,
        )
        device.set_data(
            device.feature(entity, ELECTRICAL_CONNECTION, "server"),
            ELECTRICAL_CONNECTION_CHARACTERISTIC_LIST_DATA,
            points.characteristics(LPC, self.config.contract_max_w),
            now,
        )
        self._publish(now)
        self._group = BindingGroup(device, (limits, keys))
        device.view(limits, LOAD_CONTROL_LIMIT_LIST_DATA, self._shown_limit)
        device.guard(limits, LOAD_CONTROL_LIMIT_LIST_DATA, self._judge_limit)
        device.guard(keys, DEVICE_CONFIGURATION_KEY_VALUE_LIST_DATA, self._judge_failsafe)
        self._heartbeat.attach(device, self._places.diagnosis, now)
        self._tell(f"{LPC.rule_prefix}-901")

    def handle(self, event: SpineEvent, now: float) -> None:
        self._elapse(now)
        if self._watch.receive(event, now):
            self.machine.heartbeat(now)
            self._events.append(HeartbeatReceived(peer=event.peer, at=now))
        if self._watch.is_deaf and self._watch.source is not None:
            self._device.close(self._watch.source[0], "it beats, but no longer to us")  # [eebus-go]
            self._watch.is_deaf = False
        match event:
            case Bound(peer=peer, server=server) if server in self._group.features:
                self.peer = peer
                self._follow_at = now if self._group.is_complete else now + SECOND_BINDING_WAIT_S
                self._try_follow(now)
            case PeerReady(peer=peer):
                self._miss_scenarios(peer)
                if self.guard is not None and peer == self.guard[0]:
                    self._follow_at = now if self._follow_at is None else self._follow_at
                    self._try_follow(now)
            case Unbound() | EntityGone() | PeerGone() if self.guard is None:
                self._watch.leave()
                self._follow_at = None
            case WriteRefused(server=server) if server in self._group.features:
                self._events.append(WriteJudged.unseen(event))
            case _:
                pass

    def handle_timer(self, now: float) -> None:
        self._elapse(now)
        self._heartbeat.handle_timer(now)
        self._try_follow(now)

    def take_events(self) -> list[object]:
        events: list[object] = list(self._events)
        self._events.clear()
        return events

    # --- heartbeats of the guard
    def _try_follow(self, now: float) -> None:
        """Listen to the guard's heartbeat once its bindings stand and its entity is known."""
        if self._follow_at is None or now < self._follow_at:
            return
        self._follow_at = None
        if self.guard is None or not self._group.is_decided:
            return
        peer, entity = self.guard
        remote = self._device.remote(peer)
        server = remote.server_of(entity, DEVICE_DIAGNOSIS_HEARTBEAT_DATA) if remote else None
        if server is not None:  # else not discovered yet: PeerReady comes
            self._watch.follow(self._device, peer, (self._places.client, server.address), now)

    def _miss_scenarios(self, peer: Peer) -> None:
        announced = self.scenarios_of(peer)
        missing = tuple(number for number in NEEDED_SCENARIOS if number not in announced)
        if announced and missing:
            self._events.append(ScenarioMissing(peer=peer, numbers=missing))

    # --- writes
    def _judge_limit(self, write: Write, now: float) -> Verdict:
        self._elapse(now)
        try:
            request = points.read_limit(write)
        except WireError as error:
            return self._refuse_unread(write, error)
        ruling = self.machine.judge_limit(request.write, now)
        self.machine.apply_limit(request.write, ruling, now)
        self._note(write, request.sent, ruling)
        if ruling.accepted:
            self._entry = request.entry
        self._tell_steps()
        if ruling.trigger is None:
            self._watch.suspect(now)
        if not ruling.accepted:
            return Refuse(ruling.error_number, ruling.reason)
        return Accept(self._limit_data())

    def _judge_failsafe(self, write: Write, now: float) -> Verdict:
        self._elapse(now)
        try:
            request = points.read_failsafe(write)
        except WireError as error:
            return self._refuse_unread(write, error)
        ruling = self.machine.judge_failsafe(request.write, now)
        self.machine.apply_failsafe(request.write, ruling)
        self._note(write, request.sent, ruling)
        if ruling.accepted:
            self._keys = {**self._keys, **request.entries}
            self._tell(ruling.rule)
            return Accept(points.key_list(self._keys))
        if ruling.clamp:
            own_maximum = points.key_entries(self.machine.failsafe)[points.DURATION_KEY]
            self._keys = {**self._keys, points.DURATION_KEY: own_maximum}
            self._tell(ruling.rule)
            self._publish(now)
        return Refuse(ruling.error_number, ruling.reason)

    def _refuse_unread(self, write: Write, error: WireError) -> Verdict:
        """Not a limit at all: refused, and it proves nothing, so no state is left by it."""
        ruling = Ruling(error_number=REJECTED, rule=f"{LPC.rule_prefix}-003", reason=str(error))
        self._note(write, points.Sent(), ruling)
        return Refuse(REJECTED, str(error))

    def _note(self, write: Write, sent: points.Sent, ruling: Ruling) -> None:
        self.peer = write.peer
        self._events.append(
            WriteJudged(
                peer=write.peer,
                msg_counter=write.msg_counter,
                function=write.function.name,
                value_w=sent.value_w,
                duration_s=sent.duration_s,
                active=sent.active,
                error_number=ruling.error_number,
                rule=ruling.rule,
                reason=ruling.reason,
            )
        )

    # --- the machine's steps
    def _elapse(self, now: float) -> None:
        """Let time pass before anything else is looked at."""
        self.machine.handle_timer(now)
        if self._watch.handle_timer(now):
            self._events.append(HeartbeatLost(peer=self.peer, at=now))
        self._watch.probe(self._device, now)
        self._follow_machine(now)

    def _follow_machine(self, now: float) -> None:
        if self._tell_steps():
            self._publish(now)

    def _tell_steps(self) -> bool:
        steps = self.machine.take_events()
        for step in steps:
            self._state_changed(
                state=step.edge.target,
                limit_w=step.limit_w,
                expires_at=step.expires_at,
                rule=step.rule,
                edge=step.edge.number,
            )
        return bool(steps)

    def _tell(self, rule: str) -> None:
        """The present state again, because of ``rule``."""
        machine = self.machine
        self._state_changed(
            state=machine.state,
            limit_w=machine.in_force_w,
            expires_at=machine.limit.expires_at,
            rule=rule,
            edge=0,
        )

    def _state_changed(
        self,
        *,
        state: State,
        limit_w: Decimal | None,
        expires_at: float | None,
        rule: str,
        edge: int,
    ) -> None:
        self._events.append(
            LimitStateChanged(
                state=state.value,
                limit_w=limit_w,
                expires_at=expires_at,
                failsafe_w=self.machine.failsafe.limit_w,
                failsafe_duration_s=self.machine.failsafe.duration_s,
                failsafe_from_box=self.machine.failsafe.from_box,
                binding_until=self.machine.binding_until,
                rule=rule,
                edge=edge,
                peer=self.peer,
            )
        )

    def _limit_data(self) -> LoadControlLimitListData:
        timed = self.machine.limit.duration_s is not None
        return points.limit_list(
            self._entry, active=self.machine.state is State.LIMITED, timed=timed
        )

    def _shown_limit(
        self, stored: LoadControlLimitListData, now: float
    ) -> LoadControlLimitListData:
        limit = self.machine.limit
        left_s = None if limit.expires_at is None else limit.expires_at - now
        return points.with_rest(stored, left_s, limit.duration_s)

    def _publish(self, now: float) -> None:
        """Data points follow the state (LPC-009); a full list, so that an old end disappears."""
        self._device.set_data(
            self._places.load_control, LOAD_CONTROL_LIMIT_LIST_DATA, self._limit_data(), now
        )
        self._device.set_data(
            self._places.configuration,
            DEVICE_CONFIGURATION_KEY_VALUE_LIST_DATA,
            points.key_list(self._keys),
            now,
        )
