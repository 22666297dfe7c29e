"""The journal of a story as ``ems records list --notes --json`` gives it."""

from __future__ import annotations

from ems.demo.journal import seen_of
from ems.demo.trace import RecordedEvent

DATA = {
    "events": [
        {
            "source": "start",
            "received_at": "-50",
            "released_at": "2",
            "ceilings_w": [15_120],
            "result": {"worst_overshoot_w": 0},
            "restarts": 0,
        },
        {
            "source": "eebus",
            "received_at": "1060",
            "released_at": None,
            "ceilings_w": [4_200],
            "result": {},
            "restarts": 1,
        },
    ],
    "notes": [{"kind": "boot"}, {"kind": "write_refused"}],
}


def story_s(text: str | None) -> float | None:
    return None if text is None else float(text)


def test_events_get_story_times_ceilings_and_the_worst_overshoot() -> None:
    seen = seen_of(DATA, story_s, verified=True, why="")

    assert seen.events == (
        RecordedEvent("start", -50.0, 2.0, (15_120,), 0),
        RecordedEvent("eebus", 1_060.0, None, (4_200,), None),
    )


def test_start_phase_refused_write_and_restart_are_found() -> None:
    seen = seen_of(DATA, story_s, verified=True, why="")

    assert seen.notes == {"boot", "write_refused", "start", "restored"}


def test_what_is_not_recorded_is_not_claimed() -> None:
    nothing = {"events": [], "notes": []}

    seen = seen_of(nothing, story_s, verified=False, why="record 3")

    assert seen.notes == frozenset()
    assert not seen.verified
