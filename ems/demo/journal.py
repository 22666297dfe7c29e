"""The journal of a played story, read as anybody reads it: ``ems records … --json``."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from ems.demo.trace import RecordedEvent, RecordsSeen

if TYPE_CHECKING:
    from collections.abc import Callable

    from ems.demo.stage import Stage
    from ems.demo.trace import Json

START_SOURCE = "start"


async def read_records(stage: Stage, zero: float) -> RecordsSeen:
    """Verify the journal and list its events, times counted from ``zero`` [protocol s]."""
    verify_code, verdict = await stage.ask("records", "verify")
    list_code, listed = await stage.ask("records", "list", "--notes")
    clock = stage.clock
    now, utc = clock.monotonic(), clock.utcnow()

    def story_s(text: str | None) -> float | None:
        if text is None:
            return None
        return (datetime.fromisoformat(text) - utc).total_seconds() + now - zero

    if list_code != 0 or listed is None:
        why = f"ems records list ended with {list_code}"
        return RecordsSeen(verified=False, why=why, events=())
    verified = verify_code == 0
    why = "" if verified else f"exit {verify_code}: {verdict}"
    return seen_of(listed["data"], story_s, verified=verified, why=why)


def seen_of(
    data: Json, story_s: Callable[[str | None], float | None], *, verified: bool, why: str
) -> RecordsSeen:
    """The part of ``records list`` that a verdict needs."""
    events = tuple(
        RecordedEvent(
            source=event["source"],
            start_s=story_s(event["received_at"]),
            end_s=story_s(event["released_at"]),
            ceilings_w=tuple(event["ceilings_w"]),
            worst_overshoot_w=event["result"].get("worst_overshoot_w"),
        )
        for event in data["events"]
    )
    notes = {note["kind"] for note in data.get("notes", ())}
    if any(event.source == START_SOURCE for event in events):
        notes.add(START_SOURCE)
    if any(event["restarts"] for event in data["events"]):
        notes.add("restored")
    return RecordsSeen(verified=verified, why=why, events=events, notes=frozenset(notes))
