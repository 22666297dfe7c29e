"""The configuration of the first plant (first-plant.md 1) with the ports of one run; pure."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

GRID_METER: Final = "janitza"


@dataclass(frozen=True, slots=True)
class Device:
    """One SteuVE of the first plant."""

    id: str
    name_de: str
    name_en: str
    kind: str
    rated_w: int
    device: str
    priority: int


DEVICES: Final = (
    Device("garage", "Wallbox Garage", "Wallbox garage", "wallbox", 11_000, "keba_p30", 9),
    Device("carport", "Wallbox Carport", "Wallbox carport", "wallbox", 11_000, "abb_terra_ac", 5),
    Device("yard", "Wallbox Hof", "Wallbox yard", "wallbox", 11_000, "warp", 3),
    Device("heatpump", "Wärmepumpe", "Heat pump", "heatpump", 6_000, "idm", 9),
    Device("battery", "Speicher", "Battery", "battery", 5_000, "sunspec_storage", 1),
)
UNKNOWN_PORT: Final = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class PlantOptions:
    """What differs from run to run.

    Attributes:
        ports: Modbus port per device id; left out: a placeholder for ``ems sim site --ports-out``.
        eebus_port: TCP port of the SHIP server.
        escalation: whether others are cut when a device disobeys.
    """

    eebus_port: int
    ports: Mapping[str, int] = field(default_factory=dict[str, int])
    escalation: bool = True
    language: str = "de"


def plant_toml(options: PlantOptions) -> str:
    """The text of ``ems.toml``; every path in it is relative to the file."""
    return "\n\n".join(
        [_head(options), _meter(options), *(_steuve(device, options) for device in DEVICES), ""]
    )


def _head(options: PlantOptions) -> str:
    return f"""\
schema = 1

[plant]
name = "Musterhaus"
meter_number = "1EMH0012345678"
market_location = "51238696781"
grid_operator = "Stadtwerke Musterstadt"
language = "{options.language}"

[paths]
state_dir = "state"
identity_dir = "certs"

[connection]
fuse_a = 63
phases = 3
contract_max_w = 43470

[signal]
sources = ["eebus", "contact"]
attribution = "STEUVE_LAST"
failsafe_limit_w = "pmin"
failsafe_duration_s = 7200
after_failsafe = "AUTONOMOUS_UNLIMITED"

[signal.contact]
backend = "file"
path = "contact"
limiting_when = "open"
confirmed = true
limit_w = "pmin"
debounce_limit_s = 0.3
debounce_release_s = 2.0

[eebus]
port = {options.eebus_port}
interfaces = ["127.0.0.1"]
mdns = false
brand = "EMS"
model = "ems"

[control]
escalation = {str(options.escalation).lower()}"""


def _meter(options: PlantOptions) -> str:
    return f"""\
[[meter]]
id = "grid"
role = "grid"
device = "{GRID_METER}"
host = "127.0.0.1"
port = {options.ports.get("grid", UNKNOWN_PORT)}"""


def _steuve(device: Device, options: PlantOptions) -> str:
    return f"""\
[[steuve]]
id = "{device.id}"
name = "{device.name_en if options.language == "en" else device.name_de}"
kind = "{device.kind}"
rated_w = {device.rated_w}
phases = 3
device = "{device.device}"
host = "127.0.0.1"
port = {options.ports.get(device.id, UNKNOWN_PORT)}
priority = {device.priority}"""
