"""The table of the story is the one of first-plant.md 3, and tables are read strictly."""

from __future__ import annotations

import pytest

from ems.demo.story import load_story, parse_story, story_names

TINY = """
schema = 1
name = "tiny"
title_de = "winzig"
title_en = "tiny"
[[row]]
name = "one"
at_s = 0
text_de = "eins"
text_en = "one"
[[row.check]]
kind = "free"
within_s = 60
[[row]]
name = "two"
at_s = 10
text_de = "zwei"
text_en = "two"
limit_w = 0
source = "eebus"
"""


def test_the_evening_peak_has_the_rows_of_the_first_plant() -> None:
    story = load_story("evening-peak")

    assert [row.at_s for row in story.row] == [
        -60, 0, 90, 180, 260, 360, 440, 520, 620, 700, 720, 860, 1_060, 1_160, 1_360, 1_480,
    ]  # fmt: skip


def test_every_row_names_its_limit_and_source() -> None:
    story = load_story("evening-peak")

    assert [(row.limit_w, row.source) for row in story.row] == [
        (15_120, "failsafe"),
        (None, None),
        (20_000, "eebus"),
        (15_120, "contact"),
        (15_120, "contact"),
        (20_000, "eebus"),
        (0, "eebus"),
        (0, "eebus"),
        (0, "eebus"),
        (0, "eebus"),
        (None, None),
        (15_120, "failsafe"),
        (4_200, "eebus"),
        (4_200, "eebus"),
        (None, None),
        (None, None),
    ]


def test_every_row_can_fail() -> None:
    assert all(row.check for row in load_story("evening-peak").row)


def test_the_failsafe_is_due_two_minutes_after_the_last_heartbeat() -> None:
    row = next(row for row in load_story("evening-peak").row if row.name == "heartbeat-lost")

    assert row.effect_s == 980
    assert row.delay_tolerance_s == 5


def test_a_row_lasts_until_the_next_one() -> None:
    story = parse_story(TINY)

    assert story.end_of(story.row[0]) == 10
    assert story.end_of(story.row[1]) == 10


def test_zero_watts_is_a_limit_and_a_missing_limit_is_none() -> None:
    story = parse_story(TINY)

    assert story.row[0].limit_w is None
    assert story.row[1].limit_w == 0


def test_an_unknown_story_is_refused() -> None:
    assert story_names() == ["evening-peak"]
    with pytest.raises(KeyError):
        load_story("../evening-peak")


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("at_s = 10", "at_s = 0"),
        ('kind = "free"', 'kind = "fine"'),
        ("within_s = 60", "within = 60"),
        ("schema = 1", "schema = 2"),
        ('kind = "free"\nwithin_s = 60', 'kind = "at_least"\npower_w = 5'),
    ],
)
def test_a_faulty_table_is_refused(old: str, new: str) -> None:
    assert old in TINY
    with pytest.raises(ValueError, match="validation error"):
        parse_story(TINY.replace(old, new))
