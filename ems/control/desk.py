"""Everything the core keeps about one load: bounds, demand, orders and their pace; pure."""

from __future__ import annotations

import math
from collections import deque
from typing import TYPE_CHECKING

from drivers.api import ControlUnit, LoadKind, Setpoint
from ems.control.allocator import CAP, LoadDemand
from ems.control.demand import Demand
from ems.control.exposure import Exposure
from ems.control.filling import MILLION
from ems.control.plant import MIN_OFF_HEAT_S, MIN_OFF_WALLBOX_S
from ems.control.reasons import Reason, ReasonCode

if TYPE_CHECKING:
    from drivers.api import Capability
    from ems.control.events import LoadMeasured
    from ems.control.plant import ControlTimings, Load

MIN_OFF_S = {
    LoadKind.WALLBOX: MIN_OFF_WALLBOX_S,
    LoadKind.HEATPUMP: MIN_OFF_HEAT_S,
    LoadKind.COOLING: MIN_OFF_HEAT_S,
    LoadKind.BATTERY: 0.0,
}
KIND_RANK = {
    LoadKind.HEATPUMP: 0,
    LoadKind.COOLING: 1,
    LoadKind.WALLBOX: 2,
    LoadKind.BATTERY: 3,
}
"""Order within one priority: comfort, then cars, storage last (allocation.md 4.1)."""
SLOW_S = 10.0
"""Loads that need longer than this to follow make others wait (R-14A-38)."""
BAND_MA = 300
BAND_W = 100
"""Smaller changes are not worth a write (allocation.md 4.10)."""

OFFLINE = Reason(ReasonCode.OFFLINE)


