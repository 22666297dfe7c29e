from __future__ import annotations

import pytest

from eebus.wire.texts import is_printable, shown


@pytest.mark.parametrize("text", ["", "Wärmepumpe 2", "EMS-0007", "a b"])
def test_ordinary_texts_are_printable_and_shown_as_they_are(text: str) -> None:
    assert is_printable(text)
    assert shown(text) == text


@pytest.mark.parametrize("char", ["\n", "\r", "\x00", "\x1b", "\u2028", "\u202e", "\u200b"])
def test_characters_that_could_forge_a_line_are_replaced(char: str) -> None:
    assert not is_printable(f"a{char}b")
    assert shown(f"a{char}b") == "a?b"


def test_long_texts_are_cut() -> None:
    assert shown("x" * 100_000) == "x" * 80
    assert shown("x" * 100_000, 5) == "xxxxx"
