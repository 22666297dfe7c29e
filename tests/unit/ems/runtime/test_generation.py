"""Own generation is the sum of all PV meters, or nothing while one of them is silent."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from drivers.api import MeterReading
from ems.control.events import GenerationMeasured
from ems.runtime.plantlife import PlantLife
from tests.kit.clock import FakeClock


def life_with(readings: list[tuple[str, int | None, float | None]]) -> tuple[Any, list[object]]:
    told: list[object] = []
    meters = [
        SimpleNamespace(
            role=role,
            reading=None if power_w is None else MeterReading(power_w=power_w),
            read_at=read_at,
        )
        for role, power_w, read_at in readings
    ]
    life = SimpleNamespace(
        meters=meters, clock=FakeClock(), controller=SimpleNamespace(submit=told.append)
    )
    return life, told


def test_export_of_all_pv_meters_is_added_up() -> None:
    life, told = life_with([("pv", -4_000, 999.0), ("pv", -1_500, 998.0), ("grid", 700, 999.0)])

    PlantLife._sum_generation(life)

    assert told == [GenerationMeasured(power_w=5_500, at=1_000.0)]


def test_consumption_of_an_inverter_at_night_is_no_generation() -> None:
    life, told = life_with([("pv", 12, 999.0)])

    PlantLife._sum_generation(life)

    assert told == [GenerationMeasured(power_w=0, at=1_000.0)]


def test_a_silent_pv_meter_tells_nothing() -> None:
    life, told = life_with([("pv", -4_000, 999.0), ("pv", -1_500, 989.0)])

    PlantLife._sum_generation(life)

    assert told == []
