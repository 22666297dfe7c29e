"""Hands what happened to the journal: decisions become event records, the rest becomes notes.

Nothing here raises: a set-point, a release and the answer to the box never wait for proof to work.
"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Any, TypeAlias

from ems.control.commands import Alarm
from ems.journal.record import Kind
from ems.runtime.supervise import Harmless

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from drivers.api import Clock
    from ems.control.decision import Decision
    from ems.journal.evidence import Evidence
    from ems.journal.store import Journal

LOGGER = logging.getLogger(__name__)
Json: TypeAlias = Any

STUCK_S = 10.0  # real seconds: a writer that moves nothing for so long hangs (R-14A-53)


class Proof:
    """Evidence and journal of one process."""

    def __init__(
        self,
        evidence: Evidence,
        journal: Journal,
        clock: Clock,
        *,
        opened: Callable[[tuple[str, ...]], None],
    ) -> None:
        """``opened`` is told the ids of the open events whenever they change (I-16)."""
        self.evidence = evidence
        self.journal = journal
        self._clock = clock
        self._opened = opened
        self._open: tuple[str, ...] = ()
        self._moved_at = 0.0
        self._seen_head = -1
        self._harmless = Harmless("evidence")

    def observe(self, decision: Decision) -> None:
        """Record what ``decision`` brings: starts, ceilings, samples, reactions, ends."""
        self._harmless.do(lambda: self._observe(decision))

    def _observe(self, decision: Decision) -> None:
        drafts = self.evidence.observe(decision, self._clock.monotonic(), self._clock.utcnow())
        for draft in drafts:
            self.journal.append_draft(draft)
        self._tell_open()

    def begin_anew(self) -> None:
        """The journal began a new chain: the events that are open begin there once more (I-16)."""
        self._harmless.do(self._begin_anew)

    def _begin_anew(self) -> None:
        for draft in self.evidence.begin_anew(self._clock.utcnow()):
            self.journal.append_draft(draft)

    def note(self, kind: Kind, data: Mapping[str, Json]) -> None:
        """Record something that is no event of its own, with the events that were open."""
        self._harmless.do(
            lambda: self.journal.append_draft(self.evidence.note(kind, data, self._clock.utcnow()))
        )

    def alarm(self, alarm: Alarm) -> None:
        """Record that an alarm began or ended."""
        data = {
            "code": alarm.code,
            "subject": alarm.subject,
            "active": alarm.active,
            "params": dict(alarm.params),
        }
        self.note(Kind.ALARM, data)

    def clock_stepped(self, step_s: float) -> None:
        """Record that the wall clock was set: times before and after do not compare."""
        self.note(Kind.CLOCK_STEP, {"step_s": round(step_s, 1)})

    def is_stuck(self, now_real_s: float) -> bool:
        """Whether the writer hangs: records wait, the head does not move, no fault is told."""
        head = self.journal.head[0]
        if head != self._seen_head or not self.journal.waiting or self.journal.fault is not None:
            self._seen_head, self._moved_at = head, now_real_s
        return now_real_s - self._moved_at > STUCK_S

    async def close(self) -> None:
        """Record the shutdown and wait until everything is on disk (5 s at the longest)."""
        self.note(Kind.SHUTDOWN, {})
        await asyncio.to_thread(self.journal.close)

    def _tell_open(self) -> None:
        open_events = tuple(self.evidence.open_events)
        if open_events != self._open:
            self._open = open_events
            self._opened(open_events)
