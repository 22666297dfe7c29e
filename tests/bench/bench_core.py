"""The pure core from event to commands, and the decoding of a typical LPC write; no I/O at all."""

from __future__ import annotations

import time
from collections.abc import Sequence
from datetime import date
from pathlib import Path

from drivers.api import LoadKind, Measurement
from eebus.spine.datagram import parse_command, parse_header
from eebus.wire import ejson
from ems.control.commands import Command, Release, SetLimit
from ems.control.core import Core
from ems.control.events import (
    ContactChanged,
    LoadFound,
    LoadMeasured,
    LpcChanged,
    Restored,
    SetpointWritten,
)
from ems.control.grid_limit import UNLIMITED, GridLimit, Limited, Source
from ems.control.gzf import SteuVe, pmin
from ems.control.plant import Load, Plant, SignalConfig
from tests.bench.bench_allocation import timed
from tests.bench.figures import Figure, spread
from tests.kit.plant import FINE_WALLBOX

NAME = "core"
SIZES = (5, 30, 64)
AIM_MS = 5.0  # reliability.md L-8
STEPS = 60

WRITE = (
    b'{"datagram":[{"header":[{"specificationVersion":"1.3.0"},{"addressSource":[{"device":'
    b'"d:_n:Box_0815"},{"entity":[1]},{"feature":7}]},{"addressDestination":[{"device":'
    b'"d:_n:EMS_4711"},{"entity":[1]},{"feature":4}]},{"msgCounter":1905},{"cmdClassifier":'
    b'"write"},{"ackRequest":true}]},{"payload":[{"cmd":[[{"function":"loadControlLimitListData"},'
    b'{"filter":[[{"cmdControl":[{"partial":[]}]}]]},{"loadControlLimitListData":['
    b'{"loadControlLimitData":[[{"limitId":0},{"isLimitActive":true},{"timePeriod":[{"endTime":'
    b'"PT2H"}]},{"value":[{"number":4200},{"scale":0}]}]]}]}]]}]}]}'
)


def measure(folder: Path, *, quick: bool) -> list[Figure]:
    figures = []
    for size in SIZES:
        taken = limit_events(size, 60 if quick else 600)
        figures.append(spread(NAME, f"limit event → commands, {size} loads", taken, aim=AIM_MS))
    decoded = timed(decode, 500 if quick else 20_000)
    return [*figures, spread(NAME, f"decode of an LPC write ({len(WRITE)} B)", decoded, unit="µs")]


def decode() -> None:
    """Octets to header and typed command."""
    header, payload = parse_header(ejson.loads(WRITE))
    parse_command(payload, header.classifier)


def limit_events(size: int, rounds: int) -> list[float]:
    """Seconds of ``Core.handle`` for one limit after the other, each lower for every wallbox."""
    taken: list[float] = []
    while len(taken) < rounds:
        taken += _descent(size, min(STEPS, rounds - len(taken)))
    return taken


def _descent(size: int, rounds: int) -> list[float]:
    """From free to the minimum in steps of 0.1 A for everybody; devices obey at once."""
    core = Core(plant := _plant(size), 0.0)
    core.handle(Restored(saved=None), 0.0)
    core.handle(ContactChanged(limiting=False, level="closed"), 0.0)
    core.handle(_lpc(UNLIMITED), 0.0)
    draws = dict.fromkeys((load.load_id for load in plant.loads), 11_000)
    for load in plant.loads:
        _obey(
            core,
            core.handle(LoadFound(load_id=load.load_id, capability=load.capability), 0.0),
            draws,
            0.0,
        )
    taken = []
    for number in range(rounds):
        now = 10.0 * (number + 1)
        measured = [_measured(load_id, power_w, now) for load_id, power_w in draws.items()]
        core.handle_all(measured, now)
        event = _lpc(Limited(size * (10_800 - 70 * number), Source.EEBUS))
        began = time.perf_counter()
        commands = core.handle(event, now)
        taken.append(time.perf_counter() - began)
        told = _obey(core, commands, draws, now)
        assert told == size, f"{told} of {size} wallboxes were told of limit {number}"
    return taken


def _obey(core: Core, commands: Sequence[Command], draws: dict[str, int], now: float) -> int:
    """Carry out orders; how many caps there were among them."""
    written = []
    for command in commands:
        if isinstance(command, SetLimit | Release):
            setpoint = command.setpoint if isinstance(command, SetLimit) else None
            draws[command.load_id] = 11_000 if setpoint is None else setpoint.power_w
            written.append(SetpointWritten(load_id=command.load_id, setpoint=setpoint, at=now))
    core.handle_all(written, now)
    return sum(event.setpoint is not None for event in written)


def _measured(load_id: str, power_w: int, now: float) -> LoadMeasured:
    return LoadMeasured(load_id=load_id, measurement=Measurement(power_w=power_w), at=now)


def _lpc(limit: GridLimit) -> LpcChanged:
    return LpcChanged(
        state="limited" if isinstance(limit, Limited) else "unlimited_controlled",
        limit=limit,
        failsafe_w=4_200,
        failsafe_duration_s=7_200.0,
        peer="a" * 40,
        rule="LPC-904",
    )


def _plant(size: int) -> Plant:
    loads = tuple(
        Load(
            load_id=f"cp{number:02d}",
            name=f"Wallbox {number}",
            kind=LoadKind.WALLBOX,
            rated_w=11_000,
            capability=FINE_WALLBOX,
        )
        for number in range(size)
    )
    steuves = [SteuVe(id=load.load_id, kind=load.kind, rated_w=load.rated_w) for load in loads]
    owed = pmin(steuves, date=date(2026, 1, 15))
    signal = SignalConfig(
        sources=(Source.EEBUS, Source.CONTACT),
        contact_limit_w=owed.pmin_14a_w or 0,
        failsafe_limit_w=owed.pmin_14a_w or 0,
    )
    return Plant(loads=loads, pmin=owed, signal=signal, has_grid_meter=False)
