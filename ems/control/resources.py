"""The scarce things of a plant as resources: the SteuVE budget, circuits in watts and per phase.

Coefficients are integers, millionths of the resource's unit per unit of a load's set-point, rounded
up where they do not divide, so that a sum is never smaller than the truth. Source: allocation.md
1.2 (rotation) and 1.5 (circuits).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from drivers.api import ControlUnit
from ems.control.allocator import STEUVE, LoadDemand, Resource
from ems.control.filling import MILLION
from ems.control.plant import Rotation

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ems.control.plant import Circuit

PHASES = ("L1", "L2", "L3")

_GRID_PHASE: Mapping[Rotation, tuple[int, int, int]] = {
    Rotation.L123: (0, 1, 2),
    Rotation.L231: (1, 2, 0),
    Rotation.L312: (2, 0, 1),
    Rotation.L132: (0, 2, 1),
    Rotation.L213: (1, 0, 2),
    Rotation.L321: (2, 1, 0),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a load is connected, for the resources it uses."""

    steuve: bool = True
    circuit: str = ""
    rotation: Rotation = Rotation.UNKNOWN


def grid_phases(phases: int, rotation: Rotation) -> tuple[int, ...]:
    """Grid phases (0 for L1) a load on its first ``phases`` terminals may use.

    With unknown rotation every phase counts (allocation.md 1.2).
    """
    if rotation is Rotation.UNKNOWN or phases >= len(PHASES):
        return (0, 1, 2)
    return _GRID_PHASE[rotation][:phases]


def watt_coefficients(loads: Sequence[LoadDemand]) -> dict[str, int]:
    """Microwatts per unit of set-point."""
    return {load.load_id: load.uw_per_x for load in loads}


def phase_coefficient(load: LoadDemand) -> int:
    """Microampere per unit of set-point on each phase the load uses."""
    if load.control is ControlUnit.CURRENT:
        return MILLION
    # 1 W spread over the phases in use at 230 V, as milliampere per phase, rounded up
    return -(-1_000 * MILLION // (load.phases * 230))


def steuve_budget(
    loads: Sequence[LoadDemand], places: Mapping[str, Place], budget_w: int
) -> Resource:
    """The budget of all SteuVE under EMS control together (14a.md 1.3)."""
    counted = [load for load in loads if places[load.load_id].steuve]
    return Resource(
        name=STEUVE, capacity=budget_w, unit="W", coefficients=watt_coefficients(counted)
    )


def circuit_resources(
    loads: Sequence[LoadDemand],
    places: Mapping[str, Place],
    circuits: Sequence[Circuit],
    base_ma: Mapping[str, tuple[int, int, int]] | None = None,
) -> list[Resource]:
    """Every limit of every circuit as a resource over all loads below it.

    ``base_ma``: what else flows in a circuit per phase [mA], signed; left out: nothing.
    """
    resources: list[Resource] = []
    for circuit in circuits:
        below = [
            load for load in loads if _is_below(places[load.load_id].circuit, circuit, circuits)
        ]
        if circuit.limit_w is not None:
            resources.append(
                Resource(
                    name=circuit.circuit_id,
                    capacity=circuit.limit_w,
                    unit="W",
                    coefficients=watt_coefficients(below),
                )
            )
        if circuit.limit_ma is not None:
            base = (base_ma or {}).get(circuit.circuit_id, (0, 0, 0))
            resources += _phase_resources(circuit, circuit.limit_ma, base, below, places)
    return resources


def _phase_resources(
    circuit: Circuit,
    limit_ma: tuple[int, int, int],
    base_ma: tuple[int, int, int],
    below: Sequence[LoadDemand],
    places: Mapping[str, Place],
) -> list[Resource]:
    return [
        Resource(
            name=f"{circuit.circuit_id}.{name}",
            capacity=limit_ma[phase] - base_ma[phase],
            unit="mA",
            coefficients={
                load.load_id: phase_coefficient(load)
                for load in below
                if phase in grid_phases(load.phases, places[load.load_id].rotation)
            },
        )
        for phase, name in enumerate(PHASES)
    ]


def _is_below(circuit_id: str, ancestor: Circuit, circuits: Sequence[Circuit]) -> bool:
    parents = {circuit.circuit_id: circuit.parent for circuit in circuits}
    for _ in circuits:  # a cycle is a configuration error and ends here too
        if circuit_id == ancestor.circuit_id:
            return True
        circuit_id = parents.get(circuit_id, "")
    return False
