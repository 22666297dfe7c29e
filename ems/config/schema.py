"""What ``ems.toml`` may say: strict, frozen models with units in every name.

Names of sections and keys are those of first-plant.md 1; everything not said has a safe default.
Powers in watts, currents in ampere per phase, durations in seconds. Rules that span several
sections stand in ``checks.py``.
"""

from __future__ import annotations

from datetime import date
from enum import StrEnum
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator
from pydantic_core import PydanticCustomError

from drivers.api import LoadKind
from ems.control.plant import Attribution, BelowPmin

ID = r"^[a-z][a-z0-9_-]{0,31}$"
HOST = r"^[^\s/]+$"
PIN = r"^[A-Za-z0-9_]{1,32}$"
NAME = r"^[A-Za-z0-9 ._-]{1,32}$"
NUMBER = r"^[0-9]{0,10}$"
PATTERN_EXAMPLES = {
    ID: '"wallbox-1"',
    HOST: '"192.168.1.20"',
    PIN: '"GPIO17"',
    NAME: '"EMS"',
    NUMBER: '"98765"',
}
"""What a text of each form looks like, for messages."""

Id = Annotated[str, StringConstraints(pattern=ID)]
Host = Annotated[str, StringConstraints(min_length=1, max_length=253, pattern=HOST)]
Port = Annotated[int, Field(ge=1, le=65_535)]
ListenPort = Annotated[int, Field(ge=0, le=65_535)]
Watts = Annotated[int, Field(ge=0, le=10_000_000)]
PminOrWatts = Literal["pmin"] | Watts
Phases = Literal[1, 3]
Text = Annotated[str, StringConstraints(strip_whitespace=True, max_length=200)]

FAILSAFE_DURATION_MIN_S = 7_200  # LPC: failsafe duration minimum 2 h to 24 h
FAILSAFE_DURATION_MAX_S = 86_400
GPIO_BACKENDS = ("gpiozero", "gpiod")


