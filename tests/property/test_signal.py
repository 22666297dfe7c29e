"""Which limit is in force, against a second book kept by the rules; over kills, lost edges, noise.

The oracle is written from 14a.md 3.2 and 3.5 and reliability.md 3 and 10, not from the code: every
source has a last word, nobody who has not spoken is free, the strictest word of all rules.
"""

from __future__ import annotations

import math
import tempfile
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ems.control.contact import ContactConfig, ContactFilter, Level
from ems.control.core import Core
from ems.control.events import ContactChanged, LoadFound, LpcChanged, Restored, TestLimitChanged
from ems.control.grid_limit import UNLIMITED, GridLimit, Limited, Source
from ems.control.saved import SavedState
from ems.runtime.state_file import StateFile
from tests.kit.script import FEW, IDS, PLANT, Run, steps, told_w

PMIN_W = 15_120


def power_w(limit: GridLimit) -> float:
    return limit.power_w if isinstance(limit, Limited) else math.inf


@dataclass
class Book:
    """The last word of every source [W]; endless: it does not limit."""

    lpc_w: float = PMIN_W
    contact_w: float = PMIN_W
    test_w: float = math.inf
    test_ends: float = math.inf
    spoken: set[str] = field(default_factory=set)

    def hear(self, event: object) -> None:
        if isinstance(event, LpcChanged):
            self.lpc_w = power_w(event.limit)
        elif isinstance(event, ContactChanged):
            limits = event.limiting or event.fault is not None
            self.contact_w = PMIN_W if limits else math.inf
        elif isinstance(event, TestLimitChanged):
            self.test_w = power_w(event.limit)
            self.test_ends = math.inf if event.expires_at is None else event.expires_at

    def strictest_w(self, now: float) -> float:
        test_w = self.test_w if now < self.test_ends else math.inf
        return min(self.lpc_w, self.contact_w, test_w)


@pytest.mark.invariant("I-02")
@pytest.mark.invariant("I-04")
@FEW
@given(steps)
def test_the_strictest_last_word_of_all_sources_is_in_force_and_release_needs_them_all(
    script: list[tuple[float, object]],
) -> None:
    run, book = Run(PLANT), Book()

    for wait_s, what in script:
        if isinstance(what, LpcChanged) and what.state == "init":
            continue  # a new beginning of the EEBUS side restores what was; tested on its own
        event, _ = run.step(wait_s, what)
        book.hear(event)
        run.step(0.0, None)
        assert power_w(run.core.decision.effective) == book.strictest_w(run.now), event


@pytest.mark.invariant("I-06")
@FEW
@given(steps)
def test_a_word_that_is_told_twice_says_nothing_new(script: list[tuple[float, object]]) -> None:
    run = Run(PLANT)

    for wait_s, what in script:
        event, _ = run.step(wait_s, what)
        if not isinstance(event, LpcChanged | ContactChanged):
            continue
        before = run.core.decision
        assert run.core.handle(event, run.now) == []
        again = run.core.decision
        assert (again.effective, again.budget_w) == (before.effective, before.budget_w)


UTC_0 = datetime(2026, 11, 21, 17, 0, tzinfo=UTC)


def through_the_disk(saved: SavedState, age_s: float) -> SavedState | None:
    """What the next process reads, ``age_s`` after it was written."""
    wall = [UTC_0]
    with tempfile.TemporaryDirectory() as folder:
        file = StateFile(Path(folder), utcnow=lambda: wall[0], synchronised=lambda: False)
        file.save(saved)
        wall[0] += timedelta(seconds=age_s)
        loaded, damaged = StateFile(
            Path(folder), utcnow=lambda: wall[0], synchronised=lambda: False
        ).load()
    assert not damaged
    return loaded


def begun_anew(saved: SavedState, contact: ContactChanged) -> Run:
    """The next process, before anybody but the contact has spoken."""
    run = Run(PLANT)
    run.carry(run.core.handle(Restored(saved=through_the_disk(saved, 3_600.0)), run.now))
    run.carry(run.core.handle(contact, run.now))
    return run


