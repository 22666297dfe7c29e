"""The evening peak, decided by the real core, leaves the events that first-plant.md 3 names."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from ems.config.load import load_site
from ems.config.translate import plant_of
from ems.control.commands import Command, Remember
from ems.control.core import Core
from ems.control.events import ContactChanged, Event, LpcChanged, Restored
from ems.control.grid_limit import UNLIMITED, GridLimit, Limited, Source
from ems.control.saved import SavedState
from ems.journal.evidence import Evidence, SiteFacts
from ems.journal.report import EventRecord, events, open_events
from ems.journal.store import Journal
from ems.journal.verify import verify

EXAMPLE = Path(__file__).parents[4] / "packaging" / "examples" / "first-plant.toml"
PLANT = plant_of(load_site(EXAMPLE, environ={}).site, date(2026, 11, 21))
ZERO = datetime(2026, 11, 21, 17, 0, tzinfo=UTC)
SKI = "b" * 40
FREE_STATE, LIMITED, FAILSAFE = "unlimited_controlled", "limited", "failsafe"


@dataclass
class Service:
    """Core, evidence and journal of one process, driven second by second in story time."""

    path: Path
    t: float
    saved: SavedState | None = None
    boot: float = field(init=False)

    def __post_init__(self) -> None:
        self.boot = self.t - 100.0  # every process has its own monotonic clock
        self.journal = Journal(self.path, utc=self.utc)
        self.evidence = Evidence(SiteFacts())
        for draft in self.evidence.restore(open_events(self.path), self.utc):
            self.journal.append_draft(draft)
        self.core = Core(PLANT, self.now)
        self.tell(Restored(saved=self.saved))
        self.tell(ContactChanged(limiting=False, level="closed"))

    @property
    def now(self) -> float:
        return self.t - self.boot

    @property
    def utc(self) -> datetime:
        return ZERO + timedelta(seconds=self.t)

    def tell(self, event: Event) -> None:
        self.carry_out(self.core.handle(event, self.now))

    def carry_out(self, commands: list[Command]) -> None:
        self.saved = next((c.saved for c in commands if isinstance(c, Remember)), self.saved)
        for draft in self.evidence.observe(self.core.decision, self.now, self.utc):
            self.journal.append_draft(draft)

    def lpc(self, state: str, limit: GridLimit, *, for_s: float | None = None) -> None:
        self.tell(
            LpcChanged(
                state=state,
                limit=limit,
                failsafe_w=15_120,
                failsafe_duration_s=7_200.0,
                expires_at=None if for_s is None else self.now + for_s,
                peer=SKI,
            )
        )

    def until(self, t: float) -> None:
        while self.t < t:
            self.t = min(self.t + 1.0, t)
            self.carry_out(self.core.handle_timer(self.now))

    def end(self) -> None:
        self.journal.close()


def limited(power_w: int, source: Source = Source.EEBUS) -> Limited:
    return Limited(power_w, source)


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> list[EventRecord]:
    path = tmp_path_factory.mktemp("story") / "records.db"
    first = Service(path, -60.0)
    first.until(0)
    first.lpc(FREE_STATE, UNLIMITED)
    first.until(90)
    first.lpc(LIMITED, limited(20_000), for_s=1_800.0)
    first.until(180)
    first.tell(ContactChanged(limiting=True, level="open"))
    first.until(360)
    first.tell(ContactChanged(limiting=False, level="closed"))
    first.until(440)
    first.lpc(LIMITED, limited(0))
    first.until(720)
    first.lpc(FREE_STATE, UNLIMITED)
    first.until(980)
    first.lpc(FAILSAFE, limited(15_120, Source.FAILSAFE))
    first.until(1_060)
    first.lpc(LIMITED, limited(4_200), for_s=300.0)
    first.until(1_160)
    first.end()
    second = Service(path, 1_165.0, first.saved)
    second.until(1_175)
    second.lpc(LIMITED, limited(4_200), for_s=185.0)
    second.until(1_360)
    second.lpc(FREE_STATE, UNLIMITED)
    second.until(1_480)
    second.end()
    assert verify(path).ok
    return events(path)


def story_s(text: str | None) -> float | None:
    return None if text is None else (datetime.fromisoformat(text) - ZERO).total_seconds()


@pytest.mark.field("F-29")
@pytest.mark.invariant("I-16")
def test_the_events_are_those_of_the_story(recorded: list[EventRecord]) -> None:
    told = [
        (
            one.source,
            story_s(one.received_at),
            story_s(one.released_at),
            [ceiling["applied_w"] for ceiling in one.ceilings],
        )
        for one in recorded
        if one.source != "start"
    ]

    assert told == [
        ("eebus", 90.0, 720.0, [20_000, 0]),
        ("contact", 180.0, 360.0, [15_120]),
        ("failsafe", 980.0, 1_060.0, [15_120]),
        ("eebus", 1_060.0, 1_360.0, [4_200, 4_200]),  # the box is back and tells its own end
    ]


def test_the_start_phase_of_each_process_is_recorded(recorded: list[EventRecord]) -> None:
    told = [
        (story_s(one.received_at), story_s(one.released_at))
        for one in recorded
        if one.source == "start"
    ]

    assert told == [(-60.0, 0.0), (1_165.0, 1_175.0)]


def test_every_event_has_a_worst_overshoot_and_the_restart_is_in_its_event(
    recorded: list[EventRecord],
) -> None:
    assert all(isinstance(one.result["worst_overshoot_w"], int) for one in recorded)
    assert [len(one.restarts) for one in recorded if one.source != "start"] == [0, 0, 0, 1]
