"""Events for the grid operator: CSV (``;``, UTF-8) and JSON (14a.md 4.2, R-14A-60)."""

from __future__ import annotations

import csv
import io
import json
from typing import TYPE_CHECKING

from ems.journal.localtime import local_text

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ems.journal.report import EventRecord, Json

BOM = "\ufeff"
COLUMNS = (
    "event_id",
    "source",
    "received_utc",
    "received_local",
    "effective_utc",
    "released_utc",
    "commanded_w",
    "owed_pmin_w",
    "max_nwlb_w",
    "mean_nwlb_w",
    "overshoot_s",
    "reaction_s",
    "compliant",
    "participants",
    "software",
    "hash",
    "effective_local",
    "released_local",
    "worst_overshoot_w",
    "reaction",
    "below_minimum",
    "end_reason",
    "market_location",
    "meter_number",
)


def to_csv(events: Iterable[EventRecord], *, bom: bool = False) -> str:
    """One line per ceiling of each event; watts are whole numbers, an unknown value is empty.

    ``bom``: begin with a byte order mark, which spreadsheets want for UTF-8.
    """
    out = io.StringIO()
    writer = csv.writer(out, delimiter=";", lineterminator="\r\n")
    writer.writerow(COLUMNS)
    for one in events:
        for ceiling in one.ceilings:
            row = _row(one, ceiling)
            writer.writerow([_cell(row[name]) for name in COLUMNS])
    return (BOM if bom else "") + out.getvalue()


def to_json(events: Iterable[EventRecord]) -> str:
    """Whole event records as one JSON document."""
    return json.dumps([one.as_json() for one in events], ensure_ascii=False, indent=2)


def _row(one: EventRecord, ceiling: Json) -> dict[str, Json]:
    result = one.result
    return {
        "event_id": one.event_id,
        "source": one.source,
        "received_utc": ceiling["at"],
        "received_local": local_text(ceiling["at"]),
        "effective_utc": one.effective_at,
        "released_utc": one.released_at,
        "commanded_w": ceiling["commanded_w"],
        "owed_pmin_w": ceiling["owed_pmin_w"],
        "max_nwlb_w": result.get("max_nwlb_w"),
        "mean_nwlb_w": result.get("mean_nwlb_w"),
        "overshoot_s": result.get("overshoot_s"),
        "reaction_s": result.get("reaction_s"),
        "compliant": result.get("compliant"),
        "participants": ",".join(str(participant["id"]) for participant in one.participants),
        "software": one.facts.get("software_version"),
        "hash": one.hash,
        "effective_local": local_text(one.effective_at),
        "released_local": local_text(one.released_at),
        "worst_overshoot_w": result.get("worst_overshoot_w"),
        "reaction": result.get("reaction"),
        "below_minimum": ceiling["below_minimum"],
        "end_reason": one.end_reason,
        "market_location": one.facts.get("market_location"),
        "meter_number": one.facts.get("meter_number"),
    }


def _cell(value: Json) -> str:
    """Text of a cell; words that a spreadsheet would take for a formula are quoted."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    text = str(value)
    return f"'{text}" if isinstance(value, str) and text[:1] in {"=", "+", "-", "@"} else text
