"""Numbers for people: one form per language; what people type is read or refused."""

from __future__ import annotations

import pytest

from ems.cli.errors import CliError
from ems.cli.texts import DE, EN
from ems.cli.units import (
    age,
    amperes,
    clock_time,
    decimal,
    duration_s,
    kilowatts,
    local_time,
    number,
    power_w,
    watts,
)


def test_watts_are_grouped_as_the_language_does() -> None:
    assert (watts(15_120, DE), watts(15_120, EN)) == ("15.120 W", "15,120 W")
    assert (watts(-1_234_567, DE), watts(0, EN)) == ("-1.234.567 W", "0 W")
    assert watts(999.6, EN) == "1,000 W"
    assert watts(None, DE) == "–"


def test_decimals_have_the_sign_of_the_language() -> None:
    assert (kilowatts(4_299, DE), kilowatts(4_200, EN), kilowatts(6_000, DE)) == (
        "4,2 kW",
        "4.2 kW",
        "6 kW",
    )
    assert kilowatts(None, EN) == "–"
    assert (amperes(13.29, DE), amperes(6.0, EN)) == ("13,2 A", "6 A")
    assert (decimal("0.65", DE), number(0.5, EN)) == ("0,65", "0.5")


def test_an_age_is_told_in_the_unit_that_reads_best() -> None:
    assert [age(None), age(119.9), age(120), age(7_199), age(7_260)] == [
        "–",
        "119 s",
        "2 min",
        "119 min",
        "2 h 01 min",
    ]


@pytest.mark.parametrize(
    ("text", "expected"),
    [("4200", 4_200), (" 4200 w ", 4_200), ("4.2kW", 4_200), ("4,2 KW", 4_200), ("0,0009kW", 0)],
)
def test_powers_are_read_and_rounded_down(text: str, expected: int) -> None:
    assert power_w(text) == expected


@pytest.mark.parametrize("text", ["", "kW", "4.2.1", "nan", "1e3", "4200V", "４２"])
def test_what_is_no_power_is_refused(text: str) -> None:
    with pytest.raises(CliError, match="E-USE-001"):
        power_w(text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("90s", 90),
        ("1,5h", 5_400),
        ("2 min", 120),
        ("1d", 86_400),
        ("PT2H30M", 9_000),
        ("P1D", 86_400),
    ],
)
def test_durations_are_read(text: str, expected: float) -> None:
    assert duration_s(text) == expected


@pytest.mark.parametrize("text", ["", "90", "P", "PT", "-5s", "two hours"])
def test_what_is_no_duration_is_refused(text: str) -> None:
    with pytest.raises(CliError, match="E-USE-002"):
        duration_s(text)


def test_moments_are_those_of_the_clock_in_germany() -> None:
    assert local_time("2026-07-01T10:00:00+00:00", DE) == "01.07.2026 12:00:00"
    assert local_time("2026-12-01T10:00:00+00:00", EN) == "2026-12-01 11:00:00"
    assert local_time("long ago", EN) == "long ago"
    assert clock_time("2026-12-01T10:00:30+00:00", 60) == "10:59"
