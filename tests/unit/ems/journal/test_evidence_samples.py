"""What an event holds of loads and meters: baseline, samples, quarter hours, faults."""

from __future__ import annotations

from datetime import timedelta

from ems.control.grid_limit import Source
from tests.kit.decisions import decision, load, source
from tests.kit.evidence import FREE, UTC_0, Story, at, limited


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


def test_an_observation_later_than_a_second_is_held_and_counted() -> None:
    story = Story()
    story.evidence.observe(limited(10_000, drawn_w=9_000), 1_000.0, UTC_0)

    later = UTC_0 + timedelta(seconds=90)
    drafts = story.evidence.observe(limited(10_000, drawn_w=0), 1_090.0, later)

    samples = [draft.data for draft in drafts if draft.kind == "event_sample"]
    assert [(sample["span_s"], sample["nwlb_w"]) for sample in samples] == [(90.0, 9_000)]
