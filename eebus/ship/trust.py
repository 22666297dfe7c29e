"""Whom the user trusts, whom they may still be asked about (SHIP 12; ship.md 6.4, 9.1).

The rule of the first plant: unknown SKIs stay pending until the first control box is paired;
afterwards they are refused unless the user has opened a window. A refusal is remembered for five
minutes, so that nobody is asked again and again. Nothing here is taken from mDNS.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass, replace
from typing import Final, Literal, TypeAlias, cast

from eebus.ship.events import Trust
from eebus.ship.ski import Ski, parse_ski
from eebus.wire.ejson import JsonValue
from eebus.wire.errors import LocalUseError, WireError

PeerRole: TypeAlias = Literal["control_box", "device"]
CONTROL_BOX: Final = "control_box"

MAX_PENDING: Final = 4
MAX_REFUSED: Final = 64
REFUSAL_S: Final = 300.0
PENDING_S: Final = 600.0
MAX_WINDOW_S: Final = 3_600.0
_FORMAT: Final = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class TrustedPeer:
    """One entry of the trust store; its key is the SKI."""

    ski: Ski
    ship_id: str | None = None
    """Learnt at the first connection; survives a change of the certificate."""
    name: str = ""
    host: str | None = None
    port: int | None = None
    role: PeerRole = CONTROL_BOX
    trusted_at: str = ""
    """UTC, ``2026-01-13T18:27:11Z``; empty when the clock was not set."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PendingPeer:
    """A SKI that was proven by TLS and waits for the user."""

    ski: Ski
    host: str | None = None
    ship_id: str | None = None
    since: float = 0.0
    seen_at: float = 0.0


