"""Rooms stay small enough to be read: files and functions have a ceiling (style: files 400, 60)."""

from __future__ import annotations

import ast
from pathlib import Path

from tests.house.sources import ROOT, functions_of, place, python_files, tree_of

MAX_LINES = 400
MAX_FUNCTION_LINES = 60
MODEL = ROOT / "eebus" / "spine" / "model"  # generated, reproducible by `make generate`
TABLES = {  # files that are one table each, of rows that only mean something together
    "tests/conformance/spine/test_official_cases.py": 600,
}


def lines_of(path: Path) -> int:
    return len(path.read_text(encoding="utf-8").splitlines())


def body_lines(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Lines from the first statement after the docstring to the last."""
    body = function.body
    if ast.get_docstring(function) is not None:
        body = body[1:]
    return 0 if not body else (body[-1].end_lineno or 0) - body[0].lineno + 1


def test_no_file_is_longer_than_the_house_allows() -> None:
    written = [path for path in python_files() if MODEL not in path.parents]

    too_long = {
        place(path): lines_of(path)
        for path in written
        if lines_of(path) > TABLES.get(place(path), MAX_LINES)
    }

    assert too_long == {}


def test_the_median_file_of_the_product_stays_short() -> None:
    product = [
        lines_of(path)
        for path in python_files()
        if place(path).startswith(("eebus/", "drivers/", "ems/")) and MODEL not in path.parents
    ]

    assert sorted(product)[len(product) // 2] <= 150


def test_no_function_is_longer_than_sixty_lines() -> None:
    too_long = {
        f"{place(path)}::{function.name}": body_lines(function)
        for path in python_files()
        if MODEL not in path.parents
        for function in functions_of(tree_of(path))
        if body_lines(function) > MAX_FUNCTION_LINES
    }

    assert too_long == {}


def test_the_ruler_counts_the_body_only() -> None:
    text = 'def f():\n    """Doc.\n\n    More.\n    """\n    a = 1\n\n    return a\n'
    function = next(functions_of(ast.parse(text)))

    assert body_lines(function) == 3
