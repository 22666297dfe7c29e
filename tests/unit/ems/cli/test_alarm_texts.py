"""Every alarm that can be raised has its words, and no words are left over."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from ems.cli.alarm_texts import ALARMS
from ems.control import alarms

EMS = Path(alarms.__file__).parents[1]
COLUMNS = 80
PLACEHOLDER_COLUMNS = 4  # "  → " before what to do


def codes_of_the_core() -> set[str]:
    named = vars(alarms).values()
    return {value for value in named if isinstance(value, str) and value[:2] in ("E-", "W-", "I-")}


def codes_of_the_runtime() -> set[str]:
    """``code`` of every ``Alarm(…)`` below ``ems/runtime`` that is written out."""
    calls = (
        node
        for path in sorted((EMS / "runtime").glob("*.py"))
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "Alarm"
    )
    return {
        keyword.value.value
        for call in calls
        for keyword in call.keywords
        if keyword.arg == "code" and isinstance(keyword.value, ast.Constant)
    }


def test_every_alarm_that_is_raised_has_a_text_and_every_text_an_alarm() -> None:
    assert len(codes_of_the_core()) > 10
    assert len(codes_of_the_runtime()) > 5
    assert codes_of_the_core() | codes_of_the_runtime() == set(ALARMS)


@pytest.mark.parametrize("code", sorted(ALARMS))
def test_an_alarm_says_what_is_the_matter_and_what_to_do_in_both_languages(code: str) -> None:
    (german, english), (was_nun, what_now) = ALARMS[code]

    assert german != english
    assert was_nun != what_now
    assert len(was_nun.split(". ")) + len(was_nun.split("? ")) > 2 or "`" in was_nun


@pytest.mark.parametrize("code", sorted(ALARMS))
def test_what_to_do_fits_on_one_line_of_a_terminal(code: str) -> None:
    assert max(map(len, ALARMS[code][1])) + PLACEHOLDER_COLUMNS <= COLUMNS
