"""Read the proof: events put together from their records (14a.md 4.2), and the other entries.

Nothing here changes the journal; it may be read beside a running service.
"""

from __future__ import annotations

import logging
import sqlite3
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeAlias

from ems.journal import database
from ems.journal.errors import JournalError
from ems.journal.judgement import Judgement, Reaction
from ems.journal.localtime import local_text
from ems.journal.ongoing import OpenEvent
from ems.journal.record import Kind, utc_text

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime
    from pathlib import Path

    from ems.journal.record import Record

LOGGER = logging.getLogger(__name__)
Json: TypeAlias = Any

_EVENT_KINDS = frozenset(
    {
        Kind.EVENT_START,
        Kind.EVENT_CEILING,
        Kind.EVENT_REACTION,
        Kind.EVENT_TRACE,
        Kind.EVENT_SAMPLE,
        Kind.EVENT_QUARTER,
        Kind.EVENT_RESUMED,
        Kind.EVENT_END,
    }
)


@dataclass(slots=True)
class EventRecord:
    """One event as the grid operator gets it. Times are UTC texts, powers watts."""

    event_id: str
    source: str = ""
    received_at: str = ""
    effective_at: str | None = None
    released_at: str | None = None
    end_reason: str | None = None
    facts: dict[str, Json] = field(default_factory=dict[str, Json])
    ceilings: list[Json] = field(default_factory=list[Json])
    participants: list[Json] = field(default_factory=list[Json])
    samples: list[Json] = field(default_factory=list[Json])
    trace: list[Json] = field(default_factory=list[Json])
    quarter_hours: list[Json] = field(default_factory=list[Json])
    faults: list[Json] = field(default_factory=list[Json])
    restarts: list[Json] = field(default_factory=list[Json])
    notes: list[Json] = field(default_factory=list[Json])
    result: dict[str, Json] = field(default_factory=dict[str, Json])
    last_at: str = ""
    prev_hash: str = ""
    hash: str = ""

    @property
    def open(self) -> bool:
        """Whether the event has no end yet (I-16)."""
        return self.released_at is None

    @property
    def below_minimum(self) -> bool:
        """Whether any ceiling was below P_min,14a (14a.md 3.6)."""
        return any(ceiling["below_minimum"] for ceiling in self.ceilings)

    def summary(self) -> dict[str, Json]:
        """One line of ``records list``."""
        return {
            "event_id": self.event_id,
            "source": self.source,
            "detail": self.facts.get("detail", ""),
            "received_at": self.received_at,
            "received_local": local_text(self.received_at),
            "effective_at": self.effective_at,
            "released_at": self.released_at,
            "released_local": local_text(self.released_at),
            "open": self.open,
            "end_reason": self.end_reason,
            "ceilings_w": [ceiling["applied_w"] for ceiling in self.ceilings],
            "below_minimum": self.below_minimum,
            "result": self.result,
            "restarts": len(self.restarts),
            "hash": self.hash,
        }

    def as_json(self) -> dict[str, Json]:
        """The whole event record."""
        return {
            **self.facts,
            **self.summary(),
            "ceilings": self.ceilings,
            "participants": self.participants,
            "samples": self.samples,
            "trace": self.trace,
            "quarter_hours": self.quarter_hours,
            "faults": self.faults,
            "restarts": self.restarts,
            "notes": self.notes,
            "prev_hash": self.prev_hash,
        }


def events(
    path: Path,
    *,
    since: datetime | None = None,
    until: datetime | None = None,
) -> list[EventRecord]:
    """Events that were in force at any time from ``since`` until ``until``, oldest first.

    Raises:
        JournalError: there is no readable journal.
        ValueError: a record is damaged; ``verify`` names it.
    """
    connection = database.open_for_reading(path)
    try:
        condition, parameters = _overlap(since, until)
        wanted = list(database.records(connection, condition, parameters))
    finally:
        connection.close()
    return assemble(wanted)


def event(path: Path, event_id: str) -> EventRecord | None:
    """One event, by its id or an unambiguous beginning of at least 4 characters."""
    found = [one for one in events(path) if one.event_id == event_id]
    if not found and len(event_id) >= 4:  # noqa: PLR2004  # as the docstring says
        found = [one for one in events(path) if one.event_id.startswith(event_id)]
    return found[0] if len(found) == 1 else None


def notes(
    path: Path, *, since: datetime | None = None, until: datetime | None = None
) -> list[dict[str, Json]]:
    """Everything that is no event: starts, refused writes, pairings, faults of the disk."""
    connection = database.open_for_reading(path)
    try:
        condition, parameters = _between(since, until)
        found = [
            {"seq": record.seq, "at": record.utc, "kind": record.kind, **record.data}
            for record in database.records(connection, condition, parameters)
            if record.kind not in _EVENT_KINDS
        ]
    finally:
        connection.close()
    return found


def open_events(path: Path) -> list[OpenEvent]:
    """Events without an end, for ``Evidence.restore``.

    A journal that cannot be read has none: the start must not hang on it, and ``Journal`` tells.
    """
    try:
        return _open_events(path)
    except (JournalError, OSError, sqlite3.Error, ValueError) as error:
        if path.exists():
            LOGGER.warning("! open events cannot be read: %s", error)
        return []


