"""Strict JSON text ⇄ Python values, for peers nobody has vetted (SHIP 11; ship.md 9.1).

Refused: anything but UTF-8, lone surrogates, NaN and infinities, the same key twice in one object,
nesting deeper than 32, numbers longer than 32 characters. The EEBUS shape of objects (arrays of
one-member objects) is not known here: see :mod:`eebus.wire.codec`.
"""

from __future__ import annotations

import json
import math
import re
from typing import Final, TypeAlias

from eebus.wire.errors import LocalUseError, WireError

JsonValue: TypeAlias = "bool | int | float | str | list[JsonValue] | dict[str, JsonValue] | None"

MAX_DEPTH: Final = 32
MAX_NUMBER_LENGTH: Final = 32

# Possessive, and an open string reaches to the end: no text costs more than one pass.
_STRING: Final = re.compile(rb'"(?:[^"\\]++|\\.)*+(?:"|\\?\Z)', re.DOTALL)
_NOT_BRACKETS: Final = bytes(set(range(256)) - set(b"[]{}"))
_AS_SQUARE: Final = bytes.maketrans(b"{}", b"[]")
_SURROGATE: Final = re.compile(rb"\\u[dD][89a-fA-F]")


def loads(data: bytes) -> JsonValue:
    """Value of one JSON text.

    Raises:
        WireError: the text breaks a rule of this module.
    """
    _check_depth(data)
    try:
        value: JsonValue = _DECODER.decode(data.decode("utf-8"))
        if _SURROGATE.search(data):
            _ENCODER.encode(value).encode("utf-8")  # a lone surrogate has no UTF-8 form
    except (UnicodeError, ValueError, RecursionError) as error:
        raise WireError(f"not strict JSON: {error}"[:200]) from None
    return value


def dumps(value: JsonValue) -> bytes:
    """Compact UTF-8 text without white space, members in the order of the mapping.

    Raises:
        LocalUseError: the value has no JSON form (NaN, foreign type, lone surrogate).
    """
    try:
        return _ENCODER.encode(value).encode("utf-8")
    except (TypeError, ValueError, RecursionError) as error:
        raise LocalUseError(f"no JSON form: {error}") from error


def _check_depth(data: bytes) -> None:
    """Peel innermost brackets: one pass per level, each at the speed of ``bytes.replace``."""
    brackets = _STRING.sub(b"", data).translate(_AS_SQUARE, _NOT_BRACKETS)
    for _ in range(MAX_DEPTH):
        if not brackets:
            return
        brackets = brackets.replace(b"[]", b"")
    if brackets:
        raise WireError(f"brackets unbalanced or deeper than {MAX_DEPTH}")


def _object(pairs: list[tuple[str, JsonValue]]) -> dict[str, JsonValue]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise ValueError("key twice in one object")
    return members


def _integer(text: str) -> int:
    if len(text) > MAX_NUMBER_LENGTH:
        raise ValueError(f"number longer than {MAX_NUMBER_LENGTH} characters")
    return int(text)


def _fraction(text: str) -> float:
    if len(text) > MAX_NUMBER_LENGTH:
        raise ValueError(f"number longer than {MAX_NUMBER_LENGTH} characters")
    number = float(text)
    if not math.isfinite(number):
        raise ValueError("number out of range")
    return number


def _constant(text: str) -> float:
    raise ValueError(f"{text} is no JSON number")


_DECODER: Final = json.JSONDecoder(
    object_pairs_hook=_object,
    parse_int=_integer,
    parse_float=_fraction,
    parse_constant=_constant,
)
_ENCODER: Final = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":"))
