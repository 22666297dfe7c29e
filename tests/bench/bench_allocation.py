"""Allocation for n loads: one budget over equal wallboxes, and a garage with circuits."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

from drivers.api import ControlUnit
from ems.control.allocator import LoadDemand, Resource, allocate
from ems.control.plant import Circuit, Policy, Rotation
from ems.control.resources import Place, circuit_resources, steuve_budget
from tests.bench.figures import Figure, spread

NAME = "allocation"
SIZES = (16, 64, 256, 1_000)


def measure(folder: Path, *, quick: bool) -> list[Figure]:
    figures = []
    for size in SIZES:
        rounds = max(10, (6_400 if quick else 20_000) // size)
        aim = 1.0 if size == 64 else None
        for name, case in (("one budget", simple), ("circuits of four, phases", garage)):
            work = partial(allocate, *case(size), Policy())
            figures.append(spread(NAME, f"{size} loads, {name}", timed(work, rounds), aim=aim))
    return figures


def timed(work: Callable[[], object], rounds: int) -> list[float]:
    """Seconds of each of ``rounds`` calls; one more goes first and is not counted."""
    work()
    taken = []
    for _ in range(rounds):
        began = time.perf_counter()
        work()
        taken.append(time.perf_counter() - began)
    return taken


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
    return loads, [steuve_budget(loads, {load.load_id: Place() for load in loads}, n * 5_000)]


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
