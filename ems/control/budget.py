"""From the ceiling to the budget of all SteuVE together, with own generation credited; pure.

Signs: ``r = p_grid - p_steuve`` is everything else, negative when generation is left over. Source:
14a.md 1.3.2 (formulas, hold, stale meter), allocation.md 1.7 and 3.3 (interval clamp).
"""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ems.control.plant import Attribution

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ems.control.exposure import Exposure
    from ems.control.plant import ControlTimings

GROW_W = 200
"""A held credit is raised in steps of at least this [W], so that noise writes no set-points."""
QUANTUM_W = 100
"""A credit taken back is rounded down to this and by at least this [W]; same reason."""
NOISE_W = 50
"""Import this little above the limit is noise of the meter [W]."""
OPEN_MAX = 16
"""Readings of the meter kept until all loads were read after them; more are not waited for."""
HIGHEST_W = 10_000_000
"""Readings beyond are broken [W]."""


def nwlb(
    attribution: Attribution, grid_w: int, steuve_w: int, generation_w: int | None = None
) -> int:
    """Netzwirksamer Leistungsbezug [W] ≥ 0: what the SteuVE draw from the grid.

    ``steuve_w``: sum of what each draws, ≥ 0. ``generation_w`` ``None``: not measured; then the
    rules that need it fall back to ``STEUVE_LAST``, which never understates.
    """
    match attribution:
        case Attribution.GCP_TOTAL:
            return max(0, grid_w)
        case Attribution.STEUVE_FIRST if generation_w is not None:
            return max(0, min(grid_w, steuve_w - generation_w))
        case Attribution.PRO_RATA if generation_w is not None:
            gross_w = grid_w + generation_w  # SteuVE and all other consumption
            if grid_w <= 0 or gross_w <= 0:
                return 0
            return min(steuve_w, -(-grid_w * steuve_w // gross_w))
        case _:
            return max(0, min(grid_w, steuve_w))


def extra(
    attribution: Attribution, limit_w: int, residual_w: int, generation_w: int | None = None
) -> int:
    """What the budget is above the ceiling (negative: below, ``GCP_TOTAL`` only) [W]."""
    match attribution:
        case Attribution.GCP_TOTAL:
            return max(0, limit_w - residual_w) - limit_w
        case Attribution.STEUVE_FIRST if generation_w is not None:
            return max(0, generation_w)
        case Attribution.PRO_RATA if generation_w is not None:
            other_w = max(0, residual_w + generation_w)
            free_w = limit_w - (other_w - generation_w)
            root = math.isqrt(free_w * free_w + 4 * limit_w * other_w)
            return max(0, (free_w + root) // 2 - limit_w)
        case _:
            return max(0, -residual_w)


def budget(
    attribution: Attribution, limit_w: int, residual_w: int, generation_w: int | None = None
) -> int:
    """Budget without any hold [W]: ``p_steuve`` ≤ budget means NWLB ≤ limit."""
    return limit_w + extra(attribution, limit_w, residual_w, generation_w)


@dataclass(frozen=True, slots=True)
class _Reading:
    power_w: int
    at: float


class Credit:
    """The credit in force: grows after it held for 30 s, is taken back at once, needs a meter."""

    def __init__(self, attribution: Attribution, timings: ControlTimings) -> None:
        self.extra_w = 0
        self._attribution = attribution
        self._timings = timings
        self._grid: _Reading | None = None
        self._open: deque[_Reading] = deque(maxlen=OPEN_MAX)
        self._generation: _Reading | None = None
        self._residual_w: int | None = None
        self._samples: deque[tuple[float, int]] = deque()
        self._covered_from = math.inf
        self._limit_w: int | None = None

    def grid_measured(self, power_w: int, at: float) -> None:
        """A reading of the meter at the connection point; absurd ones are no readings."""
        if abs(power_w) <= HIGHEST_W and (self._grid is None or at >= self._grid.at):
            self._grid = _Reading(power_w, at)
            self._open.append(self._grid)

    def grid_lost(self) -> None:
        """The meter does not answer."""
        self._grid = None

    def generation_measured(self, power_w: int, at: float) -> None:
        """A reading of all own generation together [W] ≥ 0."""
        if 0 <= power_w <= HIGHEST_W:
            self._generation = _Reading(power_w, at)

    def grid_w(self, now: float) -> int | None:
        """Power at the connection point [W]; ``None``: unknown or stale."""
        return self._fresh(self._grid, now)

    def generation_w(self, now: float) -> int | None:
        """Own generation [W]; ``None``: unknown or stale."""
        return self._fresh(self._generation, now)

    def update(self, loads: Sequence[Exposure], limit_w: int | None, now: float) -> None:
        """Bring the credit up to date; ``loads``: the SteuVE; ``limit_w`` ``None``: no ceiling."""
        grid = self._grid
        if grid is None or self.grid_w(now) is None:
            self.forget()
            return
        self._residual_w = residual_w = self._estimate(loads, grid, limit_w, now)
        if limit_w != self._limit_w and self._attribution is Attribution.PRO_RATA:
            self._samples.clear()  # its credit depends on the ceiling itself
            self._covered_from = now
        self._limit_w = limit_w
        raw_w = extra(self._attribution, limit_w or 0, residual_w, self.generation_w(now))
        self._hold(raw_w, now)

    def forget(self) -> None:
        """Begin anew without any credit."""
        self._residual_w = None
        self._open.clear()
        self._samples.clear()
        self._covered_from = math.inf
        self.extra_w = 0

    def _estimate(
        self, loads: Sequence[Exposure], grid: _Reading, limit_w: int | None, now: float
    ) -> int:
        """The last residual unless the readings prove it wrong (allocation.md 3.3) [W], signed."""
        least_w = most_w = 0
        for load in loads:
            low_w, high_w = load.between(grid.at - self._timings.align_s, now)
            if load.fresh_w(now) is not None and not load.read_after(grid.at):
                high_w = max(high_w, load.upper_w(now))  # it may have risen since its reading
            least_w += low_w
            most_w += high_w
        most = grid.power_w - least_w
        residual_w = most if self._residual_w is None else self._residual_w
        residual_w = max(residual_w, grid.power_w - most_w, self._resolve(loads, now))
        if self._is_overdrawn(grid, limit_w):
            residual_w = most  # the meter itself proves it: the lower bound counts at once
        return min(residual_w, most)

    def _is_overdrawn(self, grid: _Reading, limit_w: int | None) -> bool:
        """Whether more comes from the grid than the limit although generation is credited."""
        return limit_w is not None and self.extra_w > 0 and grid.power_w > limit_w + NOISE_W

    def _resolve(self, loads: Sequence[Exposure], now: float) -> int:
        """Lower bound of the residual by meter readings that every load was read around."""
        lowest_w = -HIGHEST_W
        while self._open:
            grid = self._open[0]
            known = all(load.fresh_w(now) is None or load.read_after(grid.at) for load in loads)
            if not known and now - grid.at < self._timings.resolve_s:
                break
            self._open.popleft()
            since = grid.at - self._timings.align_s
            most_w = sum(load.between(since, now, until=grid.at)[1] for load in loads)
            lowest_w = max(lowest_w, grid.power_w - most_w)
        return lowest_w

    def _hold(self, raw_w: int, now: float) -> None:
        self._covered_from = min(self._covered_from, now)
        begin = now  # each sample is the lowest credit from its time to now
        while self._samples and self._samples[-1][1] >= raw_w:
            begin = self._samples.pop()[0]
        self._samples.append((begin, raw_w))
        since = now - self._timings.credit_hold_s
        while len(self._samples) > 1 and self._samples[1][0] <= since:
            self._samples.popleft()
        if raw_w < self.extra_w:
            lower_w = (raw_w - QUANTUM_W) // QUANTUM_W * QUANTUM_W
            self.extra_w = (
                lower_w if self._attribution is Attribution.GCP_TOTAL else max(0, lower_w)
            )
        held_w = self._samples[0][1]
        if self._covered_from <= since and held_w >= self.extra_w + GROW_W:
            self.extra_w = held_w

    def _fresh(self, reading: _Reading | None, now: float) -> int | None:
        if reading is None or now - reading.at > self._timings.meter_stale_s:
            return None
        return reading.power_w
