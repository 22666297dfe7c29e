"""The numbered allocation cases, each checked for its numbers and for feasibility."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from drivers.api import ControlUnit
from ems.control.allocator import Grant, LoadDemand, Resource, allocate
from ems.control.plant import Circuit, ClassMode, Policy, Rotation
from ems.control.resources import Place, circuit_resources, steuve_budget
from ems.control.rounding import bounds

DOCUMENT = yaml.safe_load(Path(__file__).with_name("allocation_cases.yaml").read_text("utf-8"))
DEFAULTS = DOCUMENT["defaults"]
CASES = [case for case in DOCUMENT["cases"] if case["kind"] == "allocate"]


def ma(ampere: float) -> int:
    return round(ampere * 1000)


def expand_devices(devices: list[dict[str, Any]]) -> list[dict[str, Any]]:
    result = []
    for device in devices:
        count = device.get("count")
        for n in range(count or 1):
            one = dict(device)
            if count:
                one["id"] = f"{device['id']}{n + 1:02d}"
            if isinstance(device.get("rotation"), list):
                one["rotation"] = device["rotation"][n % len(device["rotation"])]
            result.append(one)
    return result


def expand_ids(expected: dict[str, Any]) -> dict[str, Any]:
    result: dict[str, Any] = {}
    for key, value in expected.items():
        match = re.fullmatch(r"([a-z]+)(\d+)\.\.[a-z]+(\d+)", key)
        if match:
            for n in range(int(match[2]), int(match[3]) + 1):
                result[f"{match[1]}{n:02d}"] = value
        else:
            result[key] = value
    return result


def demand_of(device: dict[str, Any], rank: int, voltage_v: float) -> LoadDemand:
    kind = device.get("kind", "evse")
    priority = device.get("priority", 0)
    if kind == "evse":
        d = {**DEFAULTS["evse"], **device}
        uw = round(d["phases"] * voltage_v * 1000)
        top = ma(d["max_a"])
        if "cap_w" in d:
            top = min(top, d["cap_w"] * 1_000_000 // uw)
        return LoadDemand(
            load_id=d["id"], control=ControlUnit.CURRENT, uw_per_x=uw, min_x=ma(d["min_a"]),
            max_x=top, step_x=ma(d["step_a"]), priority=priority, rank=d.get("rank", rank),
            weight=d.get("weight", 1), phases=d["phases"],
            need_x=-(-d.get("need_w", 0) * 1_000_000 // uw),
        )  # fmt: skip
    top = min(device.get("max_w", 0), device.get("cap_w", 10**9))
    levels = tuple(device.get("levels_w", ()))
    return LoadDemand(
        load_id=device["id"], control=ControlUnit.LEVELS if levels else ControlUnit.POWER,
        uw_per_x=1_000_000, min_x=device.get("min_w", 0), max_x=levels[-1] if levels else top,
        step_x=device.get("step_w", 1), levels=levels, priority=priority,
        rank=device.get("rank", rank),
    )  # fmt: skip


def problem_of(given: dict[str, Any]) -> tuple[list[LoadDemand], list[Resource], Policy]:
    voltage_v = given.get("voltage_v", DEFAULTS["voltage_v"])
    devices = expand_devices(given["devices"])
    loads = [demand_of(device, rank, voltage_v) for rank, device in enumerate(devices)]
    places = {
        device["id"]: Place(
            steuve=device.get("steuve", True),
            circuit=device.get("circuit", ""),
            rotation=Rotation(device.get("rotation", "L123")),
        )
        for device in devices
    }
    circuits = [
        Circuit(
            circuit_id=c["id"],
            parent=c.get("parent", ""),
            limit_ma=(ma(c["limit_a"]),) * 3 if "limit_a" in c else None,
            limit_w=c.get("limit_w"),
        )
        for c in given.get("circuits", [])
    ]
    base_ma = {
        c["id"]: tuple(ma(a) for a in c["base_a"])
        for c in given.get("circuits", [])
        if "base_a" in c
    }
    resources = circuit_resources(loads, places, circuits, base_ma)  # type: ignore[arg-type]  # three phases each
    if "steuve_budget_w" in given:
        resources.append(steuve_budget(loads, places, given["steuve_budget_w"]))
    policy = Policy(
        strategy=given.get("strategy", DEFAULTS["strategy"]),
        class_mode=ClassMode(given.get("class_mode", DEFAULTS["class_mode"])),
        fair_unit=given.get("fair_unit", DEFAULTS["fair_unit"]),
    )
    return loads, resources, policy


def x_of(load: LoadDemand, grant: Grant) -> int:
    assert grant.setpoint is not None
    current_ma = grant.setpoint.current_ma
    return grant.setpoint.power_w if current_ma is None else current_ma


def assert_feasible(
    loads: list[LoadDemand], resources: list[Resource], grants: dict[str, Grant]
) -> None:
    xs = {load.load_id: x_of(load, grants[load.load_id]) for load in loads}
    for resource in resources:
        used = sum(c * xs[load_id] for load_id, c in resource.coefficients.items())
        assert used <= max(resource.capacity, 0) * 1_000_000, resource.name
    for load in loads:
        x = xs[load.load_id]
        low, high = bounds(load.min_x, load.max_x, load.step_x, load.levels)
        assert x == 0 or low <= x <= high
        assert x in load.levels if load.levels else x % load.step_x == 0


@pytest.mark.invariant("I-01")
@pytest.mark.invariant("I-09")
@pytest.mark.parametrize("case", CASES, ids=[case["id"] for case in CASES])
def test_case_gives_the_expected_set_points(case: dict[str, Any]) -> None:
    loads, resources, policy = problem_of(case["given"])
    expect = case["expect"]

    grants = allocate(loads, resources, policy)

    assert_feasible(loads, resources, grants)
    units = {load.load_id: 1000 if load.control is ControlUnit.CURRENT else 1 for load in loads}
    got = {load.load_id: x_of(load, grants[load.load_id]) for load in loads}
    wanted = {key: round(v * units[key]) for key, v in expand_ids(expect.get("set", {})).items()}
    assert {key: got[key] for key in wanted} == wanted
    total_w = sum(grant.setpoint.power_w for grant in grants.values() if grant.setpoint)
    assert total_w == expect.get("total_w", total_w)
    active = [value for value in got.values() if value]
    assert len(active) == expect.get("active", len(active))
    assert min(active, default=0) >= ma(expect.get("min_a", 0))


def test_all_the_cases_the_main_job_needs_are_here() -> None:
    here = {case["id"] for case in CASES}

    assert {f"A{n:02d}" for n in range(1, 23)} | {"C01", "C02", "C03", "C08"} <= here
