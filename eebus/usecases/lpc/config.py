"""What an LPC controllable system starts with."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from eebus.usecases.limit_values import AfterFailsafe
from eebus.usecases.power_limit import FAILSAFE_DURATION_MAX_S, FAILSAFE_DURATION_MIN_S


@dataclass(frozen=True, slots=True, kw_only=True)
class LpcServerConfig:
    """What the controllable system starts with.

    Attributes:
        failsafe_w: failsafe limit [W, >= 0], configured or restored.
        failsafe_duration_s: failsafe duration minimum [s, 2 h to 24 h].
        failsafe_from_box: the two were written by the energy guard and survived a restart.
        contract_max_w: contractual maximum at the connection [W]; ``None``: not told.
        hold_init_until: after a restart with a limit in force: INIT ends by time alone not before
            this moment [protocol s] (reliability.md 10).
        after_failsafe: whether the machine may become autonomous by time.
        tells_availability: send ``useCaseAvailable`` = true. A server actor leaves it out (guide
            P 2.2), but boxes are known that want to see it (K-08).
    """

    failsafe_w: Decimal
    failsafe_duration_s: float = FAILSAFE_DURATION_MIN_S
    failsafe_from_box: bool = False
    contract_max_w: Decimal | None = None
    hold_init_until: float | None = None
    after_failsafe: AfterFailsafe = AfterFailsafe.AUTONOMOUS_UNLIMITED
    tells_availability: bool = False

    def __post_init__(self) -> None:
        if not (self.failsafe_w.is_finite() and self.failsafe_w >= 0):
            raise ValueError(f"a failsafe limit is a finite number >= 0 W, not {self.failsafe_w}")
        if not FAILSAFE_DURATION_MIN_S <= self.failsafe_duration_s <= FAILSAFE_DURATION_MAX_S:
            raise ValueError(f"a failsafe duration is 2 h to 24 h, not {self.failsafe_duration_s}")