class Section(BaseModel):
    """Base of every section: immutable, unknown keys refused."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)


class AfterFailsafe(StrEnum):
    """What follows when the failsafe duration is over and the box is still silent (14a.md 3.8)."""

    AUTONOMOUS_UNLIMITED = "AUTONOMOUS_UNLIMITED"
    HOLD_FAILSAFE = "HOLD_FAILSAFE"


class Plant(Section):
    """Who and where."""

    name: Text = Field(
        default="EMS", min_length=1, description="Name of the plant, shown to people"
    )
    meter_number: Text = Field(default="", description="Number of the meter at the grid connection")
    market_location: Text = Field(default="", description="Market location (MaLo), for the records")
    grid_operator: Text = Field(default="", description="Name of the grid operator")
    language: Literal["de", "en"] = Field(
        default="de", description="Language of messages and reports"
    )


class Paths(Section):
    """Where things are kept; relative paths start at the folder of the configuration file."""

    state_dir: str | None = Field(
        default=None,
        min_length=1,
        description="State folder; left out: $STATE_DIRECTORY, else /var/lib/ems",
    )
    identity_dir: str | None = Field(
        default=None, min_length=1, description="Key and certificate; left out: state_dir/identity"
    )


class Connection(Section):
    """The grid connection."""

    fuse_a: float = Field(default=63.0, ge=6, le=6_300, description="Main fuse per phase [A]")
    phases: Phases = Field(default=3, description="Phases of the connection")
    contract_max_w: int | None = Field(
        default=None,
        ge=1,
        le=10_000_000,
        description="Contractual maximum (LPC scenario 4) [W]; left out: not told",
    )


class Contact(Section):
    """The potential-free contact of the coupling relay (14a.md 3.2)."""

    backend: Literal["gpiozero", "gpiod", "file"] = Field(
        default="gpiozero", description="How it is read"
    )
    path: str | None = Field(
        default=None, min_length=1, description='backend "file": file that holds "open" or "closed"'
    )
    pin: str | None = Field(default=None, pattern=PIN, description="GPIO, for example GPIO17")
    pull: Literal["up", "down"] = Field(default="up", description="Pull resistor of the input")
    limiting_when: Literal["open", "closed"] = Field(
        default="open", description="Level that means limit"
    )
    confirmed: bool = Field(default=False, description="Polarity was seen live (R-14A-63)")
    limit_w: PminOrWatts = Field(
        default="pmin", description='"pmin" or the value the grid operator approved [W]'
    )
    debounce_limit_s: float = Field(
        default=0.3, ge=0, le=5, description="Stable before limiting [s]"
    )
    debounce_release_s: float = Field(
        default=2.0, ge=0, le=60, description="Stable before releasing [s]"
    )
    flap_changes: int = Field(
        default=6, ge=2, le=100, description="More changes than this in the window: fault"
    )
    flap_window_s: float = Field(
        default=60.0, ge=1, le=3_600, description="Window of the flap guard [s]"
    )
    read_failure_s: float = Field(
        default=10.0, ge=0, le=60, description="Unreadable this long: limit, fault [s]"
    )

    @model_validator(mode="after")
    def _place_is_known(self) -> Contact:
        if self.backend == "file" and self.path is None:
            raise _missing("path")
        if self.backend in GPIO_BACKENDS and self.pin is None:
            raise _missing('pin = "GPIO17"')
        return self


class Signal(Section):
    """What the grid operator's signal means here."""

    sources: tuple[Literal["eebus", "contact"], ...] = Field(
        default=("eebus",),
        min_length=1,
        max_length=2,
        description="What is wired; the strictest wins",
        strict=False,
    )
    attribution: Attribution = Field(
        default=Attribution.STEUVE_LAST, description="Credit of own generation", strict=False
    )
    failsafe_limit_w: PminOrWatts = Field(
        default="pmin", description='Without a heartbeat: "pmin" or watts'
    )
    failsafe_duration_s: int = Field(
        default=FAILSAFE_DURATION_MIN_S,
        ge=FAILSAFE_DURATION_MIN_S,
        le=FAILSAFE_DURATION_MAX_S,
        description="Failsafe minimum duration [s]; the control box may overwrite it",
    )
    after_failsafe: AfterFailsafe = Field(
        default=AfterFailsafe.AUTONOMOUS_UNLIMITED,
        description="When the failsafe duration is over",
        strict=False,
    )
    below_pmin: BelowPmin = Field(
        default=BelowPmin.OBEY_AND_FLAG, description="A limit below the minimum power", strict=False
    )
    contact: Contact | None = Field(default=None, description="Needed when sources holds contact")

    @model_validator(mode="after")
    def _sources_once(self) -> Signal:
        if len(set(self.sources)) != len(self.sources):
            raise PydanticCustomError("E-CFG-010", "twice", {"id": self.sources[0]})
        return self


class Eebus(Section):
    """The EEBUS side: port, network and how we present ourselves."""

    port: ListenPort = Field(
        default=4712, description="TCP port of the SHIP server; 0: any free one"
    )
    interfaces: tuple[Host, ...] = Field(
        default=(), description="Addresses or names to use; left out: all", strict=False
    )
    mdns: bool = Field(default=True, description="Announce and browse by mDNS")
    tells_availability: bool = Field(
        default=False, description="Send useCaseAvailable = true, for boxes that want to see it"
    )
    brand: str = Field(default="EMS", pattern=NAME, description="Brand in SHIP-ID and mDNS")
    model: str = Field(default="ems", pattern=NAME, description="Model in mDNS")
    vendor_number: str = Field(
        default="",
        pattern=NUMBER,
        description="IANA number: i:<number>_u:<brand>-<serial>",
    )


class Device(Section):
    """What every device on the network has."""

    id: Id = Field(description="Short name, unique in the plant")
    device: Id = Field(description="Id of a device map (section Devices of docs/configuration.md)")
    host: Host | None = Field(default=None, description="Address or name of the device")
    port: Port | None = Field(default=None, description="TCP port; left out: as in the device map")
    unit_id: int | None = Field(
        default=None, ge=0, le=255, description="Modbus unit; left out: as in the map"
    )


class Meter(Device):
    """A meter."""

    role: Literal["grid", "pv", "sub"] = Field(
        description="grid: at the connection point, import positive"
    )
    phases: Phases = Field(default=3, description="Phases measured")
    invert: bool = Field(default=False, description="The meter counts export positive")


