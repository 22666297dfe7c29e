"""What a limit consists of: profile of the use case, writes, stored values.

Values are exact ``Decimal`` W as they stand on the wire and finite by construction; durations are
finite seconds. LPC and LPP differ by a :class:`Profile` only.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import Enum, StrEnum, auto
from typing import TYPE_CHECKING, Final, Literal, TypeAlias

if TYPE_CHECKING:
    from decimal import Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """What LPC and LPP differ in.

    Attributes:
        rule_prefix: ``LPC`` or ``LPP``, in front of every rule number.
        use_case, direction, failsafe_key, contract_type: names on the wire.
        sign: ``1``: a valid limit is >= 0 W; ``-1``: it is <= 0 W (LPP 2.8.1).
    """

    rule_prefix: str
    use_case: str
    direction: str
    failsafe_key: str
    contract_type: str
    sign: Literal[1, -1]


LPC: Final = Profile(
    rule_prefix="LPC",
    use_case="limitationOfPowerConsumption",
    direction="consume",
    failsafe_key="failsafeConsumptionActivePowerLimit",
    contract_type="contractualConsumptionNominalMax",
    sign=1,
)
LPP: Final = Profile(
    rule_prefix="LPP",
    use_case="limitationOfPowerProduction",
    direction="produce",
    failsafe_key="failsafeProductionActivePowerLimit",
    contract_type="contractualProductionNominalMax",
    sign=-1,
)


class Keep(Enum):
    """The write says nothing about the duration: a running one goes on, a stored one applies."""

    KEEP = auto()


KEEP: Final = Keep.KEEP
Duration: TypeAlias = float | Literal[Keep.KEEP] | None
"""Validity of a limit [s] counted from reception; ``None``: until changed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LimitWrite:
    """A limit after the partial write was merged into the stored entry [W, signed as written]."""

    value_w: Decimal
    active: bool
    duration_s: Duration = KEEP

    def __post_init__(self) -> None:
        if not self.value_w.is_finite():
            raise ValueError("a limit is a finite number")
        if isinstance(self.duration_s, float) and not 0 <= self.duration_s < math.inf:
            raise ValueError("a duration is finite and not negative")


@dataclass(frozen=True, slots=True, kw_only=True)
class FailsafeWrite:
    """New failsafe values; ``None``: not part of the write. The limit is a magnitude [W]."""

    limit_w: Decimal | None = None
    duration_s: float | None = None

    def __post_init__(self) -> None:
        if self.limit_w is not None and not self.limit_w.is_finite():
            raise ValueError("a failsafe limit is a finite number")
        if self.duration_s is not None and not math.isfinite(self.duration_s):
            raise ValueError("a failsafe duration is finite")


@dataclass(frozen=True, slots=True, kw_only=True)
class Failsafe:
    """Failsafe limit as magnitude [W], failsafe duration minimum [s], and who set them."""

    limit_w: Decimal
    duration_s: float
    from_box: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredLimit:
    """The limit data point: value as written [W], stored duration, end when it is in force."""

    value_w: Decimal
    duration_s: float | None = None
    expires_at: float | None = None


class AfterFailsafe(StrEnum):
    """What INIT and FAILSAFE lead to when no energy guard takes control."""

    AUTONOMOUS_UNLIMITED = "AUTONOMOUS_UNLIMITED"
    HOLD_FAILSAFE = "HOLD_FAILSAFE"


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What the machine starts with.

    Attributes:
        failsafe: values restored from disk or configured.
        value_w: value of the inactive limit before the first write [W].
        after_failsafe: whether transitions 3 and 10 are taken at all (both are MAY).
        hold_init_until: INIT is not left by time alone before this moment [s]; set after a restart
            with a limit in force, so that a power cut never frees a limited site.
    """

    failsafe: Failsafe
    value_w: Decimal
    after_failsafe: AfterFailsafe = AfterFailsafe.AUTONOMOUS_UNLIMITED
    hold_init_until: float | None = None
