"""What rounding leaves: taken back where a share was computed too high, handed out by rank."""

from __future__ import annotations

from ems.control.filling import MILLION, Item, Room
from ems.control.rounding import hand_out_left_over, round_down

WATT = MILLION


def item(room: Room, rank: int, *, high: int = 6_000, levels: tuple[int, ...] = ()) -> Item:
    one = Item(
        key=(0, rank, f"d{rank}"), low=levels[1] if levels else 1_000, high=high, step=100,
        levels=levels, need=0, per_lambda=1.0, uses=[(room, WATT)],
    )  # fmt: skip
    one.admit()
    return one


def test_a_goal_above_its_room_is_taken_back_from_the_last_in_rank() -> None:
    room = Room("steuve", "W", 5_950 * WATT)
    first, second = item(room, 1), item(room, 2)
    first.goal = second.goal = 3_000.0  # 50 W more than there is

    round_down([first, second])

    assert (first.x, second.x) == (3_000, 2_900)
    assert room.left == 50 * WATT


def test_a_level_above_its_room_falls_to_the_level_below() -> None:
    room = Room("steuve", "W", 5_999 * WATT)
    stage = item(room, 1, levels=(0, 2_000, 4_000, 6_000))
    stage.goal = 6_000.0

    round_down([stage])

    assert stage.x == 4_000


def test_a_minimum_is_never_taken_back() -> None:
    room = Room("steuve", "W", 2_000 * WATT)
    first, second = item(room, 1), item(room, 2)
    room.left = -WATT
    first.goal = second.goal = 1_000.0

    round_down([first, second])

    assert (first.x, second.x) == (1_000, 1_000)


def test_left_over_goes_by_rank_also_to_the_next_level() -> None:
    room = Room("steuve", "W", 5_150 * WATT)
    stage = item(room, 1, levels=(0, 2_000, 4_000))
    fine = item(room, 2, high=1_150)

    hand_out_left_over([stage, fine])

    assert (stage.x, fine.x) == (4_000, 1_150)
