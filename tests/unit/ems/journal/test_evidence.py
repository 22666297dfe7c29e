"""Every signal leaves one event with what 14a.md 4.2 asks for."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from ems.control.decision import Decision
from ems.control.grid_limit import Source
from ems.journal.evidence import Evidence, SiteFacts
from ems.journal.ongoing import OpenEvent
from ems.journal.record import RecordDraft, seal
from ems.journal.report import EventRecord, assemble
from tests.kit.decisions import decision, load, source

UTC_0 = datetime(2026, 11, 21, 17, 0, tzinfo=UTC)
FACTS = SiteFacts(
    site="Musterhaus",
    market_location="51238696781",
    meter_number="1EMH0012345678",
    pmin_rule_version="BK6-22-300",
    software_version="0.1.0",
    config_hash="ab" * 32,
)


class Story:
    """Feeds decisions second by second and keeps what is recorded."""

    def __init__(self, *, first_id: int = 1) -> None:
        ids = itertools.count(first_id)
        self.evidence = Evidence(FACTS, new_id=lambda: f"event-{next(ids)}")
        self.now = 1_000.0
        self.utc = UTC_0
        self.drafts: list[RecordDraft] = []

    def see(self, picture: Decision, *, for_s: float = 1.0) -> list[RecordDraft]:
        """Show ``picture`` now and every second until ``for_s`` have passed."""
        fresh: list[RecordDraft] = []
        until = self.now + for_s
        while self.now < until:
            fresh += self.evidence.observe(picture, self.now, self.utc)
            step_s = min(1.0, until - self.now)
            self.now += step_s
            self.utc += timedelta(seconds=step_s)
        self.drafts += fresh
        return fresh

    def events(self) -> list[EventRecord]:
        records, prev = [], "0" * 64
        for number, draft in enumerate(self.drafts, 1):
            record = seal(draft, seq=number, prev_hash=prev)
            records.append(record)
            prev = record.hash
        return assemble(records)


def at(second: float) -> str:
    stamp = UTC_0 + timedelta(seconds=second)
    return stamp.isoformat(timespec="milliseconds").replace("+00:00", "Z")


FREE = decision(source(Source.EEBUS, None, state="unlimited_controlled"), drawn_w=39_000)


def limited(
    power_w: int, *, drawn_w: int, expires_at: float | None = None, restored: bool = False
) -> Decision:
    view = source(Source.EEBUS, power_w, expires_at=expires_at, restored=restored)
    return decision(view, drawn_w=drawn_w)


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


def test_participants_are_known_before_and_after() -> None:
    story = Story()
    before = load(11_000)
    after = load(4_100, setpoint_w=4_140)
    view = source(Source.EEBUS, 4_200)
    story.see(decision(view, loads=(before,)), for_s=3)
    story.see(decision(view, loads=(after,)), for_s=3)
    story.see(decision(source(Source.EEBUS, None), loads=(after,)))

    (event,) = story.events()

    (participant,) = event.participants
    assert participant["before_w"] == 11_000
    assert participant["after_w"] == 4_100
    assert participant["end_w"] == 4_100
    assert participant["setpoint_w"] == 4_140
    assert (participant["id"], participant["kind"], participant["rated_w"]) == (
        "garage",
        "wallbox",
        11_000,
    )


def test_the_baseline_is_the_mean_of_the_fifteen_minutes_before() -> None:
    story = Story()
    story.see(decision(drawn_w=11_000), for_s=600)
    story.see(decision(drawn_w=2_000), for_s=450)
    story.see(decision(drawn_w=5_000), for_s=450)
    story.see(limited(4_200, drawn_w=5_000))

    (event,) = story.events()

    baseline = event.facts["baseline"]
    assert baseline["span_s"] == 900.0
    assert baseline["p_steuve_w"] == 3_500
    assert baseline["p_grid_w"] == 4_100
    assert baseline["r_w"] == 600
    assert baseline["loads"] == {"garage": 3_500}


def test_a_sample_each_minute_and_one_row_per_second_for_five_minutes() -> None:
    story = Story()
    story.see(limited(10_000, drawn_w=9_000), for_s=600)
    story.see(FREE)

    (event,) = story.events()

    assert [sample["t_s"] for sample in event.samples] == list(range(60, 601, 60))
    assert event.samples[0]["nwlb_w"] == 9_000
    assert event.samples[0]["p_grid_w"] == 9_600
    assert event.samples[0]["r_w"] == 600
    assert event.samples[0]["ceiling_w"] == 10_000
    assert event.samples[0]["flags"] == []
    assert [row["t_s"] for row in event.trace] == list(range(1, 301))
    assert event.trace[0]["nwlb_w"] == 9_000


def test_a_sample_is_the_mean_of_its_minute() -> None:
    story = Story()
    story.see(limited(10_000, drawn_w=2_000), for_s=30)
    story.see(limited(10_000, drawn_w=8_000), for_s=31)

    (event,) = story.events()

    assert event.samples[0]["nwlb_w"] == 5_000


def test_quarter_hours_follow_the_clock_and_carry_energy() -> None:
    story = Story()
    story.utc = UTC_0 + timedelta(minutes=10)
    story.see(limited(10_000, drawn_w=9_000), for_s=1_500)
    story.see(FREE)

    (event,) = story.events()

    spans = [(q["from"], q["covered_s"], q["nwlb_wh"]) for q in event.quarter_hours]
    assert spans == [
        (at(0), 299.0, 748),
        (at(900), 900.0, 2_250),
        (at(1_800), 301.0, 752),
    ]
    assert event.quarter_hours[1]["import_wh"] == 2_400
    assert event.quarter_hours[1]["steuve_wh"] == 2_250


def test_without_a_grid_meter_what_is_drawn_counts_and_samples_say_so() -> None:
    story = Story()
    view = source(Source.EEBUS, 4_200)
    unmeasured = (load(None), load(1_000, name="yard"))
    story.see(decision(view, loads=unmeasured, metered=False), for_s=61)

    (event,) = story.events()

    assert event.samples[0]["nwlb_w"] == 12_000
    assert event.samples[0]["p_grid_w"] is None
    assert event.samples[0]["flags"] == ["no_grid_meter", "unmeasured:garage"]


def test_faults_that_come_and_go_are_in_the_event() -> None:
    story = Story()
    view = source(Source.EEBUS, 10_000)
    story.see(decision(view, loads=(load(1_000),)), for_s=5)
    story.see(decision(view, loads=(load(1_000, online=False),)), for_s=5)
    story.see(decision(view, loads=(load(1_000),)), for_s=5)

    (event,) = story.events()

    assert [(f["at"], f["code"], f["subject"], f["active"]) for f in event.faults] == [
        (at(5), "offline", "garage", True),
        (at(10), "offline", "garage", False),
    ]


@pytest.mark.invariant("I-16")
def test_each_source_has_its_own_event() -> None:
    story = Story()
    eebus = source(Source.EEBUS, 20_000)
    contact = source(Source.CONTACT, 15_120, state="open")
    story.see(decision(eebus, drawn_w=1_000), for_s=90)
    story.see(decision(eebus, contact, drawn_w=1_000), for_s=180)
    story.see(decision(eebus, source(Source.CONTACT, None, state="closed")), for_s=80)
    story.see(FREE)

    events = story.events()

    assert [(e.source, e.received_at, e.released_at) for e in events] == [
        ("eebus", at(0), at(350)),
        ("contact", at(90), at(270)),
    ]


def test_an_event_that_ran_out_says_so() -> None:
    story = Story()
    story.see(limited(4_200, drawn_w=0, expires_at=1_030.0), for_s=30)
    story.see(FREE)

    (event,) = story.events()

    assert event.end_reason == "expired"


def test_a_lost_heartbeat_ends_the_limit_and_begins_the_failsafe() -> None:
    story = Story()
    story.see(limited(4_200, drawn_w=0), for_s=30)
    story.see(decision(source(Source.FAILSAFE, 15_120, state="failsafe")), for_s=30)
    story.see(FREE)

    first, second = story.events()

    assert (first.source, first.end_reason) == ("eebus", "heartbeat_lost")
    assert (second.source, second.received_at, second.end_reason) == (
        "failsafe",
        at(30),
        "released",
    )


def test_the_phase_before_anybody_has_spoken_is_an_event_of_its_own() -> None:
    story = Story()
    init = source(Source.FAILSAFE, 15_120, state="init")
    unknown = source(Source.CONTACT, 15_120, state="unknown")
    story.see(decision(init, unknown), for_s=1)
    story.see(decision(init, source(Source.CONTACT, None, state="closed")), for_s=59)
    story.see(FREE)

    (event,) = story.events()

    assert (event.source, event.received_at, event.released_at) == ("start", at(0), at(60))


@pytest.mark.rule("R-14A-27")
@pytest.mark.field("F-11")
def test_zero_watts_is_an_event_like_any_other() -> None:
    story = Story()
    story.see(limited(0, drawn_w=50), for_s=10)

    (event,) = story.events()

    assert event.ceilings[0]["applied_w"] == 0
    assert event.ceilings[0]["below_minimum"] is True


def test_an_observation_later_than_a_second_is_held_and_counted() -> None:
    story = Story()
    story.evidence.observe(limited(10_000, drawn_w=9_000), 1_000.0, UTC_0)

    later = UTC_0 + timedelta(seconds=90)
    drafts = story.evidence.observe(limited(10_000, drawn_w=0), 1_090.0, later)

    samples = [draft.data for draft in drafts if draft.kind == "event_sample"]
    assert [(sample["span_s"], sample["nwlb_w"]) for sample in samples] == [(90.0, 9_000)]


def test_a_clock_that_jumps_changes_no_duration() -> None:
    story = Story()
    story.see(limited(10_000, drawn_w=9_000), for_s=30)
    story.utc -= timedelta(days=1)
    story.see(limited(10_000, drawn_w=9_000), for_s=30)
    drafts = story.see(FREE)

    end = next(draft.data for draft in drafts if draft.kind == "event_end")
    assert end["duration_s"] == 60.0
    assert end["result"]["covered_s"] == 60.0


# --- restart ---------------------------------------------------------------------------------


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
