"""The IEC 61851 letter."""

from __future__ import annotations

from fractions import Fraction

import pytest

from drivers.modbus.mapfile import load_map
from drivers.modbus.status import status_letter, status_points


@pytest.mark.parametrize(
    ("device", "values", "letter"),
    [
        ("keba_p30", {"cable": 3, "charging_state": 1}, "A"),
        ("keba_p30", {"cable": 7, "charging_state": 3}, "C"),
        ("keba_p30", {"cable": 7, "charging_state": 4}, "F"),
        ("keba_p30", {"cable": 7, "charging_state": 5}, "B"),
        ("keba_p30", {"cable": 7, "charging_state": None}, None),
        ("abb_terra_ac", {"status": 0x8400, "cable": 0}, "C"),
        ("abb_terra_ac", {"status": 0x0500, "cable": 0x0101}, "B"),
        ("abb_terra_ac", {"status": 0x0500, "cable": 0x0001}, "A"),
        ("abb_terra_ac", {"status": 0x7F00, "cable": 0}, None),
        ("warp", {"status": 2}, "C"),
        ("warp", {"status": 4}, "E"),
        ("warp", {"status": 99}, None),
        ("warp", {"status": Fraction(1, 2)}, None),
        ("bender_ecu", {"status": 2}, "B"),
    ],
)
def test_registers_tell_the_state_of_the_car(
    device: str, values: dict[str, int | Fraction | None], letter: str | None
) -> None:
    status = load_map(device).status
    assert status is not None

    exact = {name: None if v is None else Fraction(v) for name, v in values.items()}

    assert status_letter(status, exact) == letter


def test_only_the_points_that_matter_are_read() -> None:
    assert status_points(load_map("keba_p30")) == ("cable", "charging_state")
    assert status_points(load_map("abb_terra_ac")) == ("status", "cable")
    assert status_points(load_map("idm")) == ()
