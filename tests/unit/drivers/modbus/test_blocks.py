"""Which points are read together."""

from __future__ import annotations

from drivers.modbus.blocks import Block, build_blocks
from drivers.modbus.mapfile import Point

POINTS = {
    "a": Point(address=10, type="uint32"),
    "b": Point(address=12),
    "c": Point(address=15),
    "far": Point(address=140),
    "other": Point(reg="input", address=13),
    "nowhere": Point(),
}


def test_only_touching_points_share_a_request_where_gaps_are_forbidden() -> None:
    blocks = build_blocks(POINTS, POINTS, max_registers=125, gap_allowed=False)

    assert blocks == [
        Block("holding", 10, 3, ("a", "b")),
        Block("holding", 15, 1, ("c",)),
        Block("holding", 140, 1, ("far",)),
        Block("input", 13, 1, ("other",)),
    ]


def test_gaps_are_read_through_where_the_device_allows_it_up_to_the_longest_block() -> None:
    blocks = build_blocks(POINTS, ["c", "a", "far"], max_registers=125, gap_allowed=True)

    assert blocks == [Block("holding", 10, 6, ("a", "c")), Block("holding", 140, 1, ("far",))]


def test_a_device_that_answers_two_registers_at_a_time_gets_one_value_per_request() -> None:
    blocks = build_blocks(POINTS, ["a", "b"], max_registers=2, gap_allowed=False)

    assert [block.count for block in blocks] == [2, 1]
