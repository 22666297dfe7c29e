from __future__ import annotations

from decimal import Decimal

import pytest

from eebus.wire import scaled
from eebus.wire.errors import LocalUseError, WireError
from eebus.wire.scaled import ScaledNumber


@pytest.mark.parametrize(
    ("number", "scale", "value"),
    [
        (4200, 0, "4200"),
        (42, 2, "4200"),
        (4200, None, "4200"),
        (12345, -4, "1.2345"),
        (-1, 3, "-1000"),
        (0, 18, "0"),
        (2**63 - 1, -18, "9.223372036854775807"),
    ],
)
def test_scaled_numbers_are_exact(number: int, scale: int | None, value: str) -> None:
    assert ScaledNumber(number=number, scale=scale).to_decimal() == Decimal(value)


def test_no_number_is_no_value_and_not_zero() -> None:
    assert ScaledNumber(scale=0).to_decimal() is None


@pytest.mark.parametrize(("number", "scale"), [(1, 19), (1, -19), (1, 10**30), (2**63, 0)])
def test_absurd_scales_and_numbers_are_refused_before_computing(number: int, scale: int) -> None:
    with pytest.raises(WireError):
        scaled.to_decimal(number, scale)


@pytest.mark.parametrize(
    ("value", "form"),
    [
        ("4200", (4200, 0)),
        ("4.2E+3", (4200, 0)),
        ("0", (0, 0)),
        ("-0.00", (0, 0)),
        ("6.50", (65, -1)),
        ("-1.25", (-125, -2)),
        ("1E+19", (10, 18)),
    ],
)
def test_decimals_take_their_shortest_form_with_a_scale(value: str, form: tuple[int, int]) -> None:
    made = ScaledNumber.from_decimal(Decimal(value))

    assert (made.number, made.scale) == form
    assert made.to_decimal() == Decimal(value)


@pytest.mark.parametrize("value", ["NaN", "Infinity", "1E-19", "1E+40", "9223372036854775808.5"])
def test_values_that_do_not_fit_are_our_own_mistake(value: str) -> None:
    with pytest.raises(LocalUseError):
        scaled.from_decimal(Decimal(value))


def test_a_fixed_scale_rounds_towards_zero() -> None:
    assert scaled.floor_to_scale(Decimal("13.29"), -1) == (132, -1)
    assert scaled.floor_to_scale(Decimal("4299.9"), 2) == (42, 2)
    assert scaled.floor_to_scale(Decimal("-13.29"), -1) == (-132, -1)
