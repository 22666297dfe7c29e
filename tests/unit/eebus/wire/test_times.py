from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal

import pytest

from eebus.wire import times
from eebus.wire.errors import LocalUseError, WireError


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("PT4S", "4"),
        ("PT1M", "60"),
        ("PT2H", "7200"),
        ("PT7200S", "7200"),
        ("P1DT12H", "129600"),
        ("PT0.5S", "0.5"),
        ("PT0S", "0"),
        ("P0D", "0"),
        ("P2W", "1209600"),
        ("P1DT1H1M1.25S", "90061.25"),
        ("-PT5S", "-5"),
    ],
)
def test_durations_become_exact_seconds(text: str, seconds: str) -> None:
    assert times.parse_duration(text) == Decimal(seconds)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "P",
        "PT",
        "-P",
        "P1DT",
        "P1Y",
        "P1M",
        "PT1.5H",
        "PT.5S",
        "PT5.S",
        "PT-5S",
        "5",
        "PT5",
        "pt5s",
        " PT5S",
        "PT5S\n",
        "PT1S1M",
        "PT٣S",
        "PT" + "9" * 100 + "S",
    ],
)
def test_what_is_no_duration_in_seconds_is_refused(text: str) -> None:
    with pytest.raises(WireError):
        times.parse_duration(text)


def test_durations_are_written_in_whole_seconds_rounded_up() -> None:
    assert times.format_duration(7200) == "PT7200S"
    assert times.format_duration(0.2) == "PT1S"
    assert times.format_duration(Decimal("59.0")) == "PT59S"


@pytest.mark.parametrize("seconds", [-1.0, float("nan"), float("inf"), Decimal("NaN")])
def test_impossible_durations_are_our_own_mistake(seconds: float | Decimal) -> None:
    with pytest.raises(LocalUseError):
        times.format_duration(seconds)


def test_relative_and_absolute_times_differ_by_their_first_letters() -> None:
    assert times.is_duration("PT5S")
    assert times.is_duration("-PT5S")
    assert not times.is_duration("2026-01-13T18:27:11Z")


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2026-01-13T18:27:11Z", datetime(2026, 1, 13, 18, 27, 11, tzinfo=UTC)),
        ("2026-01-13T18:27:11", datetime(2026, 1, 13, 18, 27, 11, tzinfo=UTC)),
        ("2026-01-13T18:27:11.5+01:00", datetime(2026, 1, 13, 17, 27, 11, 500_000, tzinfo=UTC)),
        ("2026-01-13T18:27:11-14:00", datetime(2026, 1, 14, 8, 27, 11, tzinfo=UTC)),
        ("2026-12-31T24:00:00Z", datetime(2027, 1, 1, tzinfo=UTC)),
        ("2026-12-31T24:00:00.000Z", datetime(2027, 1, 1, tzinfo=UTC)),
        ("2026-01-13T18:27:11.1234567Z", datetime(2026, 1, 13, 18, 27, 11, 123_456, tzinfo=UTC)),
    ],
)
def test_points_in_time_become_utc(text: str, moment: datetime) -> None:
    assert times.parse_datetime(text) == moment


@pytest.mark.parametrize(
    "text",
    [
        "",
        "2026-01-13",
        "2026-01-13 18:27:11Z",
        "2026-02-30T00:00:00Z",
        "2026-01-13T24:00:01Z",
        "2026-01-13T24:00:00.1Z",
        "2026-01-13T18:27:60Z",
        "2026-01-13T18:27:11+14:01",
        "2026-01-13T18:27:11+01:60",
        "2026-01-13T18:27:11+1:00",
        "0001-01-01T00:00:00+14:00",
        "9999-12-31T24:00:00Z",
        "0000-01-01T00:00:00Z",
        "2026-01-13T18:27:11." + "1" * 60 + "Z",
    ],
)
def test_what_is_no_point_in_time_is_refused(text: str) -> None:
    with pytest.raises(WireError):
        times.parse_datetime(text)


def test_points_in_time_are_sent_in_utc_with_whole_seconds() -> None:
    berlin = timezone(timedelta(hours=1))

    assert times.format_datetime(datetime(2026, 1, 13, 19, 27, 11, 9, tzinfo=berlin)) == (
        "2026-01-13T18:27:11Z"
    )
    with pytest.raises(LocalUseError):
        times.format_datetime(datetime(2026, 1, 13))  # noqa: DTZ001  # the fault under test
