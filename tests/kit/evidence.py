"""Decisions shown to the evidence second by second, and what it records of them."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime, timedelta

from ems.control.decision import Decision
from ems.control.grid_limit import Source
from ems.journal.evidence import Evidence, SiteFacts
from ems.journal.record import RecordDraft, seal
from ems.journal.report import EventRecord, assemble
from tests.kit.decisions import decision, source

UTC_0 = datetime(2026, 11, 21, 17, 0, tzinfo=UTC)
FACTS = SiteFacts(
    site="Musterhaus",
    market_location="51238696781",
    meter_number="1EMH0012345678",
    pmin_rule_version="BK6-22-300",
    software_version="0.1.0",
    config_hash="ab" * 32,
)


class Story:
    """Feeds decisions second by second and keeps what is recorded."""

    def __init__(self, *, first_id: int = 1) -> None:
        ids = itertools.count(first_id)
        self.evidence = Evidence(FACTS, new_id=lambda: f"event-{next(ids)}")
        self.now = 1_000.0
        self.utc = UTC_0
        self.drafts: list[RecordDraft] = []

    def see(self, picture: Decision, *, for_s: float = 1.0) -> list[RecordDraft]:
        """Show ``picture`` now and every second until ``for_s`` have passed."""
        fresh: list[RecordDraft] = []
        until = self.now + for_s
        while self.now < until:
            fresh += self.evidence.observe(picture, self.now, self.utc)
            step_s = min(1.0, until - self.now)
            self.now += step_s
            self.utc += timedelta(seconds=step_s)
        self.drafts += fresh
        return fresh

    def events(self) -> list[EventRecord]:
        records, prev = [], "0" * 64
        for number, draft in enumerate(self.drafts, 1):
            record = seal(draft, seq=number, prev_hash=prev)
            records.append(record)
            prev = record.hash
        return assemble(records)


def at(second: float) -> str:
    stamp = UTC_0 + timedelta(seconds=second)
    return stamp.isoformat(timespec="milliseconds").replace("+00:00", "Z")


FREE = decision(source(Source.EEBUS, None, state="unlimited_controlled"), drawn_w=39_000)


def limited(
    power_w: int, *, drawn_w: int, expires_at: float | None = None, restored: bool = False
) -> Decision:
    view = source(Source.EEBUS, power_w, expires_at=expires_at, restored=restored)
    return decision(view, drawn_w=drawn_w)
