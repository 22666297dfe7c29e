"""Rounding down to what a device can do, and handing out what the rounding left over.

A value of a device is 0, a point of its step grid between minimum and maximum, or a level. Source:
allocation.md 1.3 ("next smaller possible value"), 3.9 and 4.5 step 6.
"""

from __future__ import annotations

from bisect import bisect_right
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ems.control.filling import Item

ALMOST = 1e-6
"""A computed share this little below a grid point is that grid point; sums are checked exactly."""


def bounds(minimum: int, maximum: int, step: int, levels: tuple[int, ...]) -> tuple[int, int]:
    """Lowest value above 0 (rounded up) and highest value (rounded down) of a device."""
    if levels:
        running = [level for level in levels if level > 0 and level <= maximum]
        return (running[0], running[-1]) if running else (1, 0)
    step = max(step, 1)
    return -(-minimum // step) * step, maximum // step * step


def floor(x: float, step: int, levels: tuple[int, ...]) -> int:
    """Highest value of the device that is not above ``x``."""
    if levels:
        return levels[max(bisect_right(levels, x + ALMOST) - 1, 0)]
    return int((x + ALMOST) // step) * step


def round_down(items: list[Item]) -> None:
    """Book every item's goal, rounded down; nobody falls below what it has already."""
    for item in items:
        x = max(item.x, floor(item.goal, item.step, item.levels))
        item.take(x - item.x)
    for item in reversed(items):  # a goal may exceed its room by a rounding error of the share
        while item.x > item.low and any(room.left < 0 for room, _ in item.uses):
            item.take(_previous(item) - item.x)


def hand_out_left_over(items: list[Item]) -> None:
    """One step each in rank order, round after round, as long as any fits."""
    open_items = [item for item in items if item.x < item.high]
    while open_items:
        _whole_rounds(open_items)
        still_open: list[Item] = []
        for item in open_items:
            more = _next(item) - item.x
            if more > 0 and item.fits(more):
                item.take(more)
                still_open.append(item)
        open_items = still_open


def _whole_rounds(items: list[Item]) -> None:
    """Book as many complete rounds at once as fit: fine steps would take thousands."""
    if any(item.levels for item in items):
        return
    rounds = min((item.high - item.x) // item.step for item in items)
    per_round: dict[int, int] = {}
    rooms = {id(room): room for item in items for room, _ in item.uses}
    for item in items:
        for room, coefficient in item.uses:
            per_round[id(room)] = per_round.get(id(room), 0) + coefficient * item.step
    for key, amount in per_round.items():
        rounds = min(rounds, max(rooms[key].left, 0) // amount)
    if rounds > 0:
        for item in items:
            item.take(rounds * item.step)


def _next(item: Item) -> int:
    if item.levels:
        return item.levels[min(bisect_right(item.levels, item.x), len(item.levels) - 1)]
    return min(item.x + item.step, item.high)


def _previous(item: Item) -> int:
    if item.levels:
        return item.levels[max(bisect_right(item.levels, item.x) - 2, 0)]
    return item.x - item.step
