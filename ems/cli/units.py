"""What people type: powers, durations, SKIs."""

from __future__ import annotations

import re
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING

from ems.cli import texts
from ems.cli.errors import CliError, ExitCode

if TYPE_CHECKING:
    from datetime import date

_POWER = re.compile(r"^\s*(-?[0-9]+(?:[.,][0-9]+)?)\s*(k?w)?\s*$", re.IGNORECASE)
_DURATION = re.compile(r"^\s*([0-9]+(?:[.,][0-9]+)?)\s*(s|m|min|h|d)\s*$", re.IGNORECASE)
_ISO = re.compile(r"^P(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:(\d+)S)?)?$", re.IGNORECASE)
_SECONDS = {"s": 1, "m": 60, "min": 60, "h": 3600, "d": 86400}
_SKI_DIGITS = 40


def power_w(text: str) -> int:
    """Watts from ``4200``, ``4200W`` or ``4.2kW``, rounded down.

    Raises:
        CliError: not a power (E-USE-001).
    """
    match = _POWER.match(text)
    if match is None:
        raise CliError("E-USE-001", ExitCode.USAGE, value=text)
    try:
        value = Decimal(match[1].replace(",", "."))
    except InvalidOperation as error:
        raise CliError("E-USE-001", ExitCode.USAGE, value=text) from error
    return int(value * (1000 if (match[2] or "").lower() == "kw" else 1))


def duration_s(text: str) -> float:
    """Seconds from ``90s``, ``30m``, ``2h``, ``1d`` or ISO 8601 ``PT2H``.

    Raises:
        CliError: not a duration (E-USE-002).
    """
    match = _DURATION.match(text)
    if match is not None:
        return float(match[1].replace(",", ".")) * _SECONDS[match[2].lower()]
    iso = _ISO.match(text.strip())
    if iso is None or not any(iso.groups()):
        raise CliError("E-USE-002", ExitCode.USAGE, value=text)
    days, hours, minutes, seconds = (int(part or 0) for part in iso.groups())
    return float(days * 86400 + hours * 3600 + minutes * 60 + seconds)


def ski(text: str) -> str:
    """40 lower-case hex digits from an SKI with or without blanks, hyphens, colons, upper case.

    Raises:
        CliError: not an SKI (E-PAIR-003).
    """
    digits = re.sub(r"[\s:\-]", "", text).lower()
    if len(digits) != _SKI_DIGITS or re.fullmatch(r"[0-9a-f]+", digits) is None:
        raise CliError("E-PAIR-003", ExitCode.USAGE, digits=len(digits))
    return digits


def watts(value: float | None, lang: int) -> str:
    """A power for people: ``15.120 W`` in German, ``15,120 W`` in English; ``–`` when unknown."""
    if value is None:
        return "–"
    grouped = f"{round(value):,} W"
    return grouped if lang == texts.EN else grouped.replace(",", ".")


def grouped_ski(text: str) -> str:
    """An SKI in groups of four, as printed on labels."""
    return " ".join(text[i : i + 4] for i in range(0, len(text), 4))


def age(seconds: float | None) -> str:
    """A duration for people."""
    if seconds is None:
        return "–"
    whole = int(seconds)
    if whole < 120:  # noqa: PLR2004  # two minutes read better in seconds
        return f"{whole} s"
    if whole < 7200:  # noqa: PLR2004  # two hours read better in minutes
        return f"{whole // 60} min"
    return f"{whole // 3600} h {whole % 3600 // 60:02d} min"


def kilowatts(value: int | None, lang: int) -> str:
    """A power in a sentence: ``4,2 kW`` or ``4.2 kW``, rounded down; ``–`` when unknown."""
    if value is None:
        return "–"
    return f"{number(value // 100 / 10, lang)} kW"


def amperes(value: float, lang: int) -> str:
    """A current per phase, rounded down to a tenth: a set-point is never shown too high."""
    return f"{number(int(value * 10) / 10, lang)} A"


def number(value: float, lang: int) -> str:
    """One decimal with the comma of the language; whole numbers without."""
    return decimal(f"{value:.1f}".removesuffix(".0"), lang)


def decimal(text: str, lang: int) -> str:
    """A number written with a point, with the decimal sign of the language."""
    return text if lang == texts.EN else text.replace(".", ",")


def local_time(text: str, lang: int) -> str:
    """A moment (ISO 8601) as the clock in Germany shows it; as it came when unreadable."""
    from datetime import datetime
    from zoneinfo import ZoneInfo

    try:
        moment = datetime.fromisoformat(text).astimezone(ZoneInfo("Europe/Berlin"))
    except ValueError:
        return text
    return moment.strftime("%Y-%m-%d %H:%M:%S" if lang == texts.EN else "%d.%m.%Y %H:%M:%S")


def clock_time(text: str, before_s: float) -> str:
    """Hours and minutes in Germany, ``before_s`` before the moment ``text`` (ISO 8601)."""
    from datetime import datetime, timedelta
    from zoneinfo import ZoneInfo

    moment = datetime.fromisoformat(text) - timedelta(seconds=before_s)
    return moment.astimezone(ZoneInfo("Europe/Berlin")).strftime("%H:%M")


def today() -> date:
    """The day in Germany, where the rules of §14a change at midnight."""
    from zoneinfo import ZoneInfo

    from eebus.node.clock import SystemClock

    return SystemClock().utcnow().astimezone(ZoneInfo("Europe/Berlin")).date()
