from __future__ import annotations

import pytest

from eebus.ship.access import AccessExchange, AccessState
from eebus.ship.events import ShipIdLearnt
from eebus.ship.frame import decode
from tests.kit.ship import ACCESS_REQUEST, PIN_NONE, access_methods


def exchange(expected: str | None = None) -> AccessExchange:
    return AccessExchange("EMS-0007", expected)


def test_we_ask_once_and_answer_always() -> None:
    access = exchange()
    access.receive(decode(ACCESS_REQUEST), 0.0)
    access.start(0.0)
    access.receive(decode(ACCESS_REQUEST), 1.0)

    assert access.take_frames() == [
        access_methods("EMS-0007"),
        ACCESS_REQUEST,
        access_methods("EMS-0007"),
    ]
    assert access.deadline == 10.0


def test_the_peers_name_is_learnt_once() -> None:
    access = exchange()
    access.start(0.0)

    access.receive(decode(access_methods("BOX-1")), 1.0)
    access.receive(decode(access_methods("BOX-2")), 2.0)

    assert access.take_events() == [ShipIdLearnt("BOX-1")]
    assert access.ship_id == "BOX-1"
    assert access.deadline is None


def test_another_name_than_the_trust_entry_knows_is_told_and_does_not_close() -> None:
    access = exchange(expected="BOX-1")
    assert access.ship_id == "BOX-1"
    access.start(0.0)

    access.receive(decode(access_methods("BOX-2")), 1.0)

    assert access.take_events() == [ShipIdLearnt("BOX-2", differs=True)]


def test_a_name_told_unasked_saves_the_wait() -> None:
    access = exchange(expected="BOX-1")
    access.receive(decode(access_methods("BOX-1")), 0.0)

    access.start(0.0)

    assert access.take_events() == [ShipIdLearnt("BOX-1")]
    assert access.deadline is None


def test_an_answer_without_a_name_is_an_answer() -> None:
    access = exchange()
    access.start(0.0)

    access.receive(decode(b'\x01{"accessMethods":[{"dnsSd_mDns":[]}]}'), 1.0)

    assert access.state is AccessState.ANSWERED
    assert access.take_events() == []


def test_a_missing_answer_is_only_noted() -> None:
    access = exchange()
    access.start(0.0)

    access.receive(decode(PIN_NONE), 1.0)
    access.handle_timer(9.9)
    assert access.state is AccessState.ASKED
    access.handle_timer(10.0)

    assert access.state is AccessState.UNANSWERED
    assert access.deadline is None
    assert access.take_events() == []


@pytest.mark.parametrize("name", ["x" * 100_000, "BOX\\nforged line", "BOX\\u202e"])
def test_a_name_that_no_node_may_have_is_not_learnt_and_not_repeated_in_the_log(
    name: str, caplog: pytest.LogCaptureFixture
) -> None:
    access = exchange(expected="BOX-1")
    access.start(0.0)

    access.receive(decode(access_methods(name)), 1.0)

    assert access.take_events() == []
    assert access.ship_id == "BOX-1"
    assert access.deadline is None
    assert all(len(line) < 200 and line.count("\n") == 0 for line in caplog.messages)


def test_a_changed_name_is_logged_once_however_often_it_is_told(
    caplog: pytest.LogCaptureFixture,
) -> None:
    access = exchange(expected="BOX-1")
    access.start(0.0)

    for _ in range(5):
        access.receive(decode(access_methods("BOX-2")), 1.0)

    assert len(caplog.messages) == 1
