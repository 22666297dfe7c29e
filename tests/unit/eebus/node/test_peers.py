from __future__ import annotations

from random import Random

import pytest

from eebus.node.discovered import Discovered
from eebus.node.events import Fault, PeerConnected, PeerDisconnected, PeerPending, PeerRefused
from eebus.node.peers import MAX_HELD, MAX_STRANGERS, PeerBook, Session
from eebus.node.plan import Plan, statuses
from eebus.node.pump import CloseLink, Decide, Direction, Link, LinkFacts, Probe, Send
from eebus.ship.discovery import ServiceRecord
from eebus.ship.events import (
    Closed,
    DataReached,
    Ending,
    Phase,
    ShipIdLearnt,
    Trust,
    TrustPending,
)
from eebus.ship.ski import Ski
from eebus.ship.trust import TrustBook, TrustedPeer
from eebus.wire.errors import LocalUseError

OWN = Ski("8" * 40)
SMALL = Ski("1" * 40)
LARGE = Ski("f" * 40)


class World:
    """A book with hand-made links and a clock as a number."""

    def __init__(self, *trusted: Ski) -> None:
        self.now = 100.0
        self.changes: list[Ski | None] = []
        self.book = PeerBook(
            OWN,
            TrustBook(OWN, [TrustedPeer(ski=ski) for ski in trusted]),
            Discovered(OWN),
            changed=self.changes.append,
            now=self.now,
        )
        self.plan = Plan(self.book, "/ship/", dials=True)
        self.number = 0

    def link(self, ski: Ski = LARGE, direction: Direction = Direction.IN) -> Link:
        self.number += 1
        facts = LinkFacts(self.number, ski, direction, "192.0.2.9", 4712, self.now)
        link = Link(facts)
        self.welcome = self.book.open(link, self.now)
        return link

    def reach_data(self, link: Link) -> None:
        link.phase, link.reached_data = Phase.DATA, True
        self.book.on_event(link, DataReached(None), self.now)

    def up(self, ski: Ski = LARGE, direction: Direction = Direction.IN) -> Link:
        link = self.link(ski, direction)
        self.reach_data(link)
        return link

    def lose(self, link: Link) -> None:
        self.book.closed(link, self.now)

    def orders(self, link: Link) -> list[object]:
        taken = list(link.orders)
        link.orders.clear()
        return taken


def test_trusted_link_in_the_data_phase_begins_a_session() -> None:
    world = World(LARGE)

    link = world.up()

    assert world.welcome.trust is Trust.TRUSTED
    assert world.book.take_sessions() == [Session(LARGE, is_up=True)]
    assert world.book.take_events() == [PeerConnected(LARGE, None, Direction.IN)]
    world.book.send(LARGE, {"datagram": 1})
    assert world.orders(link) == [Send({"datagram": 1})]


@pytest.mark.field("F-05")
def test_late_end_of_a_loser_does_not_touch_the_winner() -> None:
    world = World(SMALL)
    loser = world.up(SMALL)
    world.now += 1
    winner = world.up(SMALL)
    world.now += 3
    world.book.handle_timer(world.now)
    assert CloseLink("double connection") in world.orders(loser)
    world.book.take_sessions()

    world.lose(loser)
    world.book.closed(loser, world.now)

    assert world.book.states[SMALL].active is winner
    assert world.book.take_sessions() == []
    assert not world.book.receives(loser, {"datagram": 1})
    assert world.book.receives(winner, {"datagram": 1})


def test_old_link_is_probed_and_spine_stays_on_it_for_three_seconds() -> None:
    world = World(SMALL)
    old = world.up(SMALL)
    world.now += 10

    new = world.up(SMALL)

    assert world.orders(old) == [Probe()]
    assert world.book.states[SMALL].active is old
    assert world.book.deadline == world.now + 3
    assert not world.book.receives(new, {"datagram": 7})
    world.now += 3
    world.book.handle_timer(world.now)
    assert world.book.states[SMALL].active is new
    assert world.book.take_sessions()[-1] == Session(SMALL, is_up=True, held=({"datagram": 7},))


def test_silent_old_link_of_a_larger_peer_is_dropped_too() -> None:
    world = World(LARGE)
    old = world.up(LARGE)
    world.now += 10
    new = world.up(LARGE)
    new.heard_at = world.now
    world.now += 3

    world.book.handle_timer(world.now)

    assert CloseLink("double connection") in world.orders(old)
    assert world.book.states[LARGE].active is new


