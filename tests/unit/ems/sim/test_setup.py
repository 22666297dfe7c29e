"""From a configuration to units: every device map that can be played is played."""

from __future__ import annotations

from typing import Any

import pytest

from drivers.api import SetupError
from drivers.modbus.mapfile import known_maps, load_map
from ems.config.schema import Site
from ems.sim.setup import bank_of, build_site, inert_ids
from ems.sim.units import BatteryUnit, HeatPumpUnit, MeterUnit, WallboxUnit

PLAYED = {
    "wallbox": WallboxUnit,
    "heatpump": HeatPumpUnit,
    "battery": BatteryUnit,
    "meter": MeterUnit,
}


def site_of(*steuve: dict[str, Any], meter: tuple[dict[str, Any], ...] = ()) -> Site:
    document = {"schema": 1, "meter": list(meter), "steuve": list(steuve)}
    return Site.model_validate(document)


def load(device: str, **more: Any) -> dict[str, Any]:
    kind = load_map(device).kind
    return {"id": "it", "device": device, "kind": kind, "rated_w": 11_000} | more


@pytest.mark.parametrize(
    "device",
    [name for name in known_maps() if load_map(name).transport.type == "modbus_tcp"],
)
def test_every_modbus_map_of_the_drivers_can_be_played(device: str) -> None:
    kind = load_map(device).kind
    one = {"id": "it", "device": device, "role": "grid"}
    site = site_of(meter=(one,)) if kind == "meter" else site_of(load(device))

    simulated = build_site(site, seed=1, now=0.0)
    simulated.advance(5.0)
    unit = simulated.units["it"]
    unit.show(simulated.plant)

    assert type(unit) is PLAYED[kind]
    assert unit.bank.spans()


def test_a_relay_device_has_no_port_and_is_left_out() -> None:
    relay = load("sg_ready", rated_w=6_000)

    assert dict(build_site(site_of(relay), seed=1, now=0.0).endpoints) == {}


def test_ports_and_units_come_from_the_configuration_else_from_the_map() -> None:
    site = site_of(load("keba_p30", id="one"), load("warp", id="two", port=1_503, unit_id=9))

    endpoints = build_site(site, seed=1, now=0.0).endpoints

    assert (endpoints["one"].port, endpoints["one"].unit_id) == (502, 255)
    assert (endpoints["two"].port, endpoints["two"].unit_id) == (1_503, 9)
    assert endpoints["one"].host == "127.0.0.1"


def test_the_maximum_of_a_wallbox_follows_from_its_rating() -> None:
    site = site_of(load("warp", id="a"), load("warp", id="b", rated_w=22_000))

    units = build_site(site, seed=1, now=0.0).units

    assert [unit.max_a for unit in units.values() if isinstance(unit, WallboxUnit)] == [16.0, 32.0]


def test_only_heat_pumps_are_excused_for_their_inertia() -> None:
    pump = load("idm", id="pump", rated_w=6_000)

    assert inert_ids(site_of(pump, load("warp", id="box"))) == {"pump"}


def test_an_unknown_map_is_refused() -> None:
    with pytest.raises(SetupError, match="unknown device"):
        build_site(site_of(load("warp") | {"device": "no_such_box"}), seed=1, now=0.0)


def test_a_sunspec_bank_carries_its_scale_factors() -> None:
    bank = bank_of(load_map("sunspec_storage"))

    bank.put("charge_rate", 12.5)

    place = bank.place("charge_rate").start
    assert bank.read("holding", place, 1) == [1_250]
