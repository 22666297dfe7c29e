"""What must reach the disk, and how soon (reliability.md 10, I-05); pure."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from ems.control.commands import Remember
from ems.control.grid_limit import Limited, Source
from ems.control.saved import SavedLimit, SavedState

if TYPE_CHECKING:
    from ems.control.decision import SourceView
    from ems.control.plant import ControlTimings
    from ems.control.sources import Sources


class Memory:
    """Notices what changed since the last time something was written."""

    def __init__(self, timings: ControlTimings) -> None:
        self._timings = timings
        self._known: object = None
        self._written_at = -math.inf

    def update(
        self, sources: Sources, views: tuple[SourceView, ...], now: float
    ) -> Remember | None:
        """What to write now: changes of limits at once, running times every few seconds."""
        lpc, contact = sources.lpc, sources.contact
        key = (
            [(view.source, view.limit, view.expires_at) for view in views],
            None if lpc is None else (lpc.state, lpc.peer),
            None if contact is None else (contact.level, contact.fault),
            sources.failsafe_w,
            sources.failsafe_duration_s,
            sources.failsafe_from_box,
        )
        changed = key != self._known
        refresh_s = self._refresh_s(sources, views, now)
        if not changed and now < self._written_at + refresh_s:
            return None
        self._known, self._written_at = key, now
        return Remember(saved=_saved(sources, views, now), at_once=changed)

    def _refresh_s(self, sources: Sources, views: tuple[SourceView, ...], now: float) -> float:
        if any(view.expires_at is not None for view in views):
            return self._timings.remember_s
        lpc = sources.lpc
        runs = sources.binding_s(now) is not None and (lpc is None or lpc.state != "limited")
        return self._timings.binding_refresh_s if runs else math.inf


def _saved(sources: Sources, views: tuple[SourceView, ...], now: float) -> SavedState:
    lpc, contact = sources.lpc, sources.contact
    return SavedState(
        limits=_limits(views, now),
        lpc_state="init" if lpc is None else lpc.state,
        failsafe_w=sources.failsafe_w,
        failsafe_duration_s=sources.failsafe_duration_s,
        failsafe_from_box=sources.failsafe_from_box,
        failsafe_remaining_s=sources.binding_s(now),
        contact_level="unknown" if contact is None else contact.level,
        peer=sources.peer,
    )


def _limits(views: tuple[SourceView, ...], now: float) -> tuple[SavedLimit, ...]:
    """One per source, the strictest; a default nobody asked for (LPC Init) is not a limit."""
    kept: dict[Source, SavedLimit] = {}
    for view in views:
        limit = view.limit
        if not isinstance(limit, Limited) or (view.state == "init"):
            continue
        remaining_s = None if view.expires_at is None else max(view.expires_at - now, 0.0)
        known = kept.get(limit.source)
        if known is None or limit.power_w < known.power_w:
            kept[limit.source] = SavedLimit(
                power_w=limit.power_w, source=limit.source.value, remaining_s=remaining_s
            )
    return tuple(kept.values())
