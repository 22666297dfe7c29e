"""Progressive filling: raise everybody's share together until something is full (max-min).

``Item`` and ``Room`` are the allocator's working copies of loads and resources; rooms count in
millionths of their unit, so that all sums are exact integers. Source: allocation.md 4.5 step 5.
"""

from __future__ import annotations

from heapq import heapify, heappop, heappush
from typing import TYPE_CHECKING, Final

from ems.control import rounding

if TYPE_CHECKING:
    from collections.abc import Iterable

MILLION: Final = 1_000_000
W_PER_MA: Final = 0.23
"""Watts per milliampere and phase at 230 V, only to compare unlike loads by current."""


class Room:
    """What is left of a resource; ``left`` in millionths, may be negative after pinned loads."""

    __slots__ = ("at", "full", "left", "level", "members", "name", "slope", "unit", "version")

    def __init__(self, name: str, unit: str, left: int) -> None:
        self.name = name
        self.unit = unit
        self.left = left
        self.begin()

    def begin(self) -> None:
        """Forget the filling before this one."""
        self.level = float(self.left)
        self.slope = 0.0
        self.at = 0.0
        self.full = False
        self.version = 0
        self.members: list[Item] = []

    def move(self, share: float) -> None:
        """Let the filling arrive at ``share``."""
        self.level -= self.slope * (share - self.at)
        self.at = share


class Item:
    """A load under allocation; ``x`` is what it has by now and what its rooms have given."""

    __slots__ = (
        "admitted", "bound", "goal", "high", "key", "levels", "low", "missing", "need",
        "per_lambda", "rising", "settled", "step", "uses", "x",
    )  # fmt: skip

    def __init__(  # noqa: PLR0913  # one call, all by keyword: the columns of a working table
        self,
        *,
        key: tuple[int, int, str],
        low: int,
        high: int,
        step: int,
        levels: tuple[int, ...],
        need: int,
        per_lambda: float,
        uses: list[tuple[Room, int]],
    ) -> None:
        self.key = key
        self.low = low
        self.high = high
        self.step = step
        self.levels = levels
        self.need = need
        self.per_lambda = per_lambda
        self.uses = uses
        self.x = 0
        self.goal = 0.0
        self.admitted = False
        self.rising = False
        self.settled = False
        self.bound: Room | None = None
        self.missing = 0

    def fits(self, more: int) -> bool:
        """Whether every room has space for ``more`` on top of ``x``."""
        return all(room.left >= coefficient * more for room, coefficient in self.uses)

    def take(self, more: int) -> None:
        """Book ``more`` (or give back, if negative)."""
        self.x += more
        for room, coefficient in self.uses:
            room.left -= coefficient * more

    def admit(self) -> None:
        """Take the minimum if every room has it; else remember the first room that has not."""
        if self.low > self.high:
            return
        for room, coefficient in self.uses:
            if room.left < coefficient * self.low:
                self.bound = room
                self.missing = -((room.left - coefficient * self.low) // MILLION)
                return
        self.admitted = True
        self.bound = None
        self.take(self.low)

    def space(self) -> int:
        """How much more fits into every room, up to the maximum."""
        more = self.high - self.x
        for room, coefficient in self.uses:
            if coefficient * more > room.left:
                more = max(room.left, 0) // coefficient
                self.bound = room
        return more

    def raise_to_need(self) -> None:
        """Raise the lower bound towards the need, as far as it fits."""
        if self.need > self.x:
            more = min(self.space(), self.need - self.x)
            self.take(rounding.floor(self.x + more, self.step, self.levels) - self.x)

    def concentrate(self) -> None:
        """Take as much as fits; less than the minimum is nothing (strategy ``focus``)."""
        self.admit()
        if self.admitted:
            more = self.space()
            self.take(rounding.floor(self.x + more, self.step, self.levels) - self.x)


def fill(items: list[Item]) -> None:
    """Give every admitted item its max-min ``goal``; rooms are not booked yet.

    Shares rise together: an item starts when the common share reaches what it has already, stops
    at its maximum, and freezes with the first of its rooms that is full.
    """
    if _all_fit(items):
        for item in items:
            item.goal = float(item.high)
        return
    _Filling(items).run()


def _all_fit(items: Iterable[Item]) -> bool:
    wanted: dict[Room, int] = {}
    for item in items:
        more = item.high - item.x
        for room, coefficient in item.uses:
            wanted[room] = wanted.get(room, 0) + coefficient * more
    return all(room.left >= more for room, more in wanted.items())


_START, _STOP, _FULL = 0, 1, 2


class _Filling:
    """One run of the filling, driven by events in the order of the common share."""

    def __init__(self, items: list[Item]) -> None:
        self.items = items
        self.heap: list[tuple[float, int, int, int]] = []
        self.rooms: list[Room] = []
        self.index: dict[Room, int] = {}

    def run(self) -> None:
        self._begin()
        while self.heap:
            share = self.heap[0][0]
            touched: dict[Room, None] = {}
            while self.heap and self.heap[0][0] == share:
                _, kind, number, version = heappop(self.heap)
                self._step(kind, number, version, share, touched)
            for room in touched:
                self._predict(room, share)

    def _begin(self) -> None:
        for number, item in enumerate(self.items):
            item.rising = item.settled = False
            item.goal = float(item.x)
            for room, _ in item.uses:
                if room not in self.index:
                    room.begin()
                    self.index[room] = len(self.rooms)
                    self.rooms.append(room)
                room.members.append(item)
            self.heap.append((item.x / item.per_lambda, _START, number, 0))
        heapify(self.heap)

    def _step(
        self, kind: int, number: int, version: int, share: float, touched: dict[Room, None]
    ) -> None:
        if kind == _FULL:
            room = self.rooms[number]
            if version == room.version and not room.full:
                self._freeze(room, share, touched)
            return
        item = self.items[number]
        if item.settled:
            return
        if kind == _START:
            self._start(item, number, share, touched)
        else:
            self._settle(item, float(item.high), share, touched)

    def _start(self, item: Item, number: int, share: float, touched: dict[Room, None]) -> None:
        full = next((room for room, _ in item.uses if room.full), None)
        if full is not None:
            item.settled = True
            item.bound = full
            return
        item.rising = True
        for room, coefficient in item.uses:
            room.move(share)
            room.slope += coefficient * item.per_lambda
            touched[room] = None
        heappush(self.heap, (item.high / item.per_lambda, _STOP, number, 0))

    def _settle(self, item: Item, goal: float, share: float, touched: dict[Room, None]) -> None:
        item.settled = True
        item.rising = False
        item.goal = goal
        for room, coefficient in item.uses:
            room.move(share)
            room.slope -= coefficient * item.per_lambda
            touched[room] = None

    def _freeze(self, room: Room, share: float, touched: dict[Room, None]) -> None:
        room.full = True
        for item in room.members:
            if item.rising:
                item.bound = room
                self._settle(item, item.per_lambda * share, share, touched)

    def _predict(self, room: Room, share: float) -> None:
        room.version += 1
        if room.full or room.slope <= 0:
            return
        at = max(share, share + room.level / room.slope)
        heappush(self.heap, (at, _FULL, self.index[room], room.version))
