"""What the device tells the use cases; frozen, taken in order with ``take_events``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeAlias

if TYPE_CHECKING:
    import msgspec

    from eebus.spine.addresses import Entity, FeatureAddress, Peer
    from eebus.spine.functions import AnyFunction


@dataclass(frozen=True, slots=True)
class PeerReady:
    """Discovery and use case data of ``peer`` are known; sent again after each change of them."""

    peer: Peer


@dataclass(frozen=True, slots=True)
class PeerGone:
    """The connection ended; bindings, subscriptions and requests of ``peer`` are dropped."""

    peer: Peer


@dataclass(frozen=True, slots=True)
class EntityGone:
    """``peer`` removed ``entity`` and all its children; what touched them is dropped."""

    peer: Peer
    entity: Entity


@dataclass(frozen=True, slots=True)
class Bound:
    """``client`` of ``peer`` may now write our ``server`` feature."""

    peer: Peer
    client: FeatureAddress
    server: FeatureAddress


@dataclass(frozen=True, slots=True)
class Unbound:
    """``client`` of ``peer`` may no longer write our ``server`` feature."""

    peer: Peer
    client: FeatureAddress
    server: FeatureAddress


@dataclass(frozen=True, slots=True)
class Subscribed:
    """``client`` of ``peer`` gets notifies of our ``server`` feature from now on."""

    peer: Peer
    client: FeatureAddress
    server: FeatureAddress


@dataclass(frozen=True, slots=True)
class Unsubscribed:
    """``client`` of ``peer`` gets no more notifies of our ``server`` feature."""

    peer: Peer
    client: FeatureAddress
    server: FeatureAddress


@dataclass(frozen=True, slots=True)
class DataReceived:
    """A server feature of ``peer`` told its data.

    ``data`` is the merged copy we hold now, ``cmd_data`` what this message carried (``None`` for a
    pure delete).
    """

    peer: Peer
    source: FeatureAddress
    function: AnyFunction
    data: msgspec.Struct
    classifier: Literal["reply", "notify"]
    cmd_data: msgspec.Struct | None


@dataclass(frozen=True, slots=True)
class WriteRefused:
    """A remote write failed a check of the device before any use case saw it.

    ``function`` is the wire name, empty when the command did not tell one.
    """

    peer: Peer
    client: FeatureAddress
    server: FeatureAddress
    function: str
    msg_counter: int
    error_number: int
    description: str


@dataclass(frozen=True, slots=True)
class ResultReceived:
    """``peer`` answered a write, call or read of ours with a result; ``error_number`` 0 is success.

    ``msg_counter_ref`` is the number our call returned, also when a repetition was answered.
    """

    peer: Peer
    msg_counter_ref: int
    error_number: int
    description: str


@dataclass(frozen=True, slots=True)
class RequestUnanswered:
    """No answer within the response time; ``final``: no further repetition is planned."""

    peer: Peer
    msg_counter: int
    final: bool = True


SpineEvent: TypeAlias = (
    PeerReady
    | PeerGone
    | EntityGone
    | Bound
    | Unbound
    | Subscribed
    | Unsubscribed
    | DataReceived
    | WriteRefused
    | ResultReceived
    | RequestUnanswered
)
