"""A pure plant for the core: cars, heat pump, battery, house, sun, meter; no sockets, no waiting.

Physics of first-plant.md 2, written independently of ``ems.sim``. The harness plays runtime and
drivers: it polls, answers writes after some milliseconds and keeps minimum write intervals. What it
judges is its own physics, never what the core says.
"""

from __future__ import annotations

import math
import random
from dataclasses import dataclass, field

from drivers.api import Capability, ControlUnit, LoadKind, Measurement, Setpoint
from ems.control.commands import Alarm, Command, Release, Remember, SetLimit, Stop
from ems.control.core import Core
from ems.control.events import (
    ContactChanged,
    Event,
    GridMeasured,
    LoadFound,
    LoadLost,
    LoadMeasured,
    LpcChanged,
    Restored,
    SetpointFailed,
    SetpointWritten,
)
from ems.control.grid_limit import UNLIMITED, Limited, Source
from ems.control.plant import Load, Plant, SignalConfig
from ems.control.saved import SavedState

STEP_S = 0.25
NOISE_W = 20


@dataclass
class Device:
    """A device behind a driver: takes a cap after a short delay and draws by its physics."""

    load: Load
    dice: random.Random
    power_w: float = 0.0
    cap: float = math.inf
    ignores: bool = False
    offline: bool = False
    poll_s: float = 2.0
    voltage_v: float = 230.0
    starts: int = 0
    wants: bool = True

    def order(self, setpoint: Setpoint | None) -> None:
        if self.ignores:
            return
        if setpoint is None:
            self.cap = math.inf
        elif setpoint.current_ma is not None:
            self.cap = setpoint.current_ma / 1000
        else:
            self.cap = setpoint.power_w

    def step(self, now: float, surplus_w: float) -> None:
        raise NotImplementedError

    def measurement(self) -> Measurement:
        noise = self.dice.uniform(-NOISE_W, NOISE_W) if self.power_w else 0.0
        return Measurement(power_w=round(self.power_w + noise))


@dataclass
class Car(Device):
    """Wants 16 A, starts 3 s after it may, ramps at 3 A/s, refuses below 6 A, draws a bit less."""

    current_a: float = 0.0
    may_since: float | None = None
    droop_a: float = 0.0

    def step(self, now: float, surplus_w: float) -> None:
        offer_a = min(self.cap, 16.0) if self.wants else 0.0
        target_a = offer_a - self.droop_a if offer_a >= 6.0 else 0.0
        if target_a == 0.0:
            self.may_since = None
        elif self.may_since is None:
            self.may_since = now
        if self.current_a == 0.0 and (self.may_since is None or now < self.may_since + 3.0):
            return
        if self.current_a == 0.0:
            self.starts += 1
        move_a = 3.0 * STEP_S
        self.current_a += max(-move_a, min(move_a, target_a - self.current_a))
        if target_a == 0.0 and self.current_a < 5.0:
            self.current_a = 0.0
        self.power_w = 3 * self.voltage_v * self.current_a

    def measurement(self) -> Measurement:
        ma = round(self.current_a * 1000)
        mv = round(self.voltage_v * 1000)
        reading = super().measurement()
        return Measurement(
            power_w=reading.power_w, currents_ma=(ma,) * 3, voltages_mv=(mv,) * 3, status="C"
        )


@dataclass
class HeatPump(Device):
    """Wants 3,100 W, follows within 40 s, off below 1,500 W, rests 60 s."""

    stopped_at: float = -math.inf
    told_at: float = 0.0
    follows: float = math.inf

    def order(self, setpoint: Setpoint | None) -> None:
        super().order(setpoint)

    def step(self, now: float, surplus_w: float) -> None:
        target_w = min(3_100.0, self.cap) if self.wants else 0.0
        if self.power_w == 0.0:
            if target_w >= 1_500.0 and now >= self.stopped_at + 60.0:
                self.power_w = 1_500.0
                self.starts += 1
            return
        rate_w = 1_600.0 / 35.0 * STEP_S
        goal_w = max(target_w, 1_500.0)
        self.power_w += max(-rate_w, min(rate_w, goal_w - self.power_w))
        if target_w < 1_500.0 and self.power_w <= 1_500.0:
            self.power_w = 0.0
            self.stopped_at = now


@dataclass
class Battery(Device):
    """Charges 5,000 W from the grid; surplus may always charge it; follows within 2 s."""

    def step(self, now: float, surplus_w: float) -> None:
        target_w = min(5_000.0, self.cap) if self.wants else 0.0
        target_w = max(target_w, min(5_000.0, max(surplus_w, 0.0)))
        rate_w = 2_500.0 * STEP_S
        self.power_w += max(-rate_w, min(rate_w, target_w - self.power_w))


