"""Bindings and subscriptions: who is related to which feature, bounded per peer (SPINE 7.3, 7.4).

One table holds both directions: granted ones (our feature is the server) and those a peer granted
us. They live as long as the connection.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from eebus.wire.errors import SpineError

if TYPE_CHECKING:
    from collections.abc import Callable

    from eebus.spine.addresses import FeatureAddress, Peer

OVERLOAD = 3


@dataclass(frozen=True, slots=True)
class Relation:
    """``client`` may write, or is told about, ``server``; ``peer`` owns the foreign one of both."""

    id: int
    peer: Peer
    client: FeatureAddress
    server: FeatureAddress


class Relations:
    """One table, of bindings or of subscriptions."""

    def __init__(self, own_device: str, max_per_peer: int) -> None:
        self._own_device = own_device
        self._max_per_peer = max_per_peer
        self._entries: list[Relation] = []
        self._last_id = 0

    def add(self, peer: Peer, client: FeatureAddress, server: FeatureAddress) -> bool:
        """Add a pair; ``False`` if it exists.

        Raises:
            SpineError: 3, the peer holds as many as it may.
        """
        if self.find(peer, client, server) is not None:
            return False
        is_granted = server.device == self._own_device
        same = [
            one
            for one in self.of_peer(peer)
            if (one.server.device == self._own_device) is is_granted
        ]
        if len(same) >= self._max_per_peer:
            raise SpineError("too many of these for one peer", error_number=OVERLOAD)
        self._last_id += 1
        self._entries.append(Relation(self._last_id, peer, client, server))
        return True

    def find(self, peer: Peer, client: FeatureAddress, server: FeatureAddress) -> Relation | None:
        """Return the entry of a pair; the client's device counts as the peer's."""
        return next(
            (
                one
                for one in self._entries
                if one.peer == peer
                and one.server == server
                and (one.client.entity, one.client.feature) == (client.entity, client.feature)
            ),
            None,
        )

    def of_peer(self, peer: Peer) -> list[Relation]:
        """Return what concerns one peer; nobody is shown more (PS 7.4.3, H-31)."""
        return [one for one in self._entries if one.peer == peer]

    def of_server(self, server: FeatureAddress) -> list[Relation]:
        """Return the entries of one server feature."""
        return [one for one in self._entries if one.server == server]

    def remove(self, peer: Peer, matches: Callable[[Relation], bool]) -> list[Relation]:
        """Remove and return the entries of ``peer`` that match."""
        gone = [one for one in self._entries if one.peer == peer and matches(one)]
        self._entries = [one for one in self._entries if one not in gone]
        return gone
