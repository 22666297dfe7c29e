"""The error tree of the stack: one class per reaction, not per place.

``WireError`` carries what the *peer* sent wrong; ``LocalUseError`` is our own misuse and never
leaves the house. Cores raise only the latter: a peer's fault becomes a frame plus an event.
"""

from __future__ import annotations

from typing import Final

from eebus.wire.texts import shown

MAX_DESCRIPTION: Final = 200


class EebusError(Exception):
    """Root of everything ``eebus`` raises."""


class WireError(EebusError):
    """Bytes or JSON that are not what they should be.

    ``path`` names the element inside the message (``loadControlLimitData/value/number``);
    empty when the whole text is at fault.
    """

    def __init__(self, message: str, path: str = "") -> None:
        super().__init__(f"{path}: {message}" if path else message)
        self.message = message
        self.path = path

    def under(self, name: str) -> WireError:
        """The same fault seen from the element that holds it."""
        return WireError(self.message, f"{name}/{self.path}" if self.path else name)


class ShipError(EebusError):
    """A SHIP connection failed in ``phase``; ``close_code`` is the WebSocket code it ends with."""

    def __init__(self, message: str, *, close_code: int = 1000, phase: str = "") -> None:
        super().__init__(message)
        self.close_code = close_code
        self.phase = phase


class ShipTimeoutError(ShipError):
    """The peer did not act in time."""


class UntrustedError(ShipError):
    """The peer is not who it should be, or one side does not trust the other."""


class SpineError(EebusError):
    """A SPINE request that is answered with ``error_number`` (SPINE 5.2.5).

    The message may quote the peer: it reaches logs, records and the answer on one short line.
    """

    def __init__(self, message: str, *, error_number: int = 1) -> None:
        super().__init__(shown(message, MAX_DESCRIPTION))
        self.error_number = error_number


class LocalUseError(EebusError):
    """Our own code broke a contract of the stack: a bug, never sent to the peer."""
