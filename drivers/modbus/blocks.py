"""Which points can be read together (device rules 2.2), pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from drivers.modbus.registers import word_count

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from drivers.modbus.mapfile import Point, RegisterSpace


@dataclass(frozen=True, slots=True)
class Block:
    """One read request; ``points``: the names it fills."""

    space: RegisterSpace
    address: int
    count: int
    points: tuple[str, ...]


def build_blocks(
    points: Mapping[str, Point],
    names: Iterable[str],
    *,
    max_registers: int,
    gap_allowed: bool,
) -> list[Block]:
    """Blocks that cover ``names``: sorted by space and address, at most ``max_registers`` long.

    Without ``gap_allowed`` only points that touch each other are read together.
    """
    placed = [name for name in dict.fromkeys(names) if points[name].address is not None]
    blocks: list[Block] = []
    for name in sorted(
        placed, key=lambda name: (points[name].reg, points[name].address or 0, name)
    ):
        point = points[name]
        space, address = point.reg, point.address or 0
        end = address + word_count(point)
        last = blocks[-1] if blocks else None
        if last is not None and _fits(
            last, space, address, end, max_registers, gap_allowed=gap_allowed
        ):
            count = max(last.count, end - last.address)
            blocks[-1] = Block(space, last.address, count, (*last.points, name))
        else:
            blocks.append(Block(space, address, end - address, (name,)))
    return blocks


def _fits(
    last: Block, space: RegisterSpace, address: int, end: int, longest: int, *, gap_allowed: bool
) -> bool:
    if last.space != space or end - last.address > longest:
        return False
    return gap_allowed or address <= last.address + last.count
