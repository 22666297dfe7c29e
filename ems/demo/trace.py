"""What was seen while a story ran, in protocol seconds counted from its zero; frozen, no I/O.

Two witnesses: the site simulator's physics, and the timeline of the EMS. Powers are watts.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

Json: TypeAlias = Any


@dataclass(frozen=True, slots=True)
class LoadPoint:
    """One SteuVE in the physics: drawn [W] and allowed by its electronics [W, ``None``: free]."""

    power_w: float
    allowed_w: float | None


@dataclass(frozen=True, slots=True)
class SitePoint:
    """One second of the site simulator."""

    t_s: float
    steuve_w: float
    grid_w: float
    nwlb_w: float
    loads: Mapping[str, LoadPoint]


@dataclass(frozen=True, slots=True)
class EmsPoint:
    """One second of the EMS's timeline.

    Attributes:
        process: 1 for the first EMS process of the run, 2 for the next.
        limit_w: ``None``: no limit.
        setpoints_w: per SteuVE; ``None``: free.
    """

    t_s: float
    process: int
    limit_w: int | None
    source: str | None
    budget_w: int | None
    setpoints_w: Mapping[str, int | None]


@dataclass(frozen=True, slots=True)
class Process:
    """A process of the EMS: when it was started and when its service first answered."""

    started_s: float
    ready_s: float


@dataclass(frozen=True, slots=True)
class Answer:
    """The EMS's answer to a write of the box; ``error_number`` 0: accepted."""

    t_s: float
    error_number: int


@dataclass(frozen=True, slots=True)
class RecordedEvent:
    """A control event of the journal, times counted from the story's zero."""

    source: str
    start_s: float | None
    end_s: float | None
    ceilings_w: tuple[int, ...]
    worst_overshoot_w: int | None


@dataclass(frozen=True, slots=True)
class RecordsSeen:
    """What the journal said at the end; ``notes``: what else it holds (start, restart …)."""

    verified: bool
    why: str
    events: tuple[RecordedEvent, ...]
    notes: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Trace:
    """Everything a verdict may rest on.

    Attributes:
        inert: ids of SteuVE whose own inertia excuses an overshoot for a minute (heat pumps).
        causes: row name → when what the row waits for really happened, where that is known
            better than ``at_s`` (the box's last heartbeat).
    """

    site: Sequence[SitePoint]
    ems: Sequence[EmsPoint]
    processes: Sequence[Process] = ()
    answers: Sequence[Answer] = ()
    records: RecordsSeen | None = None
    inert: frozenset[str] = frozenset()
    causes: Mapping[str, float] = field(default_factory=dict[str, float])


def site_point(line: Json, zero: float) -> SitePoint:
    """A line of truth of ``ems sim site``; ``zero``: the story's zero [protocol s]."""
    return SitePoint(
        t_s=float(line["t_s"]) - zero,
        steuve_w=float(line["steuve_w"]),
        grid_w=float(line["grid_w"]),
        nwlb_w=float(line["nwlb_w"]),
        loads={
            name: LoadPoint(power_w=float(load["power_w"]), allowed_w=load["allowed_w"])
            for name, load in line["loads"].items()
        },
    )


def ems_point(line: Json, zero: float, process: int) -> EmsPoint:
    """A line of the service call ``timeline``; ``zero``: the story's zero [protocol s]."""
    return EmsPoint(
        t_s=float(line["t_s"]) - zero,
        process=process,
        limit_w=line["limit_w"],
        source=line["source"],
        budget_w=line["budget_w"],
        setpoints_w={name: load["setpoint_w"] for name, load in line["steuve"].items()},
    )
