"""What survives a restart: one frozen record, written to ``state.json`` by the runtime.

Source: reliability.md 10, I-05. Times are stored as *remaining seconds* together with the wall time
of writing; monotonic values never reach the disk.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class SavedLimit:
    """One source that limited. ``remaining_s`` ``None``: until changed."""

    power_w: int
    source: str
    remaining_s: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SavedState:
    """The state of control as the next process needs it.

    Attributes:
        limits: every limit in force, one per source.
        lpc_state: state of the LPC machine (see ``LpcChanged.state``).
        failsafe_w, failsafe_duration_s: as last written by the control box or configured.
        failsafe_from_box: whether the control box wrote them.
        failsafe_remaining_s: how long a limit or failsafe stays binding without a new word of the
            box (at least the failsafe duration from its last heartbeat); ``None``: not limited.
        contact_level: ``open | closed | unknown``.
        peer: SKI of the control box.
    """

    limits: tuple[SavedLimit, ...] = ()
    lpc_state: str = "init"
    failsafe_w: int | None = None
    failsafe_duration_s: float | None = None
    failsafe_from_box: bool = False
    failsafe_remaining_s: float | None = None
    contact_level: str = "unknown"
    peer: str = ""
