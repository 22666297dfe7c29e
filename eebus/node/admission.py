"""Whom the listener lets in (ship.md 9.1); pure.

An attacker in the LAN can flood TLS handshakes. The bounds here are per source address, so that
the control box, which comes from its own, still gets through; one place is always kept for it.
"""

from __future__ import annotations

from collections import Counter, OrderedDict
from dataclasses import dataclass
from ipaddress import IPv6Address, ip_address
from typing import Final

MAX_SOURCES: Final = 1024
MINUTE_S: Final = 60.0
PREFIX_BITS: Final = 64  # one household or one attacker has at least a /64


@dataclass(frozen=True, slots=True)
class AdmissionLimits:
    """Connections and failed handshakes; ``failed_*`` form a token bucket per source."""

    connections: int = 128
    reserved: int = 1
    handshakes_per_source: int = 8
    failed_burst: int = 5
    failed_per_minute: int = 10


class Admission:
    """Counts connections; ``admit`` → ``handshake_done`` → ``left``, ``failed`` in between."""

    def __init__(self, limits: AdmissionLimits | None = None) -> None:
        self._limits = limits or AdmissionLimits()
        self._connections = 0
        self._handshakes: Counter[str] = Counter()
        self._tokens: OrderedDict[str, tuple[float, float]] = OrderedDict()

    @property
    def connections(self) -> int:
        """Accepted connections that still stand."""
        return self._connections

    def admit(self, host: str, now: float, *, is_known: bool = False) -> str:
        """Return why ``host`` is refused, ``""`` when it is let in.

        ``is_known``: a trusted peer was last seen at this address; it may use the reserved place
        and is not punished for the failures of others behind the same address.
        """
        source = source_of(host)
        room = self._limits.connections - (0 if is_known else self._limits.reserved)
        if self._connections >= room:
            return f"{self._connections} connections are open"
        if self._handshakes[source] >= self._limits.handshakes_per_source:
            return f"{self._handshakes[source]} handshakes of {source} are running"
        if not is_known and self._tokens_of(source, now) < 1:
            return f"too many failed handshakes of {source}"
        self._connections += 1
        self._handshakes[source] += 1
        return ""

    def handshake_done(self, host: str) -> None:
        """Count the connection no longer as a handshake; its peer has proved to be trusted."""
        self._end_handshake(source_of(host))

    def failed(self, host: str, now: float) -> None:
        """Count a handshake that failed or ended untrusted."""
        source = source_of(host)
        left = self._tokens_of(source, now) - 1
        self._tokens[source] = (max(left, 0.0), now)
        self._tokens.move_to_end(source)
        while len(self._tokens) > MAX_SOURCES:
            self._tokens.popitem(last=False)

    def left(self, host: str, *, in_handshake: bool) -> None:
        """Give the place back; ``in_handshake``: ``handshake_done`` was never called."""
        self._connections -= 1
        if in_handshake:
            self._end_handshake(source_of(host))

    def _end_handshake(self, source: str) -> None:
        self._handshakes[source] -= 1
        if self._handshakes[source] <= 0:
            del self._handshakes[source]

    def _tokens_of(self, source: str, now: float) -> float:
        burst = float(self._limits.failed_burst)
        tokens, since = self._tokens.get(source, (burst, now))
        refilled = tokens + (now - since) * self._limits.failed_per_minute / MINUTE_S
        return min(burst, refilled)


def source_of(host: str) -> str:
    """What counts as one source: an IPv4 or link-local address, else the IPv6 /64."""
    try:
        address = ip_address(host)
    except ValueError:
        return host
    if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
        return str(address.ipv4_mapped)
    if isinstance(address, IPv6Address) and not (address.is_link_local or address.is_loopback):
        return f"{IPv6Address(int(address) >> PREFIX_BITS << PREFIX_BITS)}/{PREFIX_BITS}"
    return host
