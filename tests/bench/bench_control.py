"""How long the control core takes: allocation for n loads, limit event to commands.

Run: ``python -m tests.bench.bench_control``; prints one JSON document, times in milliseconds.
"""

from __future__ import annotations

import json
import random
import statistics
import time
from functools import partial

from drivers.api import Capability, ControlUnit, LoadKind, Measurement
from ems.control.allocator import LoadDemand, Resource, allocate
from ems.control.commands import SetLimit
from ems.control.core import Core
from ems.control.events import LoadFound, LoadMeasured, LpcChanged, SetpointWritten
from ems.control.grid_limit import UNLIMITED, Limited, Source
from ems.control.plant import Circuit, Load, Plant, Policy, Rotation
from ems.control.resources import Place, circuit_resources, steuve_budget

SIZES = (16, 64, 256, 1_000)


def garage(n: int, seed: int = 1) -> tuple[list[LoadDemand], list[Resource]]:
    """``n`` wallboxes of mixed phases and classes below circuits of four, one budget over all."""
    chance = random.Random(seed)
    loads: list[LoadDemand] = []
    places: dict[str, Place] = {}
    circuits = [Circuit(circuit_id="main", limit_ma=(n * 4_000,) * 3)]
    for number in range(n):
        phases = chance.choice((1, 3, 3))
        load_id = f"cp{number:04d}"
        circuit_id = f"c{number // 4:03d}"
        if number % 4 == 0:
            circuits.append(Circuit(circuit_id=circuit_id, parent="main", limit_ma=(32_000,) * 3))
        loads.append(
            LoadDemand(
                load_id=load_id,
                control=ControlUnit.CURRENT,
                uw_per_x=230_000 * phases,
                min_x=6_000,
                max_x=16_000,
                step_x=chance.choice((100, 1_000)),
                priority=chance.choice((0, 0, 1)),
                rank=number,
                phases=phases,
            )
        )
        rotation = chance.choice((Rotation.L123, Rotation.L231, Rotation.L312))
        places[load_id] = Place(circuit=circuit_id, rotation=rotation)
    resources = circuit_resources(loads, places, circuits)
    resources.append(steuve_budget(loads, places, n * 2_500))
    return loads, resources


def simple(n: int) -> tuple[list[LoadDemand], list[Resource]]:
    """``n`` equal wallboxes under one budget."""
    loads = [
        LoadDemand(
            load_id=f"cp{number:04d}",
            control=ControlUnit.CURRENT,
            uw_per_x=690_000,
            min_x=6_000,
            max_x=16_000,
            step_x=100,
            rank=number,
        )
        for number in range(n)
    ]
    places = {load.load_id: Place() for load in loads}
    return loads, [steuve_budget(loads, places, n * 5_000)]


def timed(work: object, rounds: int) -> dict[str, float]:
    """Median and 99th percentile of ``rounds`` calls [ms]."""
    assert callable(work)
    work()
    spans_ms = []
    for _ in range(rounds):
        begin = time.perf_counter()
        work()
        spans_ms.append((time.perf_counter() - begin) * 1_000)
    spans_ms.sort()
    return {
        "p50_ms": round(statistics.median(spans_ms), 3),
        "p99_ms": round(spans_ms[min(int(len(spans_ms) * 0.99), len(spans_ms) - 1)], 3),
    }


def allocation() -> dict[str, dict[str, dict[str, float]]]:
    """Allocation alone, one budget and with circuits."""
    result: dict[str, dict[str, dict[str, float]]] = {}
    for n in SIZES:
        rounds = max(10, 6_400 // n)
        budget, circuits = simple(n), garage(n)
        result[str(n)] = {
            "budget": timed(partial(allocate, *budget, Policy()), rounds),
            "circuits": timed(partial(allocate, *circuits, Policy()), rounds),
        }
    return result


def wallbox_plant(n: int) -> Plant:
    """``n`` wallboxes under one limit."""
    capability = Capability(control=ControlUnit.CURRENT, step_ma=100)
    return Plant(
        loads=tuple(
            Load(
                load_id=f"cp{number:04d}",
                name="",
                kind=LoadKind.WALLBOX,
                rated_w=11_000,
                capability=capability,
            )
            for number in range(n)
        )
    )


def running(n: int) -> Core:
    """A core with ``n`` wallboxes that are free and charge."""
    plant = wallbox_plant(n)
    core = Core(plant, 0.0)
    core.handle(limit_event(None), 0.0)
    for load in plant.loads:
        core.handle(LoadFound(load_id=load.load_id, capability=load.capability), 0.0)
        core.handle(SetpointWritten(load_id=load.load_id, setpoint=None, at=0.0), 0.0)
        reading = Measurement(power_w=11_000)
        core.handle(LoadMeasured(load_id=load.load_id, measurement=reading, at=0.1), 0.1)
    return core


def limit_event(limit_w: int | None) -> LpcChanged:
    """An LPC limit, or its end."""
    return LpcChanged(
        state="unlimited_controlled" if limit_w is None else "limited",
        limit=UNLIMITED if limit_w is None else Limited(limit_w, Source.EEBUS),
        failsafe_w=4_200,
        failsafe_duration_s=7_200.0,
    )


def decisions() -> dict[str, dict[str, float]]:
    """Limit event in, last command out (L-8: at most 5 ms for 64); and one ordinary reading."""
    result: dict[str, dict[str, float]] = {}
    for n in (16, 64, 256):
        spans_ms: list[float] = []
        reading_ms: list[float] = []
        for _ in range(max(5, 640 // n)):
            core = running(n)
            event = limit_event(n * 5_000)
            begin = time.perf_counter()
            commands = core.handle(event, 60.0)
            spans_ms.append((time.perf_counter() - begin) * 1_000)
            assert sum(isinstance(command, SetLimit) for command in commands) == n
            measured = Measurement(power_w=5_000)
            begin = time.perf_counter()
            core.handle(LoadMeasured(load_id="cp0001", measurement=measured, at=61.0), 61.0)
            reading_ms.append((time.perf_counter() - begin) * 1_000)
        result[str(n)] = {
            "limit_p50_ms": round(statistics.median(spans_ms), 3),
            "limit_max_ms": round(max(spans_ms), 3),
            "reading_p50_ms": round(statistics.median(reading_ms), 3),
        }
    return result


def main() -> None:
    """Measure and print."""
    print(json.dumps({"allocate": allocation(), "core": decisions()}, indent=2))


if __name__ == "__main__":
    main()
