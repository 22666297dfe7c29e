"""Two connections to the same peer: which one lives (SHIP 12.2.2; ship.md 6.2).

Three incompatible rules are in the field. This policy outlasts all of them: a new connection never
displaces the old one at once, and for three seconds the peer may close either. Only then

* the side with the larger SKI keeps the newest and closes the rest (the rule of SHIP);
* the side with the smaller SKI drops what does not answer a ping, and waits for the peer.

The ping leaves as soon as the second connection appears, so that a zombie of a power failure is
gone after three seconds instead of a minute. Everything is keyed by connection, never by SKI alone.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum, auto
from typing import Final, TypeAlias

from eebus.ship.ski import Ski, is_larger

MAX_PER_SKI: Final = 2
GRACE_S: Final = 3.0
HANDSHAKE_S: Final = 25.0
"""After this a newest connection that has not reached data no longer counts (TC CONN_001: 30 s)."""
PONG_S: Final = 10.0
PATIENCE_S: Final = 30.0


@dataclass(frozen=True, slots=True)
class Keep:
    """SPINE talks over this connection from now on, as a new session."""

    ski: Ski
    key: int


@dataclass(frozen=True, slots=True)
class CloseDouble:
    """Close this connection: announced in the data phase, else WebSocket 1000."""

    ski: Ski
    key: int
    reason: str = "double connection"


@dataclass(frozen=True, slots=True)
class Ping:
    """Send a WebSocket ping; tell ``heard`` when anything comes back."""

    ski: Ski
    key: int


Action: TypeAlias = Keep | CloseDouble | Ping


class _Stage(Enum):
    SINGLE = auto()
    GRACE = auto()
    PROBING = auto()
    WAITING = auto()


@dataclass(slots=True)
class _Link:
    key: int
    established_at: float
    in_data: bool = False
    unanswered_ping: bool = False


@dataclass(slots=True)
class _Group:
    """All living connections of one SKI, oldest first."""

    links: list[_Link] = field(default_factory=list["_Link"])
    chosen: int | None = None
    stage: _Stage = _Stage.SINGLE
    deadline: float | None = None

    @property
    def newest(self) -> _Link:
        return self.links[-1]

    def find(self, key: int) -> _Link | None:
        return next((link for link in self.links if link.key == key), None)

    def enter(self, stage: _Stage, deadline: float | None = None) -> None:
        self.stage, self.deadline = stage, deadline


class DoubleConnections:
    """Feed it every authenticated connection; ``take_actions`` after every call."""

    def __init__(self, own: Ski) -> None:
        self._own = own
        self._groups: dict[Ski, _Group] = {}
        self._actions: list[Action] = []

    @property
    def deadline(self) -> float | None:
        """When ``handle_timer`` must be called [s]."""
        deadlines = (group.deadline for group in self._groups.values())
        return min((at for at in deadlines if at is not None), default=None)

    def take_actions(self) -> list[Action]:
        """What must be done, in order."""
        actions, self._actions = self._actions, []
        return actions

    def may_dial(self, ski: Ski) -> bool:
        """Whether the peer has no connection in any phase."""
        return ski not in self._groups

    def chosen(self, ski: Ski) -> int | None:
        """The connection SPINE talks over."""
        group = self._groups.get(ski)
        return group.chosen if group else None

    def opened(self, ski: Ski, key: int, now: float, *, established_at: float) -> None:
        """TLS has proven the SKI; ``established_at`` is the time of the TCP connection."""
        group = self._groups.setdefault(ski, _Group())
        group.links.append(_Link(key, established_at))
        group.links.sort(key=lambda link: link.established_at)
        if len(group.links) > MAX_PER_SKI:
            self._close(ski, group, _surplus(group, key))
        if group.stage is _Stage.SINGLE and len(group.links) > 1:
            group.enter(_Stage.GRACE, now + GRACE_S)
            self._ping(ski, [link for link in group.links if link.key != key])

    def reached_data(self, ski: Ski, key: int, now: float) -> None:
        """The connection has passed its handshakes."""
        group = self._groups.get(ski)
        link = group.find(key) if group else None
        if group is None or link is None:
            return
        link.in_data = True
        if group.chosen is None:
            self._choose(ski, group, link)
        elif group.stage is _Stage.WAITING and is_larger(self._own, ski):
            self._decide_as_larger(ski, group, now)

    def heard(self, ski: Ski, key: int) -> None:
        """Something came in on this connection: it is no zombie."""
        group = self._groups.get(ski)
        link = group.find(key) if group else None
        if link is not None:
            link.unanswered_ping = False

    def closed(self, ski: Ski, key: int) -> None:
        """The connection is gone, whoever closed it."""
        group = self._groups.get(ski)
        link = group.find(key) if group else None
        if group is not None and link is not None:
            self._forget(ski, group, link)

    def handle_timer(self, now: float) -> None:
        for ski, group in list(self._groups.items()):
            if group.deadline is None or now < group.deadline:
                continue
            if is_larger(self._own, ski):
                self._decide_as_larger(ski, group, now)
            else:
                self._decide_as_smaller(ski, group, now)

    def _decide_as_larger(self, ski: Ski, group: _Group, now: float) -> None:
        others_in_data = any(link.in_data for link in group.links[:-1])
        if group.newest.in_data or not others_in_data:
            self._keep_only(ski, group, group.newest)
        elif group.stage is _Stage.GRACE:
            group.enter(_Stage.WAITING, now + HANDSHAKE_S - GRACE_S)
        else:
            self._keep_only(ski, group, _best(group))

    def _decide_as_smaller(self, ski: Ski, group: _Group, now: float) -> None:
        silent = [link for link in group.links if link.unanswered_ping]
        match group.stage:
            case _Stage.GRACE:
                if group.newest.in_data and group.newest not in silent:
                    self._drop(ski, group, silent)
                if len(group.links) > 1:
                    group.enter(_Stage.PROBING, now + PONG_S)
                    self._ping(ski, group.links)
            case _Stage.PROBING:
                if len(silent) < len(group.links):
                    self._drop(ski, group, silent)
                if len(group.links) > 1:
                    group.enter(_Stage.WAITING, now + PATIENCE_S)
            case _:
                self._keep_only(ski, group, _best(group))

    def _keep_only(self, ski: Ski, group: _Group, kept: _Link) -> None:
        if kept.in_data and group.chosen != kept.key:
            self._choose(ski, group, kept)
        self._drop(ski, group, [link for link in group.links if link is not kept])

    def _drop(self, ski: Ski, group: _Group, dropped: list[_Link]) -> None:
        for link in dropped:
            self._close(ski, group, link)

    def _close(self, ski: Ski, group: _Group, link: _Link) -> None:
        self._actions.append(CloseDouble(ski, link.key))
        self._forget(ski, group, link)

    def _forget(self, ski: Ski, group: _Group, link: _Link) -> None:
        group.links.remove(link)
        if group.chosen == link.key:
            group.chosen = None
            heirs = [heir for heir in group.links if heir.in_data]
            if heirs:
                self._choose(ski, group, heirs[-1])
        if len(group.links) <= 1:
            group.enter(_Stage.SINGLE)
        if not group.links:
            del self._groups[ski]

    def _choose(self, ski: Ski, group: _Group, link: _Link) -> None:
        group.chosen = link.key
        self._actions.append(Keep(ski, link.key))

    def _ping(self, ski: Ski, links: list[_Link]) -> None:
        for link in links:
            link.unanswered_ping = True
            self._actions.append(Ping(ski, link.key))


def _surplus(group: _Group, new_key: int) -> _Link:
    """Which one makes room for a third: the oldest not in data, else the oldest not in use."""
    others = [link for link in group.links if link.key != new_key]
    idle = [link for link in others if link.key != group.chosen]
    return next((link for link in idle if not link.in_data), idle[0] if idle else others[0])


def _best(group: _Group) -> _Link:
    """The newest that has reached data; the newest at all if none has."""
    return next((link for link in reversed(group.links) if link.in_data), group.newest)
