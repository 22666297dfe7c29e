"""The story runner: plays a table on the stage, second by second, and hands over what was seen."""

from __future__ import annotations

import asyncio
import math
from bisect import bisect_right
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from ems.demo.child import ChildFailedError
from ems.demo.finding import P
from ems.demo.journal import read_records
from ems.demo.judge import Step, judge
from ems.demo.plant_toml import DEVICES
from ems.demo.trace import Answer, Process, Trace, ems_point, site_point

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from ems.demo.stage import Stage
    from ems.demo.story import Row, Story
    from ems.demo.trace import EmsPoint, Json, RecordsSeen, SitePoint

CHARGING_S: Final = 15.0
"""How long the plant runs free before the EMS starts: until every car charges [s]."""
PAIRED_BEFORE_S: Final = 5.0
"""The box stays silent this long after it was accepted, whatever the machine's speed [s]."""
ROUND_S: Final = 10.0
"""The EMS starts at a full multiple of this, where polls of meters stand alike in every run [s]."""
BEAT_S: Final = 5.0
"""How long the box may need to tell of the heartbeat it was told to send [s]."""
HALF_S: Final = 0.5
"""Half the distance of two points: a reading a few milliseconds late is still this second's."""
STALE_S: Final = 2.0
"""An older reading says nothing about this second [s]."""
INERT: Final = frozenset(device.id for device in DEVICES if device.kind == "heatpump")


@dataclass(frozen=True, slots=True, kw_only=True)
class Played:
    """A story that was played: verdicts and everything they rest on.

    Attributes:
        troubles: actions that could not be carried out.
    """

    story: Story
    steps: list[Step]
    trace: Trace
    troubles: tuple[str, ...] = ()

    @property
    def held(self) -> bool:
        """Whether every row held."""
        return all(step.ok for step in self.steps)


class Runner:
    """Plays one story; ``tell`` hears of each row as it begins."""

    def __init__(self, story: Story, stage: Stage, tell: Callable[[Row], None]) -> None:
        self._story = story
        self._stage = stage
        self._tell = tell
        self._zero = 0.0
        self._causes: dict[str, float] = {}
        self._troubles: list[str] = []

    async def play(self) -> Played:
        """Prepare, play every row at its time, read the journal, judge.

        Raises:
            ChildFailedError: a program ended or did not come up.
        """
        await self._open()
        for row in self._story.row[1:]:
            await self._reach(self._zero + row.at_s)
            self._tell(row)
            await self._play(row)
        trace = self._trace(await read_records(self._stage, self._zero))
        return Played(
            story=self._story,
            steps=judge(self._story, trace),
            trace=trace,
            troubles=tuple(self._troubles),
        )

    async def _open(self) -> None:
        """Row one: the EMS starts, the box dials, the user accepts; sets the story's zero."""
        stage, first = self._stage, self._story.row[0]
        await stage.prepare()
        start_at = _round_up(stage.clock.monotonic() + CHARGING_S, ROUND_S)
        await self._reach(start_at)
        self._tell(first)
        async with asyncio.TaskGroup() as group:
            group.create_task(stage.start_ems())
            group.create_task(stage.start_box())
        await stage.pair()
        paired_at = stage.clock.monotonic()
        step_s = max(-first.at_s, ROUND_S)
        self._zero = start_at + max(
            _round_up(paired_at + PAIRED_BEFORE_S - start_at, step_s), step_s
        )

    async def _play(self, row: Row) -> None:
        beats = self._stage.box_log.beats
        before = len(beats)
        for action in row.do:
            await self._act(row, action)
        if row.delay_s:
            # the last heartbeat is the cause, and the box knows best when it was
            await self._wait(lambda: len(beats) > before, BEAT_S)
            self._causes[row.name] = beats[-1] - self._zero if beats else row.at_s

    async def _act(self, row: Row, action: str) -> None:
        """A program that was killed from outside fails the rows that need it, not the run."""
        try:
            await self._stage.act(action)
        except ChildFailedError as error:
            self._troubles.append(f"{row.name}: {action}: {error}")

    async def _wait(self, reached: Callable[[], bool], seconds: float) -> None:
        """Wait for ``reached``, at most ``seconds`` [protocol s]."""
        clock = self._stage.clock
        last = clock.monotonic() + seconds
        while not reached() and clock.monotonic() < last:
            await clock.sleep_until(clock.monotonic() + 0.1)

    async def _reach(self, deadline: float) -> None:
        """Wait for ``deadline`` [protocol s]; give up when the site is gone."""
        clock = self._stage.clock
        while (now := clock.monotonic()) < deadline:
            self._stage.check_site()
            await clock.sleep_until(min(deadline, now + clock.speed))

    def _trace(self, records: RecordsSeen | None) -> Trace:
        seen, zero = self._stage.seen, self._zero
        return Trace(
            site=[site_point(line, zero) for line in seen.site],
            ems=[ems_point(line, zero, process) for process, line in seen.ems],
            processes=[
                Process(run.started_at - zero, run.ready_at - zero)
                for run in seen.runs
                if run.ready_at is not None
            ],
            answers=[Answer(a.t_s - zero, a.error_number) for a in self._stage.box_log.answers],
            records=records,
            inert=INERT,
            causes=self._causes,
        )


def _round_up(at_s: float, step_s: float) -> float:
    return math.ceil(at_s / step_s) * step_s


def timeline(trace: Trace, story: Story) -> list[Json]:
    """One point per protocol second: limit and set-points of the EMS, power of the physics."""
    first_s, last_s = story.row[0].at_s, story.row[-1].at_s
    points: list[Json] = []
    for second in range(math.ceil(first_s), math.floor(last_s) + 1):
        site = newest(trace.site, second + HALF_S)
        if site is not None:
            points.append(_point(second, site, newest(trace.ems, second + HALF_S)))
    return points


def newest(points: Sequence[P], at_s: float) -> P | None:
    """The last of ``points`` (ascending) not after ``at_s``; ``None``: that was too long ago."""
    index = bisect_right(points, at_s, key=lambda point: point.t_s)
    found = points[index - 1] if index else None
    return found if found is not None and at_s - found.t_s <= STALE_S else None


def _point(second: int, site: SitePoint, said: EmsPoint | None) -> Json:
    return {
        "t_s": second,
        "limit_w": None if said is None else said.limit_w,
        "source": None if said is None else said.source,
        "budget_w": None if said is None else said.budget_w,
        "nwlb_w": round(site.nwlb_w),
        "ems_running": said is not None,
        "steuve": {
            name: {
                "setpoint_w": None if said is None else said.setpoints_w.get(name),
                "power_w": round(load.power_w),
            }
            for name, load in site.loads.items()
        },
    }
