from __future__ import annotations

import pytest

from eebus.ship.backoff import Redial, spread_of
from eebus.ship.ski import Ski


def never(_attempt: int) -> float:
    return 0.0


def almost(_attempt: int) -> float:
    return 0.999


def half(_attempt: int) -> float:
    return 0.5


def test_delays_grow_to_twenty_seconds_and_stay_there_for_ever() -> None:
    redial = Redial(100.0, half)
    delays = [redial.due_at - 100.0]
    for _ in range(100):
        redial.failed(100.0)
        delays.append(redial.due_at - 100.0)

    assert delays[:4] == [1.5, 6.5, 15.0, 15.0]
    assert set(delays[3:]) == {15.0}


@pytest.mark.parametrize(
    ("spread", "delays"), [(never, [0, 3, 10]), (almost, [2.997, 9.993, 19.99])]
)
def test_jitter_stays_inside_each_step(spread: object, delays: list[float]) -> None:
    redial = Redial(0.0, spread)  # type: ignore[arg-type]
    found = [redial.due_at]
    for _ in range(2):
        redial.failed(0.0)
        found.append(redial.due_at)

    assert found == pytest.approx(delays)


def test_a_peer_that_refused_us_is_asked_slowly() -> None:
    redial = Redial(0.0, half)
    delays = []
    for _ in range(6):
        redial.failed(0.0, is_rejected=True)
        delays.append(redial.due_at)

    assert delays == [22.5, 45.0, 90.0, 120.0, 120.0, 120.0]


def test_success_starts_over_and_a_loss_is_redialled_soon() -> None:
    redial = Redial(0.0, half)
    redial.failed(0.0)
    redial.failed(0.0)

    redial.succeeded()
    assert redial.attempts == 0
    redial.lost(50.0)

    assert redial.due_at == 51.5


def test_a_connection_we_gave_up_is_not_dialled_before_ten_seconds() -> None:
    redial = Redial(0.0, lambda _attempt: 0.0)

    redial.lost(50.0, is_given_up=True)

    assert redial.due_at == 60.0


def test_a_change_makes_us_dial_at_once() -> None:
    redial = Redial(0.0, half)
    redial.failed(0.0, is_rejected=True)

    redial.hurry(3.0)

    assert redial.due_at == 3.0


def test_the_jitter_of_a_pair_is_reproducible_and_differs_between_pairs() -> None:
    one, other = Ski("1" * 40), Ski("2" * 40)

    ours, theirs = spread_of(one, other), spread_of(other, one)

    assert ours(1) == spread_of(one, other)(1)
    assert ours(1) != theirs(1)
    assert len({ours(attempt) for attempt in range(50)}) == 50
    assert all(0.0 <= ours(attempt) < 1.0 for attempt in range(50))
