"""The port every device stands behind: what a driver offers and what it may raise.

Powers are integers in watts, import (consumption) positive. Currents are integers in milliampere
per phase. ``None`` always means *unknown*, never zero.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, ClassVar, Protocol, TypeVar, runtime_checkable

if TYPE_CHECKING:
    from collections.abc import Awaitable
    from datetime import datetime

T = TypeVar("T")


class LoadKind(StrEnum):
    """Class of a SteuVE (14a.md 1.1); the value is the word of configuration and journal."""

    WALLBOX = "wallbox"
    HEATPUMP = "heatpump"
    COOLING = "cooling"
    BATTERY = "battery"


class ControlUnit(StrEnum):
    """What a device takes as a set-point."""

    CURRENT = "current"
    POWER = "power"
    LEVELS = "levels"


@dataclass(frozen=True, slots=True, kw_only=True)
class Capability:
    """What a load can be told and how long it remembers.

    Attributes:
        control: unit of the set-point; decides which of the following fields apply.
        phases: phases wired (1 to 3).
        min_ma, max_ma, step_ma: per phase [mA], for ``CURRENT``; 0 (pause) is always allowed.
        min_w, max_w, step_w: [W], for ``POWER``; 0 is always allowed.
        levels_w: ascending powers [W], first 0, for ``LEVELS``.
        keeps_limit_s: how long the device keeps a set-point without hearing from us [s];
            ``math.inf``: for ever.
        failsafe_ma, failsafe_w: what it does afterwards; ``None``: unknown.
        t_react_s: guaranteed time from write to following [s].
        min_write_interval_s: shortest time between two writes [s]; a decrease ordered by a limit
            may break it, nothing else may.
        rewrite_interval_s: repeat an unchanged set-point this often [s]; ``math.inf``: never.
        measures_power: whether ``Measurement.power_w`` is ever filled.
    """

    control: ControlUnit
    phases: int = 3
    min_ma: int = 6_000
    max_ma: int = 16_000
    step_ma: int = 1_000
    min_w: int = 0
    max_w: int = 0
    step_w: int = 1
    levels_w: tuple[int, ...] = ()
    keeps_limit_s: float = math.inf
    failsafe_ma: int | None = None
    failsafe_w: int | None = None
    t_react_s: float = 10.0
    min_write_interval_s: float = 0.0
    rewrite_interval_s: float = math.inf
    measures_power: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Setpoint:
    """A cap on consumption, converted once by the control core.

    ``current_ma`` is filled for ``ControlUnit.CURRENT`` only and comes from the same voltage
    snapshot as ``power_w``, so that a granted minimum never becomes 5.9 A.
    """

    power_w: int
    current_ma: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Measurement:
    """One reading of a load; every field may be unknown.

    Attributes:
        power_w: active power [W], three-phase sum, consumption positive.
        currents_ma: per phase [mA].
        voltages_mv: per phase, line to neutral [mV].
        setpoint: the cap the device says it obeys (read-back).
        status: IEC 61851 letter A to F for wallboxes, else ``None``.
        soc_pct: state of charge [%].
    """

    power_w: int | None = None
    currents_ma: tuple[int | None, ...] = ()
    voltages_mv: tuple[int | None, ...] = ()
    setpoint: Setpoint | None = None
    status: str | None = None
    soc_pct: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class MeterReading:
    """One reading of a meter.

    Attributes:
        power_w: active power [W], three-phase sum, import positive, export negative.
        phases_w: per phase [W], signed.
        currents_ma: per phase [mA], signed where the meter gives a direction.
        voltages_mv: per phase, line to neutral [mV].
    """

    power_w: int
    phases_w: tuple[int | None, ...] = ()
    currents_ma: tuple[int | None, ...] = ()
    voltages_mv: tuple[int | None, ...] = ()


class DriverError(Exception):
    """A device did not do what it was asked; the message says which device and what."""

    code: ClassVar[str] = "E-DEV-000"


class UnreachableError(DriverError):
    """No answer, or a broken connection; try again later."""

    code = "E-DEV-001"


class RefusedError(DriverError):
    """The device answered and said no; the same request will be refused again."""

    code = "E-DEV-002"


class SetupError(DriverError):
    """The configuration of the device cannot work; fatal at start for this device."""

    code = "E-DEV-003"


class ImplausibleError(DriverError):
    """The device answered, and what it says cannot be or is not what was written; try again."""

    code = "E-DEV-005"


class Clock(Protocol):
    """The part of a clock that drivers need (``eebus.node.clock.SystemClock`` satisfies it)."""

    def monotonic(self) -> float: ...

    def utcnow(self) -> datetime: ...

    async def sleep_until(self, deadline: float) -> None: ...

    async def wait_for(self, awaitable: Awaitable[T], until: float | None) -> T | None: ...


@runtime_checkable
class Driver(Protocol):
    """One controllable load. Calls may be cancelled at any await; each raises only ``DriverError``.

    The caller guarantees one call at a time per driver. Order after connecting: ``limit`` or
    ``release`` first (a limit goes before everything else), then ``prepare``, then the poll.
    """

    @property
    def capability(self) -> Capability:
        """Known from configuration and map at once; may be refined by ``prepare``."""
        ...

    async def read(self) -> Measurement:
        """Poll the device once."""
        ...

    async def limit(self, setpoint: Setpoint) -> None:
        """Cap consumption; 0 W pauses. Returns when the device has acknowledged the write."""
        ...

    async def release(self) -> None:
        """Lift the cap: the device may use its own maximum."""
        ...

    async def stop(self) -> None:
        """Switch off by every means the device has (escalation, allocation.md 3.8 level 3)."""
        ...

    async def prepare(self) -> None:
        """Set watchdog and fail-safe values and read the device's own limits."""
        ...

    async def keep_alive(self) -> None:
        """Refresh the device's watchdog; called at a third of ``keeps_limit_s`` or faster."""
        ...


@runtime_checkable
class Meter(Protocol):
    """A meter. Raises only ``DriverError``."""

    async def read(self) -> MeterReading:
        """Poll the meter once."""
        ...
