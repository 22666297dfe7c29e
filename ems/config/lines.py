"""Where in a TOML text a key stands: ``tomllib`` does not tell, messages must."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

Path: TypeAlias = "tuple[str | int, ...]"

_ARRAY = re.compile(r"^\s*\[\[([^\]]+)\]\]")
_TABLE = re.compile(r"^\s*\[([^\[\]]+)\]")
_KEY = re.compile(
    r"""^\s*((?:[A-Za-z0-9_-]+|"[^"]*"|'[^']*')(?:\s*\.\s*(?:[A-Za-z0-9_-]+|"[^"]*"|'[^']*'))*)\s*="""
)
_PART = re.compile(r"""[A-Za-z0-9_-]+|"[^"]*"|'[^']*'""")
_STRING = re.compile(
    r"""\"\"\"(?:.|\n)*?\"\"\"|'''(?:.|\n)*?'''|"(?:\\.|[^"\\\n])*"|'[^'\n]*'|\#[^\n]*"""
)


def key_lines(text: str) -> dict[Path, int]:
    """Line (from 1) of every table header and key; entries of ``[[x]]`` are ``("x", index)``."""
    lines: dict[Path, int] = {}
    counts: dict[Path, int] = {}
    table: Path = ()
    for number, line in _statements(text):
        if match := _ARRAY.match(line):
            name = _parts(match.group(1))
            counts[name] = counts.get(name, -1) + 1
            table = (*name, counts[name])
            lines.setdefault(table, number)
        elif match := _TABLE.match(line):
            table = _parts(match.group(1))
            lines.setdefault(table, number)
        elif match := _KEY.match(line):
            lines.setdefault((*table, *_parts(match.group(1))), number)
    return lines


def line_of(lines: Mapping[Path, int], path: Sequence[str | int]) -> int | None:
    """Line of ``path``, or of the nearest table around it."""
    for length in range(len(path), 0, -1):
        if (number := lines.get(tuple(path[:length]))) is not None:
            return number
    return None


def _statements(text: str) -> Iterator[tuple[int, str]]:
    """Lines that begin a statement: not inside a multi-line string or array."""
    hollow = _STRING.sub(_hollow, text)
    depth = 0
    for number, (line, bare) in enumerate(
        zip(text.split("\n"), hollow.split("\n"), strict=True), 1
    ):
        if depth == 0 and bare.strip():
            yield number, line
        if depth > 0 or "=" in bare:
            value = bare if depth > 0 else bare.partition("=")[2]
            depth = max(0, depth + sum(map(value.count, "[{")) - sum(map(value.count, "]}")))


def _hollow(match: re.Match[str]) -> str:
    """A string or comment without its content; line breaks stay so that lines keep their number."""
    text = match.group(0)
    if "\n" in text:
        return "\n".join("_" if index == 0 else "" for index in range(text.count("\n") + 1))
    return "" if text.startswith("#") else "_"


def _parts(dotted: str) -> Path:
    return tuple(part.strip("\"'") for part in _PART.findall(dotted))
