"""TC_SHIP_CONN_001 and the rules that stacks of the field follow instead (ship.md 6.2)."""

from __future__ import annotations

import pytest

from eebus.ship.double import CloseDouble, DoubleConnections, Keep, Ping
from eebus.ship.ski import Ski

LOW = Ski("1" * 40)
HIGH = Ski("e" * 40)


@pytest.mark.rule("TC_SHIP_CONN_001")
def test_with_the_larger_ski_we_keep_the_newest_connection() -> None:
    policy = DoubleConnections(own=HIGH)
    policy.opened(LOW, 1, 0.0, established_at=0.0)
    policy.reached_data(LOW, 1, 0.2)
    policy.opened(LOW, 2, 0.3, established_at=0.3)
    policy.reached_data(LOW, 2, 0.5)
    assert policy.take_actions() == [Keep(LOW, 1), Ping(LOW, 1)]

    policy.handle_timer(3.3)

    assert policy.take_actions() == [Keep(LOW, 2), CloseDouble(LOW, 1)]
    assert policy.chosen(LOW) == 2


@pytest.mark.rule("TC_SHIP_CONN_001")
def test_the_newest_may_still_be_in_its_handshake_when_the_grace_ends() -> None:
    policy = DoubleConnections(own=HIGH)
    policy.opened(LOW, 1, 0.0, established_at=0.0)
    policy.reached_data(LOW, 1, 0.2)
    policy.opened(LOW, 2, 0.3, established_at=0.3)
    policy.handle_timer(3.3)
    policy.take_actions()

    policy.reached_data(LOW, 2, 9.0)

    assert policy.take_actions() == [Keep(LOW, 2), CloseDouble(LOW, 1)]


@pytest.mark.rule("TC_SHIP_CONN_001")
def test_a_newest_that_never_reaches_data_does_not_cost_the_working_one() -> None:
    policy = DoubleConnections(own=HIGH)
    policy.opened(LOW, 1, 0.0, established_at=0.0)
    policy.reached_data(LOW, 1, 0.2)
    policy.opened(LOW, 2, 0.3, established_at=0.3)
    policy.take_actions()

    policy.handle_timer(3.3)
    policy.handle_timer(25.3)

    assert policy.take_actions() == [CloseDouble(LOW, 2)]
    assert policy.chosen(LOW) == 1


def peer_closes(rule: str, own: Ski, peer: Ski, initiators: tuple[str, str]) -> int | None:
    """Which of connection 1 (older) and 2 the peer closes on its own; ``None``: neither."""
    by_larger = [1 + n for n, who in enumerate(initiators) if (who == "own") == (own > peer)]
    match rule:
        case "ship-go":  # keeps what the larger SKI has opened, at once
            return next((key for key in (2, 1) if key not in by_larger), None)
        case "tinkerforge":  # closes what the larger SKI has opened
            return by_larger[-1] if by_larger else None
        case _:  # the rule of SHIP: the larger keeps the newest
            return 1 if peer > own else None


@pytest.mark.rule("TC_SHIP_CONN_001")
@pytest.mark.parametrize("rule", ["spec", "ship-go", "tinkerforge"])
@pytest.mark.parametrize(("own", "peer"), [(HIGH, LOW), (LOW, HIGH)])
@pytest.mark.parametrize("initiators", [("own", "peer"), ("peer", "own")])
def test_exactly_one_connection_survives_every_rule_of_the_field(
    rule: str, own: Ski, peer: Ski, initiators: tuple[str, str]
) -> None:
    policy = DoubleConnections(own=own)
    alive = {1, 2}
    policy.opened(peer, 1, 0.0, established_at=0.0)
    policy.reached_data(peer, 1, 0.2)
    policy.opened(peer, 2, 0.3, established_at=0.3)

    lost = peer_closes(rule, own, peer, initiators)
    if lost is not None:
        alive.discard(lost)
        policy.closed(peer, lost)
    policy.reached_data(peer, 2, 0.5)
    for key in alive:
        policy.heard(peer, key)
    while policy.deadline is not None and policy.deadline <= 60.0:
        policy.handle_timer(policy.deadline)
        closed = [a.key for a in policy.take_actions() if isinstance(a, CloseDouble)]
        alive -= set(closed)
        for key in alive:
            policy.heard(peer, key)

    assert len(alive) == 1
    assert {policy.chosen(peer)} == alive
