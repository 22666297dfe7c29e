"""Is the limit really kept? Measures, names offenders and climbs the ladder; pure.

Levels: 0 fine, 1 just above, 2 offenders named and others pay, 3 offenders switched off, 4 all
SteuVE to 0, 5 alarm and keep trying. Source: allocation.md 3.8.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection

    from ems.control.plant import ControlTimings

OFFENDER_CHANCES = 3
"""So often a load stopped by escalation is tried again (allocation.md 3.8)."""
STOP_AGAIN_S = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """What one cycle saw.

    Attributes:
        over_w: power above limit and tolerance that no slow load under way explains [W]; 0: fine.
        disobedient: loads drawing clearly more than ordered after their reaction time.
        quiet: loads that draw no more than ordered.
    """

    over_w: int
    disobedient: Collection[str]
    quiet: Collection[str]


@dataclass(slots=True)
class Offender:
    """A load that did not follow."""

    since: float
    stopped_at: float | None = None
    quiet_since: float | None = None
    chances: int = OFFENDER_CHANCES


@dataclass(slots=True)
class Supervisor:
    """The ladder of one plant. ``enabled`` off: it measures, but does not act (tests)."""

    timings: ControlTimings
    enabled: bool = True
    level: int = 0
    over_since: float | None = None
    offenders: dict[str, Offender] = field(default_factory=dict[str, Offender])
    _spent: dict[str, int] = field(default_factory=dict[str, int])

    def update(self, check: Check, now: float) -> None:
        """Climb or leave the ladder."""
        if check.over_w <= 0:
            self.over_since = None
        elif self.over_since is None:
            self.over_since = now
        self.level = self._level(now)
        if not self.enabled:
            self.level = min(self.level, 1)
            return
        for load_id in sorted(check.disobedient):
            if load_id not in self.offenders:
                chances = self._spent.get(load_id, OFFENDER_CHANCES)
                self.offenders[load_id] = Offender(since=now, chances=chances)
        for load_id in list(self.offenders):
            self._judge(load_id, check, now)

    def calm(self) -> None:
        """No limit is in force: nobody offends."""
        self.level = 0
        self.over_since = None
        self.offenders.clear()

    def to_stop(self, now: float) -> list[str]:
        """Offenders to be switched off now (level 3 and above), again every ten seconds."""
        if self.level < 3:  # noqa: PLR2004  # the ladder's own numbers
            return []
        due: list[str] = []
        for load_id, offender in self.offenders.items():
            last = offender.stopped_at
            if offender.quiet_since is None and (last is None or now - last >= STOP_AGAIN_S):
                offender.stopped_at = now
                due.append(load_id)
        return due

    @property
    def all_off(self) -> bool:
        """Whether every SteuVE must go to 0 (level 4 and above)."""
        return self.level >= 4  # noqa: PLR2004  # the ladder's own numbers

    def is_excluded(self, load_id: str) -> bool:
        """Whether the load gets nothing until it has proved itself."""
        return load_id in self.offenders

    def _level(self, now: float) -> int:
        if self.over_since is None:
            return 0
        lasted_s = now - self.over_since
        steps = (
            self.timings.level_2_s,
            self.timings.level_3_s,
            self.timings.level_4_s,
            self.timings.level_5_s,
        )
        return 1 + sum(1 for step_s in steps if lasted_s >= step_s)

    def _judge(self, load_id: str, check: Check, now: float) -> None:
        offender = self.offenders[load_id]
        if load_id not in check.quiet:
            offender.quiet_since = None
            return
        if offender.quiet_since is None:
            offender.quiet_since = now
        stopped = offender.stopped_at is not None
        if not stopped:  # it follows again, late but by itself
            del self.offenders[load_id]
        elif now - offender.quiet_since >= self.timings.retry_offender_s and offender.chances > 0:
            self._spent[load_id] = offender.chances - 1
            del self.offenders[load_id]
