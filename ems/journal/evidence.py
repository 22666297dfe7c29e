"""From decisions to proof: which records a picture of the moment calls for. Pure.

One event per source and period of limiting, from its reception to its release, every ceiling inside
it named (R-14A-56, R-14A-57, I-16). What holds between the start and the first word of control box
or contact is an event of source ``start``: nobody ordered it.
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

from ems.control.grid_limit import Limited, Source
from ems.control.plant import BelowPmin
from ems.control.reasons import ReasonCode
from ems.journal.means import Baseline
from ems.journal.ongoing import Ongoing, OpenEvent, participants
from ems.journal.record import Kind, RecordDraft, utc_text, utc_time

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from datetime import datetime

    from ems.control.decision import Decision, SourceView

Json: TypeAlias = Any

START = "start"
BLIND_S = 10.0  # a process that begins: devices not measured yet say nothing about a limit
RESUME_WITHIN_S = 5.0  # a restored source must limit again by then, else its event has ended
WAITING = {(Source.FAILSAFE, "init"), (Source.CONTACT, "unknown")}  # nobody has spoken yet
DETAILS = {Source.CONTACT.value: "RELAY:contact", START: "INIT"}


@dataclass(frozen=True, slots=True, kw_only=True)
class SiteFacts:
    """What every event record repeats so that it can be read alone."""

    site: str = ""
    market_location: str = ""
    meter_number: str = ""
    attribution: str = "STEUVE_LAST"
    pmin_rule_version: str = ""
    software_version: str = ""
    config_hash: str = ""
    control_mode: str = "ems"
    below_pmin: str = "OBEY_AND_FLAG"


def _uuid() -> str:
    return str(uuid.uuid4())


class Evidence:
    """Watches the decisions of one service. One owner; ``now`` never goes back."""

    def __init__(
        self,
        facts: SiteFacts,
        *,
        new_id: Callable[[], str] = _uuid,
        synchronised: Callable[[], bool] | None = None,
    ) -> None:
        """``new_id`` makes the ids of events; ``synchronised``: can their times be trusted?"""
        self.facts = facts
        self._synchronised = synchronised
        self._clamps = facts.below_pmin == BelowPmin.CLAMP_TO_PMIN
        self._new_id = new_id
        self._open: dict[str, Ongoing] = {}
        self._resumed: dict[str, float] = {}
        self._stored: list[OpenEvent] = []
        self._baseline = Baseline()
        self._before: Decision | None = None
        self._at = 0.0
        self._first_at: float | None = None
        self._faults: frozenset[tuple[str, str]] = frozenset()

    @property
    def open_events(self) -> tuple[str, ...]:
        """Ids of the events without an end."""
        stored = [one.event_id for one in self._stored]
        return (*stored, *(event.event_id for event in self._open.values()))

    def restore(self, open_events: Iterable[OpenEvent], utc: datetime) -> list[RecordDraft]:
        """Go on with the events that the process before left open; call it before ``observe``.

        An event whose source does not limit again within 5 s of the first decision is closed then.
        Of two open events of one source only the newer goes on, the other is closed.
        """
        newest: dict[str, OpenEvent] = {}
        drafts: list[RecordDraft] = []
        for stored in sorted(open_events, key=lambda one: one.received_at):
            if (older := newest.get(stored.source)) is not None:
                drafts.append(_abandoned(older, utc))
            newest[stored.source] = stored
        for stored in newest.values():
            gap_s = round((utc - utc_time(stored.last_at)).total_seconds(), 1)
            data = {"event_id": stored.event_id, "last_at": stored.last_at, "gap_s": gap_s}
            drafts.append(RecordDraft(kind=Kind.EVENT_RESUMED, data=data, utc=utc))
        self._stored = list(newest.values())
        return drafts

    def begin_anew(self, utc: datetime) -> list[RecordDraft]:
        """Starts of the open events for a chain that does not know them; their ids stay."""
        decision = self._before
        if decision is None:
            return []
        return [
            event.draft(Kind.EVENT_START, self._start_data(event, decision), utc)
            for event in self._open.values()
        ]

    def observe(self, decision: Decision, now: float, utc: datetime) -> list[RecordDraft]:
        """Records that this picture calls for, in order. ``utc`` only dates them."""
        self._take_stored(now, utc)
        drafts = self._advance(now, utc)
        limiting = self._limiting(decision)
        for source in [source for source in self._open if source not in limiting]:
            if now - self._resumed.get(source, -RESUME_WITHIN_S) >= RESUME_WITHIN_S:
                drafts += self._end(source, decision, limiting, now, utc)
        for source, view in limiting.items():
            self._resumed.pop(source, None)
            if source in self._open:
                drafts += self._open[source].see(view, decision, now, utc)
            else:
                drafts.append(self._start(source, view, decision, now, utc))
        drafts += self._fault_changes(decision, utc)
        self._before, self._at = decision, now
        return drafts

    def note(self, kind: str, data: Mapping[str, Json], utc: datetime) -> RecordDraft:
        """Something that happened beside the limits; names the events that were open."""
        events = list(self.open_events)
        return RecordDraft(
            kind=kind, data={**data, **({"events": events} if events else {})}, utc=utc
        )

    def _take_stored(self, now: float, utc: datetime) -> None:
        for stored in self._stored:
            self._open[stored.source] = Ongoing.resume(stored, now, utc, clamps=self._clamps)
            self._resumed[stored.source] = now
        self._stored = []

    def _advance(self, now: float, utc: datetime) -> list[RecordDraft]:
        before, span_s = self._before, max(0.0, now - self._at)
        if self._first_at is None:
            self._first_at = now
        if before is None or span_s == 0:
            return []
        if now - self._first_at <= BLIND_S and _is_blind(before):
            return []  # what they may draw is counted for control, but nobody drew it
        self._baseline.add(before, span_s)
        return [
            draft
            for event in self._open.values()
            for draft in event.advance(before, span_s, now, utc)
        ]

    def _limiting(self, decision: Decision) -> dict[str, SourceView]:
        """Sources that limit; of two views of one source the stricter."""
        found: dict[str, SourceView] = {}
        for view in decision.sources:
            if not isinstance(view.limit, Limited):
                continue
            source = self._name(view, view.limit)
            other = found.get(source)
            if other is None or _stricter(view.limit, other):
                found[source] = view
        return found

    def _name(self, view: SourceView, limit: Limited) -> str:
        waiting = (limit.source, view.state) in WAITING
        if waiting and limit.source.value not in self._open:
            return START
        return limit.source.value

    def _start(
        self, source: str, view: SourceView, decision: Decision, now: float, utc: datetime
    ) -> RecordDraft:
        event = Ongoing(self._new_id(), source, utc, now, clamps=self._clamps)
        event.detail = DETAILS.get(source) or _detail(source, view)
        event.restored = isinstance(view.limit, Limited) and view.limit.restored
        event.begin(view, decision, now, utc)
        self._open[source] = event
        return event.draft(Kind.EVENT_START, self._start_data(event, decision), utc)

    def _start_data(self, event: Ongoing, decision: Decision) -> dict[str, Json]:
        facts = self.facts
        return {
            "source": event.source,
            "detail": event.detail,
            "received_at": utc_text(event.received),
            "restored": event.restored,
            "site": facts.site,
            "market_location": facts.market_location,
            "meter_number": facts.meter_number,
            "control_mode": facts.control_mode,
            "attribution": facts.attribution,
            "n_steuve": decision.n_steuve,
            "gzf": decision.gzf,
            "pmin_rule_version": facts.pmin_rule_version,
            "software_version": facts.software_version,
            "config_hash": facts.config_hash,
            "ceiling": event.entry,
            "reaction": event.judgement.reaction,
            "participants": participants(decision),
            "baseline": self._baseline.as_json(),
            "faults": [f"{code}:{subject}" for code, subject in sorted(_faults(decision))],
        }

    def _end(
        self,
        source: str,
        decision: Decision,
        limiting: Mapping[str, SourceView],
        now: float,
        utc: datetime,
    ) -> list[RecordDraft]:
        event = self._open.pop(source)
        reason = "released"
        if self._resumed.pop(source, None) is not None:
            reason = "not_in_force_after_restart"
        elif event.expires_at is not None and now >= event.expires_at - 1.0:
            reason = "expired"
        elif source == Source.EEBUS.value and Source.FAILSAFE.value in limiting:
            reason = "heartbeat_lost"
        return event.end(reason, decision, now, utc)

    def _fault_changes(self, decision: Decision, utc: datetime) -> list[RecordDraft]:
        """Faults that came or went while an event is open."""
        before, self._faults = self._faults, _faults(decision)
        if not self._open:
            return []
        events = [event.event_id for event in self._open.values()]
        return [
            RecordDraft(
                kind=Kind.EVENT_FAULT,
                data={"events": events, "code": code, "subject": subject, "active": active},
                utc=utc,
            )
            for active, changed in ((True, self._faults - before), (False, before - self._faults))
            for code, subject in sorted(changed)
        ]


def _is_blind(decision: Decision) -> bool:
    return any(view.steuve and view.power_w is None for view in decision.loads)


def _abandoned(stored: OpenEvent, utc: datetime) -> RecordDraft:
    data = {
        "event_id": stored.event_id,
        "source": stored.source,
        "released_at": utc_text(utc),
        "reason": "superseded",
    }
    return RecordDraft(kind=Kind.EVENT_END, data=data, utc=utc)


def _stricter(limit: Limited, other: SourceView) -> bool:
    return isinstance(other.limit, Limited) and limit.power_w < other.limit.power_w


def _detail(source: str, view: SourceView) -> str:
    if source == Source.EEBUS.value:
        return f"LPC:{view.peer}"
    return f"{source.upper()}:{view.fault or view.peer}".rstrip(":")


def _faults(decision: Decision) -> frozenset[tuple[str, str]]:
    found = {
        ("offline", view.load_id) for view in decision.loads if view.steuve and not view.online
    }
    found |= {
        ("no_reaction", view.load_id)
        for view in decision.loads
        if view.reason.code is ReasonCode.FAULT_NO_REACTION
    }
    found |= {("source", f"{v.source.value}:{v.fault}") for v in decision.sources if v.fault}
    if decision.grid_power_w is None:
        found.add(("no_grid_meter", ""))
    return frozenset(found)
