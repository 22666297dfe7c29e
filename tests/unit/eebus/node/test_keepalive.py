from __future__ import annotations

import pytest

from eebus.node.keepalive import Keepalive, Silence


def test_ping_is_due_after_fifty_idle_seconds() -> None:  # SHIP 10.4
    keepalive = Keepalive(now=100.0)

    assert keepalive.handle_timer(149.9) is None
    assert keepalive.handle_timer(150.0) is Silence.PING
    assert keepalive.deadline == 160.0


def test_peer_without_pong_is_dead_after_ten_seconds() -> None:
    keepalive = Keepalive(now=0.0)
    keepalive.handle_timer(50.0)

    assert keepalive.handle_timer(59.9) is None
    assert keepalive.handle_timer(60.0) is Silence.DEAD


@pytest.mark.rule("H-01")
def test_ten_minutes_with_pongs_only_keep_the_link() -> None:
    keepalive = Keepalive(now=0.0)
    pings = 0

    for second in range(601):
        match keepalive.handle_timer(float(second)):
            case Silence.PING:
                pings += 1
                keepalive.heard(second + 0.1)
            case Silence.DEAD:
                raise AssertionError(f"dead at {second} s although every ping was answered")
            case None:
                pass

    assert pings == 11


@pytest.mark.rule("H-02")
def test_pong_before_a_probe_does_not_answer_the_probe() -> None:
    keepalive = Keepalive(now=0.0)
    keepalive.handle_timer(50.0)
    keepalive.heard(50.1)

    assert keepalive.probe(50.2) is Silence.PING
    assert keepalive.handle_timer(60.2) is Silence.DEAD


@pytest.mark.rule("H-58")
def test_second_probe_does_not_put_the_answer_off() -> None:
    keepalive = Keepalive(now=0.0)
    keepalive.probe(5.0)

    assert keepalive.probe(14.0) is None
    assert keepalive.handle_timer(15.0) is Silence.DEAD


def test_any_message_of_the_peer_starts_the_idle_time_anew() -> None:
    keepalive = Keepalive(now=0.0)

    keepalive.heard(49.0)

    assert keepalive.handle_timer(60.0) is None
    assert keepalive.deadline == 99.0
