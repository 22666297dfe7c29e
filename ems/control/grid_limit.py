"""What the grid operator's sources ask for: a limit in watts, or no limit, which is a type."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Iterable


class Source(StrEnum):
    """Where a limit comes from; the value is the word of journal and timeline."""

    EEBUS = "eebus"
    CONTACT = "contact"
    FAILSAFE = "failsafe"
    FAULT = "fault"
    TEST = "test"


@dataclass(frozen=True, slots=True)
class Unlimited:
    """No source limits. Never written as 0, never as ``None``."""


@dataclass(frozen=True, slots=True)
class Limited:
    """A ceiling for the grid-effective power of all SteuVE [W]; 0 W is a limit.

    ``restored`` marks a limit taken from disk after a restart that its source has not renewed yet.
    """

    power_w: int
    source: Source
    restored: bool = False

    def __post_init__(self) -> None:
        if self.power_w < 0:
            raise ValueError(f"a limit is never negative: {self.power_w} W")


GridLimit: TypeAlias = Unlimited | Limited

UNLIMITED = Unlimited()


def strictest(limits: Iterable[GridLimit]) -> GridLimit:
    """Lowest ceiling of all sources (R-14A-32); ties go to the first. Unlimited only if all are."""
    caps = [limit for limit in limits if isinstance(limit, Limited)]
    return min(caps, key=lambda limit: limit.power_w) if caps else UNLIMITED
