"""The book of peers: links, trust, double connections and what users see; owned by the hub.

Pure: no task, no socket. Links are kept by object and number, never by SKI alone, so that a late
end of a loser cannot remove the winner (F-05). SPINE is bound to one link per SKI; what comes in on
another one meanwhile is kept, bounded, and handed over if SPINE moves there.
"""

from __future__ import annotations

import logging
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from eebus.node.events import (
    Failure,
    Fault,
    PeerConnected,
    PeerDisconnected,
    PeerEvent,
    PeerPending,
    PeerRefused,
    PeerTrusted,
)
from eebus.node.pump import CloseLink, Decide, Direction, Link, Probe, Send
from eebus.ship.backoff import Redial, spread_of
from eebus.ship.double import CloseDouble, DoubleConnections, Keep, Ping
from eebus.ship.events import Closed, DataReached, Ending, ShipEvent, ShipIdLearnt, Trust
from eebus.ship.events import TrustPending as TrustWanted
from eebus.ship.messages import REMOVED_CONNECTION
from eebus.ship.ski import Ski
from eebus.wire.errors import LocalUseError

if TYPE_CHECKING:
    from eebus.node.discovered import Discovered
    from eebus.ship.trust import TrustBook, TrustedPeer
    from eebus.wire.ejson import JsonValue

LOGGER = logging.getLogger(__name__)

MAX_STRANGERS: Final = 64
MAX_HELD: Final = 32
TELL_AGAIN_S: Final = 300.0  # one question to the user per SKI in 5 min, ship.md 9.1
CLOSE_REJECTED: Final = 4452  # ship-go: "Node rejected by application"


@dataclass(frozen=True, slots=True)
class Welcome:
    """How the connection of a link starts."""

    trust: Trust
    expected_ship_id: str | None


@dataclass(frozen=True, slots=True)
class Session:
    """SPINE begins or ends with a peer; ``held`` came in before it could begin."""

    peer: Ski
    is_up: bool
    held: tuple[JsonValue, ...] = ()


@dataclass
class PeerState:
    """What is remembered of one SKI for the run of the program."""

    ski: Ski
    redial: Redial
    ship_id: str | None = None
    host: str = ""
    port: int = 0
    failure: Failure | None = None
    is_waiting: bool = False
    is_given_up: bool = False
    active: Link | None = None
    links: dict[int, Link] = field(default_factory=dict[int, Link])
    held: dict[int, list[JsonValue]] = field(default_factory=dict[int, "list[JsonValue]"])
    probed_at: dict[int, float] = field(default_factory=dict[int, float])
    told_at: dict[type[PeerEvent], float] = field(default_factory=dict["type[PeerEvent]", float])


