"""Every timer and bound of a SHIP connection, in seconds and bytes (ship.md 0.4, 9.1)."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class ShipTimings:
    """Protocol seconds; SHIP allows 10–30 s for CMI and 60–240 s for Wait-For-Ready."""

    cmi_s: float = 30.0
    """SHIP 13.4.3, counted from the end of the TLS handshake."""
    hello_s: float = 60.0
    """T_hello_init and T_hello_inc (SHIP 13.4.4.1.3)."""
    hello_max_s: float = 240.0
    """Most that prolongations may add up to."""
    prolong_threshold_s: float = 30.0
    """T_hello_prolong_thr_inc: a shorter patience of the peer is not worth asking."""
    prolong_gap_s: float = 15.0
    """T_hello_prolong_waiting_gap: asked this long before the peer's patience ends."""
    pending_s: float = 600.0
    """Longest wait for the user's decision within one connection."""
    early_protocol_s: float = 10.0
    """How long a peer's announceMax is kept while the user's decision is still out (ship-go)."""
    protocol_s: float = 10.0
    """Wait timer of the protocol handshake (SHIP 13.4.4.2)."""
    pin_s: float = 10.0
    access_s: float = 10.0
    """After this a missing answer to our access methods request is only logged."""
    close_s: float = 2.0
    """Our ``maxTime`` (SHIP 13.4.8)."""
    abort_linger_s: float = 0.5
    """Time for the peer to read ``aborted`` and close first."""
    error_linger_s: float = 0.2
    """Time for the peer to read a protocol handshake error."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ShipLimits:
    """What an unvetted peer may send before the connection ends."""

    message_bytes: int = 100 * 1024
    handshake_bytes: int = 4 * 1024
    """Up to and including the protocol handshake."""
    early_messages: int = 32
    early_bytes: int = 256 * 1024
    unusable_messages: int = 10
    """Without a value or of a reserved type."""
    unreadable_in_a_row: int = 3
    """Bad JSON in the data phase."""


DEFAULT_TIMINGS = ShipTimings()
DEFAULT_LIMITS = ShipLimits()
