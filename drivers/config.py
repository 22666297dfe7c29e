"""What a driver needs to know about one device of the site: frozen, strict."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from drivers.api import LoadKind

Host = Annotated[str, Field(min_length=1, max_length=253)]
Port = Annotated[int, Field(ge=1, le=65535)]
UnitId = Annotated[int, Field(ge=0, le=255)]
Phases = Literal[1, 2, 3]


class LoadOptions(BaseModel):
    """What differs from site to site beyond address and rating; everything has a safe default.

    Attributes:
        failsafe_a: current per phase the station falls to when it hears nothing [A]; 0 pauses;
            ``None``: what the device map proposes (6 A).
        failsafe_timeout_s: after which silence it does so [s]; ``None``: what the map proposes.
        min_w: smallest power a heat pump can run with [W]; below it, it is off.
        grid_charge: whether the battery may charge from the grid while no limit is in force; a
            driver that finds it switched off after a crash cannot know who did that.
        pin_a, pin_b: GPIO outputs of the SG-Ready terminals A (lock) and B.
        active_high: whether the relay closes on a high output.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    failsafe_a: float | None = Field(default=None, ge=0, le=32)
    failsafe_timeout_s: int | None = Field(default=None, ge=10, le=600)
    min_w: int | None = Field(default=None, ge=0, le=100_000)
    grid_charge: bool = True
    pin_a: str | None = None
    pin_b: str | None = None
    active_high: bool = True


class LoadConfig(BaseModel):
    """One controllable load.

    Attributes:
        device: id of the device map.
        host, port, unit_id: ``None`` for port and unit: what the map says.
        rated_w: power it is registered with [W].
        max_ma: highest current per phase the installation allows [mA]; ``None``: from ``rated_w``.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: Annotated[str, Field(min_length=1, max_length=64)]
    kind: LoadKind
    device: str
    host: Host | None = None
    port: Port | None = None
    unit_id: UnitId | None = None
    phases: Phases = 3
    rated_w: int = Field(gt=0, le=1_000_000)
    max_ma: int | None = Field(default=None, ge=6_000, le=500_000)
    options: LoadOptions = LoadOptions()


class MeterOptions(BaseModel):
    """``invert``: the meter counts the other way round (export positive)."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    invert: bool = False


class MeterConfig(BaseModel):
    """One meter. ``role`` is for those who use the readings; the driver does not care."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: Annotated[str, Field(min_length=1, max_length=64)]
    role: str = "grid"
    device: str
    host: Host | None = None
    port: Port | None = None
    unit_id: UnitId | None = None
    phases: Phases = 3
    options: MeterOptions = MeterOptions()
