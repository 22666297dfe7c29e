"""The local device: one object for all peers, one owner, no I/O (SPINE 1.3.0).

The shell tells it connections, datagrams and time and takes datagrams and closures; use cases set
and judge data and take events. Signatures are final, the inside follows.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

import msgspec

if TYPE_CHECKING:
    from collections.abc import Sequence

    from eebus.spine.addresses import Entity, FeatureAddress, Peer
    from eebus.spine.events import SpineEvent
    from eebus.spine.functions import AnyFunction, Function
    from eebus.spine.guards import BindingJudge, Judge
    from eebus.spine.remote import RemoteDevice
    from eebus.spine.restricted import Filter
    from eebus.spine.specs import DeviceInfo, EntitySpec, UseCaseAnnouncement
    from eebus.spine.timings import SpineTimings
    from eebus.wire.ejson import JsonValue

D = TypeVar("D", bound=msgspec.Struct)


class LocalDevice:
    """See the module; every method is synchronous and never raises at a peer's fault."""

    deadline: float | None

    def __init__(
        self,
        info: DeviceInfo,
        entities: Sequence[EntitySpec],
        *,
        use_cases: Sequence[UseCaseAnnouncement] = (),
        timings: SpineTimings | None = None,
    ) -> None:
        raise NotImplementedError

    # --- shell side
    def connect(self, peer: Peer, now: float) -> None:
        """The SHIP data phase is reached: the discovery read goes out."""
        raise NotImplementedError

    def disconnect(self, peer: Peer, now: float) -> None:
        """Drop bindings, subscriptions and requests of ``peer``."""
        raise NotImplementedError

    def receive(self, peer: Peer, payload: JsonValue, now: float) -> None:
        """Handle one datagram (EEBUS JSON value of ``{"datagram": ...}``)."""
        raise NotImplementedError

    def handle_timer(self, now: float) -> None:
        """Do what is due at ``now``."""
        raise NotImplementedError

    def take_datagrams(self) -> list[tuple[Peer, JsonValue]]:
        """Hand over what must be sent, in order."""
        raise NotImplementedError

    def take_events(self) -> list[SpineEvent]:
        """Hand over what happened, in order."""
        raise NotImplementedError

    def take_closures(self) -> list[tuple[Peer, str]]:
        """Peers whose link must be closed, with the reason (H-07)."""
        raise NotImplementedError

    # --- use case side
    def feature(self, entity: Entity, feature_type: str, role: str) -> FeatureAddress:
        """Address of our feature; ``LocalUseError`` if it was not declared."""
        raise NotImplementedError

    def data(self, address: FeatureAddress, function: Function[D]) -> D | None:
        """What we hold for a function of a server feature of ours."""
        raise NotImplementedError

    def set_data(
        self,
        address: FeatureAddress,
        function: Function[D],
        data: D,
        now: float,
        *,
        notify: bool = True,
    ) -> None:
        """Store ``data`` and notify the subscribers when it changed."""
        raise NotImplementedError

    def announce(self, address: FeatureAddress, function: AnyFunction, now: float) -> None:
        """Notify although unchanged (heartbeat)."""
        raise NotImplementedError

    def remote(self, peer: Peer) -> RemoteDevice | None:
        """What ``peer`` told about itself; ``None`` while it is not connected."""
        raise NotImplementedError

    def subscribers(self, server: FeatureAddress) -> tuple[tuple[Peer, FeatureAddress], ...]:
        """Who gets notifies of our ``server`` feature."""
        raise NotImplementedError

    def bound(self, server: FeatureAddress) -> tuple[tuple[Peer, FeatureAddress], ...]:
        """Who may write our ``server`` feature."""
        raise NotImplementedError

    def read(
        self,
        peer: Peer,
        client: FeatureAddress,
        server: FeatureAddress,
        function: AnyFunction,
        now: float,
        *,
        selectors: msgspec.Struct | None = None,
    ) -> int:
        """Read a remote function; the counter names the request in later events."""
        raise NotImplementedError

    def write(
        self,
        peer: Peer,
        client: FeatureAddress,
        server: FeatureAddress,
        function: Function[Any],
        data: msgspec.Struct | None,
        now: float,
        *,
        filters: Sequence[Filter] = (),
    ) -> int:
        """Write a remote function with ackRequest; never repeated by the device."""
        raise NotImplementedError

    def subscribe(
        self, peer: Peer, client: FeatureAddress, server: FeatureAddress, now: float
    ) -> int:
        """Ask ``peer`` for notifies of its ``server`` feature."""
        raise NotImplementedError

    def bind(self, peer: Peer, client: FeatureAddress, server: FeatureAddress, now: float) -> int:
        """Ask ``peer`` for the right to write its ``server`` feature."""
        raise NotImplementedError

    def guard(self, address: FeatureAddress, function: AnyFunction, judge: Judge) -> None:
        """Set who judges remote writes of ``function``; without a judge every write is taken."""
        raise NotImplementedError

    def bind_guard(self, address: FeatureAddress, judge: BindingJudge) -> None:
        """Set who may veto bindings to our feature, on top of one binding per feature."""
        raise NotImplementedError
