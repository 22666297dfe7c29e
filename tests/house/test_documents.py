"""Documents exist, decisions are numbered once, nothing private leaks."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

import pytest

from tests.house.sources import ROOT, place, tracked_files

BINARY = (".png", ".jpg", ".gif", ".svg", ".db", ".p12", ".der")
DECISION = re.compile(r"(\d{4})-[a-z0-9-]+\.md")

HOMES = r"/(?:home|Users)/(?!ems\b|pi\b|runner\b|you\b|<)[A-Za-z0-9_.-]+/"
WORKSHOPS = r"/" + r"(?:work|root)/[A-Za-z0-9_.-]+"
MACHINE_PATH = re.compile(rf"(?<![\w.~}}/:-])(?:{HOMES}|{WORKSHOPS})")
REGISTRY_HOSTS = (  # written in parts, so that this file does not name them
    "pypi" + ".org",
    "python" + "hosted.org",
    "crates" + ".io",
    "proxy.golang" + ".org",
    "sum.golang" + ".org",
    "registry.npmjs" + ".org",
)


def texts() -> list[tuple[Path, str]]:
    return [
        (path, path.read_text(encoding="utf-8", errors="replace"))
        for path in tracked_files()
        if path.suffix not in BINARY
    ]


@pytest.mark.parametrize(
    "name",
    [
        "README.md",
        "CHANGELOG.md",
        "CONTRIBUTING.md",
        "SECURITY.md",
        "LICENSE",
        "docs/architecture.md",
        "docs/borders.md",
        "docs/conformance.md",
    ],
)
def test_the_document_is_there_and_says_something(name: str) -> None:
    assert len((ROOT / name).read_text(encoding="utf-8")) > 300


def test_every_decision_has_a_number_of_its_own() -> None:
    names = [path.name for path in (ROOT / "docs" / "decisions").glob("*.md")]

    numbers = Counter(found.group(1) for name in names if (found := DECISION.fullmatch(name)))

    assert sum(numbers.values()) == len([name for name in names if name != "README.md"])
    assert [number for number, count in numbers.items() if count > 1] == []


def test_every_decision_starts_with_a_title() -> None:
    untitled = [
        path.name
        for path in (ROOT / "docs" / "decisions").glob("*.md")
        if not path.read_text(encoding="utf-8").startswith("# ")
    ]

    assert untitled == []


def test_no_file_names_a_path_of_the_machine_it_was_written_on() -> None:
    leaks = {place(path): found for path, text in texts() if (found := MACHINE_PATH.findall(text))}

    assert leaks == {}


def test_no_file_names_the_host_of_a_package_registry() -> None:
    named = {
        place(path): hosts
        for path, text in texts()
        if (hosts := [host for host in REGISTRY_HOSTS if host in text])
    }

    assert named == {}


@pytest.mark.parametrize(
    ("text", "is_leak"),
    [
        ("see /" + "work/main/x.py", True),
        ('open("/' + 'root/brief")', True),
        ("cd /home/" + "somebody/src", True),
        ("/home/pi/ems", False),
        ("docs/work/plan", False),
        ("/etc/ems/ems.toml", False),
    ],
)
def test_the_check_of_paths_tells_them_apart(text: str, is_leak: bool) -> None:
    assert bool(MACHINE_PATH.search(text)) is is_leak
