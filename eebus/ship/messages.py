"""The SHIP messages as structs, in wire order (SHIP XSD 1.0.1; ship.md 4.2).

All ``waiting`` and ``maxTime`` values on the wire are milliseconds; the rest of the stack uses
seconds. Unknown enumeration values survive and are judged by the phase that gets them.
"""

from __future__ import annotations

from typing import Any, Final, TypeAlias

import msgspec
from typing_extensions import override

from eebus.wire.openenum import OpenEnum, named


class HelloPhase(OpenEnum):
    """``connectionHello.phase``."""

    PENDING = named("pending")
    READY = named("ready")
    ABORTED = named("aborted")


class HandshakeType(OpenEnum):
    """``messageProtocolHandshake.handshakeType``."""

    ANNOUNCE_MAX = named("announceMax")
    SELECT = named("select")


class PinStateValue(OpenEnum):
    """``connectionPinState.pinState``."""

    REQUIRED = named("required")
    OPTIONAL = named("optional")
    PIN_OK = named("pinOk")
    NONE = named("none")


class ClosePhase(OpenEnum):
    """``connectionClose.phase``."""

    ANNOUNCE = named("announce")
    CONFIRM = named("confirm")


REMOVED_CONNECTION: Final = "removedConnection"
UNSPECIFIC: Final = "unspecific"
JSON_UTF8: Final = "JSON-UTF8"
SPINE_PROTOCOL: Final = "ee1.0"


class Hello(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """``connectionHello``; ``waiting`` [ms]."""

    phase: HelloPhase
    waiting: int | None = None
    prolongation_request: bool | None = None


class Version(msgspec.Struct, frozen=True, order=True):
    """``version`` of the protocol handshake."""

    major: int
    minor: int = 0


class Formats(msgspec.Struct, frozen=True):
    """``formats``: what the sender can write and read."""

    format: tuple[str, ...] = ()


class ProtocolHandshake(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """``messageProtocolHandshake``."""

    handshake_type: HandshakeType
    version: Version | None = None
    formats: Formats | None = None


class ProtocolError(msgspec.Struct, frozen=True):
    """``messageProtocolHandshakeError``: 1 timeout, 2 unexpected message, 3 selection mismatch."""

    error: int


class PinState(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """``connectionPinState``."""

    pin_state: PinStateValue
    input_permission: str | None = None


class PinInput(msgspec.Struct, frozen=True):
    """``connectionPinInput``; the PIN is never logged."""

    pin: str

    @override
    def __repr__(self) -> str:
        return "PinInput(…)"


class PinError(msgspec.Struct, frozen=True):
    """``connectionPinError``: 1 wrong PIN."""

    error: int


class AccessMethodsRequest(msgspec.Struct, frozen=True):
    """``accessMethodsRequest``."""


class AccessMethods(msgspec.Struct, frozen=True, kw_only=True):
    """``accessMethods``; ``[]`` for mDNS; ``dns`` as sent (SMA Sunny Home Manager: a string)."""

    id: str | None = None
    dns_sd_mdns: Any = msgspec.field(default=None, name="dnsSd_mDns")
    dns: Any = None


class DataHeader(msgspec.Struct, frozen=True, rename="camel"):
    """``data.header``."""

    protocol_id: str


class Data(msgspec.Struct, frozen=True, kw_only=True):
    """``data``: ``payload`` keeps its own root, ``{"datagram": …}`` for SPINE."""

    header: DataHeader
    payload: Any = None


class Close(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """``connectionClose``; ``max_time`` [ms]; ``reason`` may be free text (ship-go)."""

    phase: ClosePhase
    max_time: int | None = None
    reason: str | None = None


Message: TypeAlias = (
    Hello
    | ProtocolHandshake
    | ProtocolError
    | PinState
    | PinInput
    | PinError
    | AccessMethodsRequest
    | AccessMethods
    | Data
    | Close
)
