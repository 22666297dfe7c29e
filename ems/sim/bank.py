"""The registers of one simulated device, made from the points of its map; pure.

Addresses are zero-based as on the wire. Reading an address that no point declares is refused, as
the real devices do; so are writes to points that may not be written or outside their range.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Literal, TypeAlias

from drivers.api import RefusedError
from drivers.modbus import registers

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from drivers.modbus.mapfile import Point, RegisterSpace

BITS: tuple[str, ...] = ("coil", "discrete")
ALL_ONES = 0xFFFF
WORD_BITS = 16

Refusal: TypeAlias = Literal["address", "value"]


class RefusedWordsError(Exception):
    """The device says no: ``why`` is ``address`` (exception 2) or ``value`` (exception 3)."""

    def __init__(self, why: Refusal) -> None:
        super().__init__(why)
        self.why: Refusal = why


@dataclass(frozen=True, slots=True)
class Written:
    """A point the client has written, as an engineering value."""

    point: str
    value: Fraction


class Bank:
    """Words by register space and address, points by name."""

    def __init__(self, points: Mapping[str, Point]) -> None:
        """Lay out every point that has an address; all words start at 0."""
        self.points = {name: p for name, p in points.items() if p.address is not None}
        self._places = {
            name: range(point.address, point.address + registers.word_count(point))
            for name, point in points.items()
            if point.address is not None
        }
        self._words: dict[str, dict[int, int]] = {}
        for name, point in self.points.items():
            self._words.setdefault(point.reg, {}).update(dict.fromkeys(self._places[name], 0))

    def place(self, name: str) -> range:
        """Addresses of a point."""
        return self._places[name]

    def spans(self) -> dict[str, tuple[int, int]]:
        """Lowest and highest address per register space."""
        return {space: (min(words), max(words)) for space, words in self._words.items()}

    def fill(self, space: RegisterSpace, address: int, words: Sequence[int]) -> None:
        """Lay constant words down, for example a SunSpec marker and model headers."""
        self._words.setdefault(space, {}).update(enumerate(words, start=address))

    def put(self, name: str, value: float) -> None:
        """Show ``value`` (engineering units) at a point; silently nothing where there is none.

        A value that does not fit the register is shown as the nearest one that does, as a real
        device would clip it.
        """
        point = self.points.get(name)
        if point is None:
            return
        if math.isnan(value):
            self._lay(name, [ALL_ONES] * registers.word_count(point))
            return
        try:
            self._lay(name, registers.encode(point, _exact(point, value)))
        except RefusedError:
            self._lay(name, registers.encode_raw(point, _clipped(point, value)))

    def put_raw(self, name: str, raw: int) -> None:
        """Show a number as the device stores it."""
        point = self.points.get(name)
        if point is not None:
            self._lay(name, registers.encode_raw(point, raw))

    def put_text(self, name: str, text: str) -> None:
        """Show a text at a ``string`` point."""
        point = self.points.get(name)
        if point is not None and point.type == "string":
            self._lay(name, registers.encode_text(point, text))

    def read(self, space: str, address: int, count: int) -> list[int]:
        """Words at ``address`` and following.

        Raises:
            RefusedWordsError: one of them belongs to no point.
        """
        words = self._words.get(space, {})
        wanted = range(address, address + count)
        if any(place not in words for place in wanted):
            raise RefusedWordsError("address")
        return [words[place] for place in wanted]

    def write(self, space: str, address: int, words: Sequence[int]) -> list[Written]:
        """Take words from the client and tell which points they are.

        Raises:
            RefusedWordsError: not writable, half a value, or outside the range; nothing changes.
        """
        covered = range(address, address + len(words))
        taken: list[Written] = []
        places: set[int] = set()
        for name, point in self.points.items():
            own = self._places[name]
            if point.reg != space or not point.writable or not set(own) <= set(covered):
                continue
            offset = own[0] - address
            taken.append(Written(name, _decode(point, words[offset : offset + len(own)])))
            places.update(own)
        if places != set(covered):
            raise RefusedWordsError("address")
        self._words[space].update(zip(covered, words, strict=True))
        return taken

    def _lay(self, name: str, words: Sequence[int]) -> None:
        space = self._words[self.points[name].reg]
        space.update(zip(self._places[name], words, strict=True))


def _clipped(point: Point, value: float) -> float:
    """The nearest number the register can hold that does not mean "no value"."""
    low, high = point.range or (None, None)
    value = min(value if low is None else max(value, low), math.inf if high is None else high)
    raw = (value - point.offset) / point.scale
    bits = WORD_BITS * registers.word_count(point)
    if point.type.startswith("float"):
        return raw
    if point.type.startswith("int"):
        return min(max(raw, 1 - 2.0 ** (bits - 1)), 2.0 ** (bits - 1) - 1)
    return min(max(raw, 0.0), 2.0**bits - 2)


def _decode(point: Point, words: Sequence[int]) -> Fraction:
    value = registers.decode(point, words)
    if value is None:
        raise RefusedWordsError("value")
    return value


def _exact(point: Point, value: float) -> Fraction:
    """``value`` to the nearest step of an integer register; floats go as they are."""
    if point.type.startswith("float"):
        return Fraction(value)
    step = abs(Fraction(str(point.scale)))
    return round(Fraction(value) / step) * step
