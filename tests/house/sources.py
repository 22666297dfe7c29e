"""The files of the repository, and what can be read from a test without running it."""

from __future__ import annotations

import ast
import functools
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
TESTS = ROOT / "tests"
PACKAGES = ("eebus", "drivers", "ems", "tools", "tests")
IGNORED = (".venv", ".git", ".pytest_cache", ".mypy_cache", ".ruff_cache", ".hypothesis", "build")

AnyFunction = ast.FunctionDef | ast.AsyncFunctionDef


@functools.cache
def tracked_files() -> tuple[Path, ...]:
    """What belongs to the repository; without git everything that was not built."""
    try:
        listed = subprocess.run(
            ["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True
        ).stdout.decode()
        paths = [ROOT / name for name in listed.split("\0") if name]
    except (OSError, subprocess.CalledProcessError):
        paths = [
            path
            for path in ROOT.rglob("*")
            if not set(path.relative_to(ROOT).parts) & set(IGNORED)
            and not any(part.endswith(".egg-info") for part in path.parts)
        ]
    return tuple(sorted(path for path in paths if path.is_file() and not path.is_symlink()))


@functools.cache
def python_files() -> tuple[Path, ...]:
    """Sources, tools and tests that exist now."""
    return tuple(
        path
        for path in tracked_files()
        if path.suffix == ".py" and path.relative_to(ROOT).parts[0] in PACKAGES
    )


@functools.cache
def tree_of(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"), filename=str(path))


def place(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def functions_of(tree: ast.AST) -> Iterator[AnyFunction]:
    """All functions, nested ones too; expressions are not entered, there are none in them."""
    todo = [tree]
    while todo:
        node = todo.pop()
        if isinstance(node, AnyFunction):
            yield node
        todo += [
            child
            for child in ast.iter_child_nodes(node)
            if isinstance(child, ast.stmt | ast.excepthandler | ast.match_case)
        ]


def is_real_check(node: ast.AST) -> bool:
    """An assert that depends on something, or an expected exception."""
    if isinstance(node, ast.Assert):
        check = node.test
        if isinstance(check, ast.Compare) and len(check.comparators) == 1:
            return ast.dump(check.left) != ast.dump(check.comparators[0])
        return not isinstance(check, ast.Constant | ast.Tuple)
    if isinstance(node, ast.Raise):
        return "AssertionError" in ast.dump(node)
    if isinstance(node, ast.Call):
        return ast.unparse(node.func) in ("pytest.raises", "pytest.fail")
    return False


def has_check(function: ast.AST) -> bool:
    return any(is_real_check(node) for node in ast.walk(function))


def called_names(function: ast.AST) -> set[str]:
    """Names of the functions and methods that are called anywhere inside."""
    names: set[str] = set()
    for node in ast.walk(function):
        if isinstance(node, ast.Call):
            if isinstance(node.func, ast.Name):
                names.add(node.func.id)
            elif isinstance(node.func, ast.Attribute):
                names.add(node.func.attr)
    return names


@functools.cache
def checking_helpers(path: Path) -> frozenset[str]:
    """Functions that assert, of this file and of the test modules it imports."""
    names: set[str] = set()
    for module in (path, *_imported_tests(path)):
        names |= {
            function.name for function in functions_of(tree_of(module)) if has_check(function)
        }
    return frozenset(names)


def _imported_tests(path: Path) -> list[Path]:
    files: list[Path] = []
    for node in ast.walk(tree_of(path)):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("tests."):
            source = ROOT / Path(*str(node.module).split(".")).with_suffix(".py")
            if source.exists():
                files.append(source)
    return files


def can_fail(function: ast.AST, path: Path) -> bool:
    """Whether the test checks something itself or by a helper that does."""
    return has_check(function) or bool(called_names(function) & checking_helpers(path))


@dataclass(frozen=True)
class MarkedTest:
    """A test with its marks of one kind, for example ``field``."""

    path: Path
    name: str
    marks: frozenset[str]
    can_fail: bool


@functools.cache
def marked_tests(kind: str) -> tuple[MarkedTest, ...]:
    """All tests with ``pytest.mark.<kind>("…")`` on the function, its class or its module."""
    found: list[MarkedTest] = []
    for path in python_files():
        if TESTS in path.parents and path.name.startswith(("test_", "bench_")):
            found += _marked_in(path, kind)
    return tuple(found)


def _marked_in(path: Path, kind: str) -> Iterator[MarkedTest]:
    tree = tree_of(path)
    whole = _marks(_module_marks(tree), kind)
    for owner in ast.walk(tree):
        if not isinstance(owner, ast.Module | ast.ClassDef):
            continue
        shared = whole | (
            _marks(owner.decorator_list, kind) if isinstance(owner, ast.ClassDef) else set()
        )
        for function in owner.body:
            if isinstance(function, AnyFunction) and function.name.startswith("test_"):
                marks = shared | _marks(function.decorator_list, kind)
                if marks:
                    yield MarkedTest(
                        path, function.name, frozenset(marks), can_fail(function, path)
                    )


def _module_marks(tree: ast.Module) -> list[ast.AST]:
    return [
        node.value
        for node in tree.body
        if isinstance(node, ast.Assign)
        and any(
            isinstance(target, ast.Name) and target.id == "pytestmark" for target in node.targets
        )
    ]


def _marks(nodes: list[ast.expr] | list[ast.AST], kind: str) -> set[str]:
    """Literal arguments of ``pytest.mark.<kind>(…)`` in decorators, parameters included."""
    return {
        node.args[0].value
        for outer in nodes
        for node in ast.walk(outer)
        if isinstance(node, ast.Call)
        and ast.unparse(node.func) == f"pytest.mark.{kind}"
        and node.args
        and isinstance(node.args[0], ast.Constant)
        and isinstance(node.args[0].value, str)
    }
