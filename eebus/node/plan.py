"""Whom to dial, where and when; and the peers as users see them. Reads the book of peers."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from eebus.node.dialer import Target
from eebus.node.discovered import hosts_of
from eebus.node.events import Failure, Fault, Layers, PeerStatus
from eebus.ship.events import Phase
from eebus.ship.ski import parse_ski

if TYPE_CHECKING:
    from collections.abc import Iterable

    from eebus.node.peers import PeerBook, PeerState
    from eebus.node.pump import Link
    from eebus.ship.discovery import ServiceRecord
    from eebus.ship.ski import Ski
    from eebus.ship.trust import TrustedPeer

MAX_TARGETS: Final = 6
PAST_HELLO: Final = frozenset({Phase.PROTOCOL, Phase.PIN, Phase.DATA, Phase.CLOSING})


class Plan:
    """The dialer's view of the book."""

    def __init__(self, book: PeerBook, path: str, *, dials: bool) -> None:
        self._book = book
        self._path = path
        self._dials = dials
        self._turns: dict[Ski, int] = {}

    def stop(self) -> None:
        """Dial nobody any more."""
        self._dials = False

    def wanted(self) -> list[Ski]:
        """Every trusted peer: they are dialled for ever, found by mDNS or not."""
        return [peer.ski for peer in self._book.trust.trusted] if self._dials else []

    def is_linked(self, ski: Ski) -> bool:
        """Whether a connection of ``ski`` stands in any phase after TLS."""
        return not self._book.may_dial(ski)

    def targets(self, ski: Ski) -> list[Target]:
        """The address that was told or worked before, then what mDNS shows, without repeats.

        Anybody may speak mDNS: where it shows an unusual path, the usual one is tried next, and
        where it shows more than fits, every call begins where the last one ended.
        """
        told, shown = self._ways(ski)
        room = MAX_TARGETS - len(told)
        if len(shown) <= room:
            return [*told, *shown]
        turn = self._turns.get(ski, 0)
        self._turns[ski] = (turn + room) % len(shown)
        return [*told, *(shown[turn:] + shown[:turn])[:room]]

    def _ways(self, ski: Ski) -> tuple[list[Target], list[Target]]:
        """Told, and shown by mDNS."""
        found = self._book.discovered.of(ski)
        told: list[Target] = []
        peer = self._book.trust.find(ski)
        if peer is not None and peer.host and peer.port:
            told.append(Target(peer.host, peer.port, found[0].path if found else self._path))
        shown: dict[tuple[str, int], Target] = {}
        for record in found:
            for host in hosts_of(record):
                target = Target(host, record.port, record.path, record.host)
                shown.setdefault((host, record.port), target)
        for target in told:
            shown.pop((target.host, target.port), None)
        return self._with_usual_path(told), self._with_usual_path(shown.values())

    def _with_usual_path(self, targets: Iterable[Target]) -> list[Target]:
        return [
            way
            for target in targets
            for way in dict.fromkeys((target, replace(target, path=self._path)))
        ]

    def due_at(self, ski: Ski) -> float:
        """When to dial next [protocol s]."""
        return self._book.states[ski].redial.due_at

    def found_no_way(self, ski: Ski, now: float) -> None:
        """Nothing could be dialled: the peer has to come to us, or mDNS has to show it."""
        state = self._book.state_of(ski, now)
        if not any(self._ways(ski)):
            state.failure = Failure(Fault.NOT_FOUND, "not announced, and no address is known", now)
        state.redial.failed(now)

    def seen(self, record: ServiceRecord, now: float) -> bool:
        """A record appeared or changed; ``True`` when a trusted peer may be dialled sooner."""
        state = self._book.states.get(record.ski)
        if self._book.trust.find(record.ski) is None or state is None or state.links:
            return False
        due_at = state.redial.due_at
        state.redial.lost(now)  # with its jitter: both sides may have seen each other just now
        state.redial.due_at = min(due_at, state.redial.due_at)
        return True


def statuses(book: PeerBook, now: float) -> list[PeerStatus]:
    """Trusted peers first, then who waits for the user, then strangers with a link or a fault."""
    pending = {peer.ski for peer in book.trust.pending(now)}
    trusted = {peer.ski: peer for peer in book.trust.trusted}
    others = [ski for ski in book.states if ski not in trusted and ski not in pending]
    order = [*trusted, *(ski for ski in pending if ski not in trusted), *others]
    return [_status(book, book.state_of(ski, now), trusted.get(ski), now) for ski in order]


def _status(book: PeerBook, state: PeerState, peer: TrustedPeer | None, now: float) -> PeerStatus:
    link = state.active or next(iter(state.links.values()), None)
    found = book.discovered.of(state.ski)
    is_pending = any(waiting.ski == state.ski for waiting in book.trust.pending(now))
    return PeerStatus(
        ski=parse_ski(state.ski),
        ship_id=state.ship_id or (peer.ship_id if peer else None) or _first_id(found),
        name=peer.name if peer else "",
        role=peer.role if peer else "",
        trust="trusted" if peer else "pending" if is_pending else "unknown",
        direction=link.facts.direction if link else None,
        layers=Layers(
            found=bool(found or state.host),
            tls=link is not None,
            hello=link is not None and link.phase in PAST_HELLO,
            trusted=peer is not None,
            spine=state.active is not None,
        ),
        phase=link.phase.value if link else "",
        host=state.host or (peer.host or "" if peer else ""),
        port=state.port or (peer.port or 0 if peer else 0),
        failure=_waits_for_peer(link, peer, now) or state.failure,
        peer_is_waiting=state.is_waiting,
    )


def _waits_for_peer(link: Link | None, peer: TrustedPeer | None, now: float) -> Failure | None:
    """We have said ready and hear nothing: somebody has to confirm at the other side."""
    if link is None or peer is None or link.phase is not Phase.HELLO:
        return None
    return Failure(Fault.PEER_PENDING, "the peer waits for confirmation on its side", now)


def _first_id(found: list[ServiceRecord]) -> str | None:
    return found[0].ship_id if found else None
