"""The live view fits a small terminal, says everything without colour, in two languages."""

from __future__ import annotations

from typing import Any

import pytest
from rich.console import Console

from ems.demo.view import Picture, bar, render
from ems.demo.words import WORDS, watts, word

STATUS: dict[str, Any] = {
    "signal": {"limited": True, "limit_w": 15_120, "source": "contact"},
    "sources": [{"source": "eebus", "remaining_s": 1_620.0}],
    "budget_w": 15_120,
    "steuve": [
        {
            "id": "garage",
            "name": "Wallbox Garage",
            "rated_w": 11_000,
            "setpoint_w": 11_040,
            "power_w": 10_700,
            "reason": {"code": "ok_max"},
        },
        {
            "id": "heatpump",
            "name": "",
            "rated_w": 6_000,
            "setpoint_w": None,
            "power_w": None,
            "reason": {"code": "something_new"},
        },
    ],
    "alarms": [{"code": "E-DEV-001", "subject": "yard"}],
}
TRUTH: dict[str, Any] = {
    "steuve_w": 13_900,
    "grid_w": 14_500,
    "nwlb_w": 13_900,
    "pv_w": 0,
    "house_w": 600,
    "loads": {"garage": {"power_w": 10_800}},
}


def shown(**changes: Any) -> str:
    values: dict[str, Any] = {
        "lang": "de",
        "t_s": 200.0,
        "speed": 4.0,
        "status": STATUS,
        "truth": TRUTH,
        "box_ski": "3f2a" + 32 * "0" + "91c0",
        "box_connected": True,
        "beat_s": 12.0,
        "message": "Bereit.",
    }
    console = Console(width=80, height=24, record=True, no_color=True, file=None, quiet=True)
    console.begin_capture()
    console.quiet = False
    console.print(render(Picture(**values | changes)))
    return console.end_capture()


def test_the_picture_fits_eighty_columns_and_twenty_four_lines() -> None:
    lines = shown().splitlines()

    assert max(len(line) for line in lines) <= 80
    assert len(lines) <= 24


def test_limit_source_budget_and_set_points_are_there() -> None:
    text = shown()

    assert "15.120 W  (Kontakt)" in text
    assert "13.900 W / 15.120 W" in text
    assert "11.040 W" in text
    assert "10.800 W" in text
    assert "bekommt sein Maximum" in text
    assert "noch 1620 s" in text
    assert "3f2a … 91c0" in text
    assert "E-DEV-001 yard" in text


def test_the_same_picture_speaks_english() -> None:
    text = shown(lang="en")

    assert "15,120 W  (contact)" in text
    assert "gets its maximum" in text
    assert "[L] limit" in text


def test_no_limit_is_not_zero_watts() -> None:
    free = STATUS | {"signal": {"limited": False, "limit_w": None}, "budget_w": None}
    zero = STATUS | {
        "signal": {"limited": True, "limit_w": 0, "source": "eebus"},
        "budget_w": 0,
    }

    assert "kein Limit" in shown(status=free)
    assert "13.900 W / –" in shown(status=free)
    assert "0 W  (Steuerbox)" in shown(status=zero)
    assert "13.900 W / 0 W" in shown(status=zero)


def test_before_anything_is_known_the_view_says_that_it_starts() -> None:
    text = shown(status=None, truth=None, box_ski="", box_connected=False, beat_s=None)

    assert "EMS startet" in text
    assert "getrennt" in text
    assert "Herzschlag aus" in text


def test_a_free_load_and_an_unknown_reason_are_shown_as_such() -> None:
    text = shown()

    assert "frei" in text
    assert "something_new" in text


@pytest.mark.parametrize(
    ("share", "expected"),
    [(0.0, "░░░░"), (0.5, "██░░"), (1.0, "████"), (7.0, "████"), (-1.0, "░░░░")],
)
def test_a_bar_never_leaves_its_width(share: float, expected: str) -> None:
    assert bar(share, 4) == expected


def test_watts_are_grouped_as_the_language_wants_and_unknown_is_a_dash() -> None:
    assert watts(15_120, "de") == "15.120 W"
    assert watts(15_120, "en") == "15,120 W"
    assert watts(None, "de") == "–"


def test_every_word_exists_in_both_languages_and_a_missing_one_speaks_for_itself() -> None:
    assert all(german or english for german, english in WORDS.values())
    assert word("nothing_like_this", "en") == "nothing_like_this"
