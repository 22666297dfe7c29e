"""SHIP frames: one type octet and a value (SHIP 13.4.2; ship.md 4.1, 4.3).

Reading is tolerant where the field needs it: trailing NUL octets (Porsche), white space anywhere
structural, the root object inside an array.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import Final, TypeAlias

from eebus.ship.messages import (
    AccessMethods,
    AccessMethodsRequest,
    Close,
    Data,
    Hello,
    Message,
    PinError,
    PinInput,
    PinState,
    ProtocolError,
    ProtocolHandshake,
)
from eebus.wire import codec, ejson
from eebus.wire.ejson import JsonValue
from eebus.wire.errors import WireError
from eebus.wire.texts import shown


class MessageType(IntEnum):
    """The first octet of a SHIP message."""

    INIT = 0
    CONTROL = 1
    DATA = 2
    END = 3


CMI: Final = b"\x00\x00"


@dataclass(frozen=True, slots=True)
class Init:
    """A message of type init; ``head`` 0 is the only one in use."""

    head: int


@dataclass(frozen=True, slots=True)
class Unusable:
    """A message to be dropped (SHIP 13.4.2): no value, or a reserved type."""

    reason: str


@dataclass(frozen=True, slots=True)
class Unknown:
    """Well-formed JSON under a root that this version does not know."""

    root: str


@dataclass(frozen=True, slots=True)
class Unreadable:
    """Not JSON, or not what its root demands."""

    reason: str


Received: TypeAlias = Message | Init | Unusable | Unknown | Unreadable

_ROOTS: Final[dict[tuple[MessageType, str], type[Message]]] = {
    (MessageType.CONTROL, "connectionHello"): Hello,
    (MessageType.CONTROL, "messageProtocolHandshake"): ProtocolHandshake,
    (MessageType.CONTROL, "messageProtocolHandshakeError"): ProtocolError,
    (MessageType.CONTROL, "connectionPinState"): PinState,
    (MessageType.CONTROL, "connectionPinInput"): PinInput,
    (MessageType.CONTROL, "connectionPinError"): PinError,
    (MessageType.CONTROL, "accessMethodsRequest"): AccessMethodsRequest,
    (MessageType.CONTROL, "accessMethods"): AccessMethods,
    (MessageType.DATA, "data"): Data,
    (MessageType.END, "connectionClose"): Close,
}
MESSAGES: Final = tuple(_ROOTS.values())
_NAMES: Final = {message: key for key, message in _ROOTS.items()}
_MIN_BYTES: Final = 2
_SHOWN: Final = 40
_MAX_REASON: Final = 120


def encode(message: Message) -> bytes:
    """The frame of one message."""
    kind, root = _NAMES[type(message)]
    return bytes([kind]) + ejson.dumps({root: codec.to_eebus(message)})


def decode(frame: bytes) -> Received:
    """What one WebSocket message says; never raises."""
    if len(frame) < _MIN_BYTES:
        return Unusable("no message value")
    kind, value = frame[0], frame[1:]
    if kind > MessageType.END:
        return Unusable(f"message type 0x{kind:02x}")
    if kind == MessageType.INIT:
        return Init(next((octet for octet in value if octet), 0))
    try:
        return _decode(MessageType(kind), ejson.loads(value.rstrip(b"\x00")))
    except WireError as error:
        return Unreadable(str(error))


def name_of(received: Received) -> str:
    """What came in, in words for a log line; for what could not be read, why."""
    kind = type(received).__name__
    match received:
        case Unreadable(reason) | Unusable(reason):
            return f"{kind} ({shown(reason, _MAX_REASON)})"
        case Unknown(root):
            return f"{kind} ({shown(root)})"
        case _:
            return kind


def _decode(kind: MessageType, value: JsonValue) -> Message | Unknown:
    if isinstance(value, list) and len(value) == 1:
        value = value[0]
    if not isinstance(value, dict) or len(value) != 1:
        raise WireError("a SHIP message has exactly one root element")
    root, body = next(iter(value.items()))
    message = _ROOTS.get((kind, root))
    if message is None:
        return Unknown(root[:_SHOWN])
    try:
        return codec.from_eebus(body, message)
    except WireError as error:
        raise error.under(root) from None
