"""Values of points ⇄ register words, pure (device map schema 1.3).

Decoding gives the exact engineering value (``Fraction``) or ``None`` for *no value*. Encoding
rounds towards zero, so that a register never says more than was granted (I-09, F-21); a value
outside the point's range is refused instead of bent.
"""

from __future__ import annotations

import math
import struct
from decimal import Decimal
from fractions import Fraction
from functools import lru_cache
from typing import TYPE_CHECKING, Final, TypeAlias

from drivers.api import RefusedError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from drivers.modbus.mapfile import Point

Number: TypeAlias = int | float | Decimal | Fraction
Exact: TypeAlias = Fraction | int

_FORMATS: Final[dict[str, tuple[str, int]]] = {
    "uint8": ("H", 1),
    "int16": ("h", 1),
    "uint16": ("H", 1),
    "bitfield16": ("H", 1),
    "bool": ("H", 1),
    "int32": ("i", 2),
    "uint32": ("I", 2),
    "bitfield32": ("I", 2),
    "int64": ("q", 4),
    "uint64": ("Q", 4),
    "float32": ("f", 2),
    "float64": ("d", 4),
}


def word_count(point: Point) -> int:
    """Registers (or coils) the point occupies."""
    if point.type in ("string", "bytes"):
        return point.count or 1
    return _FORMATS[point.type][1]


def decode_raw(point: Point, words: Sequence[int]) -> int | float | str:
    """The number as the device stores it; text for ``string`` and ``bytes``.

    ``words`` may be longer than the point needs. A point of several equal elements gives its first.
    """
    size = word_count(point)
    if len(words) < size:
        raise ValueError(f"{size} registers wanted, {len(words)} there")
    data = _to_bytes(point, words[:size])
    if point.type == "string":
        return data.split(b"\0")[0].decode("latin-1").strip()
    if point.type == "bytes":
        return data.hex()
    (raw,) = struct.unpack(">" + _FORMATS[point.type][0], data)
    if isinstance(raw, float):
        return raw
    number = int(raw)
    if point.shift:
        number >>= point.shift
    return number if point.mask is None else number & point.mask


def decode(point: Point, words: Sequence[int]) -> Fraction | None:
    """Engineering value, exact; ``None``: the device has none (NaN pattern, out of range, text)."""
    raw = decode_raw(point, words)
    if isinstance(raw, str) or not math.isfinite(raw) or raw in point.nan:
        return None
    scale, offset = _scaling(point.scale, point.offset)
    value = Fraction(raw) * scale + offset
    return value if _in_range(point, value) else None


def decode_text(point: Point, words: Sequence[int]) -> str | None:
    """Text of a ``string`` or ``bytes`` point; ``None``: empty or all ones."""
    text = decode_raw(point, words)
    if all(word == 0xFFFF for word in words) or not isinstance(text, str):  # noqa: PLR2004 - all ones
        return None
    return text or None


def encode(point: Point, value: Number) -> list[int]:
    """Words for an engineering value, rounded towards zero.

    Raises:
        RefusedError: outside the point's range or type, or not a finite number.
    """
    exact = _exact(value)
    if not _in_range(point, exact):
        raise RefusedError(f"{float(exact):g} {point.unit or ''} is outside {point.range}")
    scale, offset = _scaling(point.scale, point.offset)
    if point.type in ("float32", "float64"):
        raw = (exact - offset) / scale
        return encode_raw(point, _float_towards_zero(raw, _FORMATS[point.type][0]))
    return encode_raw(point, _raw_towards_zero(exact, scale, offset))


def encode_raw(point: Point, raw: float) -> list[int]:
    """Words for a number as the device stores it.

    Raises:
        RefusedError: the number does not fit the type.
    """
    if point.type in ("string", "bytes"):
        raise RefusedError(f"a {point.type} is not a number")
    code, _size = _FORMATS[point.type]
    try:
        data = struct.pack(">" + code, raw if code in "fd" else int(raw))
    except (struct.error, OverflowError, ValueError) as error:
        raise RefusedError(f"{raw} does not fit {point.type}") from error
    return _to_words(point, data)


def encode_text(point: Point, text: str) -> list[int]:
    """Words of a ``string`` point, filled up with zeros."""
    return _to_words(
        point, text.encode("latin-1")[: 2 * word_count(point)].ljust(2 * word_count(point), b"\0")
    )


def _to_bytes(point: Point, words: Sequence[int]) -> bytes:
    ordered = words if _keeps_order(point) else list(reversed(words))
    data = struct.pack(f">{len(ordered)}H", *ordered)
    return data if point.byte_order == "big" else _swapped(data)


def _to_words(point: Point, data: bytes) -> list[int]:
    data = data if point.byte_order == "big" else _swapped(data)
    words = list(struct.unpack(f">{len(data) // 2}H", data))
    return words if _keeps_order(point) else words[::-1]


def _keeps_order(point: Point) -> bool:
    return point.word_order == "big" or point.type in ("string", "bytes")


def _swapped(data: bytes) -> bytes:
    return b"".join(data[i + 1 : i + 2] + data[i : i + 1] for i in range(0, len(data), 2))


def _exact(value: Number) -> Exact:
    if isinstance(value, int | Fraction):
        return value
    try:
        return Fraction(value)
    except (ValueError, OverflowError) as error:
        raise RefusedError(f"{value} is not a number") from error


@lru_cache(maxsize=256)
def _scaling(scale: float, offset: float) -> tuple[Fraction, Fraction]:
    """0.1 in a map means one tenth, not the nearest binary fraction."""
    return Fraction(str(scale)), Fraction(str(offset))


@lru_cache(maxsize=256)
def _bounds(limits: tuple[float | None, float | None]) -> tuple[Fraction | None, Fraction | None]:
    low, high = limits
    return (
        None if low is None else Fraction(str(low)),
        None if high is None else Fraction(str(high)),
    )


def _in_range(point: Point, value: Exact) -> bool:
    if point.range is None:
        return True
    low, high = _bounds(point.range)
    above = low is None or _not_above(low, value)
    return above and (high is None or _not_above(value, high))


def _not_above(left: Exact, right: Exact) -> bool:
    """``left <= right`` in whole numbers: three times as fast as comparing fractions."""
    return left.numerator * right.denominator <= right.numerator * left.denominator


def _raw_towards_zero(value: Exact, scale: Fraction, offset: Fraction) -> int:
    """``trunc((value - offset) / scale)`` in whole numbers; a limit to 64 devices waits here."""
    above = (
        value.numerator * offset.denominator - offset.numerator * value.denominator
    ) * scale.denominator
    below = value.denominator * offset.denominator * scale.numerator
    return above // below if (above >= 0) == (below > 0) else -(-above // below)


def _float_towards_zero(value: Fraction, code: str) -> float:
    """Nearest float of this width whose magnitude is not above ``value``."""
    try:
        (nearest,) = struct.unpack(">" + code, struct.pack(">" + code, float(value)))
    except OverflowError as error:
        raise RefusedError(f"{float(value):g} does not fit a float") from error
    if abs(Fraction(nearest)) <= abs(value):
        return float(nearest)
    integer = "I" if code == "f" else "Q"
    (bits,) = struct.unpack(">" + integer, struct.pack(">" + code, nearest))
    (below,) = struct.unpack(">" + code, struct.pack(">" + integer, bits - 1))
    return float(below)
