"""What ``ems demo`` may be told."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from pathlib import Path

STORY_SPEED: Final = 10.0
LIVE_SPEED: Final = 4.0
DEFAULT_SCENARIO: Final = "evening-peak"


@dataclass(frozen=True, slots=True, kw_only=True)
class DemoOptions:
    """Options of ``ems demo``.

    Attributes:
        scenario: story to play; empty: live view on a terminal, else the default story.
        as_json: one JSON document on standard output.
        speed: factor of the protocol clock; 0: 10 for a story, 4 live.
        seed: of noise, ramps and phases.
        language: ``de`` or ``en``.
        faults: ``ID:FAULT`` of simulated devices.
        escalation: whether the EMS cuts others when a device disobeys.
        folder: keep configuration, state and logs there; ``None``: a temporary folder that stays
            only when something failed.
    """

    scenario: str = ""
    as_json: bool = False
    speed: float = 0.0
    seed: int = 1
    language: str = "de"
    faults: tuple[str, ...] = ()
    escalation: bool = True
    folder: Path | None = None
