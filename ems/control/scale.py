"""Between watts and a load's own unit ``x`` (mA per phase, or W), by one voltage snapshot.

The snapshot is never below nominal voltage and moves in whole volts with hysteresis, so that a
granted minimum never becomes 5.9 A and noise of the mains writes no set-points. The phases a car
really uses count once they are seen (R-14A-19). Source: allocation.md 1.1, 1.2; first-plant.md 4.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from drivers.api import ControlUnit
from ems.control import rounding
from ems.control.filling import MILLION
from ems.control.plant import NOMINAL_MV

if TYPE_CHECKING:
    from collections.abc import Sequence

    from drivers.api import Capability, Measurement, Setpoint
    from ems.control.plant import Load

LOWEST_MV, HIGHEST_MV = 200_000, 260_000
"""Readings outside are induced or broken (allocation.md 1.2) [mV]."""
STEP_MV = 1_000
HYSTERESIS_MV = 2_000
IN_USE_MA = 500
"""A phase with at least this current is in use (allocation.md 1.2) [mA]."""
DRAWING_MA = 4_000
PHASES_SEEN_S = 10.0
RATED_SLACK_PERCENT = 1
"""16 A on three phases are 11,040 W of a wallbox registered with 11,000 W."""


class Scale:
    """Conversions of one load; refined by what is measured."""

    def __init__(self, load: Load, capability: Capability) -> None:
        self.load = load
        self.phases = load.phases
        self._snapshot_mv = NOMINAL_MV
        self._fewer_since: float | None = None
        self.fit(capability)

    def fit(self, capability: Capability) -> None:
        """Take the range of the device over; kept at hand, because every decision asks for it.

        ``is_current``: ``x`` counts milliampere per phase. ``min_x``: smallest value above 0.
        ``step_x``: grid of values; 1 for levels. ``levels``: ascending powers [W], empty unless the
        load knows levels only. ``max_x``: what the load may use when it is free: its range, bounded
        by its registered power.
        """
        self.capability = capability
        self.is_current = capability.control is ControlUnit.CURRENT
        has_levels = capability.control is ControlUnit.LEVELS
        self.levels = capability.levels_w if has_levels else ()
        self.min_x = self._least()
        self.step_x = self._grid()
        self.max_x = self._most()

    @property
    def uw_per_x(self) -> int:
        """Microwatts per unit of ``x``."""
        return self.phases * self._snapshot_mv if self.is_current else MILLION

    def _least(self) -> int:
        c = self.capability
        if self.is_current:
            return c.min_ma
        return c.levels_w[1] if len(c.levels_w) > 1 else c.min_w

    def _grid(self) -> int:
        c = self.capability
        if self.is_current:
            return max(c.step_ma, 1)
        return 1 if c.levels_w else max(c.step_w, 1)

    def _most(self) -> int:
        c = self.capability
        if self.is_current:
            rated_uw = self.load.rated_w * MILLION * (100 + RATED_SLACK_PERCENT) // 100
            most = min(c.max_ma, rated_uw // (self.load.phases * NOMINAL_MV))
        else:
            most = min(c.max_w or self.load.rated_w, self.load.rated_w)
        return self.levels[-1] if self.levels else most // self.step_x * self.step_x

    def watts(self, x: int) -> int:
        """Power at ``x`` [W], rounded up: for what may be drawn."""
        return -(-x * self.uw_per_x // MILLION)

    def x_of(self, power_w: int) -> int:
        """Least ``x`` that covers ``power_w``, rounded up."""
        return -(-power_w * MILLION // self.uw_per_x)

    def x_of_setpoint(self, setpoint: Setpoint) -> int:
        """The ``x`` a device is told or says it obeys."""
        if self.is_current and setpoint.current_ma is not None:
            return setpoint.current_ma
        return setpoint.power_w if not self.is_current else self.x_of(setpoint.power_w)

    def floor(self, x: int) -> int:
        """Next smaller value the load can take; 0 below its minimum."""
        value = rounding.floor(x, self.step_x, self.levels)
        return value if value >= self.min_x else 0

    def observe(self, reading: Measurement, now: float) -> bool:
        """Learn voltage and phases from a reading; tells whether the scale changed."""
        before = self.uw_per_x
        known = [mv for mv in reading.voltages_mv if mv and LOWEST_MV <= mv <= HIGHEST_MV]
        if known:
            self._observe_voltage(max(known))
        if self.is_current:
            self._observe_phases(reading.currents_ma, now)
        return self.uw_per_x != before

    def _observe_voltage(self, highest_mv: int) -> None:
        wanted_mv = max(NOMINAL_MV, -(-highest_mv // STEP_MV) * STEP_MV)
        if wanted_mv > self._snapshot_mv or wanted_mv <= self._snapshot_mv - HYSTERESIS_MV:
            self._snapshot_mv = wanted_mv

    def _observe_phases(self, currents_ma: Sequence[int | None], now: float) -> None:
        """An unknown phase proves nothing: it neither frees a phase nor gives one back (I-03)."""
        wired = self.load.phases
        known = [ma for ma in currents_ma if ma is not None]
        used = sum(1 for ma in known if ma >= IN_USE_MA)
        if used > self.phases:
            self.phases, self._fewer_since = wired, None
        if len(known) < max(wired, len(currents_ma)):
            self._fewer_since = None
            return
        if max(known) < DRAWING_MA or used >= wired:
            self.phases, self._fewer_since = wired, None
            return
        if self._fewer_since is None:
            self._fewer_since = now
        if now - self._fewer_since >= PHASES_SEEN_S:
            self.phases = used
