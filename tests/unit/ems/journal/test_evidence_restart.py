"""An event that was open when the service ended goes on, or is closed with its reason."""

from __future__ import annotations

from typing import Any

import pytest

from ems.control.grid_limit import Source
from ems.journal.ongoing import OpenEvent
from tests.kit.decisions import decision, load, source
from tests.kit.evidence import FREE, UTC_0, Story, at, limited


def stored(**changed: Any) -> OpenEvent:
    told: dict[str, Any] = {
        "event_id": "event-9",
        "source": "eebus",
        "received_at": at(-100),
        "last_at": at(-5),
        "ceiling": {"commanded_w": 4_200, "applied_w": 4_200},
        "running": {
            "reaction": "COMMANDED",
            "reaction_s": 3.0,
            "worst_overshoot_w": 70,
            "overshoot_s": 1.0,
            "max_nwlb_w": 9_000,
            "nwlb_ws": 90_000.0,
            "covered_s": 30.0,
            "settled": True,
        },
    }
    return OpenEvent(**(told | changed))


@pytest.mark.field("F-29")
@pytest.mark.invariant("I-16")
@pytest.mark.rule("R-14A-52")
def test_an_event_open_over_a_kill_goes_on_under_its_id() -> None:
    story = Story()
    story.drafts += story.evidence.restore([stored()], UTC_0)
    story.see(limited(4_200, drawn_w=3_000, expires_at=1_200.0, restored=True), for_s=10)
    more = story.see(FREE)

    kinds = [draft.kind for draft in story.drafts]
    assert "event_start" not in kinds
    assert kinds[0] == "event_resumed"
    assert story.drafts[0].data == {"event_id": "event-9", "last_at": at(-5), "gap_s": 5.0}
    end = next(draft for draft in more if draft.kind == "event_end")
    assert end.data["event_id"] == "event-9"
    assert end.data["duration_s"] == 110.0
    assert end.data["result"]["reaction_s"] == 3.0
    assert end.data["result"]["worst_overshoot_w"] == 70
    assert end.data["result"]["max_nwlb_w"] == 9_000
    assert end.data["result"]["covered_s"] == 40.0


@pytest.mark.field("F-29")
def test_the_restored_end_of_a_timed_limit_is_no_new_ceiling() -> None:
    story = Story()
    story.evidence.restore([stored()], UTC_0)

    drafts = story.see(limited(4_200, drawn_w=0, expires_at=1_195.0, restored=True))
    drafts += story.see(limited(4_200, drawn_w=0, expires_at=1_195.0))
    changed = story.see(limited(4_200, drawn_w=0, expires_at=1_900.0))

    assert drafts == []
    assert [draft.kind for draft in changed] == ["event_ceiling"]


@pytest.mark.field("F-29")
def test_what_nobody_has_measured_yet_is_no_overshoot_of_the_restart() -> None:
    story = Story()
    story.evidence.restore([stored()], UTC_0)
    view = source(Source.EEBUS, 4_200, restored=True)
    unmeasured = decision(view, loads=(load(None),))

    story.see(unmeasured, for_s=3)
    story.see(limited(4_200, drawn_w=4_100, restored=True), for_s=10)
    (end,) = [draft for draft in story.see(FREE) if draft.kind == "event_end"]

    assert end.data["result"]["worst_overshoot_w"] == 70
    assert end.data["result"]["max_nwlb_w"] == 9_000
    assert end.data["result"]["covered_s"] == 40.0


def test_a_device_that_stays_unmeasured_counts_with_what_it_may_draw_after_ten_seconds() -> None:
    story = Story()
    story.evidence.restore([stored()], UTC_0)
    view = source(Source.EEBUS, 4_200, restored=True)

    story.see(decision(view, loads=(load(None),), metered=False), for_s=15)
    (end,) = [draft for draft in story.see(FREE) if draft.kind == "event_end"]

    assert end.data["result"]["max_nwlb_w"] == 11_000
    assert end.data["result"]["covered_s"] == 35.0


@pytest.mark.field("F-29")
def test_another_value_after_the_restart_is_a_ceiling_of_the_same_event() -> None:
    story = Story()
    story.evidence.restore([stored()], UTC_0)

    drafts = story.see(limited(3_000, drawn_w=0))

    assert [(draft.kind, draft.data["event_id"]) for draft in drafts] == [
        ("event_ceiling", "event-9")
    ]


@pytest.mark.field("F-29")
@pytest.mark.invariant("I-16")
def test_an_event_whose_source_does_not_limit_any_more_is_closed_after_a_moment() -> None:
    story = Story()
    story.evidence.restore([stored()], UTC_0)

    early = story.see(FREE, for_s=5)
    late = story.see(FREE, for_s=2)

    assert early == []
    (end,) = [draft.data for draft in late if draft.kind == "event_end"]
    assert (end["event_id"], end["reason"]) == ("event-9", "not_in_force_after_restart")


def test_a_source_that_limits_again_within_a_moment_keeps_its_event() -> None:
    story = Story()
    story.evidence.restore([stored()], UTC_0)
    story.see(FREE, for_s=3)

    story.see(limited(4_200, drawn_w=0), for_s=10)

    assert story.evidence.open_events == ("event-9",)


def test_init_after_a_restart_goes_on_with_the_failsafe_event_that_was_open() -> None:
    story = Story()
    story.evidence.restore([stored(source="failsafe")], UTC_0)

    drafts = story.see(decision(source(Source.FAILSAFE, 4_200, state="init")), for_s=8)

    assert [draft.kind for draft in drafts if draft.kind == "event_start"] == []
    assert story.evidence.open_events == ("event-9",)


@pytest.mark.invariant("I-16")
def test_of_two_open_events_of_one_source_the_older_is_closed() -> None:
    story = Story()
    older = stored(event_id="event-7", received_at=at(-900))

    drafts = story.evidence.restore([stored(), older], UTC_0)

    assert [(draft.kind, draft.data["event_id"]) for draft in drafts] == [
        ("event_end", "event-7"),
        ("event_resumed", "event-9"),
    ]
    assert story.evidence.open_events == ("event-9",)


@pytest.mark.field("F-14")
@pytest.mark.invariant("I-16")
def test_an_event_that_is_open_while_the_chain_begins_anew_begins_there_once_more() -> None:
    story = Story()
    story.see(limited(20_000, drawn_w=39_000), for_s=8)
    story.see(limited(12_000, drawn_w=19_000), for_s=52)
    story.drafts = story.evidence.begin_anew(story.utc)  # the new chain knows nothing else
    story.see(limited(12_000, drawn_w=11_000), for_s=60)
    story.see(FREE)

    (event,) = story.events()

    assert (event.event_id, event.received_at) == ("event-1", at(0))
    assert event.facts["detail"] == "LPC:" + "a" * 40
    assert [ceiling["applied_w"] for ceiling in event.ceilings] == [12_000]
    assert (event.released_at, event.end_reason) == (at(120), "released")


def test_a_chain_that_begins_anew_without_an_event_tells_nothing() -> None:
    story = Story()
    assert story.evidence.begin_anew(story.utc) == []
    story.see(FREE)
    assert story.evidence.begin_anew(story.utc) == []