class Steuve(Device):
    """One device that may be a SteuVE (14a.md 1.1)."""

    name: Text = Field(default="", description="Name for people; left out: the id")
    kind: LoadKind = Field(description="wallbox | heatpump | cooling | battery", strict=False)
    rated_w: int = Field(
        ge=1, le=1_000_000, description="Connection power as registered for §14a [W]"
    )
    phases: Phases = Field(default=3, description="Phases wired")
    priority: int = Field(default=0, ge=-100, le=100, description="Higher is served first")
    circuit: Id | None = Field(default=None, description="Id of a circuit")
    rotation: Literal["L123", "L231", "L312", "L132", "L213", "L321"] | None = Field(
        default=None, description="Phase order at the terminals of a wallbox"
    )
    control: Literal["ems", "direct"] = Field(
        default="ems", description="§14a: through the EMS, or on its own relay"
    )
    legacy: bool | Literal["voluntary", "exempt", "night_storage", "out_of_scope"] = Field(
        default=False,
        description="true: reduced fee by an old contract; or a word (14a.md 1.2)",
    )
    commissioned: date | None = Field(default=None, description="Date of commissioning")
    max_a: float | None = Field(
        default=None, ge=6, le=500, description="Never more than this [A per phase]"
    )
    failsafe_a: float | None = Field(
        default=None, ge=0, le=32, description="Current when the EMS is dead [A], 0 pauses"
    )
    failsafe_timeout_s: int | None = Field(
        default=None, ge=10, le=600, description="Silence before that [s]"
    )
    min_w: int | None = Field(
        default=None, ge=0, le=100_000, description="Least power of a heat pump [W]; below it off"
    )
    grid_charge: bool = Field(
        default=True, description="Battery: may charge from the grid while nothing limits"
    )
    pin_a: str | None = Field(
        default=None, pattern=PIN, description="SG-Ready: GPIO of terminal A (lock)"
    )
    pin_b: str | None = Field(default=None, pattern=PIN, description="SG-Ready: GPIO of terminal B")
    active_high: bool = Field(default=True, description="SG-Ready: relay pulls at high level")


class Circuit(Section):
    """A cable or fuse that several devices share."""

    id: Id = Field(description="Short name, unique among circuits")
    parent: Id | None = Field(default=None, description="Circuit that feeds this one")
    limit_a: float | None = Field(default=None, ge=1, le=6_300, description="Fuse per phase [A]")
    limit_w: int | None = Field(default=None, ge=0, le=10_000_000, description="Ceiling [W]")


class Control(Section):
    """How the EMS controls."""

    escalation: bool = Field(default=True, description="Cut others when a device disobeys")
    strategy: Literal["equal", "focus"] = Field(
        default="equal", description="Equals share, or one after the other"
    )
    class_mode: Literal["strict", "min_first"] = Field(
        default="strict", description="Priorities rule, or everybody's minimum comes first"
    )
    credit_hold_s: float = Field(
        default=30.0, ge=0, le=600, description="Own generation counts after this [s]"
    )
    meter_stale_s: float = Field(
        default=10.0, ge=1, le=60, description="Older readings give no credit [s]"
    )


class Log(Section):
    """What goes to the log."""

    level: Literal["debug", "info", "warning", "error"] = Field(
        default="info", description="Least level"
    )
    json_lines: bool = Field(default=False, description="One JSON document per line")


class Site(Section):
    """One plant: the whole of ``ems.toml``."""

    schema_version: Literal[1] = Field(alias="schema", description="Version of this format")
    plant: Plant = Plant()
    paths: Paths = Paths()
    connection: Connection = Connection()
    signal: Signal = Signal()
    eebus: Eebus = Eebus()
    meter: tuple[Meter, ...] = Field(default=(), max_length=64, description="Meters", strict=False)
    steuve: tuple[Steuve, ...] = Field(
        default=(), max_length=1_024, description="Devices under control", strict=False
    )
    circuit: tuple[Circuit, ...] = Field(
        default=(), max_length=256, description="Circuits, a forest", strict=False
    )
    control: Control = Control()
    log: Log = Log()


def _missing(what: str) -> PydanticCustomError:
    return PydanticCustomError("E-CFG-017", "missing", {"missing": what})
