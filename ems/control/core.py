"""The control core: events in, commands out; pure, one owner, time as an argument.

One decision: strictest source → budget → targets (allocator) → orders in a safe sequence →
supervision of what is really drawn. Reductions leave with the event that causes them; everything
else waits for its hold, its confirmation or the tick. Source: style.md 2.10, allocation.md 3.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, assert_never

from ems.control.alarms import DECISION_FAILED, AlarmBook
from ems.control.budget import Credit
from ems.control.commands import Command, Release, SetLimit, Stop
from ems.control.commit import Commit
from ems.control.desk import Desk
from ems.control.events import (
    ContactChanged,
    Event,
    GenerationMeasured,
    GridLost,
    GridMeasured,
    JournalDamaged,
    LoadFound,
    LoadLost,
    LoadMeasured,
    LpcChanged,
    Restored,
    SetpointFailed,
    SetpointWritten,
    TestLimitChanged,
)
from ems.control.fallback import scale_down, tell_anew
from ems.control.grid_limit import UNLIMITED, GridLimit, Limited
from ems.control.memory import Memory
from ems.control.notices import tell
from ems.control.picture import Picture, draw
from ems.control.planner import STANDSTILL, Planner, Situation, Target
from ems.control.plant import BelowPmin
from ems.control.releasing import Releasing
from ems.control.sources import Sources
from ems.control.supervisor import Supervisor
from ems.control.watch import look

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ems.control.decision import Decision, SourceView
    from ems.control.plant import Plant


WHY_MAX = 200
"""An error told in an alarm is cut to this many characters."""


class Core:
    """Decides for one plant. ``Restored`` first, then the contact, then everything else."""

    def __init__(self, plant: Plant, now: float) -> None:
        """Nothing runs free until the sources have spoken."""
        self._plant = plant
        self._started_at = now
        self._sources = Sources(plant, now)
        self._credit = Credit(plant.signal.attribution, plant.timings)
        self._desks = {
            load.load_id: Desk(load, position, plant.timings, now)
            for position, load in enumerate(plant.loads)
        }
        self._planner = Planner(plant)
        self._releasing = Releasing(plant.timings)
        self._supervisor = Supervisor(plant.timings, enabled=plant.escalation)
        self._memory = Memory(plant.timings)
        self._alarms = AlarmBook()
        self._told: dict[str, int] = {}
        self._state = _State(self._sources.views(), self._desks)
        self._assess(now)

    @property
    def deadline(self) -> float | None:
        """When ``handle_timer`` must be called [protocol s]."""
        ends = [self._state.at + self._plant.timings.tick_s, self._sources.deadline]
        ends += [desk.release_due_at for desk in self._desks.values()]
        return min(end for end in ends if end is not None)

    @property
    def decision(self) -> Decision:
        """The picture after the last input."""
        state = self._state
        if state.drawn is None:
            state.drawn = draw(
                Picture(
                    plant=self._plant,
                    at=state.now,
                    effective=state.effective,
                    sources=state.views,
                    budget_w=state.budget_w,
                    level=self._supervisor.level,
                ),
                self._desks,
                state.targets,
                self._credit,
            )
        return state.drawn

    def handle(self, event: Event, now: float) -> list[Command]:
        """Take one event in and return what must be done about it, most urgent first."""
        return self.handle_all((event,), now)

    def handle_all(self, events: Sequence[Event], now: float) -> list[Command]:
        """Take ``events`` in, in their order, and decide once about all of them."""
        return self.decide(now) if self.book(events, now) else []

    def book(self, events: Sequence[Event], now: float) -> bool:
        """Take ``events`` in without deciding; tells whether anything must be decided anew."""
        now = max(now, self._state.now)
        if [event for event in events if self._take(event, now)]:
            return True
        self._state.touch(now)
        return False

    def handle_timer(self, now: float) -> list[Command]:
        """Holds, staleness, reaction times; may be called late or for nothing."""
        for desk in self._desks.values():
            desk.exposure.settle(max(now, self._state.now))
        return self.decide(now)

    def decide(self, now: float) -> list[Command]:
        """Decide on what is booked."""
        now = max(now, self._state.now)
        self._assess(now)
        self._supervise(now)
        return self._act(self._state, now)

    def fall_back(self, why: str, now: float) -> list[Command]:
        """Keep the limit although ``decide`` raised: the last set-points, scaled down (X26).

        ``why`` goes into the alarm, which ends with the next decision that works.
        """
        now = max(now, self._state.now)
        self._credit.forget()
        self._planner = Planner(self._plant)  # whatever it kept may be what is wrong
        self._state = state = self._limit(now)
        state.budget_w = state.ceiling_w
        offenders = self._supervisor.offenders
        state.targets = scale_down(self._desks, state.ceiling_w, offenders, self._told, now)
        orders = tell_anew(self._desks, state.targets, self._told, now)
        self._alarms.put(DECISION_FAILED, "core", active=True, params={"error": why[:WHY_MAX]})
        return self._commands(orders, (), now)

    def _take(self, event: Event, now: float) -> bool:
        """Book the event; tells whether anything must be decided anew."""
        match event:
            case LpcChanged():
                self._sources.lpc_changed(event, now)
            case ContactChanged():
                self._sources.contact_changed(event, now)
            case TestLimitChanged():
                self._sources.test_changed(event, now)
            case Restored():
                self._sources.restored(event.saved, damaged=event.damaged, now=now)
            case JournalDamaged():
                self._sources.journal_damaged()
            case GridMeasured() | GridLost() | GenerationMeasured():
                return self._take_grid(event, now)
            case LoadFound() | LoadLost() | LoadMeasured() | SetpointWritten() | SetpointFailed():
                desk = self._desks.get(event.load_id)
                return desk is not None and self._take_load(event, desk, now)
            case _:
                assert_never(event)
        return True

    def _take_grid(self, event: GridMeasured | GridLost | GenerationMeasured, now: float) -> bool:
        match event:
            case GridMeasured():
                self._credit.grid_measured(event.power_w, min(event.at, now))
            case GenerationMeasured():
                self._credit.generation_measured(event.power_w, min(event.at, now))
            case _:
                self._credit.grid_lost()
        return self._budget_moved(now)

    def _take_load(
        self,
        event: LoadFound | LoadLost | LoadMeasured | SetpointWritten | SetpointFailed,
        desk: Desk,
        now: float,
    ) -> bool:
        match event:
            case LoadFound():
                desk.found(event.capability, now)
            case LoadLost():
                desk.exposure.lost(now)
            case LoadMeasured():
                changed = desk.measured(event, now)
                return self._budget_moved(now) or changed
            case SetpointWritten():
                desk.written(event.setpoint, min(event.at, now))
            case _:
                desk.failed(event.setpoint, now, refused=event.refused)
        return True

    def _budget_moved(self, now: float) -> bool:
        """Whether the credit in force is another one now."""
        before_w = self._credit.extra_w
        self._update_credit(self._state.ceiling_w, now)
        return self._credit.extra_w != before_w and self._state.ceiling_w is not None

    def _update_credit(self, ceiling_w: int | None, now: float) -> None:
        steuve = [desk.exposure for desk in self._desks.values() if desk.load.steuve]
        self._credit.update(steuve, ceiling_w, now)

    def _assess(self, now: float) -> None:
        """Which limit counts now, and what it means for the SteuVE together."""
        state = self._limit(now)
        self._update_credit(state.ceiling_w, now)
        if state.ceiling_w is not None:
            state.budget_w = max(0, state.ceiling_w + self._credit.extra_w)
        if state.effective != self._state.effective:
            for desk in self._desks.values():
                desk.forget_starts()
        self._state = state

    def _limit(self, now: float) -> _State:
        """What the sources say now, and the last targets."""
        self._sources.handle_timer(now)
        views = self._sources.views()
        state = _State(views, self._desks, self._state.targets)
        state.at = state.now = now
        state.effective = self._sources.effective(views)
        state.ceiling_w = self._ceiling(state.effective)
        return state

    def _ceiling(self, effective: GridLimit) -> int | None:
        """The limit as applied [W] (14a.md 3.6); ``None``: no limit in force."""
        if not isinstance(effective, Limited):
            return None
        owed_w = self._plant.pmin.pmin_14a_w
        if self._plant.signal.below_pmin is BelowPmin.CLAMP_TO_PMIN and owed_w is not None:
            return max(effective.power_w, owed_w)
        return effective.power_w

    def _supervise(self, now: float) -> None:
        state = self._state
        if state.ceiling_w is None or state.budget_w is None:
            self._supervisor.calm()
            return
        check = look(
            self._plant.signal.attribution,
            self._desks,
            self._credit,
            ceiling_w=state.ceiling_w,
            budget_w=state.budget_w,
            now=now,
        )
        self._supervisor.update(check, now)

    def _act(self, state: _State, now: float) -> list[Command]:
        situation = Situation(
            budget_w=state.budget_w,
            ceiling_w=state.ceiling_w,
            on_credit=self._credit.extra_w > 0,
            excluded=frozenset(self._supervisor.offenders),
            standstill=self._supervisor.all_off,
            waiting=now < self._started_at + self._plant.timings.start_wait_s,
        )
        state.targets = self._planner.plan(self._desks, situation, now)
        frozen = self._supervisor.enabled and self._supervisor.level > 1
        commit = Commit(self._desks, state.targets, self._planner.resources, now, frozen=frozen)
        commit.run()
        self._alarms.put(DECISION_FAILED, "core", active=False)
        self._told.clear()
        return self._commands(commit.decreases, commit.increases, now)

    def _commands(
        self, decreases: Sequence[Command], increases: Sequence[Command], now: float
    ) -> list[Command]:
        """Everything to be done, most urgent first."""
        state = self._state
        releases = self._releasing.update(self._desks, state.targets, now)
        commands: list[Command] = [*decreases, *self._stops(now)]
        remember = self._memory.update(self._sources, state.views, now)
        if remember is not None:
            commands.append(remember)
        commands += [*increases, *releases, *self._repeats(now)]
        tell(self._plant, self._sources, self._supervisor, self._alarms, state.effective, now)
        self._tell_devices(now)
        return commands + list(self._alarms.take())

    def _stops(self, now: float) -> list[Stop]:
        stops: list[Stop] = []
        for load_id in self._supervisor.to_stop(now):
            desk = self._desks[load_id]
            desk.stop(now)
            stops.append(Stop(load_id=load_id, reason=STANDSTILL))
        return stops

    def _repeats(self, now: float) -> list[SetLimit | Release]:
        """Orders that failed, were not answered or are not obeyed, once more."""
        repeats: list[SetLimit | Release] = []
        for load_id, desk in self._desks.items():
            if not desk.retry_due(now):
                continue
            desk.repeated(now)
            setpoint = desk.setpoint()
            if setpoint is None:
                repeats.append(Release(load_id=load_id, reason=desk.reason))
            else:
                lowering = desk.exposure.upper_x(now) > (desk.order_x or 0)
                repeats.append(
                    SetLimit(
                        load_id=load_id, setpoint=setpoint, reason=desk.reason, urgent=lowering
                    )
                )
        return repeats

    def _tell_devices(self, now: float) -> None:
        grid_silent = self._plant.has_grid_meter and self._credit.grid_w(now) is None
        waiting = now < self._started_at + self._plant.timings.start_wait_s
        self._alarms.grid(silent=grid_silent and not waiting)
        for load_id, desk in self._desks.items():
            desk.note_silence(now, waiting=waiting)
            self._alarms.device(
                load_id,
                silent=desk.silent,
                refused=desk.refused,
                disobeys=self._supervisor.is_excluded(load_id),
            )
        self._releasing.tell(self._desks, self._alarms, now)


class _State:
    """The last decision, as far as the next one and the picture need it."""

    def __init__(
        self,
        views: tuple[SourceView, ...],
        desks: dict[str, Desk],
        targets: dict[str, Target] | None = None,
    ) -> None:
        self.views = views
        self.targets = targets if targets is not None else dict.fromkeys(desks, NOTHING)
        self.effective: GridLimit = UNLIMITED
        self.ceiling_w: int | None = None
        self.budget_w: int | None = None
        self.at = 0.0
        self.now = float("-inf")
        self.drawn: Decision | None = None

    def touch(self, now: float) -> None:
        """Time went on and readings came in: the picture must be drawn anew."""
        self.now = now
        self.drawn = None


NOTHING = Target(0, free=False, reason=STANDSTILL)
