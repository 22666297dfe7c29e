"""A row of a story together with the part of the trace that belongs to it; pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from ems.demo.story import Row, Story
    from ems.demo.trace import EmsPoint, SitePoint, Trace

ROW_EDGE_S = 1.0
"""The last second of a row may already show the next one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """What the checks of one row may look at. Times count from the story's zero.

    Attributes:
        begin_s: when the row's effect is due.
        ready_s: when the EMS process that started in this row answered first; without one, as
            ``begin_s``.
        process: number of that process; 0: none started in this row.
        end_s: when the next row begins.
    """

    row: Row
    trace: Trace
    begin_s: float
    ready_s: float
    process: int
    end_s: float

    @classmethod
    def of(cls, story: Story, row: Row, trace: Trace) -> Scene:
        """Cut the scene of ``row`` out of what was seen."""
        end_s = story.end_of(row)
        begin_s = trace.causes.get(row.name, row.at_s) + row.delay_s
        first = row is story.row[0]
        number, ready_s = 0, begin_s
        for n, process in enumerate(trace.processes, start=1):
            if process.started_s < end_s and (first or process.started_s >= row.at_s):
                number, ready_s = n, process.ready_s
        return cls(
            row=row, trace=trace, begin_s=begin_s, ready_s=ready_s, process=number, end_s=end_s
        )

    def start(self, where: Literal["row", "ready"]) -> float:
        """Seconds of the story at which a check begins to count."""
        return self.ready_s if where == "ready" else self.begin_s

    @property
    def last_s(self) -> float:
        """Last moment that belongs to the row alone."""
        return self.end_s - ROW_EDGE_S

    def site(self, from_s: float) -> list[SitePoint]:
        """Physics from ``from_s`` to the end of the row."""
        return [point for point in self.trace.site if from_s <= point.t_s <= self.last_s]

    def ems(self, from_s: float) -> list[EmsPoint]:
        """Timeline of the EMS from ``from_s`` to the end of the row."""
        return [point for point in self.trace.ems if from_s <= point.t_s <= self.last_s]
