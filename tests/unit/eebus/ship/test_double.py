from __future__ import annotations

import pytest

from eebus.ship.double import CloseDouble, DoubleConnections, Keep, Ping
from eebus.ship.ski import Ski

LOW = Ski("1" * 40)
HIGH = Ski("e" * 40)


def smaller() -> DoubleConnections:
    return DoubleConnections(own=LOW)


def with_two_in_data(own: Ski, peer: Ski) -> DoubleConnections:
    policy = DoubleConnections(own=own)
    for key in (1, 2):
        policy.opened(peer, key, float(key), established_at=float(key))
        policy.reached_data(peer, key, float(key))
    policy.take_actions()
    return policy


def test_a_single_connection_is_kept_when_it_reaches_data() -> None:
    policy = smaller()
    policy.opened(HIGH, 1, 0.0, established_at=0.0)
    assert policy.take_actions() == []
    assert not policy.may_dial(HIGH)

    policy.reached_data(HIGH, 1, 0.5)

    assert policy.take_actions() == [Keep(HIGH, 1)]
    assert policy.chosen(HIGH) == 1
    assert policy.deadline is None


def test_a_second_connection_pings_the_first_and_changes_nothing_for_three_seconds() -> None:
    policy = smaller()
    policy.opened(HIGH, 1, 0.0, established_at=0.0)
    policy.reached_data(HIGH, 1, 0.5)
    policy.take_actions()

    policy.opened(HIGH, 2, 10.0, established_at=9.9)
    policy.reached_data(HIGH, 2, 10.5)

    assert policy.take_actions() == [Ping(HIGH, 1)]
    assert policy.deadline == 13.0
    policy.handle_timer(12.9)
    assert policy.take_actions() == []


@pytest.mark.field("F-33")
@pytest.mark.parametrize(("own", "peer"), [(LOW, HIGH), (HIGH, LOW)])
def test_a_zombie_makes_way_for_the_new_connection_within_five_seconds(own: Ski, peer: Ski) -> None:
    policy = DoubleConnections(own=own)
    policy.opened(peer, 1, 0.0, established_at=0.0)
    policy.reached_data(peer, 1, 0.5)
    policy.opened(peer, 2, 100.0, established_at=100.0)  # 1 hangs after a power failure
    policy.reached_data(peer, 2, 100.4)
    policy.take_actions()

    assert policy.deadline is not None
    assert policy.deadline <= 105.0
    policy.handle_timer(policy.deadline)

    actions = policy.take_actions()
    assert CloseDouble(peer, 1) in actions
    assert Keep(peer, 2) in actions
    assert policy.chosen(peer) == 2


def test_the_smaller_side_waits_for_the_peer_while_both_are_alive() -> None:
    policy = with_two_in_data(LOW, HIGH)
    policy.heard(HIGH, 1)

    policy.handle_timer(5.0)
    assert policy.take_actions() == [Ping(HIGH, 1), Ping(HIGH, 2)]
    policy.heard(HIGH, 1)
    policy.heard(HIGH, 2)
    policy.handle_timer(15.0)
    assert policy.take_actions() == []
    assert policy.deadline == 45.0

    policy.handle_timer(45.0)

    assert policy.take_actions() == [Keep(HIGH, 2), CloseDouble(HIGH, 1)]
    assert policy.deadline is None


def test_the_smaller_side_drops_what_does_not_answer() -> None:
    policy = with_two_in_data(LOW, HIGH)
    policy.heard(HIGH, 1)
    policy.handle_timer(5.0)
    policy.heard(HIGH, 1)
    policy.take_actions()

    policy.handle_timer(15.0)

    assert policy.take_actions() == [CloseDouble(HIGH, 2)]
    assert policy.chosen(HIGH) == 1


