"""Whom to dial, where, and with which path."""

from __future__ import annotations

from eebus.node.discovered import Discovered
from eebus.node.peers import PeerBook
from eebus.node.plan import MAX_TARGETS, Plan
from eebus.ship.discovery import ServiceRecord
from eebus.ship.ski import Ski
from eebus.ship.trust import TrustBook, TrustedPeer

OWN = Ski("8" * 40)
LARGE = Ski("f" * 40)


class World:
    """A book and the plan that reads it."""

    def __init__(self) -> None:
        self.now = 100.0
        self.book = PeerBook(
            OWN, TrustBook(OWN), Discovered(OWN), changed=lambda _ski: None, now=self.now
        )
        self.plan = Plan(self.book, "/ship/", dials=True)


def test_targets_are_the_known_address_first_then_what_mdns_shows() -> None:
    world = World()
    world.book.trust_peer(TrustedPeer(ski=LARGE, host="192.0.2.1", port=4711), world.now)
    record = ServiceRecord(
        ski=LARGE,
        ship_id="BOX",
        name="box",
        host="box.local",
        port=4712,
        addresses=("192.0.2.2", "fe80::1", "fe80::2%eth0"),
    )
    world.book.discovered.found(record)

    targets = world.plan.targets(LARGE)

    assert [(target.host, target.port) for target in targets] == [
        ("192.0.2.1", 4711),
        ("192.0.2.2", 4712),
        ("fe80::2%eth0", 4712),
        ("box.local", 4712),
    ]
    assert targets[1].server_name == "box.local"


def test_path_that_mdns_shows_is_tried_first_and_the_usual_one_after_it() -> None:
    world = World()
    world.book.trust_peer(TrustedPeer(ski=LARGE, host="192.0.2.1", port=4711), world.now)
    addresses = ("192.0.2.2", "192.0.2.3", "192.0.2.4", "192.0.2.5")
    world.book.discovered.found(
        ServiceRecord(
            ski=LARGE, ship_id="BOX", path="/other/", name="box", port=1, addresses=addresses
        )
    )

    targets = world.plan.targets(LARGE)

    assert [(target.host, target.path) for target in targets[:4]] == [
        ("192.0.2.1", "/other/"),
        ("192.0.2.1", "/ship/"),
        ("192.0.2.2", "/other/"),
        ("192.0.2.2", "/ship/"),
    ]
    assert len(targets) == MAX_TARGETS


def test_flood_of_false_places_does_not_hide_the_true_one_for_ever() -> None:
    world = World()
    world.book.trust_peer(TrustedPeer(ski=LARGE, host="192.0.2.1", port=4711), world.now)
    for number in range(23):
        world.book.discovered.found(
            ServiceRecord(
                ski=LARGE,
                ship_id="BOX",
                path="/false/" if number else "/ship/",
                name=f"false-{number}",
                port=4712,
                addresses=(f"192.0.3.{number}",),
            )
        )
    true = ServiceRecord(ski=LARGE, ship_id="BOX", name="true", port=4712, addresses=("192.0.2.9",))
    world.book.discovered.found(true)

    rounds = [world.plan.targets(LARGE) for _ in range(10)]

    assert all(ways[0].host == "192.0.2.1" for ways in rounds)
    assert all(len(ways) == MAX_TARGETS for ways in rounds)
    assert any(way.host == "192.0.2.9" for ways in rounds for way in ways)
    assert len({(way.host, way.path) for ways in rounds for way in ways}) == 1 + 1 + 22 * 2 + 1