class PeerBook:
    """All peers; ``changed`` tells when to save trust and to look again whom to dial."""

    def __init__(
        self,
        own: Ski,
        trust: TrustBook,
        discovered: Discovered,
        *,
        changed: Callable[[Ski | None], None],
        now: float,
    ) -> None:
        self.trust = trust
        self.discovered = discovered
        self.states: OrderedDict[Ski, PeerState] = OrderedDict()
        self._own = own
        self._double = DoubleConnections(own)
        self._changed = changed
        self._events: list[object] = []
        self._sessions: list[Session] = []
        for peer in trust.trusted:
            self.state_of(peer.ski, now)

    # --- the hub's side

    @property
    def deadline(self) -> float | None:
        """When ``handle_timer`` must be called [protocol s]."""
        return self._double.deadline

    def handle_timer(self, now: float) -> None:
        """Resolve double connections that are due."""
        for state in self.states.values():
            for number, probed_at in state.probed_at.items():
                link = state.links.get(number)
                if link is not None and link.heard_at >= probed_at:
                    self._double.heard(state.ski, number)
        self._double.handle_timer(now)
        self._act(now)

    def take_sessions(self) -> list[Session]:
        """SPINE sessions that began or ended, in order."""
        sessions, self._sessions = self._sessions, []
        return sessions

    def take_events(self) -> list[object]:
        """What happened to peers, in order."""
        events, self._events = self._events, []
        return events

    def send(self, peer: str, payload: JsonValue) -> None:
        """Pass a datagram to the link SPINE is bound to; without one it is dropped."""
        state = self.states.get(Ski(peer))
        if state is not None and state.active is not None:
            state.active.order(Send(payload))

    def close_peer(self, peer: str, reason: str) -> None:
        """SPINE gives the link up; trust and redial stay (H-10)."""
        state = self.states.get(Ski(peer))
        if state is not None and state.active is not None:
            state.is_given_up = True
            state.active.order(CloseLink(reason))

    # --- links

    def open(self, link: Link, now: float) -> Welcome:
        """TLS has proved the SKI of ``link``; tells how its connection starts."""
        verdict = self.trust.verdict(link.ski, now)
        state = self.state_of(link.ski, now)
        state.links[link.facts.number] = link
        state.host, state.port = link.facts.host, link.facts.port
        if verdict is Trust.UNTRUSTED:
            self._tell_once(state, PeerRefused(link.ski, "unknown SKI, no pairing window"), now)
        self._double.opened(link.ski, link.facts.number, now, established_at=link.facts.opened_at)
        self._act(now)
        self._changed(link.ski)
        known = self.trust.find(link.ski)
        return Welcome(verdict, known.ship_id if known else None)

    def on_event(self, link: Link, event: ShipEvent, now: float) -> None:
        """Take what the connection of ``link`` told (datagrams go through ``receives``)."""
        state = self.states.get(link.ski)
        if state is None or link.facts.number not in state.links:
            return
        match event:
            case TrustWanted(remote_waiting):
                self._trust_wanted(state, link, now, is_waiting=remote_waiting)
            case DataReached(ship_id):
                state.ship_id = ship_id or state.ship_id
                state.failure = None
                state.redial.succeeded()
                self._double.reached_data(link.ski, link.facts.number, now)
                self._act(now)
                if link.facts.direction is Direction.OUT:
                    self._learn(link.ski, host=link.facts.host, port=link.facts.port)
            case ShipIdLearnt(ship_id, differs):
                if differs:
                    LOGGER.warning("! %s has changed its SHIP ID to %s", link.ski, ship_id[:63])
                state.ship_id = ship_id
                self._learn(link.ski, ship_id=ship_id)
            case Closed():
                self._note_end(state, link, event, now)
            case _:
                pass

    def receives(self, link: Link, payload: JsonValue) -> bool:
        """Whether SPINE takes ``payload`` of ``link`` now; kept for later if it may move there."""
        state = self.states.get(link.ski)
        if state is None or link.facts.number not in state.links:
            return False
        if state.active is link:
            return True
        held = state.held.setdefault(link.facts.number, [])
        if len(held) < MAX_HELD:
            held.append(payload)
        return False

    def closed(self, link: Link, now: float) -> None:
        """``link`` is gone; by object, so that it never takes a successor with it."""
        state = self.states.get(link.ski)
        if state is None or state.links.pop(link.facts.number, None) is None:
            return
        state.held.pop(link.facts.number, None)
        state.probed_at.pop(link.facts.number, None)
        self._double.closed(link.ski, link.facts.number)
        self._act(now)
        if state.active is link:
            self._unbind(state, link.close_reason or "link lost")
        if not state.links:
            state.is_waiting = False
            if link.reached_data and not link.is_rejected:
                state.redial.lost(now, is_given_up=state.is_given_up)
            else:
                state.redial.failed(now, is_rejected=link.is_rejected)
            state.is_given_up = False
        self._forget_strangers()
        self._changed(link.ski)

    def failed(self, ski: Ski, fault: Fault, reason: str, now: float) -> None:
        """A connection to ``ski`` did not come about."""
        state = self.state_of(ski, now)
        _note_failure(state, Failure(fault, reason, now))
        if not state.links:  # else the end of the link plans the next attempt
            state.redial.failed(now)
        if fault is Fault.OTHER_SKI:
            self._tell_once(state, PeerRefused(ski, reason, fault), now)
        self._changed(ski)

    # --- the user's decisions

    def trust_peer(self, peer: TrustedPeer, now: float) -> None:
        """Trust a SKI: accepted while it waits, or typed in before it was ever seen."""
        self.trust.trust(peer)
        state = self.state_of(peer.ski, now)
        state.is_waiting = False
        state.told_at.clear()
        state.failure = None
        state.redial.hurry(now)
        for link in state.links.values():
            link.order(Decide(is_trusted=True))
        self._events.append(PeerTrusted(peer.ski))
        self._changed(None)

    def refuse_peer(self, ski: Ski, now: float) -> None:
        """Do not trust a SKI; it is not asked about again for a while."""
        self.trust.refuse(ski, now)
        self._send_away(ski)

    def remove_peer(self, ski: Ski) -> None:
        """Withdraw trust (TC_SHIP_TERM_001); ``LocalUseError`` when there was none."""
        if self.trust.remove(ski) is None:
            raise LocalUseError(f"{ski} is not a trusted peer")
        self._send_away(ski)

    def close_all(self, reason: str) -> None:
        """Say goodbye on every link."""
        for state in self.states.values():
            for link in state.links.values():
                link.order(CloseLink(reason))

    def state_of(self, ski: Ski, now: float) -> PeerState:
        """Return what is known of ``ski``, made at the first time."""
        if ski not in self.states:
            self.states[ski] = PeerState(ski, Redial(now, spread_of(self._own, ski)))
        return self.states[ski]

    @property
    def link_count(self) -> int:
        """Links in any phase after TLS."""
        return sum(len(state.links) for state in self.states.values())

    def is_known_host(self, host: str) -> bool:
        """Whether a trusted peer was last seen at ``host``."""
        return any(
            state.host == host and self.trust.find(ski) is not None
            for ski, state in self.states.items()
        )

    def may_dial(self, ski: Ski) -> bool:
        """Whether ``ski`` has no connection in any phase after TLS."""
        state = self.states.get(ski)
        return state is None or not state.links

    # --- inside

    def _act(self, now: float) -> None:
        for action in self._double.take_actions():
            state = self.states[action.ski]
            link = state.links.get(action.key)
            if link is None:
                continue
            match action:
                case Keep():
                    self._bind(state, link)
                case CloseDouble():
                    state.failure = Failure(Fault.DOUBLE_CONNECTION, action.reason, now)
                    link.order(CloseLink(action.reason))
                case Ping():
                    state.probed_at[action.key] = now
                    link.order(Probe())

    def _bind(self, state: PeerState, link: Link) -> None:
        if state.active is not None:
            self._unbind(state, "SPINE moves to a newer connection")
        state.active = link
        held = tuple(state.held.pop(link.facts.number, []))
        self._sessions.append(Session(state.ski, is_up=True, held=held))
        LOGGER.info("= %s connected (%s)", state.ski, link.facts.direction.value)
        self._events.append(PeerConnected(state.ski, state.ship_id, link.facts.direction))

    def _unbind(self, state: PeerState, reason: str) -> None:
        state.active = None
        self._sessions.append(Session(state.ski, is_up=False))
        LOGGER.info("= %s disconnected: %s", state.ski, reason)
        self._events.append(PeerDisconnected(state.ski, reason))

    def _trust_wanted(self, state: PeerState, link: Link, now: float, *, is_waiting: bool) -> None:
        state.is_waiting = is_waiting
        evicted = self.trust.note_pending(state.ski, now, host=link.facts.host)
        if evicted is not None and evicted in self.states:
            for loser in self.states[evicted].links.values():
                loser.order(Decide(is_trusted=False))
        self._tell_once(state, PeerPending(state.ski, state.ship_id, link.facts.host), now)

    def _tell_once(self, state: PeerState, event: PeerEvent, now: float) -> None:
        told_at = state.told_at.get(type(event))
        if told_at is None or now >= told_at + TELL_AGAIN_S:
            state.told_at[type(event)] = now
            self._events.append(event)

    def _note_end(self, state: PeerState, link: Link, event: Closed, now: float) -> None:
        was_rejected = event.ending in (Ending.REJECTED_BY_PEER, Ending.REMOVED_BY_PEER)
        if was_rejected or link.peer_close_code == CLOSE_REJECTED:
            link.is_rejected = True
            fault = Fault.REJECTED_BY_PEER
            self._tell_once(state, PeerRefused(state.ski, event.reason, fault), now)
        elif event.ending in (Ending.LOCAL, Ending.REFUSED):
            return
        else:
            fault = Fault.OTHER
        _note_failure(state, Failure(fault, event.reason, now))

    def _send_away(self, ski: Ski) -> None:
        state = self.states.get(ski)
        for link in state.links.values() if state else ():
            link.order(CloseLink(REMOVED_CONNECTION))
        self._changed(None)

    def _learn(
        self, ski: Ski, *, ship_id: str | None = None, host: str | None = None, port: int = 0
    ) -> None:
        if self.trust.learn(ski, ship_id=ship_id, host=host, port=port or None):
            self._changed(None)

    def _forget_strangers(self) -> None:
        """Keep at most 64 untrusted SKIs that have no link."""
        idle = [
            ski
            for ski, state in self.states.items()
            if not state.links and self.trust.find(ski) is None
        ]
        for ski in idle[: max(0, len(idle) - MAX_STRANGERS)]:
            del self.states[ski]


def _note_failure(state: PeerState, failure: Failure) -> None:
    """Keep it for the user; the log is told once while it stays the same."""
    if state.failure is None or state.failure.reason != failure.reason:
        LOGGER.info("x %s: %s", state.ski, failure.reason)
    state.failure = failure
