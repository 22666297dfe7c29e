"""Heartbeats in both directions: the own one, and the watch over the partner's.

The two never depend on each other (guide L 2.12, F-26). Judged is the local monotonic time of
reception; the sender's timestamp says nothing about it (F-22).
"""

from __future__ import annotations

import math
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from eebus.spine.events import DataReceived
from eebus.spine.model.device_diagnosis import (
    DEVICE_DIAGNOSIS_HEARTBEAT_DATA,
    DeviceDiagnosisHeartbeatData,
)
from eebus.usecases.power_limit import HEARTBEAT_LOSS_S
from eebus.wire.errors import WireError
from eebus.wire.times import format_datetime, format_duration, parse_datetime

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from eebus.spine.addresses import FeatureAddress, Peer
    from eebus.spine.device import LocalDevice
    from eebus.spine.events import SpineEvent

PERIOD_S: Final = 30.0
"""Sent every 30 s and promised within 60 s: peers take the promise as a hard deadline."""
TIMEOUT_S: Final = 60.0
"""Longest gap LPC-031 and LPC-032 allow."""
STALE_REPLY: Final = timedelta(seconds=60)
_COUNTER_END: Final = 2**64


class HeartbeatSender:
    """The heartbeat server of one entity: beats while started, holds a value from the start on."""

    def __init__(self, utcnow: Callable[[], datetime]) -> None:
        self.deadline: float | None = None
        self.last_at: float | None = None
        self._utcnow = utcnow
        self._counter = 0
        self._place: tuple[LocalDevice, FeatureAddress] | None = None

    @property
    def is_running(self) -> bool:
        return self.deadline is not None

    def attach(self, device: LocalDevice, address: FeatureAddress, now: float) -> None:
        """Serve from ``address``; the first value is there before anybody reads."""
        self._place = device, address
        self.beat(now)

    def beat(self, now: float) -> None:
        """Count up and tell all subscribers; the next one is due a period later."""
        if self._place is None:
            return
        device, address = self._place
        self._counter = (self._counter + 1) % _COUNTER_END
        self._serve(format_datetime(self._utcnow()), now)
        device.announce(address, DEVICE_DIAGNOSIS_HEARTBEAT_DATA, now)
        self.last_at = now
        self.deadline = now + PERIOD_S

    def stop(self, now: float) -> None:
        """Fall silent (a fault of simulators; a product never does).

        What can still be read carries no time, so that nobody takes it for a beat.
        """
        self.deadline = None
        self._serve(None, now)

    def _serve(self, timestamp: str | None, now: float) -> None:
        if self._place is None:
            return
        device, address = self._place
        data = DeviceDiagnosisHeartbeatData(
            timestamp=timestamp,
            heartbeat_counter=self._counter,
            heartbeat_timeout=format_duration(TIMEOUT_S),
        )
        device.set_data(address, DEVICE_DIAGNOSIS_HEARTBEAT_DATA, data, now, notify=False)

    def handle_timer(self, now: float) -> None:
        if self.deadline is not None and now >= self.deadline:
            self.beat(now)


MISSED_BEATS: Final = 2
"""So many beats that never came prove a lost subscription; one may have been under way."""


class HeartbeatWatch:
    """Receives the heartbeats of one entity of one peer and of nobody else (guide L 3.8, H-49)."""

    def __init__(self, utcnow: Callable[[], datetime]) -> None:
        self.deadline: float | None = None
        self.source: tuple[Peer, FeatureAddress] | None = None
        self.last_at: float | None = None
        self.probe_at: float | None = None
        """When :meth:`probe` is wanted: nothing came for as long as a heartbeat may be missing."""
        self.is_deaf = False
        """The source beats, but not to us: it has lost our subscription and does not know."""
        self._utcnow = utcnow
        self._client: FeatureAddress | None = None
        self._counter = 0
        self._is_probing = False

    def follow(
        self, device: LocalDevice, peer: Peer, place: tuple[FeatureAddress, FeatureAddress],
        now: float,
    ) -> None:  # fmt: skip
        """Subscribe, then read, so that no beat is lost; ``place``: our client, their server."""
        client, server = place
        if self.source == (peer, server):
            return
        self.source, self._client = (peer, server), client
        self._is_probing = self.is_deaf = False
        self.probe_at = now + HEARTBEAT_LOSS_S
        device.subscribe(peer, client, server, now)
        device.read(peer, client, server, DEVICE_DIAGNOSIS_HEARTBEAT_DATA, now)

    def probe(self, device: LocalDevice, now: float) -> None:
        """When it is time, ask whether the source beats on; the answer is no heartbeat for us."""
        if self.probe_at is None or now < self.probe_at:
            return
        self.probe_at = None
        if self.source is None or self._client is None or device.remote(self.source[0]) is None:
            return  # its link has just gone
        peer, server = self.source
        self._is_probing = True
        device.read(peer, self._client, server, DEVICE_DIAGNOSIS_HEARTBEAT_DATA, now)

    def suspect(self, now: float) -> None:
        """A limit came without a heartbeat: once asked already, the source is asked again."""
        if self.source is not None and self.probe_at is None:
            self.probe_at = now

    def leave(self) -> None:
        """Nobody is followed any more; the loss of the last heartbeat is still told."""
        self.source = self.probe_at = None

    def receive(self, event: SpineEvent, now: float) -> bool:
        """Whether ``event`` is a heartbeat that counts."""
        if not isinstance(event, DataReceived) or (event.peer, event.source) != self.source:
            return False
        data = event.cmd_data
        if not isinstance(data, DeviceDiagnosisHeartbeatData):
            return False
        counter = data.heartbeat_counter or 0
        if event.classifier == "reply" and self._is_probing:
            self._is_probing = False
            self.is_deaf = counter >= self._counter + MISSED_BEATS
            return False
        self._counter = counter
        if event.classifier == "reply" and not self._is_fresh(data):
            return False
        self._is_probing = False
        self.last_at = now
        self.probe_at = now + HEARTBEAT_LOSS_S
        self.deadline = math.nextafter(now + HEARTBEAT_LOSS_S, math.inf)
        return True

    def handle_timer(self, now: float) -> bool:
        """Whether the heartbeat has just been lost; told once per loss."""
        if self.deadline is None or now < self.deadline:
            return False
        self.deadline = None
        return True

    def _is_fresh(self, data: DeviceDiagnosisHeartbeatData) -> bool:
        """A reply repeats the last beat, which may be hours old: only then its age is looked at.

        A wrong clock at either side can only hide this one beat; the next notify counts.
        """
        try:
            sent_at = parse_datetime(data.timestamp or "")
        except WireError:
            return False
        return self._utcnow() - sent_at <= STALE_REPLY