@dataclass
class Site:
    """The whole plant with its core. ``history``: one row per second from physics alone."""

    plant: Plant
    devices: dict[str, Device]
    seed: int = 1
    now: float = 0.0
    sun_w: float = 0.0
    kettle: bool = False
    core: Core = field(init=False)
    pv_w: float = 0.0
    history: list[dict[str, float]] = field(default_factory=list)
    alarms: list[Alarm] = field(default_factory=list)
    commands: list[tuple[float, Command]] = field(default_factory=list)
    saved: SavedState | None = None
    saved_at: float = 0.0
    grid_silent: bool = False
    refuses: set[str] = field(default_factory=set)
    deaf: set[str] = field(default_factory=set)
    _pending: list[tuple[float, str, Setpoint | None]] = field(default_factory=list)
    _slots: dict[str, Command] = field(default_factory=dict)
    _written: dict[str, float] = field(default_factory=dict)
    _poll: dict[str, float] = field(default_factory=dict)
    _found: set[str] = field(default_factory=set)
    _grid_at: float = -math.inf
    alive: bool = True

    def __post_init__(self) -> None:
        self.dice = random.Random(f"{self.seed}/site")
        self.phase = self.dice.uniform(0, 100)
        self.start()

    def start(self, saved: SavedState | None = None) -> None:
        """A new process."""
        self.alive = True
        self.core = Core(self.plant, self.now)
        self._pending, self._slots, self._written = [], {}, {}
        self._found = set()
        self._poll = {i: self.now + self.dice.uniform(0.1, 0.9) for i in self.devices}
        self.give(Restored(saved=saved))

    def kill(self) -> None:
        self.alive = False

    @property
    def steuve_w(self) -> float:
        return sum(max(0.0, device.power_w) for device in self.devices.values())

    @property
    def house_w(self) -> float:
        t = self.now + self.phase
        noise = 80 * math.sin(t / 17.0) + 50 * math.sin(t / 5.3) + 20 * math.sin(t / 1.7)
        return 600 + noise + (2_000 if self.kettle else 0)

    @property
    def grid_w(self) -> float:
        return self.house_w + self.steuve_w - self.pv_w

    @property
    def nwlb_w(self) -> float:
        return max(0.0, min(self.grid_w, self.steuve_w))

    def give(self, event: Event) -> list[Command]:
        commands = self.core.handle(event, self.now)
        self._carry(commands)
        return commands

    def lpc(
        self, state: str, limit_w: int | None = None, *, expires_at: float | None = None
    ) -> None:
        source = Source.EEBUS if state == "limited" else Source.FAILSAFE
        limit = UNLIMITED if limit_w is None else Limited(limit_w, source)
        self.give(
            LpcChanged(
                state=state, limit=limit, failsafe_w=self.plant.signal.failsafe_limit_w,
                failsafe_duration_s=7_200.0, expires_at=expires_at, peer="ab" * 20,
            )
        )  # fmt: skip

    def contact(self, level: str) -> None:
        self.give(ContactChanged(limiting=level == "open", level=level))

    def run(self, until: float) -> None:
        while self.now < until - 1e-9:
            self.now = round(self.now + STEP_S, 6)
            self._physics()
            if self.alive:
                self._answer()
                self._polls()
                deadline = self.core.deadline
                if deadline is not None and self.now >= deadline:
                    self._carry(self.core.handle_timer(self.now))
            if self.now % 1.0 == 0.0:
                self._record()

    def setpoint_sum_w(self) -> int | None:
        """Sum of the caps of all loads as shown; ``None``: one is free."""
        setpoints = [view.setpoint for view in self.core.decision.loads]
        if any(setpoint is None for setpoint in setpoints):
            return None
        return sum(setpoint.power_w for setpoint in setpoints if setpoint)

    def _record(self) -> None:
        row = {"t": self.now, "steuve": self.steuve_w, "nwlb": self.nwlb_w, "grid": self.grid_w}
        row |= {name: device.power_w for name, device in self.devices.items()}
        self.history.append(row)

    def _physics(self) -> None:
        rise_w = 600.0 * STEP_S
        self.pv_w += max(-rise_w, min(rise_w, self.sun_w - self.pv_w))
        spare_w = self.pv_w - self.house_w
        for device in sorted(self.devices.values(), key=lambda d: isinstance(d, Battery)):
            device.voltage_v = 230.0 + math.sin((self.now + self.phase) / 67.0)
            device.step(self.now, spare_w)
            spare_w -= device.power_w

    def _polls(self) -> None:
        for name, device in self.devices.items():
            if self.now < self._poll[name]:
                continue
            self._poll[name] = self.now + device.poll_s
            if device.offline:
                if name in self._found:
                    self._found.discard(name)
                    self.give(LoadLost(load_id=name, why="no answer"))
            elif name not in self._found:
                self._found.add(name)
                self.give(LoadFound(load_id=name, capability=device.load.capability))
            else:
                reading = device.measurement()
                self.give(LoadMeasured(load_id=name, measurement=reading, at=self.now))
        if self.now >= self._grid_at and not self.grid_silent:
            self._grid_at = self.now + 1.0
            noise = self.dice.uniform(-NOISE_W, NOISE_W)
            self.give(GridMeasured(power_w=round(self.grid_w + noise), at=self.now))

    def _carry(self, commands: list[Command]) -> None:
        for command in commands:
            self.commands.append((self.now, command))
            if isinstance(command, SetLimit | Release | Stop):
                self._slots[command.load_id] = command
            elif isinstance(command, Remember):
                self.saved, self.saved_at = command.saved, self.now
            else:
                self.alarms.append(command)

    def _answer(self) -> None:
        for _, name, setpoint in [p for p in self._pending if p[0] <= self.now]:
            self.give(SetpointWritten(load_id=name, setpoint=setpoint, at=self.now))
        self._pending = [p for p in self._pending if p[0] > self.now]
        for name, command in list(self._slots.items()):
            self._write(name, command)

    def _write(self, name: str, command: Command) -> None:
        device = self.devices[name]
        if device.offline or name not in self._found:
            return
        interval_s = device.load.capability.min_write_interval_s
        urgent = isinstance(command, Stop) or (isinstance(command, SetLimit) and command.urgent)
        if not urgent and self.now < self._written.get(name, -math.inf) + interval_s:
            return
        del self._slots[name]
        setpoint = command.setpoint if isinstance(command, SetLimit) else None
        if name in self.refuses:
            self.give(SetpointFailed(load_id=name, setpoint=setpoint, why="no", refused=True))
            return
        if name in self.deaf:
            return
        self._written[name] = self.now
        if isinstance(command, Stop):
            device.cap = 0.0  # the contactor opens, whatever the electronics think
            return
        device.order(setpoint)
        self._pending.append((self.now + 0.02, name, setpoint))


