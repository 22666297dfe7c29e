"""When a limit is written again."""

from __future__ import annotations

import pytest

from eebus.usecases.lpc.insistence import Insistence


@pytest.mark.rule("LPC-L-2.5")
def test_refusals_are_answered_ever_later_and_without_end() -> None:
    insistence = Insistence()

    assert [insistence.refused() for _ in range(4)] == [55.0, 115.0, 175.0, 235.0]


@pytest.mark.rule("SPINE-P-2.6.2")
def test_silence_is_answered_three_times() -> None:
    insistence = Insistence()

    assert [insistence.unanswered() for _ in range(4)] == [30.0, 300.0, 900.0, None]


def test_an_answer_or_a_new_target_starts_anew() -> None:
    insistence = Insistence()
    insistence.unanswered()

    insistence.refused()
    assert insistence.unanswered() == 30.0
    insistence.reset()

    assert (insistence.refused(), insistence.unanswered()) == (55.0, 30.0)
