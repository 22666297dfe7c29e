"""No test sleeps for protocol time; where real sockets or threads must turn, 50 ms are the most."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from tests.house.sources import TESTS, place, python_files, tree_of

MAX_SLEEP_S = 0.05
REAL_TIME = ("interop", "scenario", "bench")  # foreign stacks and whole plants run in real time
SLEEPS = ("time.sleep", "asyncio.sleep", "sleep")


def constants_of(tree: ast.Module) -> dict[str, float]:
    """Numbers with a name at the top of the module."""
    return {
        node.targets[0].id: float(node.value.value)
        for node in tree.body
        if isinstance(node, ast.Assign)
        and isinstance(node.targets[0], ast.Name)
        and isinstance(node.value, ast.Constant)
        and isinstance(node.value.value, int | float)
    }


def long_sleeps(tree: ast.Module) -> list[str]:
    """Sleeps above the ceiling, as written; a duration that is not a plain number is not judged."""
    named = constants_of(tree)
    found: list[str] = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and node.args and ast.unparse(node.func) in SLEEPS:
            text = ast.unparse(node.args[0])
            try:
                duration_s = float(ast.literal_eval(node.args[0]))
            except ValueError:
                duration_s = named.get(text, 0.0)
            if duration_s > MAX_SLEEP_S:
                found.append(f"line {node.lineno}: {ast.unparse(node)}")
    return found


def in_real_time(path: Path) -> bool:
    return path.relative_to(TESTS).parts[0] in REAL_TIME


def test_no_test_sleeps_longer_than_fifty_milliseconds() -> None:
    sleepers = {
        place(path): sleeps
        for path in python_files()
        if TESTS in path.parents
        and not in_real_time(path)
        and (sleeps := long_sleeps(tree_of(path)))
    }

    assert sleepers == {}


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("time.sleep(0.2)", 1),
        ("await_me = asyncio.sleep(61)", 1),
        ("PAUSE_S = 0.5\ntime.sleep(PAUSE_S)", 1),
        ("time.sleep(0.05)", 0),
        ("asyncio.sleep(0)", 0),
    ],
)
def test_the_check_sees_literal_and_named_sleeps(text: str, count: int) -> None:
    assert len(long_sleeps(ast.parse(text))) == count
