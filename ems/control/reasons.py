"""Why a load got what it got (allocation.md 4.9); shown to people and written to the journal."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class ReasonCode(StrEnum):
    """Machine-readable reason; texts in German and English live with the CLI."""

    UNLIMITED = "unlimited"
    OK_MAX = "ok_max"
    OK_FAIR = "ok_fair"
    OK_DEMAND = "ok_demand"
    NO_STEUVE = "no_steuve"
    NO_PHASE = "no_phase"
    NO_POWER = "no_power"
    WAIT_RANK = "wait_rank"
    HOLD_EXPOSURE = "hold_exposure"
    HOLD_CREDIT = "hold_credit"
    HOLD_START = "hold_start"
    HOLD_SPACING = "hold_spacing"
    HOLD_MINOFF = "hold_minoff"
    OFFLINE = "offline"
    FAULT_NO_REACTION = "fault_no_reaction"
    ESCALATION = "escalation"
    FALLBACK = "fallback"


@dataclass(frozen=True, slots=True)
class Reason:
    """A reason with the resource that binds and what is missing there [W or mA]."""

    code: ReasonCode
    resource: str = ""
    missing: int = 0
