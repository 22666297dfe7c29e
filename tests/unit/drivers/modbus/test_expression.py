"""The expression language of device maps."""

from __future__ import annotations

import contextlib
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.modbus.expression import ExpressionError, parse

NAMES = {"limit_a": Fraction(6087, 1000), "phases": Fraction(3), "old": Fraction(2)}


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("{limit_a}", Fraction(6087, 1000)),
        ("-{limit_a}", Fraction(-6087, 1000)),
        ("1 + 2 * 3", 7),
        ("(1 + 2) * 3", 9),
        ("100 * 4199 / 5000", Fraction(4199, 50)),
        ("phases == 1 ? 0 : 1", 1),
        ("{phases} == 3 ? {limit_a} : 0", Fraction(6087, 1000)),
        ("old | 1", 3),
        ("old & ~1", 2),
        ("0x0101 >> 8", 1),
        ("1 << 4", 16),
        ("6 ^ 3", 5),
        ("min(phases, 2)", 2),
        ("max(10, limit_a)", 10),
        ("floor(limit_a)", 6),
        ("round(limit_a + 0.5)", 7),
        ("phases >= 3", 1),
        ("1 == 1 ? 2 == 2 ? 5 : 6 : 7", 5),
    ],
)
def test_an_expression_has_its_exact_value(text: str, value: Fraction) -> None:
    assert parse(text).evaluate(NAMES) == value


@pytest.mark.parametrize(
    "text",
    [
        "",
        "1 +",
        "(1",
        "1)",
        "import os",
        "a.b",
        "__import__('os')",
        "min(1)",
        "floor(1, 2)",
        "1 ? 2",
        "x" * 201,
        "(" * 60,
        "1?" * 60,
        "--1",
    ],
)
def test_what_is_no_expression_is_refused(text: str) -> None:
    with pytest.raises(ExpressionError):
        parse(text)


@pytest.mark.parametrize(
    "text", ["nobody", "1 / (phases - 3)", "limit_a & 1", "1 << 64", "1 >> 70"]
)
def test_what_has_no_value_is_an_error_and_not_a_number(text: str) -> None:
    with pytest.raises(ExpressionError):
        parse(text).evaluate(NAMES)


def test_an_expression_names_what_it_needs_once() -> None:
    assert parse("cable < 5 ? state : cable").names == ("cable", "state")


@given(st.text(max_size=40))
def test_no_text_makes_the_parser_fail_otherwise(text: str) -> None:
    try:
        expression = parse(text)
    except ExpressionError:
        return
    with contextlib.suppress(ExpressionError):
        expression.evaluate({})
    assert expression.text == text
