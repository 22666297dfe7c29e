"""Both languages are complete, and every placeholder stands in both."""

from __future__ import annotations

import re

import pytest

from ems.cli import texts
from ems.control.reasons import ReasonCode


@pytest.mark.parametrize("code", sorted(texts.ERRORS))
def test_every_error_has_cause_and_cure_with_the_same_placeholders(code: str) -> None:
    message, hint = texts.ERRORS[code]

    for pair in (message, hint):
        german, english = (set(re.findall(r"{(\w+)}", text)) for text in pair)
        assert all(pair)
        assert german == english


@pytest.mark.parametrize("code", list(ReasonCode))
def test_every_reason_has_a_text_in_both_languages(code: ReasonCode) -> None:
    assert all(texts.REASONS[code.value])


def test_an_unknown_alarm_speaks_for_itself() -> None:
    assert texts.alarm("E-NEW-999", texts.DE) == "E-NEW-999"


def test_no_word_is_empty() -> None:
    assert all(german and english for german, english in texts.WORDS.values())
