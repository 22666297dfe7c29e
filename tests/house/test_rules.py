"""Every official case, field failure and invariant that concerns us has a test that can fail."""

from __future__ import annotations

import ast
import re

import pytest

from tests.house.sources import ROOT, has_check, marked_tests, tree_of
from tools.conformance_report import PAGE, load_cases

CASES, WAITING = load_cases()
APPLICABLE = [case.id for case in CASES if case.applies]
FIELD = [
    *(f"F-{n:02}" for n in (*range(1, 12), 13, 14, *range(17, 27), 29, 30, 33, 34)),
    *(f"C-{n:02}" for n in range(1, 14)),
]
INVARIANTS = [f"I-{n:02}" for n in (1, 2, 3, 4, 5, 6, 9, 10, 14, 16)]


def proven(kind: str) -> set[str]:
    return {mark for test in marked_tests(kind) if test.can_fail for mark in test.marks}


def test_as_many_cases_apply_as_the_references_say() -> None:
    counts = {
        name: len([case for case in CASES if case.applies and case.specification == name])
        for name in ("SHIP", "SPINE", "LPC")
    }

    assert counts == {"SHIP": 32, "SPINE": 31, "LPC": 39}
    assert sum(WAITING.values()) + len(CASES) == 267


@pytest.mark.parametrize("case", APPLICABLE)
def test_every_official_case_that_applies_has_a_test_that_can_fail(case: str) -> None:
    assert case in proven("rule")


@pytest.mark.parametrize("failure", FIELD)
def test_every_failure_of_the_field_has_a_test_that_can_fail(failure: str) -> None:
    assert failure in proven("field")


@pytest.mark.parametrize("invariant", INVARIANTS)
def test_every_invariant_has_a_test_that_can_fail(invariant: str) -> None:
    assert invariant in proven("invariant")


def test_every_marked_test_can_fail() -> None:
    cannot = [
        f"{test.path.relative_to(ROOT)}::{test.name}"
        for kind in ("rule", "field", "invariant")
        for test in marked_tests(kind)
        if not test.can_fail
    ]

    assert cannot == []


def test_no_test_names_an_official_case_that_does_not_exist() -> None:
    named = {
        mark for test in marked_tests("rule") for mark in test.marks if re.match(r"A?TC_", mark)
    }

    assert named <= {case.id for case in CASES}


def test_the_written_report_knows_every_case_and_leaves_none_open() -> None:
    rows = re.findall(r"^\| (A?TC_\w+) \| [^|]+ \| \w+ \| ([^|]+) \|", PAGE.read_text(), re.M)

    assert dict(rows) == {case.id: "passed" if case.applies else "not applicable" for case in CASES}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("def test_x():\n    assert True", False),
        ("def test_x():\n    assert a == a", False),
        ("def test_x():\n    assert (a == 1, 'always true')", False),
        ("def test_x():\n    a == 1", False),
        ("def test_x():\n    assert a == 1", True),
        ("def test_x():\n    with pytest.raises(ValueError):\n        f()", True),
    ],
)
def test_the_check_of_checks_tells_toys_from_tests(text: str, expected: bool) -> None:
    assert has_check(ast.parse(text)) is expected


def test_the_check_reads_this_file_too() -> None:
    assert has_check(tree_of(ROOT / "tests" / "house" / "test_rules.py"))
