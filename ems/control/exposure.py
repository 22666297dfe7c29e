"""What one load may draw now (upper bound) and surely draws (lower bound); pure.

Limits are kept against the upper bound: an increase is reserved before it is written, a decrease
counts only when a later reading proves it, and a load nobody hears counts with what it may do on
its own. Generation is credited against the lower bound. Source: allocation.md 3.5, I-03.
"""

from __future__ import annotations

import math
from collections import deque
from typing import TYPE_CHECKING

from ems.control.scale import Scale

if TYPE_CHECKING:
    from drivers.api import Capability, Measurement
    from ems.control.plant import ControlTimings, Load

TOLERANCE_W = 100
TOLERANCE_PERCENT = 2
"""A reading this little above a cap still obeys it (allocation.md 3.5)."""
FAULT_W = 350
FAULT_PERCENT = 10
"""More than this above a cap for the reaction time is disobedience (X4: 10 % + 0.5 A)."""
READINGS_MAX = 64


def tolerance_w(limit_w: int) -> int:
    """Larger of 100 W and 2 % (allocation.md 3.5, 3.8)."""
    return max(TOLERANCE_W, limit_w * TOLERANCE_PERCENT // 100)


class Exposure:
    """Bounds of one load, from orders, answers and readings. ``x`` is the load's own unit."""

    def __init__(self, load: Load, timings: ControlTimings, now: float) -> None:
        """Before the first contact the load may draw all it can."""
        self.scale = Scale(load, load.capability)
        self.online = False
        self.seen = False
        self.confirmed = False
        self.cap_x = self.scale.max_x
        self.order_x: int | None = None
        self.acked_at: float | None = None
        self.ordered_at = now
        self.excused = False
        self._load = load
        self._timings = timings
        self._lost_at = now
        self._over_since: float | None = None
        self._readings: deque[tuple[float, int]] = deque(maxlen=READINGS_MAX)
        self._readback_x: int | None = None

    @property
    def capability(self) -> Capability:
        """As refined by the device."""
        return self.scale.capability

    @property
    def last_w(self) -> int | None:
        """Newest reading of power [W], of any age."""
        return self._readings[-1][1] if self._readings else None

    def found(self, capability: Capability) -> None:
        """The device is connected; after a gap it may have forgotten everything."""
        if not self.online:
            self.confirmed = False
            self.acked_at = None
            self.order_x = None
            self._over_since = None
            self._readback_x = None
        self.online = self.seen = True
        self.scale.fit(capability)
        if self.order_x is None:
            self.cap_x = max(self.cap_x, self.scale.max_x)

    def lost(self, now: float) -> None:
        """The device does not answer any more."""
        if self.online:
            self._lost_at = now
        self.online = False

    def order(self, x: int, now: float) -> None:
        """A set-point is about to be written (``max_x``: the release): reserve it first."""
        self.order_x = x
        self.ordered_at = now
        self.acked_at = None
        self.confirmed = False
        self.cap_x = max(self.cap_x, x)

    def written(self, x: int, at: float) -> None:
        """The device acknowledged ``x``."""
        if x != self.order_x or self.acked_at is not None:
            return
        self.acked_at = at
        if x >= self.cap_x:  # nothing to prove for an increase
            self.confirmed = True

    def measured(self, reading: Measurement, at: float) -> None:
        """A reading was taken at ``at``."""
        if reading.power_w is not None:
            self._readings.append((at, reading.power_w))
        proved = self.acked_at is not None and at >= self.acked_at
        if reading.setpoint is not None and proved:
            self._readback_x = self.scale.x_of_setpoint(reading.setpoint)
        if self.order_x is None or reading.power_w is None:
            return
        order_w = self.scale.watts(self.order_x)
        if proved and not self.confirmed and self._follows(reading.power_w, order_w, at):
            self._confirm(self.order_x)
        self._watch(reading.power_w, order_w, at)

    def distrust(self, echo_x: int) -> None:
        """The device says it obeys ``echo_x`` instead of the order."""
        self.confirmed = False
        self.acked_at = None
        self.cap_x = max(self.cap_x, min(echo_x, self.scale.max_x))
        self._readback_x = None

    def settle(self, now: float) -> None:
        """Confirm by time where nothing is measured (read-back and reaction time)."""
        if self.confirmed or self.acked_at is None or self.order_x is None or not self.online:
            return
        read_since = bool(self._readings) and self._readings[-1][0] >= self.acked_at
        told = not self.capability.measures_power or self._readback_x == self.order_x
        if not read_since and told and now >= self.acked_at + self.capability.t_react_s:
            self._confirm(self.order_x)

    @property
    def echo_x(self) -> int | None:
        """What the device says it obeys, read after the last order; ``None``: not told."""
        return self._readback_x

    def upper_x(self, now: float) -> int:
        """Most it may draw now."""
        if not self.online:
            return self._offline_x(now)
        last_w = self.last_w
        cap_w = self.scale.watts(self.cap_x)
        if last_w is not None and last_w > cap_w + tolerance_w(cap_w) and not self.excused:
            return self.scale.x_of(last_w)
        return self.cap_x

    def upper_w(self, now: float) -> int:
        """Most it may draw now [W]."""
        return self.scale.watts(self.upper_x(now))

    def fresh_w(self, now: float) -> int | None:
        """Newest reading if it still says something about now [W]."""
        if not self.online or not self._readings:
            return None
        at, power_w = self._readings[-1]
        return power_w if now - at <= self._timings.load_stale_s else None

    def drawn_w(self, now: float) -> int:
        """Best guess of its draw [W]: measured, else the upper bound."""
        fresh_w = self.fresh_w(now)
        return self.upper_w(now) if fresh_w is None else max(fresh_w, 0)

    def between(self, since: float, now: float, *, until: float = math.inf) -> tuple[int, int]:
        """Least and most it drew from ``since`` to ``until`` [W]; unmeasured: 0 and 0.

        Bounded by the readings in between, the last one before and the first one after.
        """
        if self.fresh_w(now) is None:
            return 0, 0
        low, high = math.inf, 0
        for at, power_w in reversed(self._readings):
            if at >= until:  # the first one after is the last one met here
                low, high = math.inf, 0
            low, high = min(low, max(power_w, 0)), max(high, power_w)
            if at < since:
                break
        return int(low), high

    def read_after(self, at: float) -> bool:
        """Whether a reading was finished at or after ``at``."""
        return bool(self._readings) and self._readings[-1][0] >= at

    @property
    def exceeds(self) -> bool:
        """Whether the newest reading is clearly above the order, and nothing excuses it."""
        return self.online and self._over_since is not None and not self.excused

    def disobeys(self, now: float) -> bool:
        """Whether it draws clearly more than ordered although its reaction time is over."""
        if self._over_since is None or not self.exceeds:
            return False
        since = max(self._over_since, self.ordered_at)
        return now >= since + self.capability.t_react_s

    def _follows(self, power_w: int, order_w: int, at: float) -> bool:
        if power_w <= order_w + tolerance_w(order_w):
            return True
        # what it takes above its cap is surplus, which no cap concerns
        reacted = self.acked_at is not None and at >= self.acked_at + self.capability.t_react_s
        return self.excused and reacted

    def _confirm(self, order_x: int) -> None:
        self.confirmed = True
        self.cap_x = order_x

    def _watch(self, power_w: int, order_w: int, at: float) -> None:
        if self.excused or power_w <= order_w + FAULT_W + order_w * FAULT_PERCENT // 100:
            self._over_since = None
        elif self._over_since is None:
            self._over_since = at

    def _offline_x(self, now: float) -> int:
        keeps_s = self.capability.keeps_limit_s
        failsafe_x = self._failsafe_x()
        if now <= self._lost_at + keeps_s + self._timings.failsafe_guard_s:
            own_x = 0 if math.isinf(keeps_s) or failsafe_x is None else failsafe_x
            return max(self.cap_x, own_x)
        return self.scale.max_x if failsafe_x is None else failsafe_x

    def _failsafe_x(self) -> int | None:
        if self.scale.is_current:
            return self.capability.failsafe_ma
        return self.capability.failsafe_w