WALLBOX = Capability(
    control=ControlUnit.CURRENT, min_ma=6_000, max_ma=16_000, step_ma=1_000, keeps_limit_s=30.0,
    failsafe_ma=6_000, t_react_s=10.0,
)  # fmt: skip
FINE_WALLBOX = Capability(
    control=ControlUnit.CURRENT, min_ma=6_000, max_ma=16_000, step_ma=100, t_react_s=10.0
)
HEAT_PUMP = Capability(
    control=ControlUnit.POWER, min_w=1_500, max_w=50_000, step_w=100, t_react_s=180.0,
    min_write_interval_s=60.0,
)  # fmt: skip
STORAGE = Capability(control=ControlUnit.POWER, max_w=5_000, step_w=10, t_react_s=5.0)


def first_loads() -> tuple[Load, ...]:
    """The five SteuVE of first-plant.md 1."""
    return (
        Load(load_id="garage", name="Wallbox Garage", kind=LoadKind.WALLBOX, rated_w=11_000,
             capability=WALLBOX, priority=9),
        Load(load_id="carport", name="Wallbox Carport", kind=LoadKind.WALLBOX, rated_w=11_000,
             capability=FINE_WALLBOX, priority=5),
        Load(load_id="yard", name="Wallbox Hof", kind=LoadKind.WALLBOX, rated_w=11_000,
             capability=FINE_WALLBOX, priority=3),
        Load(load_id="heatpump", name="Wärmepumpe", kind=LoadKind.HEATPUMP, rated_w=6_000,
             capability=HEAT_PUMP, priority=9),
        Load(load_id="battery", name="Speicher", kind=LoadKind.BATTERY, rated_w=5_000,
             capability=STORAGE, priority=1, surplus_always=True),
    )  # fmt: skip


def first_plant(*, escalation: bool = True) -> Plant:
    """The plant of first-plant.md 1, P_min,14a = 15,120 W."""
    from datetime import date

    from ems.control.gzf import SteuVe, pmin

    loads = first_loads()
    owed = pmin(
        [SteuVe(id=load.load_id, kind=load.kind, rated_w=load.rated_w) for load in loads],
        date=date(2026, 1, 15),
    )
    return Plant(
        loads=loads,
        pmin=owed,
        signal=SignalConfig(
            sources=(Source.EEBUS, Source.CONTACT),
            contact_limit_w=owed.pmin_14a_w or 0,
            failsafe_limit_w=owed.pmin_14a_w or 0,
        ),
        escalation=escalation,
    )


def first_site(seed: int = 1, *, escalation: bool = True, now: float = 0.0) -> Site:
    """The plant of first-plant.md, simulated."""
    dice = random.Random(f"{seed}/devices")
    plant = first_plant(escalation=escalation)
    devices: dict[str, Device] = {}
    for load in plant.loads:
        if load.kind is LoadKind.WALLBOX:
            device: Device = Car(load, dice, droop_a=dice.uniform(0.0, 0.5))
        elif load.kind is LoadKind.HEATPUMP:
            device = HeatPump(load, dice, poll_s=5.0, power_w=3_100.0)
        else:
            device = Battery(load, dice)
        devices[load.load_id] = device
    return Site(plant, devices, seed=seed, now=now)
