"""Which limit counts: every source keeps its own word, the strictest of all is in force; pure.

Before a source has spoken it limits: EEBUS with the failsafe value (LPC Init), the contact with its
own limit. A limit restored from disk holds until its source speaks anew or its time is over.
Source: 14a.md 3.5, 3.8; reliability.md 10, I-02, I-03, I-11.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ems.control.decision import SourceView
from ems.control.grid_limit import UNLIMITED, GridLimit, Limited, Source, strictest

if TYPE_CHECKING:
    from ems.control.events import ContactChanged, LpcChanged, TestLimitChanged
    from ems.control.plant import Plant
    from ems.control.saved import SavedLimit, SavedState

INIT = "init"
AUTONOMOUS = "unlimited_autonomous"
SPOKEN = ("limited", "unlimited_controlled")
"""States of the LPC machine in which the box itself has said what it wants."""
UNCLAIMED_S = 300.0
"""A restored limit waits at least this long for the box, whatever is left of its time [s]."""


@dataclass(frozen=True, slots=True)
class _Restored:
    limit: Limited
    since: float
    expires_at: float | None


class Sources:
    """All sources of one plant."""

    def __init__(self, plant: Plant, now: float) -> None:
        """Nothing has been heard yet."""
        signal = plant.signal
        self._signal = signal
        self._pmin_w = plant.pmin.pmin_14a_w
        self._start = now
        self.lpc: LpcChanged | None = None
        self._lpc_since = now
        self.contact: ContactChanged | None = None
        self._contact_since = now
        self._test: SourceView | None = None
        self._restored: list[_Restored] = []
        self.failsafe_w = signal.failsafe_limit_w
        self.failsafe_duration_s = signal.failsafe_duration_s
        self.failsafe_from_box = False
        self.peer = ""
        self._damaged: tuple[str, ...] = ()
        self._contradicts_since: float | None = None
        self.hold_until: float | None = None

    def restored(self, saved: SavedState | None, *, damaged: bool, now: float) -> None:
        """What the process before this one knew."""
        if damaged:
            self._damaged = (*self._damaged, "state")
        if saved is not None:
            self._take_saved(saved, now)
        if damaged and Source.EEBUS in self._signal.sources:
            self._hold(now + self.failsafe_duration_s)  # a limit may have been in force

    def journal_damaged(self) -> None:
        """Proof was lost; what limits is known all the same, but may not be kept provably."""
        self._damaged = (*self._damaged, "journal")

    def lpc_changed(self, event: LpcChanged, now: float) -> None:
        """The LPC machine took a step; the box's own word replaces what was restored."""
        if event.state == INIT and self.lpc is not None and self.lpc.state != INIT:
            self._outlive(self.lpc, now)
        if self.lpc is None or (self.lpc.state, self.lpc.limit) != (event.state, event.limit):
            self._lpc_since = now
        self.lpc = event
        self.failsafe_w = event.failsafe_w
        self.failsafe_duration_s = event.failsafe_duration_s
        self.failsafe_from_box = event.failsafe_from_box
        self.peer = event.peer or self.peer
        held = self.hold_until is not None and now < self.hold_until
        if event.state in SPOKEN or (event.state == AUTONOMOUS and not held):
            self._restored = [r for r in self._restored if r.limit.source is Source.TEST]
            self.hold_until = None

    def contact_changed(self, event: ContactChanged, now: float) -> None:
        """The contact means something else now."""
        if self.contact is None or self.contact.limiting != event.limiting:
            self._contact_since = now
        self.contact = event

    def test_changed(self, event: TestLimitChanged, now: float) -> None:
        """An installer set or lifted a test limit."""
        self._restored = [r for r in self._restored if r.limit.source is not Source.TEST]
        self._test = SourceView(
            source=Source.TEST,
            limit=event.limit,
            state="limited" if isinstance(event.limit, Limited) else "released",
            since=now,
            expires_at=event.expires_at,
        )

    def handle_timer(self, now: float) -> None:
        """Drop what is over."""
        self._restored = [r for r in self._restored if not _is_over(r.expires_at, now)]
        if self._is_unclaimed(now):
            self._restored = [r for r in self._restored if r.limit.source is Source.TEST]
        if self._test is not None and _is_over(self._test.expires_at, now):
            self._test = None
        if self._damaged and self._all_spoke(now):
            self._damaged = ()
        self._watch_contradiction(now)

    @property
    def deadline(self) -> float | None:
        """When the next limit of our own keeping is over [protocol s]."""
        ends = [restored.expires_at for restored in self._restored]
        ends.append(self._test.expires_at if self._test else None)
        times = [end for end in ends if end is not None]
        return min(times) if times else None

    def views(self) -> tuple[SourceView, ...]:
        """Every source with its present word; EEBUS first, so that it wins ties."""
        views: list[SourceView] = []
        if Source.EEBUS in self._signal.sources:
            views.append(self._eebus_view())
        views += [_restored_view(restored) for restored in self._restored]
        if Source.CONTACT in self._signal.sources:
            views.append(self._contact_view())
        if self._test is not None:
            views.append(self._test)
        if self._damaged and self._signal.sources:
            views.append(self._damaged_view())
        return tuple(views)

    @staticmethod
    def effective(views: tuple[SourceView, ...]) -> GridLimit:
        """Strictest of all (R-14A-32)."""
        return strictest(view.limit for view in views)

    def contradicts_for(self, now: float) -> float:
        """How long contact and EEBUS have said different things [s]; 0: they agree."""
        return 0.0 if self._contradicts_since is None else now - self._contradicts_since

    def binding_s(self, now: float) -> float | None:
        """How long the site stays limited by EEBUS without a new word of the box [s]."""
        until = self.hold_until
        if self.lpc is not None and self.lpc.state == "limited":
            return self.failsafe_duration_s  # the box was heard within its heartbeat
        if self.lpc is not None and self.lpc.binding_until is not None:
            until = max(until or now, self.lpc.binding_until)
        return until - now if until is not None and until > now else None

    def _take_saved(self, saved: SavedState, now: float) -> None:
        self.peer = saved.peer
        if saved.failsafe_from_box and saved.failsafe_w is not None:
            self.failsafe_from_box = True
            self.failsafe_w = max(saved.failsafe_w, 0)
            self.failsafe_duration_s = saved.failsafe_duration_s or self.failsafe_duration_s
        if saved.failsafe_remaining_s is not None:
            self._hold(now + saved.failsafe_remaining_s)
        for limit in saved.limits:
            self._restore(limit, now)

    def _restore(self, saved: SavedLimit, now: float) -> None:
        if saved.source in (Source.CONTACT, Source.FAULT):
            return  # the level at boot speaks for the contact (I-06)
        try:
            source = Source(saved.source)
        except ValueError:
            source = Source.FAULT  # a name we do not know still limits
        end = None if saved.remaining_s is None else now + saved.remaining_s
        limit = Limited(max(saved.power_w, 0), source, restored=True)
        self._restored.append(_Restored(limit, now, end))

    def _hold(self, until: float) -> None:
        self.hold_until = until if self.hold_until is None else max(self.hold_until, until)

    def _outlive(self, before: LpcChanged, now: float) -> None:
        """The EEBUS side began anew in this process: as after a restart, nothing gets free."""
        binding_s = self.binding_s(now)
        if binding_s is None or not isinstance(before.limit, Limited):
            return
        self._hold(now + binding_s)
        limit = Limited(before.limit.power_w, before.limit.source, restored=True)
        self._restored.append(_Restored(limit, now, before.expires_at))

    def _is_unclaimed(self, now: float) -> bool:
        """Whether nobody can claim a restored limit any more: EEBUS is off, or cannot begin."""
        until = self._start + UNCLAIMED_S
        if self.hold_until is not None:
            until = max(until, self.hold_until)
        return now >= until and (self.lpc is None or self.lpc.state == INIT)

    def _all_spoke(self, now: float) -> bool:
        held = self.hold_until is not None and now < self.hold_until
        silent = (INIT, AUTONOMOUS) if held else (INIT,)
        eebus = self.lpc is not None and self.lpc.state not in silent
        contact = self.contact is not None and self.contact.fault is None
        heard = {Source.EEBUS: eebus, Source.CONTACT: contact}
        return all(heard.get(source, True) for source in self._signal.sources)

    def _watch_contradiction(self, now: float) -> None:
        if not self._contradicts():
            self._contradicts_since = None
        elif self._contradicts_since is None:
            self._contradicts_since = now

    def _contradicts(self) -> bool:
        lpc, contact = self.lpc, self.contact
        if lpc is None or contact is None or contact.fault is not None:
            return False
        return lpc.state in SPOKEN and isinstance(lpc.limit, Limited) != contact.limiting

    def _eebus_view(self) -> SourceView:
        if self.lpc is None:
            limit = Limited(self.failsafe_w, Source.FAILSAFE)
            return SourceView(source=limit.source, limit=limit, state=INIT, since=self._start)
        limit_now = self.lpc.limit
        source = limit_now.source if isinstance(limit_now, Limited) else Source.EEBUS
        return SourceView(
            source=source,
            limit=limit_now,
            state=self.lpc.state,
            since=self._lpc_since,
            expires_at=self.lpc.expires_at,
            peer=self.lpc.peer,
        )

    def _contact_view(self) -> SourceView:
        contact = self.contact
        limit_w = self._signal.contact_limit_w
        if contact is None:
            limit: GridLimit = Limited(limit_w, Source.CONTACT)
            return SourceView(
                source=Source.CONTACT, limit=limit, state="unknown", since=self._start
            )
        source = Source.CONTACT
        limit = UNLIMITED
        if contact.fault is not None:
            source = Source.FAULT
            limit = Limited(min(limit_w, self._owed_w(limit_w)), source)
        elif contact.limiting:
            limit = Limited(limit_w, source)
        return SourceView(
            source=source,
            limit=limit,
            state=contact.level,
            since=self._contact_since,
            fault=contact.fault,
        )

    def _damaged_view(self) -> SourceView:
        limit = Limited(self._owed_w(self.failsafe_w), Source.FAULT)
        return SourceView(
            source=Source.FAULT,
            limit=limit,
            state="damaged",
            since=self._start,
            fault=", ".join(self._damaged),
        )

    def _owed_w(self, otherwise_w: int) -> int:
        return otherwise_w if self._pmin_w is None else self._pmin_w


def _restored_view(restored: _Restored) -> SourceView:
    return SourceView(
        source=restored.limit.source,
        limit=restored.limit,
        state="restored",
        since=restored.since,
        expires_at=restored.expires_at,
    )


def _is_over(expires_at: float | None, now: float) -> bool:
    return expires_at is not None and now >= expires_at
