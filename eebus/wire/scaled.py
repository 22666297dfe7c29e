"""Scaled numbers: ``number · 10^scale``, exact both ways (SPINE 5.1; guide P 3.2.1).

``scale`` absent counts as 0 on reception and is always sent. ``number`` absent means that there is
no value, which is not 0. Exponents beyond ±18 are refused before anything is computed.
"""

from __future__ import annotations

from decimal import ROUND_DOWN, Context, Decimal, Inexact, InvalidOperation
from typing import Final

import msgspec

from eebus.wire.errors import LocalUseError, WireError

MAX_SCALE: Final = 18
MAX_NUMBER: Final = 2**63 - 1
_EXACT: Final = Context(prec=60, traps=[Inexact, InvalidOperation])
_FREE: Final = Context(prec=60)


class ScaledNumber(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """``ScaledNumberType`` of SPINE with exact arithmetic."""

    number: int | None = None
    scale: int | None = None

    def to_decimal(self) -> Decimal | None:
        """The value, or ``None`` when the peer sent no number.

        Raises:
            WireError: number or scale are beyond what anybody can mean.
        """
        return None if self.number is None else to_decimal(self.number, self.scale)

    @classmethod
    def from_decimal(cls, value: Decimal | int) -> ScaledNumber:
        """The shortest exact form, scale always given.

        Raises:
            LocalUseError: the value is not finite or does not fit.
        """
        number, scale = from_decimal(value)
        return cls(number=number, scale=scale)


def to_decimal(number: int, scale: int | None = None) -> Decimal:
    """Exact value of ``number · 10^scale``.

    Raises:
        WireError: ``number`` beyond 63 bits or ``scale`` beyond ±18.
    """
    exponent = scale or 0
    if abs(exponent) > MAX_SCALE:
        raise WireError(f"scale {exponent} beyond ±{MAX_SCALE}"[:80])
    if abs(number) > MAX_NUMBER:
        raise WireError("number beyond 63 bits")
    return Decimal(number).scaleb(exponent, _EXACT)


def from_decimal(value: Decimal | int) -> tuple[int, int]:
    """``(number, scale)`` of a finite value; whole numbers get scale 0.

    Raises:
        LocalUseError: the value is not finite or does not fit in 63 bits with a scale of ±18.
    """
    exact = Decimal(value)
    if not exact.is_finite():
        raise LocalUseError(f"{exact} is no scaled number")
    sign, digits, shift = exact.as_tuple()
    number, exponent = int("".join(map(str, digits)) or "0"), int(shift)
    while exponent < 0 and number % 10 == 0 and number:
        number, exponent = number // 10, exponent + 1
    if number == 0:
        return 0, 0
    if 0 < exponent <= 2 * MAX_SCALE:
        scale = 0 if number * 10**exponent <= MAX_NUMBER else MAX_SCALE
        number, exponent = number * 10 ** max(exponent - scale, 0), min(exponent, scale)
    if number > MAX_NUMBER or abs(exponent) > MAX_SCALE:
        raise LocalUseError(f"{exact} does not fit into a scaled number")
    return (-number if sign else number), exponent


def floor_to_scale(value: Decimal, scale: int) -> tuple[int, int]:
    """Like :func:`from_decimal` with a fixed scale, rounded towards zero: never above the value."""
    step = Decimal(1).scaleb(scale, _FREE)
    return int((value / step).to_integral_value(ROUND_DOWN)), scale
