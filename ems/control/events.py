"""What enters the control core. All times are protocol seconds, monotonic."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from drivers.api import Capability, Measurement, Setpoint
    from ems.control.grid_limit import GridLimit
    from ems.control.saved import SavedState


@dataclass(frozen=True, slots=True, kw_only=True)
class LpcChanged:
    """The LPC machine took a step.

    Attributes:
        state: ``init | unlimited_controlled | limited | failsafe | unlimited_autonomous``.
        limit: what the state asks for; source ``EEBUS`` in ``limited``, ``FAILSAFE`` in
            ``init`` and ``failsafe``.
        expires_at: end of a timed limit [protocol s]; ``None``: until changed.
        failsafe_w: failsafe value now stored [W].
        failsafe_duration_s: failsafe duration minimum now stored [s].
        failsafe_from_box: the control box wrote the failsafe values; they survive a restart.
        binding_until: until when the site stays limited without a new word of the box, to be kept
            over a restart (reliability.md 10) [protocol s]; ``None``: not limited.
        peer: SKI of the control box; empty before the first contact.
        rule: number of the transition's rule, for example ``LPC-904``.
    """

    state: str
    limit: GridLimit
    failsafe_w: int
    failsafe_duration_s: float
    expires_at: float | None = None
    failsafe_from_box: bool = False
    binding_until: float | None = None
    peer: str = ""
    rule: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ContactChanged:
    """The debounced contact; ``fault`` names flapping or a failed input (then ``limiting``)."""

    limiting: bool
    level: str
    fault: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TestLimitChanged:
    """An internal test limit was set or lifted by the installer."""

    __test__ = False

    limit: GridLimit
    expires_at: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class GridMeasured:
    """A reading of the meter at the connection point [W], import positive."""

    power_w: int
    at: float


@dataclass(frozen=True, slots=True, kw_only=True)
class GridLost:
    """The meter at the connection point does not answer."""

    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class GenerationMeasured:
    """Own generation, all of it together [W] ≥ 0; only some attributions need it."""

    power_w: int
    at: float


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadFound:
    """A device is connected; its capability may have been refined."""

    load_id: str
    capability: Capability


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadLost:
    """A device does not answer; it counts with what it may draw."""

    load_id: str
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadMeasured:
    """A reading of a device, taken (finished) at ``at``."""

    load_id: str
    measurement: Measurement
    at: float


@dataclass(frozen=True, slots=True, kw_only=True)
class SetpointWritten:
    """The device acknowledged a set-point (``None``: the release)."""

    load_id: str
    setpoint: Setpoint | None
    at: float


@dataclass(frozen=True, slots=True, kw_only=True)
class SetpointFailed:
    """A write was refused or not answered."""

    load_id: str
    setpoint: Setpoint | None
    why: str
    refused: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Restored:
    """State of the process before this one, read from disk; ``None``: none, or unreadable."""

    saved: SavedState | None
    damaged: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class JournalDamaged:
    """The journal was damaged and begun anew: until the sources have spoken, P_min holds."""


Event: TypeAlias = (
    LpcChanged
    | ContactChanged
    | TestLimitChanged
    | GridMeasured
    | GridLost
    | GenerationMeasured
    | LoadFound
    | LoadLost
    | LoadMeasured
    | SetpointWritten
    | SetpointFailed
    | Restored
    | JournalDamaged
)