def _open_events(path: Path) -> list[OpenEvent]:
    connection = database.open_for_reading(path)
    try:
        condition = (
            "event_id IN (SELECT event_id FROM record WHERE kind = ?"
            " EXCEPT SELECT event_id FROM record WHERE kind = ?)"
        )
        parameters = (str(Kind.EVENT_START), str(Kind.EVENT_END))
        found = list(database.records(connection, condition, parameters))
    finally:
        connection.close()
    return reopened(found)


def reopened(records: list[Record]) -> list[OpenEvent]:
    """What a new process must know about the events in ``records`` that have no end."""
    running = {r.event_id: r.data["running"] for r in records if "running" in r.data}
    return [
        OpenEvent(
            event_id=one.event_id,
            source=one.source,
            received_at=one.received_at,
            last_at=one.last_at,
            ceiling=one.ceilings[-1],
            detail=one.facts.get("detail", ""),
            running=running.get(one.event_id, _running(one)),
        )
        for one in assemble(records)
        if one.open
    ]


def assemble(records: Iterable[Record]) -> list[EventRecord]:
    """Put events together from their records, in the order of their starts."""
    found: dict[str, EventRecord] = {}
    for record in records:
        if record.event_id is not None:
            one = found.setdefault(record.event_id, EventRecord(record.event_id))
            _add(one, record)
        for event_id in record.data.get("events", ()):
            if event_id in found:
                _mention(found[event_id], record)
    return [one for one in found.values() if one.ceilings]


def _add(one: EventRecord, record: Record) -> None:
    data = {name: value for name, value in record.data.items() if name != "event_id"}
    one.last_at, one.prev_hash, one.hash = record.utc, record.prev_hash, record.hash
    running = data.pop("running", None)
    if running is not None:
        one.result = Judgement.from_json(running).result()
    match record.kind:
        case Kind.EVENT_START:
            _start(one, data)
        case Kind.EVENT_CEILING:
            one.ceilings.append(data["ceiling"])
        case Kind.EVENT_REACTION:
            one.effective_at = record.utc
            one.result = {**one.result, **_only(data, "reaction", "reaction_s")}
            one.participants = _joined(one.participants, data["participants"], "after_w")
        case Kind.EVENT_TRACE:
            one.trace += [dict(zip(data["columns"], row, strict=True)) for row in data["rows"]]
        case Kind.EVENT_SAMPLE:
            one.samples.append(data)
        case Kind.EVENT_QUARTER:
            one.quarter_hours.append(data)
        case Kind.EVENT_RESUMED:
            one.restarts.append({"at": record.utc, **data})
        case Kind.EVENT_END:
            _end(one, data)
        case _:
            one.notes.append({"at": record.utc, "kind": record.kind, **data})


def _start(one: EventRecord, data: dict[str, Json]) -> None:
    one.source, one.received_at = data.pop("source"), data.pop("received_at")
    one.ceilings.append(data.pop("ceiling"))
    one.participants = _joined([], data.pop("participants"), "before_w")
    reaction = data.pop("reaction")
    one.result = {"reaction": reaction or str(Reaction.NOT_REACHED)}
    if reaction == Reaction.ALREADY_BELOW:
        one.effective_at = one.received_at
        one.result["reaction_s"] = 0.0
    one.faults = [{"at": one.received_at, "fault": fault} for fault in data.pop("faults")]
    one.facts = data


def _end(one: EventRecord, data: dict[str, Json]) -> None:
    one.released_at, one.end_reason = data["released_at"], data["reason"]
    one.result = data.get("result", one.result)
    one.participants = _joined(one.participants, data.get("participants", []), "end_w")


def _mention(one: EventRecord, record: Record) -> None:
    data = {name: value for name, value in record.data.items() if name != "events"}
    entry = {"at": record.utc, "kind": record.kind, **data}
    (one.faults if record.kind == Kind.EVENT_FAULT else one.notes).append(entry)


def _joined(known: list[Json], seen: list[Json], name: str) -> list[Json]:
    """Participants with the power of this moment under ``name``; the rest as seen last."""
    by_id = {one["id"]: one for one in known}
    for one in seen:
        power_w = one["power_w"]
        rest = {key: value for key, value in one.items() if key != "power_w"}
        by_id[one["id"]] = {**by_id.get(one["id"], {}), **rest, name: power_w}
    return list(by_id.values())


def _running(one: EventRecord) -> dict[str, Json]:
    """What is known of an event that was cut off before its first sample."""
    reaction = one.result.get("reaction")
    if reaction in {None, str(Reaction.NOT_REACHED)}:
        return {}
    return {"reaction": reaction, "reaction_s": one.result.get("reaction_s"), "settled": True}


def _only(data: dict[str, Json], *names: str) -> dict[str, Json]:
    return {name: data[name] for name in names}


def _between(since: datetime | None, until: datetime | None) -> tuple[str, tuple[object, ...]]:
    low = "0" if since is None else utc_text(since)
    high = "9" if until is None else utc_text(until)
    return "utc >= ? AND utc <= ?", (low, high)


def _overlap(since: datetime | None, until: datetime | None) -> tuple[str, tuple[object, ...]]:
    """Records of events that began before ``until`` and did not end before ``since``, and notes."""
    low = "0" if since is None else utc_text(since)
    high = "9" if until is None else utc_text(until)
    condition = (
        "event_id IN (SELECT event_id FROM record WHERE kind = ? AND utc <= ?"
        " EXCEPT SELECT event_id FROM record WHERE kind = ? AND utc < ?)"
        " OR event_id IS NULL"
    )
    return condition, (str(Kind.EVENT_START), high, str(Kind.EVENT_END), low)
