"""The schema of a device map as frozen, strict models (device map schema v1)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Final, Literal, TypeAlias, cast

from pydantic import BaseModel, ConfigDict, Field, field_validator

RegisterSpace: TypeAlias = Literal["holding", "input", "coil", "discrete"]
PointType: TypeAlias = Literal[
    "uint8", "int16", "uint16", "int32", "uint32", "int64", "uint64",
    "float32", "float64", "bool", "string", "bytes", "bitfield16", "bitfield32",
]  # fmt: skip
Order: TypeAlias = Literal["big", "little"]
#: A literal or an expression over variables and point names.
Value: TypeAlias = bool | int | float | str


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)


class Transport(_Model):
    """How the device is reached (schema 1.2); times in milliseconds."""

    type: Literal["modbus_tcp", "relay"]
    port: int = Field(default=502, ge=1, le=65535)
    unit_id: int = Field(default=1, ge=0, le=255)
    word_order: Order = "big"
    functions: Mapping[str, int] = Field(default_factory=dict[str, int])
    default_reg: RegisterSpace = "holding"
    max_read_registers: int = Field(default=125, ge=1, le=125)
    read_gap_allowed: bool = False
    min_request_interval_ms: int = Field(default=0, ge=0, le=60_000)
    connect_delay_ms: int = Field(default=0, ge=0, le=60_000)
    timeout_ms: int = Field(default=1_000, ge=50, le=30_000)
    recommended_poll_s: float | None = None
    single_client: bool = False
    sunspec_bases: tuple[int, ...] = (40_000, 50_000, 0)
    alternatives: tuple[str, ...] = ()
    outputs: Mapping[str, str] = Field(default_factory=dict[str, str])
    rtu: Mapping[str, object] | None = None
    notes: tuple[str, ...] = ()


class Point(_Model):
    """One value of the device (schema 1.3); ``address`` is zero-based, as sent.

    ``reg`` and ``word_order`` are always filled after loading. ``address`` is ``None`` for SunSpec
    points (found by walking the models) and for relay outputs.
    """

    reg: RegisterSpace = "holding"
    address: int | None = Field(default=None, ge=0, le=65535)
    doc: int | None = None
    type: PointType = "uint16"
    count: int | None = Field(default=None, ge=1, le=125)
    word_order: Order = "big"
    byte_order: Order = "big"
    scale: float = 1
    offset: float = 0
    unit: str | None = None
    access: Literal["r", "w", "rw"] = "r"
    forbidden: bool = False
    write_fc: Literal[5, 6, 15, 16] | None = None
    range: tuple[float | None, float | None] | None = None
    allowed: str | None = None
    enum: Mapping[int, str] | None = None
    bits: Mapping[int, str] | None = None
    mask: int | None = None
    shift: int | None = None
    nan: tuple[int | float, ...] = ()
    since: str | None = None
    optional: bool = False
    uncertain: bool = False
    note: str | None = None
    sunspec: tuple[str, ...] = ()

    @field_validator("sunspec", mode="before")
    @classmethod
    def _one_or_many(cls, value: object) -> object:
        return (value,) if isinstance(value, str) else value

    @field_validator("scale")
    @classmethod
    def _not_zero(cls, value: float) -> float:
        if value == 0:
            raise ValueError("a scale of 0 loses the value")
        return value

    @property
    def readable(self) -> bool:
        return "r" in self.access and not self.forbidden

    @property
    def writable(self) -> bool:
        return "w" in self.access and not self.forbidden


class SetStep(_Model):
    """Write one point.

    ``optional``: a refusal is noted, the rest of the action goes on. ``if_changed``: read first and
    write only what differs (registers kept in flash).
    """

    set: str
    value: Value | None = None
    raw: int | float | None = None
    optional: bool = False
    if_changed: bool = False


class BlockStep(_Model):
    """Write several consecutive points in one request, ``values`` in the order of ``points``."""

    block_write: int
    points: tuple[str, ...]
    values: tuple[Value, ...]


class WaitStep(_Model):
    """Wait [s]."""

    wait: float = Field(ge=0, le=60)


class ReadStep(_Model):
    """Read a point and expect a value."""

    read: str
    expect: Value


Step: TypeAlias = SetStep | BlockStep | WaitStep | ReadStep
Action: TypeAlias = tuple[Step, ...]
#: A number, or a point whose value is read from the device.
NumberOrPoint: TypeAlias = float | Mapping[Literal["point"], str]


class Settle(_Model):
    """Time until a device follows [s]: after a change, after a pause."""

    change: float
    resume: float


class Control(_Model):
    """What can be told (schema 1.6). Currents in A, powers in W, as whole or broken numbers."""

    unit: Literal["current", "power"] | None = None
    granularity_a: float | None = Field(default=None, gt=0)
    granularity_w: int | None = Field(default=None, gt=0)
    min_current_a: float | None = Field(default=None, ge=0)
    max_current_a: NumberOrPoint | None = None
    settle_s: float | Settle | None = None
    #: Expression over points: the cap the device shows [W]; negative: none.
    readback_w: str | None = None
    init: Action | None = None
    set_current: Action | None = None
    pause: Action | None = None
    resume: Action | None = None
    release: Action | None = None
    stop: Action | None = None
    phase_switch: Action | None = None
    group_limit: Action | None = None
    dim: Action | None = None
    limit_charge: Action | None = None
    stop_charge: Action | None = None
    block_grid_charge: Action | None = None

    def actions(self) -> dict[str, Action]:
        """Every action the map declares, by name."""
        found = {name: getattr(self, name) for name in ACTION_NAMES}
        return {name: cast("Action", action) for name, action in found.items() if action}


ACTION_NAMES: Final = (
    "init", "set_current", "pause", "resume", "release", "stop", "phase_switch", "group_limit",
    "dim", "limit_charge", "stop_charge", "block_grid_charge",
)  # fmt: skip


class WriteRules(_Model):
    """How often may be written [s] (schema 1.1)."""

    min_interval_s: float = Field(default=0, ge=0)
    rewrite_interval_s: float | None = Field(default=None, gt=0)
    min_hold_s: float | None = None
    recommended_min_hold_s: float | None = None
    break_before_make: bool = False
    volatile: bool | Literal["unknown"] = "unknown"
    flash_wear: str | None = None
    note: str | None = None


class KeepAlive(_Model):
    """What must happen how often so that the device keeps listening (schema 1.7)."""

    kind: Literal["none", "any_request", "any_read", "write_point", "rewrite_setpoint"] = "none"
    point: str | None = None
    value: Value | None = None
    interval_s: float | None = Field(default=None, gt=0)
    interval: str | None = None
    device_timeout_s: NumberOrPoint | None = None
    device_timeout: str | None = None
    on_loss: str | None = None
    note: str | None = None


class Failsafe(_Model):
    """What the device does when nobody talks to it any more, and where that is set."""

    kind: Literal["current", "none", "stop_charging"] = "current"
    current_point: str | None = None
    power_point: str | None = None
    timeout_point: str | None = None
    enable_point: str | None = None
    current_default_a: float | None = None
    timeout_default_s: int | None = None
    note: str | None = None


class Limits(_Model):
    """Physical range of a wallbox [A]."""

    min_a: float = 6
    max_a: float = 32
    phases: tuple[int, ...] = (1, 3)


class P14a(_Model):
    """The device from the view of §14a EnWG (schema 1.1)."""

    method: str
    floor_w: int | None = None
    grid_only: bool = False
    fallback: str | None = None
    warning: str | None = None
    native: str | None = None
    note: str | None = None


class Status(_Model):
    """How the IEC 61851 letter is found (schema 1.5)."""

    method: Literal["enum", "bits", "char", "two_points"]
    point: str | None = None
    map: Mapping[int, str] = Field(default_factory=dict[int, str])
    rule: str | None = None
    byte: Literal["high", "low", "first"] | None = None
    shift: int = 0
    mask: int | None = None
    detail: Mapping[int, str] | None = None
    detail_point: str | None = None
    note: str | None = None


class RelayState(_Model):
    """One position of the two SG-Ready outputs."""

    name: str
    a: Literal[0, 1]
    b: Literal[0, 1]
    meaning: str = ""
    max_duration_s: int | None = None


class MapFile(_Model):
    """A checked device map; ``points`` by name."""

    schema_: Literal[1] = Field(alias="schema")
    id: str
    kind: Literal["wallbox", "heatpump", "battery", "meter"]
    manufacturer: str
    models: tuple[str, ...]
    aliases: tuple[str, ...] = ()
    extends: str | None = None
    confidence: Literal["vendor", "source_code", "multi", "single", "mixed"]
    priority: Annotated[int, Field(ge=1, le=4)]
    transport: Transport
    addressing: Literal["sunspec"] | None = None
    points: Mapping[str, Point]
    states: Mapping[int, RelayState] | None = None
    status: Status | None = None
    control: Control | None = None
    write_rules: WriteRules = WriteRules()
    keepalive: KeepAlive = KeepAlive()
    failsafe: Failsafe | None = None
    limits: Limits = Limits()
    p14a: P14a | None = None
    variants: Mapping[str, Mapping[str, object]] | None = None
    setup: tuple[str, ...] = ()
    quirks: tuple[str, ...] = ()
    sources: tuple[str, ...] = Field(min_length=1)
    eebus: Mapping[str, object] | None = None

    @field_validator("setup", "quirks", mode="before")
    @classmethod
    def _texts(cls, value: object) -> object:
        """A line with a colon and no quotes reads as a mapping; it is still one text."""
        if not isinstance(value, list):
            return value
        lines = cast("list[object]", value)
        return [
            "; ".join(f"{k}: {v}" for k, v in cast("dict[str, object]", line).items())
            if isinstance(line, dict)
            else line
            for line in lines
        ]
