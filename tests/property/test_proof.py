"""I-16 over the real core: whatever the sources say, every limit received is one event.

The oracle counts what was said, by source: a limit that begins is one event, its release one end, a
kill in between neither. The core decides, the evidence watches, the journal's reader puts together.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ems.control.core import Core
from ems.control.events import ContactChanged, Event, LpcChanged, Restored, TestLimitChanged
from ems.control.grid_limit import UNLIMITED, GridLimit, Limited, Source
from ems.journal.evidence import Evidence, SiteFacts
from ems.journal.record import GENESIS, Kind, Record, RecordDraft, seal
from ems.journal.report import assemble, reopened
from tests.kit.script import PLANT, Run

UTC_0 = datetime(2026, 11, 21, 17, 0, tzinfo=UTC)
FAILSAFE = Limited(15_120, Source.FAILSAFE)
COUNTED = ("eebus", "failsafe", "contact", "fault", "test")


def lpc(state: str, limit: GridLimit) -> LpcChanged:
    return LpcChanged(state=state, limit=limit, failsafe_w=15_120, failsafe_duration_s=7_200.0)


@dataclass
class Service:
    """Core, evidence and journal over any number of processes, and what was said to them."""

    said: dict[str, list[bool]] = field(default_factory=lambda: {name: [] for name in COUNTED})
    records: list[Record] = field(default_factory=list)
    utc: datetime = UTC_0
    contact: ContactChanged = ContactChanged(limiting=False, level="closed")  # noqa: RUF009  # frozen
    box_heard: bool = False

    def __post_init__(self) -> None:
        self.ids = itertools.count()
        self.limiting = dict.fromkeys(COUNTED, False)
        self.run = Run(PLANT)
        self.evidence = Evidence(SiteFacts(), new_id=lambda: str(next(self.ids)))
        self.begin()

    def begin(self) -> None:
        self.give(Restored(saved=self.run.saved))
        self.give(self.contact)
        self.give(lpc("init", FAILSAFE))

    def kill(self) -> None:
        saved = self.run.saved
        self.run = Run(PLANT)
        self.run.saved = saved
        self.evidence = Evidence(SiteFacts(), new_id=lambda: str(next(self.ids)))
        self.keep(self.evidence.restore(reopened(self.records), self.utc))
        self.box_heard = False
        self.begin()

    def give(self, event: Event | None) -> None:
        run = self.run
        run.carry(
            run.core.handle_timer(run.now) if event is None else run.core.handle(event, run.now)
        )
        self.keep(self.evidence.observe(run.core.decision, run.now, self.utc))

    def wait(self, seconds: float) -> None:
        self.run.now += seconds
        self.utc += timedelta(seconds=seconds)
        self.give(None)

    def keep(self, drafts: list[RecordDraft]) -> None:
        for draft in drafts:
            prev = self.records[-1].hash if self.records else GENESIS
            self.records.append(seal(draft, seq=len(self.records) + 1, prev_hash=prev))

    def say(self, source: str, *, limits: bool) -> None:
        self.limiting[source] = limits
        self.said[source].append(limits)

    def box(self, word: str, power_w: int) -> None:
        if word == "failsafe" and not self.box_heard:
            return  # the machine of a new process is in Init until the box has spoken
        self.box_heard = True
        limit: GridLimit = UNLIMITED
        if word == "limited":
            limit = Limited(power_w, Source.EEBUS)
        elif word == "failsafe":
            limit = FAILSAFE
        self.say("eebus", limits=word == "limited")
        self.say("failsafe", limits=word == "failsafe")
        self.give(lpc(word, limit))

    def line(self, word: str) -> None:
        faults = {"flapping": "flapping", "unreadable": "unreadable"}
        level = {"open": "open", "closed": "closed"}.get(word, "unknown")
        self.contact = ContactChanged(
            limiting=word != "closed", level=level, fault=faults.get(word)
        )
        self.say("contact", limits=word == "open")
        self.say("fault", limits=word in faults)
        self.give(self.contact)

    def installer(self, power_w: int | None) -> None:
        limit = UNLIMITED if power_w is None else Limited(power_w, Source.TEST)
        self.say("test", limits=power_w is not None)
        self.give(TestLimitChanged(limit=limit))


words = st.one_of(
    st.tuples(
        st.just("box"),
        st.sampled_from(["limited", "limited", "unlimited_controlled", "failsafe"]),
        st.sampled_from([0, 4_200, 20_000]),
    ),
    st.tuples(
        st.just("line"), st.sampled_from(["open", "closed", "flapping", "unreadable"]), st.just(0)
    ),
    st.tuples(st.just("installer"), st.sampled_from(["limit", "lift"]), st.just(3_000)),
    st.tuples(st.just("kill"), st.just(""), st.just(0)),
)
waits = st.sampled_from([0.0, 0.5, 3.0, 20.0, 90.0])


def play(script: list[tuple[float, tuple[str, str, int]]]) -> Service:
    service = Service()
    for wait_s, (who, word, power_w) in script:
        service.wait(wait_s)
        match who:
            case "box":
                service.box(word, power_w)
            case "line":
                service.line(word)
            case "installer":
                service.installer(power_w if word == "limit" else None)
            case _:
                service.kill()
    return service


@pytest.mark.invariant("I-16")
@pytest.mark.field("F-29")
@settings(max_examples=80, deadline=None)
@given(st.lists(st.tuples(waits, words), max_size=20))
def test_every_limit_that_was_received_has_exactly_one_event_with_an_end_or_an_open_mark(
    script: list[tuple[float, tuple[str, str, int]]],
) -> None:
    service = play(script)

    found = assemble(service.records)
    for name in COUNTED:
        begun = sum(1 for a, b in itertools.pairwise([False, *service.said[name]]) if b and not a)
        mine = [one for one in found if one.source == name]
        assert len(mine) == begun, name
        assert [one.open for one in mine].count(True) == int(service.limiting[name]), name
    starts = [record.event_id for record in service.records if record.kind == Kind.EVENT_START]
    ends = [record.event_id for record in service.records if record.kind == Kind.EVENT_END]
    assert len(starts) == len(set(starts))
    assert len(ends) == len(set(ends))
    assert set(ends) <= set(starts)


def test_the_oracle_counts_a_limit_over_a_kill_once() -> None:
    again, free = ("box", "limited", 4_200), ("box", "unlimited_controlled", 0)
    service = play([(0.0, again), (1.0, ("kill", "", 0)), (90.0, again), (1.0, free)])

    found = [one for one in assemble(service.records) if one.source == "eebus"]

    assert [one.open for one in found] == [False]
    assert isinstance(service.run.core, Core)