def test_total_silence_of_both_waits_for_a_decision_of_the_peer() -> None:
    policy = with_two_in_data(LOW, HIGH)
    policy.heard(HIGH, 1)
    policy.handle_timer(5.0)
    policy.take_actions()

    policy.handle_timer(15.0)

    assert policy.take_actions() == []


def test_a_newest_still_in_its_handshake_does_not_cost_the_old_one_its_place() -> None:
    policy = smaller()
    policy.opened(HIGH, 1, 0.0, established_at=0.0)
    policy.reached_data(HIGH, 1, 0.1)
    policy.opened(HIGH, 2, 1.0, established_at=1.0)
    policy.take_actions()

    policy.handle_timer(4.0)

    assert policy.take_actions() == [Ping(HIGH, 1), Ping(HIGH, 2)]
    assert policy.chosen(HIGH) == 1


def test_when_the_peer_closes_one_the_other_is_the_connection() -> None:
    policy = with_two_in_data(HIGH, LOW)

    policy.closed(LOW, 1)

    assert policy.take_actions() == [Keep(LOW, 2)]
    assert policy.deadline is None


def test_a_late_close_of_the_loser_does_not_remove_the_winner() -> None:
    policy = with_two_in_data(HIGH, LOW)
    policy.handle_timer(5.0)
    policy.take_actions()

    policy.closed(LOW, 1)
    policy.closed(LOW, 1)

    assert policy.chosen(LOW) == 2
    assert policy.take_actions() == []
    policy.closed(LOW, 2)
    assert policy.may_dial(LOW)


def test_newest_counts_by_tcp_and_not_by_tls() -> None:
    policy = DoubleConnections(own=HIGH)
    policy.opened(LOW, 1, 0.5, established_at=0.4)
    policy.opened(LOW, 2, 0.6, established_at=0.1)
    policy.reached_data(LOW, 1, 1.0)
    policy.reached_data(LOW, 2, 1.0)
    policy.take_actions()

    policy.handle_timer(3.6)

    assert policy.take_actions() == [CloseDouble(LOW, 2)]
    assert policy.chosen(LOW) == 1


def test_two_pending_handshakes_leave_the_newest() -> None:
    policy = DoubleConnections(own=HIGH)
    policy.opened(LOW, 1, 0.0, established_at=0.0)
    policy.opened(LOW, 2, 1.0, established_at=1.0)
    policy.take_actions()

    policy.handle_timer(4.0)

    assert policy.take_actions() == [CloseDouble(LOW, 1)]
    assert policy.chosen(LOW) is None


@pytest.mark.parametrize(
    ("in_data", "closed"), [((1,), 2), ((1, 2), 2), ((), 1)], ids=["handshake", "data", "none"]
)
def test_a_third_connection_takes_the_place_of_an_unused_one(
    in_data: tuple[int, ...], closed: int
) -> None:
    policy = DoubleConnections(own=HIGH)
    for key in (1, 2):
        policy.opened(LOW, key, float(key), established_at=float(key))
    for key in in_data:
        policy.reached_data(LOW, key, 2.0)
    policy.take_actions()

    policy.opened(LOW, 3, 3.0, established_at=3.0)

    assert policy.take_actions() == [CloseDouble(LOW, closed)]


def test_peers_do_not_disturb_each_other_and_strange_keys_do_nothing() -> None:
    other = Ski("7" * 40)
    policy = with_two_in_data(HIGH, LOW)
    policy.opened(other, 9, 50.0, established_at=50.0)

    policy.reached_data(other, 1, 50.0)
    policy.heard(other, 1)
    policy.closed(other, 1)
    policy.heard(Ski("8" * 40), 1)
    policy.reached_data(Ski("8" * 40), 1, 1.0)
    policy.closed(Ski("8" * 40), 1)
    policy.handle_timer(5.0)

    assert policy.take_actions() == [Keep(LOW, 2), CloseDouble(LOW, 1)]
    assert not policy.may_dial(other)
    assert policy.chosen(Ski("8" * 40)) is None
