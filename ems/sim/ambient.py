"""What surrounds the SteuVE: slow noise, house, photovoltaics and mains voltage; pure.

Times are protocol seconds, powers watts (consumption positive, generation positive for PV only).
Every series follows from a seed, so that a run can be repeated. Source: first-plant.md 2.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from random import Random

HOUSE_BASE_W = 600.0
HOUSE_NOISE_W = 150.0
KETTLE_W = 2_000.0
KETTLE_S = 90.0
PV_RISE_S = 10.0
NOMINAL_V = 230.0
VOLTAGE_NOISE_V = 1.0
NOISE_PERIODS_S = (67.0, 109.0, 173.0)


class SlowNoise:
    """A sum of slow sines: bounded by ``amplitude`` and, unlike white noise, bounded in slope.

    A load manager that reads once per second can follow it, so a judge may hold it to that.
    """

    def __init__(self, amplitude: float, random: Random) -> None:
        self._parts = [
            (
                amplitude / len(NOISE_PERIODS_S),
                2 * math.pi / (period_s * random.uniform(0.9, 1.1)),
                random.uniform(0.0, 2 * math.pi),
            )
            for period_s in NOISE_PERIODS_S
        ]

    def at(self, now: float) -> float:
        """Deviation from the mean at ``now``; never beyond ± ``amplitude``."""
        return sum(size * math.sin(omega * now + phase) for size, omega, phase in self._parts)


class House:
    """A household: 600 W ± 150 W and, when told, a kettle of 2,000 W for 90 s."""

    #: share of the base load per phase; the kettle hangs on L1 alone
    SHARES = (0.45, 0.35, 0.20)

    def __init__(self, random: Random) -> None:
        self._noise = SlowNoise(HOUSE_NOISE_W, random)
        self._kettle_until = -math.inf

    def kettle_on(self, now: float, duration_s: float = KETTLE_S) -> None:
        """Boil water for ``duration_s`` [s]."""
        self._kettle_until = now + duration_s

    def kettle_off(self) -> None:
        """Take the kettle from the plate."""
        self._kettle_until = -math.inf

    def phases_w(self, now: float) -> tuple[float, float, float]:
        """Draw of the household per phase [W]."""
        base_w = HOUSE_BASE_W + self._noise.at(now)
        kettle_w = KETTLE_W if now < self._kettle_until else 0.0
        first, second, third = (share * base_w for share in self.SHARES)
        return first + kettle_w, second, third


@dataclass
class Photovoltaics:
    """A generator whose sun rises and sets linearly within ten seconds.

    Attributes:
        target_w: where the sun leads to [W], ≥ 0.
        power_w: generation now [W], ≥ 0.
    """

    target_w: float = 0.0
    power_w: float = 0.0
    _rate_w_per_s: float = 0.0

    def shine(self, power_w: float) -> None:
        """Move to ``power_w`` [W] within ten seconds."""
        self.target_w = max(0.0, power_w)
        self._rate_w_per_s = abs(self.target_w - self.power_w) / PV_RISE_S

    def step(self, dt_s: float) -> None:
        self.power_w = approach(self.power_w, self.target_w, self._rate_w_per_s * dt_s)


@dataclass
class Mains:
    """Three phase-to-neutral voltages close to 230 V."""

    random: Random
    _noises: list[SlowNoise] = field(default_factory=list[SlowNoise])

    def __post_init__(self) -> None:
        self._noises = [SlowNoise(VOLTAGE_NOISE_V, self.random) for _ in range(3)]

    def voltages_v(self, now: float) -> tuple[float, float, float]:
        """Line to neutral [V], one per phase."""
        first, second, third = (NOMINAL_V + noise.at(now) for noise in self._noises)
        return first, second, third


def approach(value: float, target: float, most: float) -> float:
    """``value`` moved towards ``target`` by at most ``most`` (≥ 0)."""
    return min(target, value + most) if target > value else max(target, value - most)