class TrustBook:
    """All decisions of the user; one owner, saved by the shell after every change."""

    def __init__(self, own: Ski, peers: Iterable[TrustedPeer] = ()) -> None:
        self._own = own
        self._trusted = {peer.ski: peer for peer in peers if peer.ski != own}
        self._pending: dict[Ski, PendingPeer] = {}
        self._refused: dict[Ski, float] = {}
        self.window_until: float | None = None

    # --- questions ---

    def verdict(self, ski: Ski, now: float) -> Trust:
        """How a connection of this SKI starts."""
        if ski == self._own:
            return Trust.UNTRUSTED
        if ski in self._trusted:
            return Trust.TRUSTED
        if self._refused.get(ski, now) > now:
            return Trust.UNTRUSTED
        return Trust.PENDING if self.asks_user(now) else Trust.UNTRUSTED

    def asks_user(self, now: float) -> bool:
        """Whether unknown SKIs are presented to the user at all."""
        return not self.has_control_box or self.is_window_open(now)

    def is_window_open(self, now: float) -> bool:
        """Whether the user has opened a pairing window that has not run out."""
        return self.window_until is not None and now < self.window_until

    @property
    def has_control_box(self) -> bool:
        """Whether a control box is paired."""
        return any(peer.role == CONTROL_BOX for peer in self._trusted.values())

    @property
    def trusted(self) -> tuple[TrustedPeer, ...]:
        """All trusted peers, oldest first."""
        return tuple(self._trusted.values())

    def find(self, ski: Ski) -> TrustedPeer | None:
        """The entry of one SKI."""
        return self._trusted.get(ski)

    def pending(self, now: float) -> tuple[PendingPeer, ...]:
        """Who waits for the user, or has tried within the last ten minutes."""
        self._forget_old(now)
        return tuple(self._pending.values())

    # --- what happens ---

    def note_pending(
        self, ski: Ski, now: float, *, host: str | None = None, ship_id: str | None = None
    ) -> Ski | None:
        """Put a SKI on the user's list; tells whose place it took, to be aborted."""
        self._forget_old(now)
        known = self._pending.pop(ski, None)
        since = known.since if known else now
        evicted = next(iter(self._pending)) if len(self._pending) >= MAX_PENDING else None
        if evicted is not None:
            del self._pending[evicted]
        self._pending[ski] = PendingPeer(
            ski=ski, host=host, ship_id=ship_id, since=since, seen_at=now
        )
        return evicted

    def trust(self, peer: TrustedPeer) -> None:
        """The user trusts this SKI: typed, scanned or accepted from the list; closes the window.

        Raises:
            LocalUseError: it is our own SKI.
        """
        if peer.ski == self._own:
            raise LocalUseError("this is our own SKI")
        waiting = self._pending.pop(peer.ski, None)
        if waiting is not None:
            peer = replace(
                peer, host=peer.host or waiting.host, ship_id=peer.ship_id or waiting.ship_id
            )
        self._refused.pop(peer.ski, None)
        self._trusted[peer.ski] = peer
        self.window_until = None

    def refuse(self, ski: Ski, now: float) -> None:
        """The user does not want this SKI; a trusted one loses its trust, too."""
        self._trusted.pop(ski, None)
        self._pending.pop(ski, None)
        self._refused.pop(ski, None)
        if len(self._refused) >= MAX_REFUSED:
            del self._refused[next(iter(self._refused))]
        self._refused[ski] = now + REFUSAL_S

    def remove(self, ski: Ski) -> TrustedPeer | None:
        """Forget a trusted peer; tells what was forgotten."""
        return self._trusted.pop(ski, None)

    def learn(
        self,
        ski: Ski,
        *,
        ship_id: str | None = None,
        host: str | None = None,
        port: int | None = None,
    ) -> bool:
        """Add what a connection taught about a trusted peer; whether the entry has changed."""
        peer = self._trusted.get(ski)
        if peer is None:
            return False
        better = replace(
            peer,
            ship_id=ship_id or peer.ship_id,
            host=host or peer.host,
            port=port or peer.port,
        )
        self._trusted[ski] = better
        return better != peer

    def open_window(self, seconds: float, now: float) -> float:
        """Let unknown SKIs ask for ``seconds`` (at most an hour); tells when it ends.

        Raises:
            LocalUseError: no time at all.
        """
        if not seconds > 0:
            raise LocalUseError("a pairing window needs a duration")
        self.window_until = now + min(seconds, MAX_WINDOW_S)
        return self.window_until

    def close_window(self) -> None:
        """Unknown SKIs may no longer ask."""
        self.window_until = None

    # --- disk ---

    def to_dict(self) -> dict[str, JsonValue]:
        """JSON-ready form; pending and refused peers, window and times of a run are not kept."""
        peers = [cast("JsonValue", asdict(peer)) for peer in self._trusted.values()]
        return {"format": _FORMAT, "peers": peers}

    @classmethod
    def from_dict(cls, own: Ski, data: JsonValue) -> TrustBook:
        """Book as it was saved; own SKI and unknown members are skipped.

        Raises:
            WireError: not a trust store, or one of its entries cannot be read.
        """
        if not isinstance(data, dict) or data.get("format") != _FORMAT:
            raise WireError("not a trust store of this format")
        peers = data.get("peers")
        if not isinstance(peers, list):
            raise WireError("the trust store has no list of peers")
        return cls(own, [_peer(entry) for entry in peers])

    def _forget_old(self, now: float) -> None:
        self._pending = {
            ski: peer for ski, peer in self._pending.items() if now < peer.seen_at + PENDING_S
        }


def _peer(entry: JsonValue) -> TrustedPeer:
    if not isinstance(entry, dict):
        raise WireError("an entry of the trust store is not an object")
    role, port = _text(entry, "role") or CONTROL_BOX, entry.get("port")
    if role not in {"control_box", "device"}:
        raise WireError(f"unknown role {role!r} in the trust store"[:80])
    if port is not None and (isinstance(port, bool) or not isinstance(port, int)):
        raise WireError("a port in the trust store is not a number")
    return TrustedPeer(
        ski=parse_ski(_text(entry, "ski") or ""),
        ship_id=_text(entry, "ship_id"),
        name=_text(entry, "name") or "",
        host=_text(entry, "host"),
        port=port,
        role=cast("PeerRole", role),
        trusted_at=_text(entry, "trusted_at") or "",
    )


def _text(entry: dict[str, JsonValue], key: str) -> str | None:
    value = entry.get(key)
    if value is not None and not isinstance(value, str):
        raise WireError(f"{key} in the trust store is not a text")
    return value
