"""The loads behind the devices: cars, a heat pump with inertia, a battery; pure.

Each model is told what it may draw (``order``), moves with ``step`` and shows ``power_w``
(consumption positive). Times are protocol seconds. Source: first-plant.md 2.
"""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from ems.sim.ambient import NOMINAL_V, approach

if TYPE_CHECKING:
    from random import Random

CAR_WANTS_A = 16.0
CAR_MIN_A = 6.0
CAR_START_S = 3.0
CAR_RAMP_A_PER_S = 3.0
CAR_SHORTFALL_A = 0.5

HEATPUMP_WANTS_W = 3_100.0
HEATPUMP_MIN_W = 1_500.0
HEATPUMP_REST_S = 60.0
HEATPUMP_FOLLOW_S = 40.0

BATTERY_W = 5_000.0
BATTERY_FOLLOW_S = 2.0

Phases = tuple[float, float, float]


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a load finds at its terminals.

    Attributes:
        voltages_v: line to neutral [V], one per phase.
        surplus_w: own generation that nobody else uses at this moment [W], ≥ 0.
    """

    voltages_v: Phases = (NOMINAL_V, NOMINAL_V, NOMINAL_V)
    surplus_w: float = 0.0


class LoadModel(Protocol):
    """A load: what it is allowed comes in, what it draws comes out."""

    power_w: float

    def order(self, allowed: float, now: float) -> None:
        """Allow this much: ampere per phase for a car, else watts; ``math.inf``: no cap."""
        ...

    def step(self, now: float, dt_s: float, around: Surroundings) -> None:
        """Move on by ``dt_s`` [s] and end at ``now``."""
        ...

    def currents_a(self) -> Phases:
        """Current per phase [A]."""
        ...


class Delayed:
    """A value that takes effect ``delay_s`` after it was set; setting it again queues up."""

    def __init__(self, value: float, delay_s: float) -> None:
        self.value = value
        self.delay_s = delay_s
        self._queue: deque[tuple[float, float]] = deque()
        self._last = value

    def set(self, value: float, now: float) -> None:
        if value != self._last:
            self._last = value
            self._queue.append((now + self.delay_s, value))

    def at(self, now: float) -> float:
        while self._queue and self._queue[0][0] <= now:
            self.value = self._queue.popleft()[1]
        return self.value


class Car:
    """A car that wants 16 A: starts 3 s after it may, ramps at 3 A/s, refuses less than 6 A.

    It draws up to 0.5 A less than offered and never more. A new offer is followed after at most
    one second, so that 16 A are left for 6 A, and the contactor opens, within five.
    """

    def __init__(self, random: Random, *, phases: int = 3, wants_a: float = CAR_WANTS_A) -> None:
        self.phases = phases
        self.wants_a = wants_a
        self.current_a = 0.0
        self.power_w = 0.0
        self.plugged = True
        self._shortfall_a = random.uniform(0.0, CAR_SHORTFALL_A)
        self._offer_a = Delayed(0.0, random.uniform(0.2, 1.0))
        self._may_since: float | None = None

    @property
    def charging(self) -> bool:
        """Whether the contactor is closed and current flows."""
        return self.current_a > 0.0

    def order(self, allowed: float, now: float) -> None:
        self._offer_a.set(allowed, now)

    def step(self, now: float, dt_s: float, around: Surroundings) -> None:
        target_a = self._target_a(now)
        self.current_a = approach(self.current_a, target_a, CAR_RAMP_A_PER_S * dt_s)
        if target_a == 0.0 and self.current_a < CAR_MIN_A - self._shortfall_a:
            self.current_a = 0.0  # below its minimum a car opens its contactor
        self.power_w = sum(
            volt * amp for volt, amp in zip(around.voltages_v, self.currents_a(), strict=True)
        )

    def currents_a(self) -> Phases:
        first, second, third = (
            self.current_a if phase < self.phases else 0.0 for phase in range(3)
        )
        return first, second, third

    def _target_a(self, now: float) -> float:
        offer_a = self._offer_a.at(now)
        if not self.plugged or offer_a < CAR_MIN_A:
            self._may_since = None
            return 0.0
        if self._may_since is None:
            self._may_since = now
        if not self.charging and now - self._may_since < CAR_START_S:
            return 0.0
        return min(offer_a, self.wants_a) - self._shortfall_a


class HeatPump:
    """A compressor: wants 3,100 W, needs 40 s to follow, runs from 1,500 W on or not at all.

    After a stop it rests for a minute.
    """

    def __init__(self, random: Random, *, phases: int = 3) -> None:
        self.phases = phases
        self.power_w = HEATPUMP_WANTS_W
        self._delay_s = random.uniform(2.0, 8.0)
        self._limit_w = Delayed(math.inf, self._delay_s)
        ramp_s = random.uniform(0.6, 0.95) * (HEATPUMP_FOLLOW_S - self._delay_s)
        self._rate_w_per_s = (HEATPUMP_WANTS_W - HEATPUMP_MIN_W) / ramp_s
        self._stopped_at = -math.inf

    @property
    def running(self) -> bool:
        """Whether the compressor turns."""
        return self.power_w > 0.0

    def order(self, allowed: float, now: float) -> None:
        self._limit_w.set(allowed, now)

    def step(self, now: float, dt_s: float, around: Surroundings) -> None:
        del around  # an inverter compressor does not mind the voltage
        target_w = min(HEATPUMP_WANTS_W, self._limit_w.at(now))
        if self.running:
            self._run(target_w, now, dt_s)
        elif target_w >= HEATPUMP_MIN_W and now - self._stopped_at >= HEATPUMP_REST_S:
            self.power_w = HEATPUMP_MIN_W

    def currents_a(self) -> Phases:
        return spread(self.power_w, self.phases)

    def _run(self, target_w: float, now: float, dt_s: float) -> None:
        floor_w = max(HEATPUMP_MIN_W, target_w)
        self.power_w = approach(self.power_w, floor_w, self._rate_w_per_s * dt_s)
        if target_w < HEATPUMP_MIN_W and self.power_w <= HEATPUMP_MIN_W:
            self.power_w = 0.0
            self._stopped_at = now


class Battery:
    """A storage in a cheap hour: charges 5,000 W from the grid unless told less.

    The cap concerns charging from the grid. Own generation that nobody else uses may always charge
    it (first-plant.md 2, 14a.md 5.1), as a hybrid inverter does whose EMS limits grid charging.
    """

    def __init__(self, random: Random, *, phases: int = 3) -> None:
        self.phases = phases
        self.power_w = 0.0
        delay_s = random.uniform(0.1, 0.4)
        self._limit_w = Delayed(math.inf, delay_s)
        self._rate_w_per_s = BATTERY_W / (BATTERY_FOLLOW_S - delay_s)

    def order(self, allowed: float, now: float) -> None:
        self._limit_w.set(allowed, now)

    def step(self, now: float, dt_s: float, around: Surroundings) -> None:
        allowed_w = max(self._limit_w.at(now), around.surplus_w)
        self.power_w = approach(self.power_w, min(BATTERY_W, allowed_w), self._rate_w_per_s * dt_s)

    def currents_a(self) -> Phases:
        return spread(self.power_w, self.phases)


def spread(power_w: float, phases: int) -> Phases:
    """Current per phase [A] of a load that takes its power evenly from its phases at 230 V."""
    amp = power_w / NOMINAL_V / phases
    first, second, third = (amp if phase < phases else 0.0 for phase in range(3))
    return first, second, third
