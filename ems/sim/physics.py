"""The plant of the site simulator: everything that draws or makes power, in small steps; pure.

Time enters as protocol seconds. ``advance`` walks a fixed grid of 0.1 s, so that the same seed and
the same orders give the same plant whatever the pace of the caller. Powers are watts, consumption
and import positive. Source: first-plant.md 2; NWLB: 14a.md 1.3.2, attribution ``STEUVE_LAST``.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from random import Random
from typing import TYPE_CHECKING

from ems.sim.ambient import House, Mains, Photovoltaics
from ems.sim.loads import Battery, Phases, Surroundings

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ems.sim.loads import LoadModel

STEP_S = 0.1
ROUNDING_S = 1e-6
MEASURING_NOISE_W = 20.0
"""Largest error of a reading of power [W]; nothing that is off is measured as drawing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadTruth:
    """One SteuVE as it is: ``power_w`` drawn, ``allowed_w`` as its own electronics allow it.

    ``allowed_w`` ``None``: free, the load may use its own maximum.
    """

    power_w: float
    allowed_w: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Truth:
    """The plant at one moment, from physics alone.

    Attributes:
        at: protocol seconds.
        steuve_w: sum of what the SteuVE draw, each ≥ 0.
        grid_w: at the connection point, import positive.
        nwlb_w: netzwirksamer Leistungsbezug = max(0, min(grid, steuve)).
        pv_w: generation, ≥ 0.
        house_w: the household.
        loads: one entry per SteuVE.
    """

    at: float
    steuve_w: float
    grid_w: float
    nwlb_w: float
    pv_w: float
    house_w: float
    loads: Mapping[str, LoadTruth]


class Plant:
    """House, sun, mains and loads behind one connection point."""

    def __init__(self, loads: Mapping[str, LoadModel], *, seed: int, now: float) -> None:
        """``seed`` decides noise and phases; ``now`` [protocol s] is where the walk starts."""
        self.loads = dict(loads)
        self.house = House(Random(f"{seed}/house"))
        self.pv = Photovoltaics()
        self._mains = Mains(Random(f"{seed}/mains"))
        self._random = Random(f"{seed}/meter")
        self._steps = round(now / STEP_S)

    @property
    def now(self) -> float:
        """Where the plant has arrived [protocol s]."""
        return self._steps * STEP_S

    def advance(self, now: float) -> None:
        """Walk to the last point of the grid that is not after ``now``."""
        while (self._steps + 1) * STEP_S <= now + ROUNDING_S:
            self._steps += 1
            self._step(self.now)

    def voltages_v(self) -> Phases:
        """Line to neutral [V], one per phase."""
        return self._mains.voltages_v(self.now)

    def house_phases_w(self) -> Phases:
        """Draw of the household [W], one per phase."""
        return self.house.phases_w(self.now)

    def pv_phases_w(self) -> Phases:
        """Generation [W], ≥ 0, one per phase."""
        third_w = self.pv.power_w / 3
        return third_w, third_w, third_w

    def grid_phases_w(self) -> Phases:
        """Power at the connection point [W], one per phase, import positive."""
        total = [
            house_w - pv_w
            for house_w, pv_w in zip(self.house_phases_w(), self.pv_phases_w(), strict=True)
        ]
        for load in self.loads.values():
            for phase, power_w in enumerate(phase_powers_w(load)):
                total[phase] += power_w
        return total[0], total[1], total[2]

    def measured(self, power_w: float) -> float:
        """A reading of ``power_w`` [W] with the error of an ordinary meter."""
        if power_w == 0.0:
            return 0.0
        return power_w + self._random.uniform(-MEASURING_NOISE_W, MEASURING_NOISE_W)

    def truth(self, allowed_w: Mapping[str, float]) -> Truth:
        """The plant as it is; ``allowed_w`` [W] per load as its electronics say, ``inf``: free."""
        steuve_w = sum(max(0.0, load.power_w) for load in self.loads.values())
        grid_w = sum(self.grid_phases_w())
        return Truth(
            at=self.now,
            steuve_w=steuve_w,
            grid_w=grid_w,
            nwlb_w=max(0.0, min(grid_w, steuve_w)),
            pv_w=self.pv.power_w,
            house_w=sum(self.house_phases_w()),
            loads={
                name: LoadTruth(power_w=load.power_w, allowed_w=_finite(allowed_w.get(name)))
                for name, load in self.loads.items()
            },
        )

    def _step(self, now: float) -> None:
        self.pv.step(STEP_S)
        voltages_v = self._mains.voltages_v(now)
        spare_w = self.pv.power_w - sum(self.house.phases_w(now))
        # a battery may follow the surplus: it comes last and sees what the others leave
        for load in sorted(self.loads.values(), key=lambda load: isinstance(load, Battery)):
            around = Surroundings(voltages_v=voltages_v, surplus_w=max(0.0, spare_w))
            load.step(now, STEP_S, around)
            spare_w -= load.power_w


def phase_powers_w(load: LoadModel) -> Phases:
    """What a load draws from each phase [W], in the ratio of its currents."""
    currents_a = load.currents_a()
    total_a = sum(currents_a)
    if total_a == 0.0:
        return 0.0, 0.0, 0.0
    first, second, third = (load.power_w * amp / total_a for amp in currents_a)
    return first, second, third


def _finite(allowed_w: float | None) -> float | None:
    return None if allowed_w is None or math.isinf(allowed_w) else allowed_w
