"""What the demo learns from the control box's lines."""

from __future__ import annotations

from ems.demo.box import BoxLog
from ems.demo.trace import Answer

SKI = "ab" * 20


def test_the_box_tells_its_ski_when_it_has_started() -> None:
    log = BoxLog()

    log.take({"event": "started", "ski": SKI, "port": 0}, 1.0)

    assert log.ski == SKI
    assert not log.connected


def test_the_box_is_there_once_it_has_found_the_controllable_system() -> None:
    log = BoxLog()

    log.take({"event": "connected", "ski": SKI}, 1.0)
    only_ship = log.connected
    log.take({"event": "cs_found", "peer": SKI}, 2.0)
    found = log.connected
    log.take({"event": "disconnected", "ski": SKI}, 3.0)

    assert (only_ship, found, log.connected) == (False, True, False)


def test_answers_and_heartbeats_are_dated_by_the_clock_of_the_demo() -> None:
    log = BoxLog()

    log.take({"event": "answer", "error_number": 7}, 700.0)
    log.take({"event": "heartbeat"}, 860.0)
    log.take({"event": "heartbeat_received"}, 861.0)

    assert log.answers == [Answer(700.0, 7)]
    assert log.beats == [860.0]


def test_lines_without_meaning_for_the_demo_are_passed_over() -> None:
    log = BoxLog()

    log.take({"event": "cs_state", "active": True}, 1.0)
    log.take({}, 2.0)

    assert log == BoxLog()
