"""Local time of the plant for people, always with its offset so that no hour is told twice."""

from __future__ import annotations

from datetime import datetime
from functools import lru_cache
from zoneinfo import ZoneInfo

from ems.journal.record import utc_time

ZONE = "Europe/Berlin"


@lru_cache(maxsize=1)
def _zone() -> ZoneInfo:
    return ZoneInfo(ZONE)


def local_text(utc_record: str | None) -> str | None:
    """``2026-10-25T02:30:00.000+02:00`` for a UTC time of a record; ``None`` stays."""
    if utc_record is None:
        return None
    return local_time(utc_time(utc_record)).isoformat(timespec="milliseconds")


def local_time(utc: datetime) -> datetime:
    """The same moment on the clocks of the plant."""
    return utc.astimezone(_zone())
