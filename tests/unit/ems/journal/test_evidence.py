"""Every signal leaves one event with what 14a.md 4.2 asks for."""

from __future__ import annotations

import pytest

from ems.journal.evidence import Evidence, SiteFacts
from tests.kit.evidence import FREE, UTC_0, Story, at, limited


def test_without_a_limit_nothing_is_recorded() -> None:
    story = Story()

    assert story.see(FREE, for_s=120) == []


@pytest.mark.rule("R-14A-56")
@pytest.mark.invariant("I-16")
def test_a_limit_leaves_one_event_from_reception_to_release() -> None:
    story = Story()
    story.see(FREE, for_s=60)
    story.see(limited(20_000, drawn_w=39_000), for_s=8)
    story.see(limited(20_000, drawn_w=19_000), for_s=112)
    story.see(FREE)

    (event,) = story.events()

    assert (event.source, event.open, event.end_reason) == ("eebus", False, "released")
    assert event.facts["detail"] == "LPC:" + "a" * 40
    assert (event.received_at, event.effective_at, event.released_at) == (at(60), at(68), at(180))
    assert event.ceilings == [
        {
            "at": at(60),
            "commanded_w": 20_000,
            "owed_pmin_w": 15_120,
            "applied_w": 20_000,
            "duration_s": None,
            "below_minimum": False,
        }
    ]
    assert event.result["reaction"] == "COMMANDED"
    assert event.result["reaction_s"] == 8.0
    assert event.result["compliant"] is True
    assert event.result["worst_overshoot_w"] == 0
    assert event.result["transient_worst_w"] == 19_000


def test_an_event_can_be_read_alone() -> None:
    story = Story()
    story.see(limited(20_000, drawn_w=0))

    (event,) = story.events()

    assert event.facts["market_location"] == "51238696781"
    assert event.facts["meter_number"] == "1EMH0012345678"
    assert event.facts["n_steuve"] == 5
    assert event.facts["gzf"] == "0.65"
    assert event.facts["attribution"] == "STEUVE_LAST"
    assert event.facts["control_mode"] == "ems"
    assert event.facts["pmin_rule_version"] == "BK6-22-300"
    assert event.facts["software_version"] == "0.1.0"
    assert event.facts["config_hash"] == "ab" * 32


@pytest.mark.rule("R-14A-57")
def test_every_ceiling_inside_an_event_is_recorded() -> None:
    story = Story()
    story.see(limited(20_000, drawn_w=3_000), for_s=10)
    story.see(limited(0, drawn_w=3_000), for_s=10)
    story.see(limited(12_000, drawn_w=0), for_s=10)

    (event,) = story.events()

    assert [ceiling["applied_w"] for ceiling in event.ceilings] == [20_000, 0, 12_000]
    assert [ceiling["at"] for ceiling in event.ceilings] == [at(0), at(10), at(20)]
    assert event.open


def test_a_new_duration_with_the_same_watts_is_a_new_ceiling() -> None:
    story = Story()
    story.see(limited(20_000, drawn_w=0, expires_at=2_800.0), for_s=10)
    story.see(limited(20_000, drawn_w=0, expires_at=4_000.0), for_s=10)
    story.see(limited(20_000, drawn_w=0, expires_at=4_000.5), for_s=10)
    story.see(limited(20_000, drawn_w=0), for_s=10)

    (event,) = story.events()

    durations = [ceiling["duration_s"] for ceiling in event.ceilings]
    assert durations == [1_800.0, 2_990.0, None]


@pytest.mark.rule("R-14A-30")
def test_a_ceiling_below_the_minimum_is_flagged() -> None:
    story = Story()
    story.see(limited(15_119, drawn_w=0))
    story.see(limited(15_120, drawn_w=0))

    (event,) = story.events()

    assert [ceiling["below_minimum"] for ceiling in event.ceilings] == [True, False]
    assert event.below_minimum


@pytest.mark.rule("R-14A-30")
def test_where_pmin_is_the_least_commanded_owed_and_applied_are_told_apart() -> None:
    story = Story()
    story.evidence = Evidence(SiteFacts(below_pmin="CLAMP_TO_PMIN"))
    story.see(limited(4_200, drawn_w=15_000), for_s=120)
    story.see(limited(20_000, drawn_w=15_000), for_s=10)

    (event,) = story.events()

    values = [
        (c["commanded_w"], c["owed_pmin_w"], c["applied_w"], c["below_minimum"])
        for c in event.ceilings
    ]
    assert values == [(4_200, 15_120, 15_120, True), (20_000, 15_120, 20_000, False)]
    assert event.result["compliant"] is True


@pytest.mark.rule("R-14A-27")
@pytest.mark.field("F-11")
def test_zero_watts_is_an_event_like_any_other() -> None:
    story = Story()
    story.see(limited(0, drawn_w=50), for_s=10)

    (event,) = story.events()

    assert event.ceilings[0]["applied_w"] == 0
    assert event.ceilings[0]["below_minimum"] is True


def test_a_note_names_the_events_that_were_open() -> None:
    story = Story()
    story.see(limited(4_200, drawn_w=0))

    note = story.evidence.note("write_refused", {"value_w": -1_000}, UTC_0)

    assert note.data == {"value_w": -1_000, "events": ["event-1"]}
    story.drafts.append(note)
    (event,) = story.events()
    assert [entry["kind"] for entry in event.notes] == ["write_refused"]


def test_a_note_without_an_event_is_just_what_was_said() -> None:
    assert Story().evidence.note("boot", {"v": 1}, UTC_0).data == {"v": 1}
