"""IEC 61851 letter of a wallbox, as the map's ``status`` says (schema 1.5), pure."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING

from drivers.modbus.expression import ExpressionError, parse

if TYPE_CHECKING:
    from collections.abc import Mapping

    from drivers.modbus.mapfile import MapFile, Status

LETTERS = {letter: Fraction(ord(letter)) for letter in "ABCDEF"}


def status_points(mapfile: MapFile) -> tuple[str, ...]:
    """Points that must be read to know the letter."""
    status = mapfile.status
    if status is None:
        return ()
    texts = [text for text in status.map.values() if len(text) > 1]
    texts += [part for clause in _clauses(status.rule or "") for part in clause]
    names = [status.point] if status.point else []
    for text in texts:
        names += parse(text).names
    return tuple(dict.fromkeys(name for name in names if name in mapfile.points))


def status_letter(status: Status, values: Mapping[str, Fraction | None]) -> str | None:
    """The letter; ``None``: a value is missing or the map does not know this one."""
    known = {name: value for name, value in values.items() if value is not None}
    try:
        if status.method == "two_points":
            return _by_rule(status.rule or "", known)
        return _by_code(status, known)
    except ExpressionError:
        return None


def _by_rule(rule: str, known: Mapping[str, Fraction]) -> str | None:
    """``cond -> letter; cond -> letter; else letter``: the first that holds."""
    for condition, letter in _clauses(rule):
        if parse(condition).evaluate(known):
            return letter
    return None


def _clauses(rule: str) -> list[tuple[str, str]]:
    clauses: list[tuple[str, str]] = []
    for part in filter(None, (text.strip() for text in rule.split(";"))):
        condition, arrow, letter = part.rpartition("->")
        clauses.append(
            (condition, letter.strip()) if arrow else ("1", part.removeprefix("else").strip())
        )
    return clauses


def _by_code(status: Status, known: Mapping[str, Fraction]) -> str | None:
    value = known.get(status.point or "")
    if value is None or value.denominator != 1:
        return None
    code = value.numerator
    if status.method == "bits":
        code >>= status.shift
        code = code if status.mask is None else code & status.mask
    text = status.map.get(code)
    if text is None or text in LETTERS:
        return text
    return chr(parse(text).evaluate({**LETTERS, **known}).numerator)
