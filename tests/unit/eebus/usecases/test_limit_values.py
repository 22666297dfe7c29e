"""Values that cannot be are not made."""

from __future__ import annotations

import math
from decimal import Decimal

import pytest

from eebus.usecases.limit_values import FailsafeWrite, LimitWrite


@pytest.mark.parametrize("text", ["NaN", "Infinity", "-Infinity"])
def test_a_power_is_a_finite_number(text: str) -> None:
    with pytest.raises(ValueError, match="finite"):
        LimitWrite(value_w=Decimal(text), active=True)
    with pytest.raises(ValueError, match="finite"):
        FailsafeWrite(limit_w=Decimal(text))


@pytest.mark.parametrize("seconds", [-1.0, math.inf, math.nan])
def test_the_validity_of_a_limit_is_finite_and_not_negative(seconds: float) -> None:
    with pytest.raises(ValueError, match="duration"):
        LimitWrite(value_w=Decimal(0), active=True, duration_s=seconds)


def test_a_failsafe_duration_is_finite() -> None:
    with pytest.raises(ValueError, match="duration"):
        FailsafeWrite(duration_s=math.inf)
