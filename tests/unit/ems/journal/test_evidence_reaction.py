"""How an event says whether, and how soon, its ceiling was kept."""

from __future__ import annotations

from datetime import timedelta

import pytest

from tests.kit.evidence import FREE, Story, limited


@pytest.mark.rule("R-14A-61")
def test_a_quiet_house_was_already_below() -> None:
    story = Story()
    story.see(limited(4_200, drawn_w=300), for_s=90)
    story.see(FREE)

    (event,) = story.events()

    assert event.result["reaction"] == "ALREADY_BELOW"
    assert event.effective_at == event.received_at
    assert event.result["compliant"] is True


@pytest.mark.rule("R-14A-61")
def test_a_limit_that_is_never_kept_was_not_reached() -> None:
    story = Story()
    story.see(limited(4_200, drawn_w=11_000), for_s=200)
    story.see(FREE)

    (event,) = story.events()

    assert event.result["reaction"] == "NOT_REACHED"
    assert event.effective_at is None
    assert event.result["compliant"] is False
    assert event.result["late"] is True
    assert event.result["worst_overshoot_w"] == 6_800
    assert event.result["overshoot_s"] == 140.0


def test_overshoot_after_the_ceiling_was_kept_counts_seconds_and_watts() -> None:
    story = Story()
    story.see(limited(10_000, drawn_w=9_000), for_s=60)
    story.see(limited(10_000, drawn_w=13_000), for_s=5)
    story.see(limited(10_000, drawn_w=10_050), for_s=60)
    story.see(FREE)

    (event,) = story.events()

    assert event.result["worst_overshoot_w"] == 3_000
    assert event.result["overshoot_s"] == 5.0
    assert event.result["breach_minutes"] == 1
    assert event.result["compliant"] is False
    assert event.result["max_nwlb_w"] == 13_000


def test_a_lower_ceiling_may_take_its_time_again() -> None:
    story = Story()
    story.see(limited(20_000, drawn_w=19_000), for_s=60)
    story.see(limited(4_200, drawn_w=19_000), for_s=30)
    story.see(limited(4_200, drawn_w=4_000), for_s=60)
    story.see(FREE)

    (event,) = story.events()

    assert event.result["worst_overshoot_w"] == 0
    assert event.result["transient_worst_w"] == 14_800
    assert event.result["compliant"] is True


def test_a_clock_that_jumps_changes_no_duration() -> None:
    story = Story()
    story.see(limited(10_000, drawn_w=9_000), for_s=30)
    story.utc -= timedelta(days=1)
    story.see(limited(10_000, drawn_w=9_000), for_s=30)
    drafts = story.see(FREE)

    end = next(draft.data for draft in drafts if draft.kind == "event_end")
    assert end["duration_s"] == 60.0
    assert end["result"]["covered_s"] == 60.0
