"""From a configuration to a simulated site: a unit per meter and SteuVE, one plant behind."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random
from typing import TYPE_CHECKING

from drivers.api import LoadKind, SetupError
from drivers.modbus.mapfile import load_map
from ems.sim import sunspec
from ems.sim.ambient import NOMINAL_V
from ems.sim.bank import Bank
from ems.sim.loads import Battery, Car, HeatPump
from ems.sim.physics import Plant
from ems.sim.units import BatteryUnit, HeatPumpUnit, MeterUnit, Unit, WallboxUnit, model_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from drivers.modbus.mapfile import MapFile
    from ems.config.schema import Device, Site, Steuve


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """Where a unit listens; ``port`` 0: any free one."""

    unit: Unit
    host: str
    port: int
    unit_id: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SimulatedSite:
    """The plant and the devices in front of it, by id."""

    plant: Plant
    endpoints: Mapping[str, Endpoint]

    @property
    def units(self) -> dict[str, Unit]:
        """The electronics by id."""
        return {name: endpoint.unit for name, endpoint in self.endpoints.items()}

    def advance(self, now: float) -> None:
        """Let watchdogs and plant go on to ``now`` [protocol s]."""
        for endpoint in self.endpoints.values():
            endpoint.unit.step(now)
        self.plant.advance(now)


def build_site(site: Site, *, seed: int, now: float) -> SimulatedSite:
    """Units and plant of a configuration; devices on relays have no port and are left out.

    Raises:
        SetupError: a device map is unknown or cannot be played.
    """
    endpoints: dict[str, Endpoint] = {}
    for meter in site.meter:
        device = load_map(meter.device)
        unit = MeterUnit(device, bank_of(device), meter.role)
        endpoints[meter.id] = _endpoint(meter, device, unit)
    for steuve in site.steuve:
        device = load_map(steuve.device)
        if device.transport.type == "modbus_tcp":
            endpoints[steuve.id] = _endpoint(steuve, device, _unit(steuve, device, seed))
    loads = {
        name: model
        for name, endpoint in endpoints.items()
        if (model := model_of(endpoint.unit)) is not None
    }
    return SimulatedSite(plant=Plant(loads, seed=seed, now=now), endpoints=endpoints)


def bank_of(device: MapFile) -> Bank:
    """Registers of a map, by plain addresses or as a chain of SunSpec models."""
    return sunspec.build_bank(device) if device.addressing == "sunspec" else Bank(device.points)


def _unit(steuve: Steuve, device: MapFile, seed: int) -> Unit:
    random = Random(f"{seed}/{steuve.id}")
    if device.kind == "wallbox":
        max_a = float(round(steuve.rated_w / (NOMINAL_V * steuve.phases)))
        return WallboxUnit(device, bank_of(device), Car(random, phases=steuve.phases), max_a=max_a)
    if device.kind == "battery":
        return BatteryUnit(device, bank_of(device), Battery(random, phases=steuve.phases))
    if device.kind == "heatpump" and "power_limit" in device.points:
        return HeatPumpUnit(device, bank_of(device), HeatPump(random, phases=steuve.phases))
    raise SetupError(f"{steuve.id}: {device.id} cannot be simulated")


def inert_ids(site: Site) -> frozenset[str]:
    """SteuVE that need a minute to follow: heat pumps and cooling."""
    slow = (LoadKind.HEATPUMP, LoadKind.COOLING)
    return frozenset(steuve.id for steuve in site.steuve if steuve.kind in slow)


def _endpoint(entry: Device, device: MapFile, unit: Unit) -> Endpoint:
    return Endpoint(
        unit=unit,
        host=entry.host or "127.0.0.1",
        port=device.transport.port if entry.port is None else entry.port,
        unit_id=device.transport.unit_id if entry.unit_id is None else entry.unit_id,
    )
