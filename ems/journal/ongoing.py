"""One open event: its ceilings, samples and quarter hours. Pure (14a.md 4.2)."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, TypeAlias

from ems.control.grid_limit import Limited
from ems.journal.judgement import Judgement
from ems.journal.means import Means, drawn_w, judged_w
from ems.journal.record import Kind, RecordDraft, utc_text, utc_time

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ems.control.decision import Decision, LoadView, SourceView

Json: TypeAlias = Any

TRACE_S = 300.0  # 14a.md 4.2: 1 Hz for the first 5 min
TRACE_ROWS = 10  # rows per record: at most ten seconds are lost in a power cut
TRACE_COLUMNS = ("t_s", "p_grid_w", "p_steuve_w", "nwlb_w", "ceiling_w")
SAMPLE_S = 60.0
QUARTER_S = 900
SAME_END_S = 2.0  # two ends this close are one: the remaining time is told in whole seconds


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenEvent:
    """An event without an end, as the journal tells it after a restart."""

    event_id: str
    source: str
    received_at: str
    last_at: str
    ceiling: Mapping[str, Json]
    detail: str = ""
    running: Mapping[str, Json] = field(default_factory=dict[str, Json])


@dataclass(slots=True)
class _Quarter:
    index: int
    means: Means = field(default_factory=Means)
    import_ws: float = 0.0


class Ongoing:
    """Follows one source from its limit to its release."""

    def __init__(
        self, event_id: str, source: str, received: datetime, since: float, *, clamps: bool = False
    ) -> None:
        """``since``: protocol time of the reception [s].

        ``clamps``: a ceiling below P_min,14a is applied as P_min,14a (14a.md 3.6).
        """
        self.clamps = clamps
        self.commanded_w = 0
        self.event_id = event_id
        self.source = source
        self.received = received
        self.since = since
        self.judgement = Judgement()
        self.ceiling_w = 0
        self.expires_at: float | None = None
        self.entry: Json = None
        self.detail = ""
        self.restored = False
        self.resumed = False
        self._means = Means()
        self._sampled_at = since
        self._rows: list[list[Json]] = []
        self._row_second = -1
        self._quarter: _Quarter | None = None

    @classmethod
    def resume(
        cls, stored: OpenEvent, now: float, utc: datetime, *, clamps: bool = False
    ) -> Ongoing:
        """Go on with an event of the process before."""
        received = utc_time(stored.received_at)
        event = cls(
            stored.event_id,
            stored.source,
            received,
            now - max(0.0, (utc - received).total_seconds()),
            clamps=clamps,
        )
        event.judgement = Judgement.from_json(stored.running)
        event.ceiling_w = int(stored.ceiling["applied_w"])
        event.commanded_w = int(stored.ceiling["commanded_w"])
        event.entry = dict(stored.ceiling)
        event.detail = stored.detail
        event.resumed = True
        event._sampled_at = now  # own class
        return event

    def begin(self, view: SourceView, decision: Decision, now: float, utc: datetime) -> None:
        """Take the first ceiling."""
        self._take(view, decision, now, utc)
        self.judgement.begin(judged_w(decision), self.ceiling_w)

    def see(
        self, view: SourceView, decision: Decision, now: float, utc: datetime
    ) -> list[RecordDraft]:
        """Look at a new picture: is the ceiling another one, was it reached?"""
        drafts: list[RecordDraft] = []
        if self._changed(view):
            before_w = self.ceiling_w
            self._take(view, decision, now, utc)
            if self.ceiling_w < before_w:
                self.judgement.tighten()
            drafts.append(self.draft(Kind.EVENT_CEILING, {"ceiling": self.entry}, utc))
        if self.judgement.see(judged_w(decision), self.ceiling_w, now - self.since):
            data = {
                "reaction": self.judgement.reaction,
                "reaction_s": self.judgement.reaction_s,
                "participants": participants(decision),
            }
            drafts.append(self.draft(Kind.EVENT_REACTION, data, utc))
        return drafts

    def advance(
        self, before: Decision, span_s: float, now: float, utc: datetime
    ) -> list[RecordDraft]:
        """The values of ``before`` held for ``span_s``, until ``now``."""
        self.judgement.hold(judged_w(before), self.ceiling_w, span_s)
        self._means.add(before, span_s)
        drafts = self._energy(before, span_s, utc)
        drafts += self._trace(before, now, utc)
        if now - self._sampled_at >= SAMPLE_S:
            self._sampled_at = now
            drafts.append(self._sample(before, now, utc))
        return drafts

    def end(self, reason: str, decision: Decision, now: float, utc: datetime) -> list[RecordDraft]:
        """Close the event: what is left of samples and quarter hour, then the result."""
        drafts: list[RecordDraft] = []
        if self._rows:
            drafts.append(self._rows_draft(utc))
        if self._means.span_s > 0:
            drafts.append(self._sample(decision, now, utc))
        if self._quarter is not None and self._quarter.means.span_s > 0:
            drafts.append(self._quarter_draft(self._quarter, utc))
        data = {
            "source": self.source,
            "released_at": utc_text(utc),
            "reason": reason,
            "duration_s": round(now - self.since, 1),
            "result": self.judgement.result(),
            "participants": participants(decision),
        }
        return [*drafts, self.draft(Kind.EVENT_END, data, utc)]

    def draft(self, kind: Kind, data: Mapping[str, Json], utc: datetime) -> RecordDraft:
        """A record of this event."""
        return RecordDraft(kind=kind, data={"event_id": self.event_id, **data}, utc=utc)

    def _changed(self, view: SourceView) -> bool:
        if self.resumed:
            self.resumed = False  # the end of the process before is told in another clock
            if _power_w(view) == self.commanded_w:
                self.expires_at = view.expires_at
        if _power_w(view) != self.commanded_w or (view.expires_at is None) != (
            self.expires_at is None
        ):
            return True
        if view.expires_at is None or self.expires_at is None:
            return False
        return abs(view.expires_at - self.expires_at) > SAME_END_S

    def _take(self, view: SourceView, decision: Decision, now: float, utc: datetime) -> None:
        self.commanded_w = self.ceiling_w = _power_w(view)
        self.expires_at = view.expires_at
        owed_w = decision.pmin_14a_w
        if self.clamps and owed_w is not None:
            self.ceiling_w = max(self.commanded_w, owed_w)
        self.entry = {
            "at": utc_text(utc),
            "commanded_w": self.commanded_w,
            "owed_pmin_w": owed_w,
            "applied_w": self.ceiling_w,
            "duration_s": None if view.expires_at is None else round(view.expires_at - now, 1),
            "below_minimum": owed_w is not None and self.commanded_w < owed_w,
        }

    def _trace(self, decision: Decision, now: float, utc: datetime) -> list[RecordDraft]:
        second = int(now - self.since)
        if second > self._row_second and now - self.since <= TRACE_S:
            self._row_second = second
            grid_w = decision.grid_power_w
            row = [second, grid_w, drawn_w(decision), judged_w(decision), self.ceiling_w]
            self._rows.append(row)
        full = len(self._rows) >= TRACE_ROWS or now - self.since > TRACE_S
        return [self._rows_draft(utc)] if self._rows and full else []

    def _rows_draft(self, utc: datetime) -> RecordDraft:
        rows, self._rows = self._rows, []
        data = {"columns": list(TRACE_COLUMNS), "rows": rows, "running": self.judgement.as_json()}
        return self.draft(Kind.EVENT_TRACE, data, utc)

    def _sample(self, decision: Decision, now: float, utc: datetime) -> RecordDraft:
        data = {
            "at": utc_text(utc),
            "t_s": round(now - self.since),
            "ceiling_w": self.ceiling_w,
            **self._means.as_json(),
            "flags": flags(decision),
            "running": self.judgement.as_json(),
        }
        self._means = Means()
        return self.draft(Kind.EVENT_SAMPLE, data, utc)

    def _energy(self, before: Decision, span_s: float, utc: datetime) -> list[RecordDraft]:
        """Sums per quarter hour of the meter's calendar; a span belongs to where it ended."""
        index = int(utc.timestamp()) // QUARTER_S
        drafts: list[RecordDraft] = []
        if self._quarter is not None and self._quarter.index != index:
            drafts.append(self._quarter_draft(self._quarter, utc))
            self._quarter = None
        if self._quarter is None:
            self._quarter = _Quarter(index)
        self._quarter.means.add(before, span_s)
        self._quarter.import_ws += max(0, before.grid_power_w or 0) * span_s
        return drafts

    def _quarter_draft(self, quarter: _Quarter, utc: datetime) -> RecordDraft:
        start = datetime.fromtimestamp(quarter.index * QUARTER_S, UTC)
        grid_known = quarter.means.grid.seconds > 0
        data = {
            "from": utc_text(start),
            "to": utc_text(start + timedelta(seconds=QUARTER_S)),
            "covered_s": round(quarter.means.span_s, 1),
            "import_wh": _wh(quarter.import_ws) if grid_known else None,
            "steuve_wh": _wh(quarter.means.steuve.joule),
            "nwlb_wh": _wh(quarter.means.nwlb.joule),
        }
        return self.draft(Kind.EVENT_QUARTER, data, utc)


def participants(decision: Decision) -> list[Json]:
    """Every SteuVE with what it draws, may draw and why [W]; ``setpoint_w`` null: free."""
    return [_participant(view) for view in decision.loads if view.steuve]


def _participant(view: LoadView) -> Json:
    return {
        "id": view.load_id,
        "name": view.name,
        "kind": view.kind.value,
        "rated_w": view.rated_w,
        "power_w": view.power_w,
        "setpoint_w": None if view.setpoint is None else view.setpoint.power_w,
        "confirmed": view.confirmed,
        "reason": view.reason.code.value,
    }


def flags(decision: Decision) -> list[str]:
    """What lowers the quality of a sample."""
    found = ["no_grid_meter"] if decision.grid_power_w is None else []
    found += [f"unmeasured:{v.load_id}" for v in decision.loads if v.steuve and v.power_w is None]
    return found + [f"offline:{v.load_id}" for v in decision.loads if v.steuve and not v.online]


def _power_w(view: SourceView) -> int:
    """Ceiling of a source that limits [W]; 0 is one."""
    if not isinstance(view.limit, Limited):
        raise TypeError(f"{view.source} does not limit")
    return view.limit.power_w


def _wh(joule: float) -> int:
    return round(joule / 3600)
