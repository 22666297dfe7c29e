"""Does the journal tell the story? Pure comparison of recorded events with expected ones."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ems.demo.finding import Finding, failed

if TYPE_CHECKING:
    from ems.demo.story import ExpectedEvent, Records
    from ems.demo.trace import RecordedEvent, RecordsSeen

EDGE_S = 10.0
"""How far a recorded start may be from the row that caused it [s]."""
END_S = 60.0
"""How far a recorded end may be behind the row that caused it [s]."""


def find_records(check: Records, seen: RecordsSeen | None) -> Finding:
    """Every expected event is there with start, end, ceilings and worst overshoot; chain whole."""
    if seen is None:
        return failed("records", "the journal was not read")
    if not seen.verified:
        return failed("records", f"the journal does not verify: {seen.why}")
    faults = [_missing(event, seen.events) for event in check.event]
    faults += [f"not recorded: {note}" for note in check.notes if note not in seen.notes]
    why = "; ".join(fault for fault in faults if fault)
    return Finding("records", ok=not why, allowed_s=0.0, reached_s=None if why else 0.0, why=why)


def _missing(expected: ExpectedEvent, events: tuple[RecordedEvent, ...]) -> str:
    """What is wrong with the record of an expected event; empty: nothing."""
    name = f"{expected.source} {expected.from_s:.0f}-{expected.to_s:.0f} s"
    found = [event for event in events if _is_it(expected, event)]
    if not found:
        return f"{name}: no such event"
    event = found[0]
    if event.end_s is None:
        return f"{name}: never closed"
    if not -EDGE_S <= event.end_s - expected.to_s <= END_S:
        return f"{name}: ends at {event.end_s:.0f} s"
    if event.worst_overshoot_w is None:
        return f"{name}: without worst overshoot"
    if not _holds_in_order(expected.ceilings_w, event.ceilings_w):
        return f"{name}: ceilings {list(event.ceilings_w)}"
    return ""


def _is_it(expected: ExpectedEvent, event: RecordedEvent) -> bool:
    started = event.start_s is not None and abs(event.start_s - expected.from_s) <= EDGE_S
    return started and event.source == expected.source


def _holds_in_order(wanted: tuple[int, ...], there: tuple[int, ...]) -> bool:
    """Whether ``wanted`` is a subsequence of ``there``."""
    rest = iter(there)
    return all(value in rest for value in wanted)
