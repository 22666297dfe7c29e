"""Durations and points in time as SPINE writes them (spine.md 5.2; XML Schema 1.0).

Durations become exact seconds. Years and months have no fixed length and are refused, as are bare
``P`` and ``PT``. A leading minus is syntax: whether a negative value makes sense is the caller's
rule.
"""

from __future__ import annotations

import math
import re
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from typing import Final

from eebus.wire.errors import LocalUseError, WireError

_MAX_LENGTH: Final = 64
_DURATION: Final = re.compile(
    r"(-)?P(?:([0-9]+)W)?(?:([0-9]+)D)?"
    r"(?:T(?=[0-9])(?:([0-9]+)H)?(?:([0-9]+)M)?(?:([0-9]+(?:\.[0-9]+)?)S)?)?"
)
_DATE_TIME: Final = re.compile(
    r"([0-9]{4})-([0-9]{2})-([0-9]{2})T([0-9]{2}):([0-9]{2}):([0-9]{2})(?:\.([0-9]+))?"
    r"(Z|[+-][0-9]{2}:[0-9]{2})?"
)
_UNIT_S: Final = (604_800, 86_400, 3_600, 60, 1)
_MAX_OFFSET: Final = timedelta(hours=14)  # XML Schema 3.2.7.3


def parse_duration(text: str) -> Decimal:
    """Seconds of an ``xs:duration`` made of weeks, days, hours, minutes and seconds.

    Raises:
        WireError: no duration, or one with years or months.
    """
    match = _DURATION.fullmatch(text) if len(text) <= _MAX_LENGTH else None
    if match is None or not any(match.groups()[1:]):
        raise WireError(f"no duration in seconds: {text[:_MAX_LENGTH]!r}")
    parts = zip(match.groups()[1:], _UNIT_S, strict=True)
    seconds = sum((Decimal(part) * unit for part, unit in parts if part), Decimal(0))
    return -seconds if match[1] else seconds


def format_duration(seconds: Decimal | float) -> str:
    """``PT<n>S`` in whole seconds, rounded up so that a remainder is never announced as over.

    Raises:
        LocalUseError: negative or not finite.
    """
    if not math.isfinite(seconds) or seconds < 0:
        raise LocalUseError(f"no duration to send: {seconds} s")
    return f"PT{math.ceil(seconds)}S"


def is_duration(text: str) -> bool:
    """Whether an ``AbsoluteOrRelativeTime`` is written in the relative form."""
    return text.startswith(("P", "-P"))


def parse_datetime(text: str) -> datetime:
    """UTC time of an ``xs:dateTime``; no zone counts as UTC, ``24:00:00`` is the next midnight.

    Raises:
        WireError: no such time, or an offset beyond ±14:00.
    """
    match = _DATE_TIME.fullmatch(text) if len(text) <= _MAX_LENGTH else None
    if match is None:
        raise WireError(f"no dateTime: {text[:_MAX_LENGTH]!r}")
    year, month, day, hour, minute, second = (int(part) for part in match.groups()[:6])
    fraction = match[7] or ""
    is_end_of_day = hour == 24  # noqa: PLR2004  # XML Schema 3.2.7: only as 24:00:00
    if is_end_of_day and (minute or second or fraction.strip("0")):
        raise WireError(f"no such time: {text!r}")
    try:
        local = datetime(
            year, month, day, 0 if is_end_of_day else hour, minute, second,
            int(fraction[:6].ljust(6, "0")), tzinfo=_zone(match[8]),
        )  # fmt: skip
        return (local + timedelta(days=is_end_of_day)).astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise WireError(f"no such time: {text!r} ({error})") from None


def format_datetime(moment: datetime) -> str:
    """UTC with ``Z`` in whole seconds: the form every stack reads.

    Raises:
        LocalUseError: the moment carries no zone.
    """
    if moment.tzinfo is None:
        raise LocalUseError("a wire timestamp needs a zone")
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _zone(text: str | None) -> timezone:
    if text is None or text == "Z":
        return UTC
    offset = timedelta(hours=int(text[1:3]), minutes=int(text[4:6]))
    if int(text[4:6]) > 59 or offset > _MAX_OFFSET:  # noqa: PLR2004  # minutes of an hour
        raise ValueError("offset beyond ±14:00")
    return timezone(-offset if text[0] == "-" else offset)