def test_living_old_link_of_a_larger_peer_stays_until_the_peer_decides() -> None:
    world = World(LARGE)
    old = world.up(LARGE)
    world.now += 10
    new = world.up(LARGE)
    old.heard_at = new.heard_at = world.now + 0.1
    world.now += 3

    world.book.handle_timer(world.now)

    assert world.book.states[LARGE].active is old
    world.lose(new)  # as ship-go does: the larger side closes what it did not want
    assert world.book.states[LARGE].active is old
    assert [session.is_up for session in world.book.take_sessions()] == [True]


@pytest.mark.invariant("I-15")
def test_data_held_for_a_second_link_is_bounded() -> None:
    world = World(SMALL)
    world.up(SMALL)
    new = world.link(SMALL)

    for number in range(MAX_HELD + 20):
        world.book.receives(new, number)

    assert len(world.book.states[SMALL].held[new.facts.number]) == MAX_HELD


def test_fifth_stranger_takes_the_place_of_the_oldest() -> None:
    world = World()
    links = [world.link(Ski(f"{number:040d}")) for number in range(1, 6)]
    for link in links:
        world.book.on_event(link, TrustPending(remote_waiting=False), world.now)

    assert world.orders(links[0]) == [Decide(is_trusted=False)]
    assert len(world.book.trust.pending(world.now)) == 4
    assert len([e for e in world.book.take_events() if isinstance(e, PeerPending)]) == 5


def test_user_is_asked_once_in_five_minutes_per_stranger() -> None:
    world = World()
    for seconds in (0, 10, 299, 300):
        world.now = 100.0 + seconds
        link = world.link()
        world.book.on_event(link, TrustPending(remote_waiting=True), world.now)
        world.lose(link)

    assert len(world.book.take_events()) == 2


def test_ship_id_and_dialled_address_are_learnt() -> None:
    world = World(LARGE)
    link = world.up(direction=Direction.OUT)

    world.book.on_event(link, ShipIdLearnt("BOX-1"), world.now)

    entry = world.book.trust.find(LARGE)
    assert entry is not None
    assert (entry.ship_id, entry.host, entry.port) == ("BOX-1", "192.0.2.9", 4712)
    assert None in world.changes


@pytest.mark.parametrize(
    ("event", "code", "fault"),
    [
        (Closed("aborted", None, Ending.REJECTED_BY_PEER), None, Fault.REJECTED_BY_PEER),
        (Closed("removed", None, Ending.REMOVED_BY_PEER), None, Fault.REJECTED_BY_PEER),
        (Closed("gone", None, Ending.FAILED), 4452, Fault.REJECTED_BY_PEER),
        (Closed("gone", None, Ending.FAILED), 1006, Fault.OTHER),
    ],
)
def test_end_of_a_link_is_kept_with_its_code(event: Closed, code: int | None, fault: Fault) -> None:
    world = World(LARGE)
    link = world.link()
    link.peer_close_code = code

    world.book.on_event(link, event, world.now)
    world.lose(link)

    (status,) = statuses(world.book, world.now)
    assert status.failure is not None
    assert (status.failure.fault, status.failure.reason) == (fault, event.reason)


