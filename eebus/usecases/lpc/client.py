"""LPC as energy guard: finds controllable systems, beats, writes limits, insists.

Today it serves the control box simulator; every peer that announces a controllable system is
attached by itself and gets the limit that is valid now (LPC-913).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from eebus.spine.events import (
    DataReceived,
    PeerGone,
    PeerReady,
    RequestUnanswered,
    ResultReceived,
    Subscribed,
)
from eebus.usecases import peers
from eebus.usecases.build import CLIENT_FEATURE
from eebus.usecases.heartbeat import HeartbeatSender
from eebus.usecases.lpc.events import CsFound, CsUnusable, HeartbeatSent
from eebus.usecases.lpc.places import find_places
from eebus.usecases.lpc.requests import Limit, Target
from eebus.usecases.lpc.session import CsSession
from eebus.usecases.lpc.spec import DEVICE_DIAGNOSIS, LPC_EG

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime
    from decimal import Decimal

    from eebus.spine.addresses import Entity, Peer
    from eebus.spine.device import LocalDevice
    from eebus.spine.events import SpineEvent
    from eebus.usecases.lpc.events import LpcEvent

__all__ = ["EnergyGuard", "Limit"]


class EnergyGuard:
    """The actor; one session per connected controllable system, one target for all or for one."""

    def __init__(self, *, utcnow: Callable[[], datetime]) -> None:
        self.spec = LPC_EG
        self.sessions: dict[Peer, CsSession] = {}
        self._utcnow = utcnow
        self._heartbeat = HeartbeatSender(utcnow)
        self._targets: dict[Peer | None, Target] = {}
        self._failsafe: dict[Peer | None, tuple[Decimal | None, float | None]] = {}
        self._events: list[LpcEvent] = []
        self._told_beat_at: float | None = None

    @property
    def own_heartbeat_at(self) -> float | None:
        """Last heartbeat we sent [s]."""
        return self._heartbeat.last_at

    # --- what the owner wants
    def set_limit(self, peer: Peer | None, limit: Limit, now: float) -> None:
        """Make ``limit`` the target of ``peer`` (``None``: of all) and write it at once.

        Not connected or not set up yet: it is written as soon as that is done. The time of a
        limit with duration runs from now, also while nobody is connected.
        """
        expires_at = None if limit.duration_s is None else now + limit.duration_s
        target = Target(limit, expires_at)
        if peer is None:
            self._targets.clear()
        self._targets[peer] = target
        for session in self._sessions_of(peer):
            session.aim(target, now)

    def write_raw(self, peer: Peer | None, limit: Limit, now: float) -> tuple[Peer, ...]:
        """Write ``limit`` once, even an invalid one, without retry; the target stays.

        Returns the peers it went to.
        """
        return tuple(
            session.peer for session in self._sessions_of(peer) if session.write_raw(limit, now)
        )

    def set_failsafe(
        self, peer: Peer | None, now: float, *, limit_w: Decimal | None = None,
        duration_s: float | None = None,
    ) -> None:  # fmt: skip
        """Write failsafe limit [W] and failsafe duration minimum [s]; ``None``: leave it."""
        self._failsafe[peer] = limit_w, duration_s
        for session in self._sessions_of(peer):
            session.set_failsafe(limit_w, duration_s, now)

    def stop_heartbeat(self, now: float) -> None:
        """Fall silent: no heartbeat and no write of our own accord until it starts again."""
        self._heartbeat.stop(now)
        for session in self.sessions.values():
            session.hush()

    def start_heartbeat(self, now: float) -> None:
        """Beat at once and go on; the limit valid now is stated again."""
        self._heartbeat.beat(now)
        for session in self.sessions.values():
            session.plan_write(now, is_opening=False)

    # --- the use case port
    @property
    def deadline(self) -> float | None:
        parts = [
            self._heartbeat.deadline,
            *(session.deadline for session in self.sessions.values()),
        ]
        return min((at for at in parts if at is not None), default=None)

    def attach(self, device: LocalDevice, entity: Entity, now: float) -> None:
        """Serve the heartbeat before anything else."""
        self._device = device
        self._client = device.feature(entity, CLIENT_FEATURE, "client")
        self._diagnosis = device.feature(entity, DEVICE_DIAGNOSIS, "server")
        self._heartbeat.attach(device, self._diagnosis, now)
        self._told_beat_at = now  # nobody can have heard it

    def handle(self, event: SpineEvent, now: float) -> None:
        match event:
            case PeerReady(peer=peer):
                self._find(peer, now)
            case PeerGone(peer=peer):
                self._collect(self.sessions.pop(peer, None))
            case Subscribed(peer=peer, server=server) if server == self._diagnosis:
                if peer in self.sessions:
                    self.sessions[peer].heard(now)
            case DataReceived(peer=peer) if peer in self.sessions:
                self.sessions[peer].receive(event, now)
            case ResultReceived(peer=peer) if peer in self.sessions:
                self.sessions[peer].answered(
                    event.msg_counter_ref, event.error_number, event.description, now
                )
            case RequestUnanswered(peer=peer, final=True) if peer in self.sessions:
                self.sessions[peer].answered(event.msg_counter, None, "no answer", now)
            case _:
                pass

    def handle_timer(self, now: float) -> None:
        self._heartbeat.handle_timer(now)
        for session in self.sessions.values():
            session.handle_timer(now)

    def take_events(self) -> list[object]:
        beat_at = self._heartbeat.last_at
        if beat_at is not None and beat_at != self._told_beat_at:
            self._told_beat_at = beat_at
            self._events.append(HeartbeatSent(at=beat_at))
        for session in self.sessions.values():
            self._collect(session)
        events: list[object] = list(self._events)
        self._events.clear()
        return events

    # --- finding
    def _find(self, peer: Peer, now: float) -> None:
        """Resolve entity and features anew at each connection and each change (LPC 3.6)."""
        remote = self._device.remote(peer)
        found = peers.entities(remote, self.spec)
        if remote is None or not found:
            return
        for entity in found:
            places = find_places(remote, entity, self._client)
            if places is not None:
                session = self._session(peer, entity, now)
                is_new = session.places != places
                session.set_up(places, now)
                if is_new and self._is_heard_by(peer):
                    session.heard(now)
                return
        self._events.append(CsUnusable(peer=peer, reason="announced without LoadControl"))

    def _is_heard_by(self, peer: Peer) -> bool:
        """Some subscribe as soon as they know our features, before we know theirs [eebus-go]."""
        return any(client == peer for client, _ in self._device.subscribers(self._diagnosis))

    def _session(self, peer: Peer, entity: Entity, now: float) -> CsSession:
        session = self.sessions.get(peer)
        if session is None or session.entity != entity:
            self._collect(session)
            session = CsSession(peer, entity, self._device, self._heartbeat, self._utcnow)
            self.sessions[peer] = session
            self._events.append(CsFound(peer=peer, entity=entity))
            session.target = self._targets.get(peer, self._targets.get(None))
            wanted = self._failsafe.get(peer, self._failsafe.get(None))
            if wanted is not None:
                session.set_failsafe(*wanted, now)
        return session

    def _sessions_of(self, peer: Peer | None) -> list[CsSession]:
        return [each for each in self.sessions.values() if peer in {None, each.peer}]

    def _collect(self, session: CsSession | None) -> None:
        if session is not None:
            self._events.extend(session.take_events())
