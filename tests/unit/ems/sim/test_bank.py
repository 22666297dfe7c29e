"""Registers of a simulated device: what the map declares, and refusals as at the real one."""

from __future__ import annotations

from fractions import Fraction

import pytest

from drivers.modbus.mapfile import Point
from ems.sim.bank import Bank, RefusedWordsError, Written

POINTS = {
    "current_limit": Point(
        reg="holding", address=100, type="uint16", scale=0.001, access="w", range=(6, 32)
    ),
    "power": Point(reg="holding", address=110, type="int32", access="r"),
    "little": Point(
        reg="holding", address=120, type="float32", word_order="little", access="rw", scale=1000
    ),
    "enable": Point(reg="coil", address=7, type="bool", access="rw"),
    "name": Point(reg="input", address=1, type="string", count=4),
}


def test_a_value_is_shown_in_the_words_of_its_point() -> None:
    bank = Bank(POINTS)

    bank.put("power", -2)

    assert bank.read("holding", 110, 2) == [0xFFFF, 0xFFFE]


def test_little_word_order_and_scale_are_obeyed() -> None:
    bank = Bank(POINTS)

    bank.put("little", 3_100.0)

    assert bank.read("holding", 120, 2) == [0x6666, 0x4046]


def test_an_unknown_value_is_shown_as_all_ones() -> None:
    bank = Bank(POINTS)

    bank.put("power", float("nan"))

    assert bank.read("holding", 110, 2) == [0xFFFF, 0xFFFF]


def test_a_text_fills_its_registers() -> None:
    bank = Bank(POINTS)

    bank.put_text("name", "AB")

    assert bank.read("input", 1, 4) == [0x4142, 0, 0, 0]


def test_a_point_the_device_does_not_have_is_passed_over() -> None:
    bank = Bank(POINTS)

    bank.put("soc", 50)
    bank.put_raw("soc", 50)
    bank.put_text("soc", "50")

    assert bank.spans() == {"holding": (100, 121), "coil": (7, 7), "input": (1, 4)}


def test_reading_what_no_point_declares_is_an_illegal_address() -> None:
    bank = Bank(POINTS)

    with pytest.raises(RefusedWordsError, match="address"):
        bank.read("holding", 100, 2)
    with pytest.raises(RefusedWordsError, match="address"):
        bank.read("discrete", 7, 1)


def test_a_write_is_told_as_an_engineering_value() -> None:
    bank = Bank(POINTS)

    assert bank.write("holding", 100, [6_087]) == [Written("current_limit", Fraction(6_087, 1000))]
    assert bank.write("coil", 7, [1]) == [Written("enable", Fraction(1))]
    assert bank.read("holding", 100, 1) == [6_087]


@pytest.mark.parametrize("words", [[5_999], [32_001]])
def test_a_write_outside_the_range_is_an_illegal_value_and_changes_nothing(
    words: list[int],
) -> None:
    bank = Bank(POINTS)
    bank.write("holding", 100, [10_000])

    with pytest.raises(RefusedWordsError, match="value"):
        bank.write("holding", 100, words)

    assert bank.read("holding", 100, 1) == [10_000]


@pytest.mark.parametrize(
    ("address", "words"),
    [(110, [0, 1]), (120, [0]), (100, [10_000, 1]), (500, [1])],
    ids=["read-only", "half a value", "beyond the point", "no point"],
)
def test_a_write_that_does_not_fit_the_points_is_an_illegal_address(
    address: int, words: list[int]
) -> None:
    bank = Bank(POINTS)

    with pytest.raises(RefusedWordsError, match="address"):
        bank.write("holding", address, words)


def test_constant_words_can_be_laid_beside_the_points() -> None:
    bank = Bank(POINTS)

    bank.fill("holding", 40_000, [0x5375, 0x6E53])

    assert bank.read("holding", 40_000, 2) == [0x5375, 0x6E53]


@pytest.mark.parametrize(
    ("point", "value", "words"),
    [
        (Point(reg="holding", address=0, type="int16", access="r"), 70_000, [0x7FFF]),
        (Point(reg="holding", address=0, type="int16", access="r"), -70_000, [0x8001]),
        (Point(reg="holding", address=0, type="uint16", access="r"), 70_000, [0xFFFE]),
        (Point(reg="holding", address=0, type="uint16", access="r"), -5, [0]),
        (Point(reg="holding", address=0, type="uint32", scale=0.1), 5e9, [0xFFFF, 0xFFFE]),
        (Point(reg="holding", address=0, type="uint16", range=(0, 32)), 48, [32]),
        (Point(reg="holding", address=0, type="uint16", range=(6, None)), 3, [6]),
        (Point(reg="holding", address=0, type="float32", range=(-1, 1)), -5, [0xBF80, 0]),
    ],
)
def test_a_value_that_does_not_fit_is_shown_as_the_nearest_that_does(
    point: Point, value: float, words: list[int]
) -> None:
    bank = Bank({"it": point})

    bank.put("it", value)

    assert bank.read("holding", 0, len(words)) == words
