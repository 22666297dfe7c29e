"""What the control core wants done, most urgent first."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Mapping

    from drivers.api import Setpoint
    from ems.control.reasons import Reason
    from ems.control.saved import SavedState


@dataclass(frozen=True, slots=True, kw_only=True)
class SetLimit:
    """Cap a load. ``urgent``: a decrease ordered by a limit, may break write intervals."""

    load_id: str
    setpoint: Setpoint
    reason: Reason
    urgent: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Release:
    """Let a load use its own maximum."""

    load_id: str
    reason: Reason


@dataclass(frozen=True, slots=True, kw_only=True)
class Stop:
    """Switch a load off by every means (escalation)."""

    load_id: str
    reason: Reason


@dataclass(frozen=True, slots=True, kw_only=True)
class Remember:
    """Write this to disk. ``at_once``: limit and contact changes (I-05); else once per second."""

    saved: SavedState
    at_once: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Alarm:
    """An alarm begins (``active``) or ends; ``code``: error catalogue, for example E-DEV-001."""

    code: str
    subject: str
    active: bool
    params: Mapping[str, str | int] = field(default_factory=dict[str, "str | int"])


Command: TypeAlias = SetLimit | Release | Stop | Remember | Alarm
