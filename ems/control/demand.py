"""What a load really wants: a load that stays below its cap lends the rest to others.

The rest is lent only by lowering the load's set-point, never by assuming that it stays low; as soon
as the load comes near its cap it is offered everything again. Source: allocation.md 3.5, 3.6.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from drivers.api import Measurement
    from ems.control.plant import ControlTimings
    from ems.control.scale import Scale

MARGIN_W = 150
MARGIN_PERCENT = 5
"""Head-room over the measured draw of loads controlled in watts."""
MARGIN_FINE_MA, MARGIN_COARSE_MA = 1_500, 2_000
"""Head-room of chargers with steps below 1 A, and of whole amperes (allocation.md 3.6)."""
COARSE_STEP_MA = 1_000
NO_CAR = "A"
"""IEC 61851: no vehicle is connected."""


class Demand:
    """Demand of one load; ``cap_x`` ``None``: it takes whatever it gets."""

    def __init__(self, scale: Scale, timings: ControlTimings) -> None:
        self.cap_x: int | None = None
        self.absent = False
        self._scale = scale
        self._timings = timings
        self._since: float | None = None
        self._least_w = 0
        self._most_w = 0

    def observe(self, reading: Measurement, allowed_x: int, at: float) -> bool:
        """Learn from a reading under the cap ``allowed_x``; tells whether the demand changed."""
        before = (self.cap_x, self.absent)
        if reading.status is not None:
            self.absent = reading.status == NO_CAR
        if reading.power_w is not None:
            self._observe_power(max(reading.power_w, 0), allowed_x, at)
        return before != (self.cap_x, self.absent)

    def _observe_power(self, power_w: int, allowed_x: int, at: float) -> None:
        margin_w = self._margin_w(power_w)
        if self.cap_x is not None and power_w > self._scale.watts(self.cap_x) - margin_w // 2:
            self.cap_x = None
        if allowed_x == 0 or power_w > self._scale.watts(allowed_x) - margin_w:
            self._since = None  # its cap binds, so its wish is unknown
            return
        least_w, most_w = min(self._least_w, power_w), max(self._most_w, power_w)
        if self._since is None or most_w - least_w > margin_w:
            self._since, self._least_w, self._most_w = at, power_w, power_w
            return
        self._least_w, self._most_w = least_w, most_w
        if at - self._since >= self._timings.demand_steady_s:
            self._learn(most_w + margin_w, margin_w)
            self._since = None

    def _learn(self, wanted_w: int, margin_w: int) -> None:
        wanted_x = max(self._scale.x_of(wanted_w), self._scale.min_x)
        if self.cap_x is None or abs(wanted_x - self.cap_x) > self._scale.x_of(margin_w) // 2:
            self.cap_x = wanted_x

    def _margin_w(self, power_w: int) -> int:
        if not self._scale.is_current:
            return max(MARGIN_W, power_w * MARGIN_PERCENT // 100)
        coarse = self._scale.step_x >= COARSE_STEP_MA
        return self._scale.watts(MARGIN_COARSE_MA if coarse else MARGIN_FINE_MA)