def test_reason_of_a_failed_handshake_stands_in_the_log_once_while_it_stays_the_same(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level("INFO")
    world = World(LARGE)
    for reason in ("the peer's CMI is wrong", "the peer's CMI is wrong", "handshake error 3"):
        link = world.link()
        world.book.on_event(link, Closed(reason, None, Ending.FAILED), world.now)
        world.lose(link)

    assert caplog.messages == [
        f"x {LARGE}: the peer's CMI is wrong",
        f"x {LARGE}: handshake error 3",
    ]


def test_peer_that_refused_us_is_dialled_slowly() -> None:
    world = World(LARGE)
    link = world.link()
    world.book.on_event(link, Closed("aborted", None, Ending.REJECTED_BY_PEER), world.now)

    world.lose(link)

    assert world.plan.due_at(LARGE) >= world.now + 20


def test_peer_lost_in_the_data_phase_is_dialled_within_three_seconds() -> None:
    world = World(LARGE)

    world.lose(world.up())

    assert world.plan.due_at(LARGE) <= world.now + 3
    events = world.book.take_events()
    assert events[-1] == PeerDisconnected(LARGE, "link lost")


def test_peer_whose_link_spine_gave_up_is_left_in_peace_for_ten_seconds_once() -> None:
    world = World(LARGE)
    link = world.up()

    world.book.close_peer(LARGE, "it beats, but no longer to us")
    world.lose(link)
    given_up_s = world.book.states[LARGE].redial.due_at - world.now
    world.lose(world.up())
    lost_s = world.book.states[LARGE].redial.due_at - world.now

    assert 10.0 <= given_up_s <= 20.0
    assert lost_s <= 3.0


def test_waiting_for_the_other_side_is_told_as_such() -> None:
    world = World(LARGE)
    world.link().phase = Phase.HELLO

    (status,) = statuses(world.book, world.now)

    assert status.failure is not None
    assert status.failure.fault.code == "E-PAIR-005"
    assert status.layers.tls
    assert not status.layers.hello


def test_stranger_without_window_is_refused_and_told_once() -> None:
    world = World(SMALL)

    for _ in range(3):
        world.lose(world.link(LARGE))

    assert world.welcome.trust is Trust.UNTRUSTED
    refused = world.book.take_events()
    assert refused == [PeerRefused(LARGE, "unknown SKI, no pairing window")]


def test_stranger_that_was_refused_is_told_again_when_a_window_lets_it_ask() -> None:
    world = World(SMALL)
    world.lose(world.link(LARGE))
    world.book.trust.open_window(900, world.now)
    world.now += 30

    world.book.on_event(world.link(LARGE), TrustPending(remote_waiting=False), world.now)

    assert [type(event) for event in world.book.take_events()] == [PeerRefused, PeerPending]


@pytest.mark.invariant("I-15")
def test_remembered_strangers_are_bounded_and_trusted_ones_are_kept() -> None:
    world = World(LARGE)

    for number in range(MAX_STRANGERS + 30):
        world.lose(world.link(Ski(f"{number:040d}")))

    assert len(world.book.states) == MAX_STRANGERS + 1
    assert LARGE in world.book.states


def test_removing_somebody_who_is_not_trusted_is_our_own_fault() -> None:
    world = World()

    with pytest.raises(LocalUseError):
        world.book.remove_peer(LARGE)


def test_trusting_a_peer_dials_it_at_once_and_mdns_within_three_seconds() -> None:
    world = World(SMALL)
    for _ in range(4):
        world.plan.found_no_way(SMALL, world.now)
    assert world.plan.due_at(SMALL) >= world.now + 10
    record = ServiceRecord(ski=SMALL, ship_id="BOX", name="box", port=1, addresses=("192.0.2.2",))

    assert world.plan.seen(record, world.now)
    assert world.plan.due_at(SMALL) <= world.now + 3

    world.book.trust_peer(TrustedPeer(ski=LARGE), world.now)
    assert world.plan.due_at(LARGE) == world.now


def test_connected_or_unknown_peers_are_not_hurried_by_mdns() -> None:
    world = World(LARGE)
    world.up(LARGE)
    for ski in (LARGE, SMALL):
        record = ServiceRecord(ski=ski, ship_id="BOX", name="box", port=1)
        assert not world.plan.seen(record, world.now)


@pytest.mark.field("F-07")
@pytest.mark.parametrize("seed", range(5))
def test_ten_thousand_random_steps_keep_the_book_in_order(seed: int) -> None:  # noqa: C901  # one branch per thing that may happen
    random = Random(seed)
    world = World()
    skis = [SMALL, LARGE, Ski("2" * 40), Ski("e" * 40)]
    links: list[Link] = []
    up: set[Ski] = set()

    def step() -> None:
        ski = random.choice(skis)
        link = random.choice(links) if links else None
        match random.randrange(12):
            case 0 | 1 | 2 if len(links) < 12:
                links.append(world.link(ski, random.choice(list(Direction))))
            case 3 | 4 if link is not None:
                world.reach_data(link)
            case 5 | 6 if link is not None:
                links.remove(link)
                world.lose(link)
            case 7 if link is not None:
                world.book.on_event(link, TrustPending(remote_waiting=True), world.now)
            case 8:
                world.book.trust_peer(TrustedPeer(ski=ski), world.now)
            case 9:
                world.book.refuse_peer(ski, world.now)
            case 10 if world.book.trust.find(ski) is not None:
                world.book.remove_peer(ski)
            case 11:
                world.now += random.random() * 5
                if world.book.deadline is not None and world.now >= world.book.deadline:
                    world.book.handle_timer(world.now)
                    assert world.book.deadline is None or world.book.deadline > world.now
            case _:
                pass

    for _ in range(2_000):
        step()
        for link in links:
            link.orders.clear()
        for session in world.book.take_sessions():
            assert session.is_up != (session.peer in up)  # never twice up, never twice down
            (up.add if session.is_up else up.discard)(session.peer)
        world.book.take_events()
        for state in world.book.states.values():
            assert (state.active is not None) == (state.ski in up)
            assert state.active is None or state.links[state.active.facts.number] is state.active
        statuses(world.book, world.now)

    for link in links:
        world.lose(link)
    for session in world.book.take_sessions():
        (up.add if session.is_up else up.discard)(session.peer)
    assert up == set()
    assert world.book.deadline is None
    assert world.book.link_count == 0
