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
    return Encoder(point).words(_exact(value))


class Encoder:
    """``encode`` for one point, taken apart once: a limit to 64 devices waits for it 64 times."""

    __slots__ = ("_bounds", "_point", "_raw", "_scaling")

    def __init__(self, point: Point) -> None:
        """Works in whole numbers: raw = (n * a - d * b) // (d * c) for a value n / d."""
        scale, offset = _scaling(point.scale, point.offset)
        self._point = point
        self._scaling = (
            offset.denominator * scale.denominator,
            offset.numerator * scale.denominator,
            offset.denominator * scale.numerator,
        )
        self._bounds = _bounds(point.range)
        self._raw = self._float if point.type in ("float32", "float64") else self._integer

    def words(self, value: Exact) -> list[int]:
        """Words for an exact engineering value.

        Raises:
            RefusedError: outside the point's range or type.
        """
        above, below = value.numerator, value.denominator
        low, high = self._bounds
        if (low is not None and above * low[1] < low[0] * below) or (
            high is not None and above * high[1] > high[0] * below
        ):
            point = self._point
            raise RefusedError(f"{float(value):g} {point.unit or ''} is outside {point.range}")
        factor, shift, divisor = self._scaling
        return encode_raw(self._point, self._raw(above * factor - below * shift, below * divisor))

    def _integer(self, above: int, below: int) -> int:
        """Towards zero."""
        return above // below if (above >= 0) == (below > 0) else -(-above // below)

    def _float(self, above: int, below: int) -> float:
        return _float_towards_zero(Fraction(above, below), _FORMATS[self._point.type][0])


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


_Bound: TypeAlias = "tuple[int, int] | None"


@lru_cache(maxsize=256)
def _bounds(limits: tuple[float | None, float | None] | None) -> tuple[_Bound, _Bound]:
    """Lowest and highest value as numerator and denominator."""
    low, high = limits or (None, None)
    return (
        None if low is None else Fraction(str(low)).as_integer_ratio(),
        None if high is None else Fraction(str(high)).as_integer_ratio(),
    )


def _in_range(point: Point, value: Fraction) -> bool:
    low, high = _bounds(point.range)
    return (low is None or value >= Fraction(*low)) and (high is None or value <= Fraction(*high))


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