class Desk:
    """One load as the core sees it. ``order_x`` ``None``: nothing was ordered yet."""

    def __init__(self, load: Load, position: int, timings: ControlTimings, now: float) -> None:
        """``position``: place in the configuration, the last word in the ranking."""
        self.load = load
        self.rank = KIND_RANK[load.kind] * MILLION + position
        self.exposure = Exposure(load, timings, now)
        self.demand = Demand(self.exposure.scale, timings)
        self.free = False
        self.stopped = False
        self.reason = Reason(ReasonCode.HOLD_START)
        self.refused = False
        self.silent = False
        self._timings = timings
        self._increased_at = -math.inf
        self._off_at = -math.inf
        self._written_at = -math.inf
        self._starts: deque[float] = deque(maxlen=max(timings.starts_max, 1))
        self._retry_at: float | None = None
        self._retry_s = timings.retry_s
        self._echo_s = timings.retry_s
        self._limit_x: int | None = None
        self._heard_at = now
        self.release_at: float | None = None
        self.freed_at: float | None = None

    def note_silence(self, now: float, *, waiting: bool) -> None:
        """Nobody there, or nobody who lets itself be read; over with the next reading.

        ``waiting``: the plant has just started, so who was never heard is not missing yet.
        """
        missing = not self.exposure.online and (self.exposure.seen or not waiting)
        if missing or (self.exposure.online and now > self._heard_at + self._timings.load_stale_s):
            self.silent = True

    @property
    def order_x(self) -> int | None:
        """What is ordered now, in the load's unit."""
        return self.exposure.order_x

    @property
    def release_due_at(self) -> float | None:
        """When its release is due; ``None``: none is waiting."""
        return self.release_at if self.exposure.online and not self.free else None

    def setpoint(self) -> Setpoint | None:
        """The cap in force; ``None``: free, or nothing ordered yet."""
        return None if self.free or self.order_x is None else self.setpoint_for(self.order_x)

    def setpoint_for(self, x: int) -> Setpoint:
        """``x`` as a device is told, watts rounded down."""
        scale = self.exposure.scale
        current_ma = x if scale.is_current else None
        return Setpoint(power_w=x * scale.uw_per_x // MILLION, current_ma=current_ma)

    def to_demand(self, max_x: int, *, pinned_x: int | None = None) -> LoadDemand:
        """The load for the allocator, allowed at most ``max_x``."""
        scale = self.exposure.scale
        return LoadDemand(
            load_id=self.load.load_id,
            control=ControlUnit.LEVELS if scale.levels else scale.capability.control,
            uw_per_x=scale.uw_per_x,
            min_x=scale.min_x,
            max_x=max_x,
            step_x=scale.step_x,
            levels=scale.levels,
            priority=self.load.priority,
            rank=self.rank,
            phases=scale.phases,
            pinned_x=pinned_x,
        )

    def own_x(self) -> int:
        """Most it may use by its own range and its own cap."""
        scale = self.exposure.scale
        if self.load.cap_w is None:
            return scale.max_x
        return scale.floor(min(scale.max_x, self.load.cap_w * MILLION // scale.uw_per_x))

    def wish_x(self) -> int:
        """Most it may use by its own range, its own cap and what it was seen to want."""
        scale = self.exposure.scale
        wish_x, cap_x = self.own_x(), self.demand.cap_x
        if self.demand.absent:
            return 0
        if cap_x is not None and cap_x < wish_x:
            wish_x = min(max(_ceil(cap_x, scale.step_x, scale.levels), scale.min_x), wish_x)
        return wish_x

    def wish_reason(self) -> Reason:
        """Why it asks for no more than ``wish_x``."""
        scale = self.exposure.scale
        if self.load.cap_w is not None and self.load.cap_w < scale.watts(scale.max_x):
            return Reason(ReasonCode.OK_FAIR, CAP)
        capped = self.demand.cap_x is not None and self.demand.cap_x < scale.max_x
        return Reason(ReasonCode.OK_DEMAND if capped or self.demand.absent else ReasonCode.OK_MAX)

    def hold(self, now: float, *, on_credit: bool) -> Reason | None:
        """Why the load must not start now; ``None``: it may, or it runs already."""
        if self.order_x is None or self.order_x > 0 or self.free:
            return None
        min_off_s = self.load.min_off_s
        pause_s = MIN_OFF_S[self.load.kind] if min_off_s is None else min_off_s
        if now < self._off_at + pause_s:
            return Reason(ReasonCode.HOLD_MINOFF)
        full = len(self._starts) == self._starts.maxlen
        if on_credit and full and now < self._starts[0] + self._timings.starts_window_s:
            return Reason(ReasonCode.HOLD_CREDIT)
        return None

    def forget_starts(self) -> None:
        """The limit itself changed: starts before it were not noise."""
        self._starts.clear()

    def may_write(self, now: float) -> bool:
        """Whether the device's minimum write interval allows a change nobody orders."""
        return now >= self._written_at + self.exposure.capability.min_write_interval_s

    def may_rise(self, x: int, now: float) -> bool:
        """Whether an increase to ``x`` is worth a write, and not too soon after the last."""
        current_x = self.order_x or 0
        if current_x > 0 and x - current_x < self.band_x:
            return False
        spaced = current_x == 0 or now >= self._increased_at + self._timings.spacing_s
        return spaced and self.may_write(now) and not self.refused

    @property
    def band_x(self) -> int:
        """Changes below this are not written unless a limit orders them."""
        return BAND_MA if self.exposure.scale.is_current else BAND_W

    @property
    def is_slow(self) -> bool:
        """Whether others must make room while it follows."""
        return self.exposure.capability.t_react_s > SLOW_S

    def settling_x(self, target_x: int, now: float) -> int:
        """What a slow load still takes although it is told ``target_x``."""
        fresh_w = self.exposure.fresh_w(now)
        if fresh_w is None:
            return max(self.exposure.upper_x(now), target_x)
        return max(self.exposure.scale.x_of(max(fresh_w, 0)), target_x)

    def ordered(self, x: int, now: float, *, free: bool = False) -> None:
        """Book an order that leaves now."""
        before_x = self.order_x
        if before_x is not None and x > before_x:
            self._increased_at = now
            if before_x == 0:
                self._starts.append(now)
        drew_w = self.exposure.fresh_w(now)
        if x == 0 and before_x != 0 and (drew_w is None or drew_w > BAND_W):
            self._off_at = now
        self.exposure.order(x, now)
        self.free = free
        self.stopped = False
        self.refused = False
        self.release_at = None
        self._retry_at = now + self._timings.unanswered_s
        self._echo_s = self._timings.retry_s
        if not free:
            self._limit_x, self.freed_at = x, None

    def written(self, setpoint: Setpoint | None, at: float) -> None:
        """The device acknowledged an order."""
        if (setpoint is None) != self.free:
            return
        scale = self.exposure.scale
        x = scale.max_x if setpoint is None else scale.x_of_setpoint(setpoint)
        if x != self.order_x:
            return
        self._written_at = at
        self._retry_at = None
        self._retry_s = self._timings.retry_s
        self.refused = False
        self.exposure.written(x, at)
        if self.free and self.freed_at is None:
            self.freed_at = at

    def found(self, capability: Capability, now: float) -> None:
        """The device is connected, or its capability is known better."""
        if not self.exposure.online:
            self._heard_at = now
            self.free = self.stopped = self.refused = False
            self._retry_at = self.freed_at = None
        self.exposure.found(capability)

    def stop(self, now: float) -> None:
        """The load is switched off by every means."""
        if self.order_x != 0 or self.free:
            self.ordered(0, now)
        self.stopped = True

    def failed(self, setpoint: Setpoint | None, now: float, *, refused: bool) -> None:
        """A write failed: try again, later and later; one that was superseded does not matter."""
        if setpoint != self.setpoint():
            return
        self.refused = refused
        self._retry_s = self._timings.retry_max_s if refused else self._retry_s
        self._retry_at = now + self._retry_s
        self._retry_s = min(2 * self._retry_s, self._timings.retry_max_s)

    def retry_due(self, now: float) -> bool:
        """Whether the order in force must be repeated."""
        if not self.exposure.online or self.order_x is None or self.stopped:
            return False
        return self._retry_at is not None and now >= self._retry_at

    def repeated(self, now: float) -> None:
        """The order in force leaves again."""
        self._retry_at = now + max(self._timings.unanswered_s, self._retry_s)

    def measured(self, event: LoadMeasured, now: float) -> bool:
        """Learn from a reading; tells whether the load must be decided on anew."""
        exposure = self.exposure
        spoke_again, self.silent, self._heard_at = self.silent, False, now
        before = (exposure.upper_x(now), exposure.confirmed)
        rescaled = exposure.scale.observe(event.measurement, now)
        exposure.measured(event.measurement, min(event.at, now))
        allowed_x = exposure.scale.max_x if self.free else (self.order_x or 0)
        wants = self.demand.observe(event.measurement, allowed_x, now)
        self._check_echo(now)
        self._check_draw(now)
        return (
            spoke_again
            or rescaled
            or wants
            or before != (exposure.upper_x(now), exposure.confirmed)
        )

    def _check_echo(self, now: float) -> None:
        """A device that says it obeys more than it was told is told again (X2, X22, F-17)."""
        echo_x, order_x = self.exposure.echo_x, self.order_x
        if echo_x is None or order_x is None or self._retry_at is not None or order_x == 0:
            return
        step_x = self.exposure.scale.step_x
        stuck = self.free and echo_x == self._limit_x and echo_x < order_x
        loose = not self.free and echo_x >= order_x + max(step_x, self.band_x)
        if stuck or loose:
            self.exposure.distrust(echo_x)
            self._retry_at = now + self._echo_s
            self._echo_s = min(2 * self._echo_s, self._timings.retry_max_s)
            self.freed_at = None

    def _check_draw(self, now: float) -> None:
        """A load that followed and draws more again began anew: it is told again at once (X2).

        So is one that does not follow at all, less and less often.
        """
        exposure = self.exposure
        if self.free or self.stopped or self.order_x is None or self._retry_at is not None:
            return
        if not exposure.exceeds or not (exposure.confirmed or exposure.disobeys(now)):
            return
        exposure.distrust(exposure.scale.x_of(exposure.last_w or 0))
        is_first = self._echo_s == self._timings.retry_s
        self._retry_at = now if is_first else now + self._echo_s
        self._echo_s = min(2 * self._echo_s, self._timings.retry_max_s)


def _ceil(x: int, step: int, levels: tuple[int, ...]) -> int:
    if levels:
        return next((level for level in levels if level >= x), levels[-1])
    return -(-x // step) * step
