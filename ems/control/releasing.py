"""Setting loads free again, one after the other and surely; pure.

The first goes at once, the others in rank order a few seconds apart, all well within the 60 s of
I-10; a load that cannot be freed gets an alarm. Source: 14a.md 3.7, allocation.md 3.7, F-17.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ems.control.alarms import DEVICE_NOT_FREE, AlarmBook
from ems.control.commands import Release
from ems.control.planner import FREE

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ems.control.desk import Desk
    from ems.control.planner import Target
    from ems.control.plant import ControlTimings


class Releasing:
    """Who is to be freed, and since when."""

    def __init__(self, timings: ControlTimings) -> None:
        self._timings = timings
        self._since: dict[str, float] = {}

    def update(
        self, desks: Mapping[str, Desk], targets: Mapping[str, Target], now: float
    ) -> list[Release]:
        """Releases that are due now."""
        wanted = [
            desk
            for desk in sorted(desks.values(), key=lambda d: (-d.load.priority, d.rank))
            if targets[desk.load.load_id].free
        ]
        names = {desk.load.load_id for desk in wanted}
        for load_id in [load_id for load_id in self._since if load_id not in names]:
            del self._since[load_id]
            desks[load_id].release_at = None
        self._schedule([d for d in wanted if d.load.load_id not in self._since], now)
        return [self._release(desk, now) for desk in wanted if self._is_due(desk, now)]

    def tell(self, desks: Mapping[str, Desk], alarms: AlarmBook, now: float) -> None:
        """Raise or end the alarm of every load that should be free by now (I-10)."""
        for load_id, desk in desks.items():
            since = self._since.get(load_id)
            late = since is not None and now >= since + self._timings.release_alarm_s
            free = desk.free and desk.freed_at is not None
            alarms.put(DEVICE_NOT_FREE, load_id, active=late and not free)

    def _schedule(self, fresh: list[Desk], now: float) -> None:
        count = max(len(fresh), 1)
        step_s = min(self._timings.release_stagger_s, self._timings.release_within_s / count)
        for number, desk in enumerate(fresh):
            self._since[desk.load.load_id] = now
            desk.release_at = now if desk.order_x is None else now + number * step_s

    def _is_due(self, desk: Desk, now: float) -> bool:
        if desk.free or not desk.exposure.online:
            return False
        return desk.release_at is None or now >= desk.release_at

    def _release(self, desk: Desk, now: float) -> Release:
        desk.reason = FREE
        desk.ordered(desk.exposure.scale.max_x, now, free=True)
        return Release(load_id=desk.load.load_id, reason=FREE)
