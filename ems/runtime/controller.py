"""The shell of the control core: hands events in, carries commands out, keeps its timer.

Everything here runs in one event loop and ``submit`` never awaits, so the core has one owner and a
limit reaches the slots of the devices in the same turn of the loop (reliability.md I-08). State and
proof follow in the next turn, behind the first writes of the workers. What devices tell waits up to
20 ms for company: 64 confirmations of one limit are one decision, not 64.
"""

from __future__ import annotations

import asyncio
import logging
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ems.control.commands import Alarm, Remember
from ems.control.events import LoadMeasured, SetpointWritten
from ems.runtime.supervise import Harmless

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime

    from drivers.api import Clock
    from ems.control.commands import Command
    from ems.control.core import Core
    from ems.control.decision import Decision
    from ems.control.events import Event
    from ems.runtime.workers import LoadWorker

LOGGER = logging.getLogger(__name__)

COALESCE_S = 0.02  # allocation.md 3.6
CYCLE_S = 1.0  # allocation.md 3.6: periodic safety tick of 1 Hz


@dataclass(frozen=True, slots=True, kw_only=True)
class ActiveAlarm:
    """An alarm in force, since ``since_utc``."""

    code: str
    subject: str
    since_utc: datetime
    params: Mapping[str, str | int]


class Controller:
    """Owns the core."""

    def __init__(
        self,
        core: Core,
        clock: Clock,
        *,
        remember: Callable[[Remember], None],
        decided: Callable[[Decision], None],
        alarmed: Callable[[Alarm], None],
    ) -> None:
        """``decided`` sees every new picture, ``alarmed`` every alarm that begins or ends."""
        self.core = core
        self._clock = clock
        self._remember = remember
        self._decided = decided
        self._alarmed = alarmed
        self._workers: dict[str, LoadWorker] = {}
        self._wake = asyncio.Event()
        self.alarms: dict[tuple[str, str], ActiveAlarm] = {}
        self.cycles = 0
        self._handled_at = -math.inf
        self._waiting: list[Event] = []
        self._waiting_until = math.inf
        self._aftermath: list[Remember | Alarm] | None = None
        self._deciding = Harmless("the decision")
        self._reading = Harmless("a reading")

    @property
    def decision(self) -> Decision:
        """The newest picture."""
        return self.core.decision

    def connect(self, workers: Mapping[str, LoadWorker]) -> None:
        """Tell where the commands of each load go."""
        self._workers = dict(workers)

    def settle(self) -> None:
        """Hand state, alarms and the picture of the last decision on, if that has not happened.

        Whoever waits for what he submitted to be durable calls this first.
        """
        commands, self._aftermath = self._aftermath, None
        if commands is None:
            return
        for command in commands:
            if isinstance(command, Remember):
                self._remember(command)
            else:
                self._alarm(command)
        self._decided(self.core.decision)

    def submit(self, event: Event) -> None:
        """Decide on ``event`` now, or within 20 ms when it only tells how devices do."""
        now = self._clock.monotonic()
        self._waiting.append(event)
        if not isinstance(event, LoadMeasured | SetpointWritten):
            self._decide(now)
        elif self._waiting_until == math.inf:
            self._waiting_until = now + COALESCE_S
        self._wake.set()

    async def run(self, cycle_done: Callable[[], None]) -> None:
        """Wake the core at its deadlines and once per second; ``cycle_done`` after each second."""
        tick_at = self._clock.monotonic() + CYCLE_S
        while True:
            until = min(tick_at, self._due_at(), self._waiting_until)
            await self._clock.wait_for(self._wake.wait(), until)
            self._wake.clear()
            now = self._clock.monotonic()
            if now >= self._waiting_until:
                self._decide(now)
            if now < min(tick_at, self._due_at()):
                continue  # only the deadline changed
            self._handled_at = now
            self.settle()
            self._carry_out(self._or_fall_back(self.core.handle_timer, now))
            if now >= tick_at:
                tick_at = now + CYCLE_S
                self.cycles += 1
                cycle_done()

    def _due_at(self) -> float:
        """The core's deadline; never less than 20 ms after the last timer, so it cannot spin."""
        if self.core.deadline is None:
            return math.inf
        return max(self.core.deadline, self._handled_at + COALESCE_S)

    def _decide(self, now: float) -> None:
        """One decision on everything that waits."""
        self.settle()
        events, self._waiting, self._waiting_until = self._waiting, [], math.inf
        worth_it = [self._book(event, now) for event in events]
        self._carry_out(self._or_fall_back(self.core.decide, now) if any(worth_it) else [])

    def _book(self, event: Event, now: float) -> bool:
        """Whether the event calls for a decision; a reading nobody can digest does not."""
        if not isinstance(event, LoadMeasured | SetpointWritten):
            return self.core.book((event,), now)
        booked: list[bool] = []
        self._reading.do(lambda: booked.append(self.core.book((event,), now)))
        return booked == [True]

    def _or_fall_back(self, decide: Callable[[float], list[Command]], now: float) -> list[Command]:
        """What ``decide`` wants done; if it raises, what keeps the limit without it (X26)."""
        decided: list[list[Command]] = []
        self._deciding.do(lambda: decided.append(decide(now)))
        return decided[0] if decided else self.core.fall_back(self._deciding.why, now)

    def alarm(self, alarm: Alarm) -> None:
        """Raise or end an alarm from outside the core (disk, identity, configuration)."""
        self._alarm(alarm)

    def _carry_out(self, commands: list[Command]) -> None:
        """Orders go out at once; the rest when the workers have had their turn."""
        self._aftermath = []
        for command in commands:
            if isinstance(command, Remember | Alarm):
                self._aftermath.append(command)
            elif (worker := self._workers.get(command.load_id)) is not None:
                worker.post(command)
        try:
            asyncio.get_running_loop().call_soon(self.settle)
        except RuntimeError:  # before the loop runs there are no workers to wait for
            self.settle()

    def _alarm(self, alarm: Alarm) -> None:
        key = (alarm.code, alarm.subject)
        if alarm.active == (key in self.alarms):
            return
        if alarm.active:
            self.alarms[key] = ActiveAlarm(
                code=alarm.code,
                subject=alarm.subject,
                since_utc=self._clock.utcnow(),
                params=alarm.params,
            )
            LOGGER.warning("! %s %s %s", alarm.code, alarm.subject, dict(alarm.params))
        else:
            del self.alarms[key]
            LOGGER.info("= %s %s is over", alarm.code, alarm.subject)
        self._alarmed(alarm)