@pytest.mark.invariant("I-05")
@pytest.mark.field("F-29")
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(steps, st.integers(0, 40), st.booleans(), st.integers(0, 2))
def test_a_process_killed_at_any_moment_is_followed_by_one_that_is_no_less_limited(
    script: list[tuple[float, object]], killed_after: int, closed: bool, more_kills: int
) -> None:
    run = Run(PLANT)
    run.carry(run.core.handle(Restored(saved=None), run.now))
    for wait_s, what in script[:killed_after]:
        run.step(wait_s, what)
    before = run.core.decision.effective
    assert run.saved is not None

    contact = ContactChanged(limiting=not closed, level="closed" if closed else "open")
    after = begun_anew(run.saved, contact)
    for _ in range(more_kills):
        after.step(1.0, None)
        assert after.saved is not None
        after = begun_anew(after.saved, contact)
    limit_w = min(power_w(before), PMIN_W)
    if isinstance(before, Limited) and before.source in {Source.CONTACT, Source.FAULT} and closed:
        limit_w = PMIN_W  # the level at boot speaks for the contact, not what was written
    assert power_w(after.core.decision.effective) <= limit_w
    for name in IDS:
        after.step(0.1, ("found", name, None, 0.0, False))
        assert sum(told_w(after)) <= limit_w


levels: st.SearchStrategy[Level | None] = st.sampled_from(["open", "closed", None])
samples = st.lists(st.tuples(st.sampled_from([0.01, 0.04, 0.1, 0.5, 3.0, 25.0]), levels))
configs = st.builds(ContactConfig, limiting_when=st.sampled_from(["open", "closed"]))


def free_since(heard: list[tuple[float, Level | None]], limiting_when: Level) -> float:
    """Since when every sample read the level that releases; ``inf``: the last one did not."""
    since = math.inf
    for at, level in reversed(heard):
        if level is None or level == limiting_when:
            break
        since = at
    return since


@pytest.mark.invariant("I-06")
@pytest.mark.invariant("I-03")
@given(configs, samples)
def test_a_contact_releases_only_on_a_level_that_held_and_limits_on_one_that_does(
    config: ContactConfig, script: list[tuple[float, Level | None]]
) -> None:
    judge, now = ContactFilter(config, 0.0), 0.0
    heard: list[tuple[float, Level | None]] = []

    for number, (wait_s, level) in enumerate(script):
        now += wait_s
        was_limiting = judge.state.limiting
        judge.sample(level, now)
        heard.append((now, level))
        limiting_since = _since(heard, config.limiting_when)
        if now >= limiting_since + config.debounce_limit_s:
            assert judge.state.limiting
        released = was_limiting and not judge.state.limiting
        if released and number > 0:
            assert now >= free_since(heard, config.limiting_when) + config.debounce_release_s


def _since(heard: list[tuple[float, Level | None]], level: Level) -> float:
    since = math.inf
    for at, seen in reversed(heard):
        if seen != level:
            break
        since = at
    return since


@pytest.mark.invariant("I-06")
@given(configs, samples, st.sampled_from(["open", "closed"]), st.data())
def test_the_level_that_lasts_decides_whatever_edges_were_seen_or_lost(
    config: ContactConfig,
    script: list[tuple[float, Level | None]],
    level: Level,
    data: st.DataObject,
) -> None:
    judge, now = ContactFilter(config, 0.0), 0.0
    for wait_s, seen in script:
        now += wait_s
        if data.draw(st.booleans(), label="the edge is noticed"):
            judge.sample(seen, now)

    for _ in range(700):
        now += 0.1
        judge.sample(level, now)

    assert judge.state == ContactChanged(limiting=level == config.limiting_when, level=level)


def test_a_plant_restarted_without_any_state_waits_limited() -> None:
    core = Core(PLANT, 0.0)
    core.handle(Restored(saved=None), 0.0)
    core.handle(ContactChanged(limiting=False, level="closed"), 0.0)

    core.handle(LoadFound(load_id="socket", capability=PLANT.loads[0].capability), 0.1)

    assert core.decision.effective == Limited(PMIN_W, Source.FAILSAFE)
    assert core.decision.effective != UNLIMITED
