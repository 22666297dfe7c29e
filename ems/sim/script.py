"""The words that the control box simulator understands, one command per line; pure.

``limit 20000 for 30m`` · ``limit 0`` · ``release`` · ``raw -1000`` · ``heartbeat on|off`` ·
``failsafe 4200 2h`` · ``wait 10s`` · ``at 90 limit 0`` · ``quit``. Power in W (``4.2kW`` works,
too), durations as ``90``, ``90s``, ``30m``, ``1h30m``; ``#`` begins a comment.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal
from typing import Final, TypeAlias

_POWER: Final = re.compile(r"([+-]?\d{1,12}(?:\.\d{1,6})?)(k?W)?", re.IGNORECASE)
_DURATION: Final = re.compile(r"(?:(\d{1,6})h)?(?:(\d{1,6})m)?(?:(\d{1,7}(?:\.\d{1,3})?)s?)?")


@dataclass(frozen=True, slots=True)
class SetLimit:
    """Limit to ``power_w``; ``duration_s`` ``None``: until changed."""

    power_w: Decimal
    duration_s: float | None = None


@dataclass(frozen=True, slots=True)
class ReleaseLimit:
    """Deactivate the limit."""


@dataclass(frozen=True, slots=True)
class RawLimit:
    """Write this activated limit once, whatever its sign, without retry."""

    power_w: Decimal


@dataclass(frozen=True, slots=True)
class Heartbeat:
    """Beat, or fall silent."""

    on: bool


@dataclass(frozen=True, slots=True)
class SetFailsafe:
    """Write failsafe limit [W] and, if given, failsafe duration minimum [s]."""

    power_w: Decimal
    duration_s: float | None = None


@dataclass(frozen=True, slots=True)
class Wait:
    """Go on this much later [protocol s]."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Quit:
    """End the simulator."""


Action: TypeAlias = SetLimit | ReleaseLimit | RawLimit | Heartbeat | SetFailsafe | Wait | Quit


@dataclass(frozen=True, slots=True)
class Line:
    """One command; ``at_s``: not before this many protocol seconds after the start."""

    action: Action
    at_s: float | None = None


def parse_line(text: str) -> Line | None:
    """The command of a line; ``None``: blank or a comment.

    Raises:
        ValueError: not a command; the text says what is wrong.
    """
    words = text.split("#", 1)[0].split()
    if not words:
        return None
    if words[0] == "at":
        if len(words) < 3:  # noqa: PLR2004  # at, time, command
            raise ValueError(f"'at' wants a time and a command: {text.strip()!r}")
        return Line(_action(words[2:]), parse_seconds(words[1]))
    return Line(_action(words))


def parse_script(text: str) -> list[Line]:
    """All commands of a script.

    Raises:
        ValueError: names the first line that is none.
    """
    lines: list[Line] = []
    for number, line in enumerate(text.splitlines(), start=1):
        try:
            parsed = parse_line(line)
        except ValueError as error:
            raise ValueError(f"line {number}: {error}") from None
        if parsed is not None:
            lines.append(parsed)
    return lines


def parse_seconds(word: str) -> float:
    """Seconds of ``90``, ``90s``, ``30m``, ``2h``, ``1h30m``.

    Raises:
        ValueError: not a duration.
    """
    found = _DURATION.fullmatch(word)
    if found is None or not any(found.groups()):
        raise ValueError(f"a duration like 90s, 30m or 2h, not {word!r}")
    hours, minutes, seconds = (float(part or 0) for part in found.groups())
    return hours * 3_600 + minutes * 60 + seconds


def parse_watts(word: str) -> Decimal:
    """Watts of ``4200``, ``4200W``, ``4.2kW``, ``-1000``.

    Raises:
        ValueError: not a power.
    """
    found = _POWER.fullmatch(word)
    if found is None:
        raise ValueError(f"watts like 4200 or 4.2kW, not {word!r}")
    is_kilo = (found[2] or "").lower() == "kw"
    return Decimal(found[1]) * (1_000 if is_kilo else 1)


def _action(words: list[str]) -> Action:
    match words:
        case ["limit", power]:
            return SetLimit(_not_negative(power))
        case ["limit", power, "for", duration]:
            return SetLimit(_not_negative(power), parse_seconds(duration))
        case ["release"]:
            return ReleaseLimit()
        case ["raw", power]:
            return RawLimit(parse_watts(power))
        case ["heartbeat", "on" | "off" as word]:
            return Heartbeat(on=word == "on")
        case ["failsafe", power]:
            return SetFailsafe(parse_watts(power))
        case ["failsafe", power, duration]:
            return SetFailsafe(parse_watts(power), parse_seconds(duration))
        case ["wait", duration]:
            return Wait(parse_seconds(duration))
        case ["quit"]:
            return Quit()
        case _:
            raise ValueError(f"unknown command {' '.join(words)!r}")


def _not_negative(word: str) -> Decimal:
    power_w = parse_watts(word)
    if power_w < 0:
        raise ValueError(f"a limit is not negative; to send {word} all the same: raw {word}")
    return power_w
