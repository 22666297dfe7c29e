"""Every code has a cause and an action in both languages, and both say the same things."""

from __future__ import annotations

import re
import string
from pathlib import Path

import pytest

import ems.config
from ems.config.catalogue import ENTRIES
from ems.config.problem import ConfigError, Problem, guess_of, shown

SOURCES = Path(ems.config.__file__).parent


def fields(text: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(text) if name}


@pytest.mark.parametrize("code", sorted(ENTRIES))
def test_both_languages_fill_in_the_same(code: str) -> None:
    entry = ENTRIES[code]

    assert fields(entry.cause_de) == fields(entry.cause_en)
    assert fields(entry.action_de) == fields(entry.action_en)


@pytest.mark.parametrize("code", sorted(ENTRIES))
def test_every_code_is_raised_somewhere(code: str) -> None:
    texts = [path.read_text() for path in SOURCES.glob("*.py") if path.name != "catalogue.py"]

    assert any(f'"{code}"' in text for text in texts)


def test_every_code_raised_is_in_the_catalogue() -> None:
    texts = "".join(path.read_text() for path in SOURCES.glob("*.py"))

    assert set(re.findall(r'"([EW]-CFG-\d{3})"', texts)) <= set(ENTRIES)


def test_a_line_is_told_in_the_language_of_the_reader() -> None:
    problem = Problem(code="W-CFG-106", line=7)

    assert problem.text("de").startswith("W-CFG-106 Zeile 7: Kein Zähler")
    assert problem.text("en").startswith("W-CFG-106 line 7: No meter")
    assert not problem.fatal


def test_an_error_speaks_for_its_first_problem() -> None:
    error = ConfigError([Problem(code="E-CFG-013", line=3, params={"ids": "a, b"})], "en")

    assert (error.code, error.line) == ("E-CFG-013", 3)
    assert error.message == 'More than one meter with role = "grid": a, b'
    assert error.hint.startswith("Exactly one meter")


def test_a_guess_needs_a_likeness() -> None:
    assert guess_of("Debonce", ["debounce", "level"]) == "debounce"
    assert guess_of("xyz", ["debounce"]) == ""


def test_a_foreign_value_is_shown_on_one_short_line() -> None:
    assert shown("a\nb") == "'a\\nb'"
    assert len(shown("x" * 500)) == 80
