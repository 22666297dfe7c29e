"""From the file to control and drivers: nothing is lost, nothing is rounded up."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from drivers.api import LoadKind
from ems.config.load import load_site, parse_site
from ems.config.schema import Site
from ems.config.translate import (
    load_configs,
    meter_configs,
    plant_of,
    pmin_of,
    steuves_of,
    watts_of,
)
from ems.control.grid_limit import Source
from ems.control.gzf import ControlMode, LegacyStatus
from ems.control.plant import Rotation

EXAMPLES = Path(__file__).parents[4] / "packaging" / "examples"
DAY = date(2026, 11, 21)


@pytest.fixture
def first_plant() -> Site:
    return load_site(EXAMPLES / "first-plant.toml", environ={}).site


def one(**keys: str) -> Site:
    told = {
        "id": '"a"',
        "kind": '"wallbox"',
        "rated_w": "11000",
        "device": '"keba_p30"',
        "host": '"h"',
    }
    lines = "\n".join(f"{key} = {value}" for key, value in (told | keys).items())
    return parse_site(f"schema = 1\n[[steuve]]\n{lines}\n").site


@pytest.mark.rule("R-14A-06")
@pytest.mark.parametrize(
    ("name", "pmin_w"), [("first-plant", 15_120), ("relay", 7_560), ("steuerbox", 10_500)]
)
def test_the_examples_owe_what_their_head_says(name: str, pmin_w: int) -> None:
    path = EXAMPLES / f"{name}.toml"

    assert pmin_of(load_site(path, environ={}).site, DAY).pmin_14a_w == pmin_w
    assert f"= {pmin_w} W" in path.read_text()


def test_the_plant_has_loads_signal_and_meter(first_plant: Site) -> None:
    plant = plant_of(first_plant, DAY)

    assert [load.load_id for load in plant.loads] == [
        "garage",
        "carport",
        "yard",
        "heatpump",
        "battery",
    ]
    assert all(load.steuve for load in plant.loads)
    assert plant.signal.sources == (Source.EEBUS, Source.CONTACT)
    assert plant.signal.contact_limit_w == 15_120
    assert plant.signal.failsafe_limit_w == 15_120
    assert plant.pmin.gzf == "0.65"
    assert plant.has_grid_meter
    assert plant.escalation
    assert [load.surplus_always for load in plant.loads] == [False, False, False, False, True]


def test_told_watts_win_over_pmin() -> None:
    site = parse_site("schema = 1\n[signal]\nfailsafe_limit_w = 0\n").site

    assert plant_of(site, DAY).signal.failsafe_limit_w == 0


@pytest.mark.rule("R-14A-12")
def test_without_steuve_pmin_is_a_value_that_nobody_obeys() -> None:
    owed = pmin_of(parse_site("schema = 1").site, DAY)

    assert owed.pmin_14a_w is None
    assert watts_of("pmin", owed) == 4_200


@pytest.mark.rule("R-14A-11")
def test_a_device_under_direct_control_is_no_load_of_the_sum_but_has_its_own_cap() -> None:
    (load,) = plant_of(one(control='"direct"'), DAY).loads

    assert not load.steuve
    assert load.cap_w == 4_200


@pytest.mark.rule("R-14A-05")
@pytest.mark.parametrize(
    ("told", "status", "counts_2026", "counts_2029"),
    [
        ({}, None, True, True),
        ({"commissioned": "2023-05-01"}, None, False, False),
        ({"commissioned": "2024-01-01"}, None, True, True),
        ({"legacy": "true"}, LegacyStatus.LEGACY_REDUCED_FEE, False, True),
        ({"legacy": '"voluntary"', "commissioned": "2019-01-01"}, "voluntary", True, True),
        ({"legacy": '"exempt"'}, LegacyStatus.EXEMPT, False, False),
    ],
)
def test_legacy_and_date_decide_whether_a_device_counts(
    told: dict[str, str], status: str | None, *, counts_2026: bool, counts_2029: bool
) -> None:
    site = one(**told)

    assert steuves_of(site)[0].legacy == status
    assert (pmin_of(site, DAY).n == 1) == counts_2026
    assert (pmin_of(site, date(2029, 1, 1)).n == 1) == counts_2029


def test_steuves_carry_kind_power_and_control(first_plant: Site) -> None:
    pump = steuves_of(first_plant)[3]

    assert (pump.id, pump.kind, pump.rated_w) == ("heatpump", LoadKind.HEATPUMP, 6_000)
    assert pump.control is ControlMode.EMS


def test_drivers_get_address_and_options() -> None:
    keys = {
        "port": "1502",
        "unit_id": "7",
        "max_a": "15.9999",
        "failsafe_a": "0",
        "failsafe_timeout_s": "60",
        "rotation": '"L231"',
    }

    site = one(**keys)
    (config,) = load_configs(site)

    assert (config.host, config.port, config.unit_id, config.phases) == ("h", 1502, 7, 3)
    assert config.max_ma == 15_999
    assert config.options.failsafe_a == 0
    assert config.options.failsafe_timeout_s == 60
    assert plant_of(site, DAY).loads[0].rotation is Rotation.L231


def test_what_is_not_told_is_left_to_the_device_map() -> None:
    (config,) = load_configs(one())

    assert (config.port, config.unit_id, config.max_ma) == (None, None, None)
    assert config.options.failsafe_a is None


def test_meters_are_translated(first_plant: Site) -> None:
    (meter,) = meter_configs(first_plant)

    assert (meter.id, meter.role, meter.host, meter.port) == ("grid", "grid", "127.0.0.1", 1601)


def test_circuits_limit_every_phase() -> None:
    first = '[[circuit]]\nid = "a"\nlimit_a = 31.9999\n'
    text = f'schema = 1\n{first}[[circuit]]\nid = "b"\nparent = "a"\n'

    first, second = plant_of(parse_site(text).site, DAY).circuits

    assert first.limit_ma == (31_999, 31_999, 31_999)
    assert (second.parent, second.limit_ma, second.limit_w) == ("a", None, None)


def test_control_settings_reach_the_core() -> None:
    text = "schema = 1\n[control]\nescalation = false\ncredit_hold_s = 5\nmeter_stale_s = 3.5\n"

    plant = plant_of(parse_site(text).site, DAY)

    assert not plant.escalation
    assert plant.timings.credit_hold_s == 5.0
    assert plant.timings.meter_stale_s == 3.5
