"""The electronics between the wire and the load: what written registers mean to a device; pure.

A unit hears writes and requests, keeps its own watchdog and shows readings. What is common to a
family comes from the map (points, status codes, fail-safe); nothing here knows a vendor.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Final

from typing_extensions import override

from ems.sim.ambient import NOMINAL_V
from ems.sim.loads import BATTERY_W, CAR_MIN_A

if TYPE_CHECKING:
    from collections.abc import Mapping

    from drivers.modbus.mapfile import MapFile
    from ems.sim.bank import Bank, Written
    from ems.sim.loads import Battery, Car, HeatPump, LoadModel, Phases
    from ems.sim.physics import Plant

#: KEBA-like pair of points instead of one status: letter -> (charging_state, cable)
TWO_POINT_STATUS: Final[Mapping[str, tuple[int, int]]] = {"A": (1, 1), "B": (2, 7), "C": (3, 7)}


class Unit(ABC):
    """One simulated device.

    Attributes:
        bank: its registers.
        ignores: fault switch: writes are acknowledged and shown, but not followed.
    """

    def __init__(self, device: MapFile, bank: Bank) -> None:
        self.device = device
        self.bank = bank
        self.ignores = False

    @abstractmethod
    def show(self, plant: Plant) -> None:
        """Put the present readings into the registers."""

    def written(self, changes: list[Written], now: float) -> None:
        """Points the client has just written."""
        del changes, now

    def heard(self, now: float, *, wrote: bool) -> None:
        """The client has said something: feeds a communication watchdog."""
        del now, wrote

    def step(self, now: float) -> None:
        """Look at the watchdog and tell the load what it may draw."""
        del now

    def allowed_w(self) -> float:
        """What the electronics let the load draw [W]; ``math.inf``: its own maximum."""
        return math.inf


class Watchdog:
    """Silence longer than ``timeout_s`` (0: never) means that the manager is gone."""

    def __init__(self, timeout_s: float = 0.0) -> None:
        self.timeout_s = timeout_s
        self._fed_at: float | None = None

    def feed(self, now: float) -> None:
        self._fed_at = now

    def expired(self, now: float) -> bool:
        """Whether the manager was heard once and is silent now."""
        if self._fed_at is None or self.timeout_s <= 0:
            return False
        return now - self._fed_at > self.timeout_s


class WallboxUnit(Unit):
    """A charging station: offers the car the current it was told, or pauses it."""

    def __init__(self, device: MapFile, bank: Bank, car: Car, *, max_a: float) -> None:
        super().__init__(device, bank)
        self.car = car
        self.max_a = max_a
        self.limit_a = max_a
        self.enabled = True
        self.lost = False
        failsafe = device.failsafe
        default_a = None if failsafe is None else failsafe.current_default_a
        self.failsafe_a = 0.0 if default_a is None else default_a
        self.watchdog = Watchdog()
        for name in ("current_limit", "max_current"):
            bank.put(name, max_a)
        bank.put("enable", 1)

    @override
    def written(self, changes: list[Written], now: float) -> None:
        for change in changes:
            self._take(change.point, float(change.value))
        if any(change.point in ("current_limit", "enable") for change in changes):
            self.lost = False
        self._follow(now)

    @override
    def heard(self, now: float, *, wrote: bool) -> None:
        kind = self.device.keepalive.kind
        if kind in ("any_request", "any_read") or (wrote and kind != "none"):
            self.watchdog.feed(now)
            self.lost = self.lost and kind not in ("any_request", "any_read")

    @override
    def step(self, now: float) -> None:
        if self.watchdog.expired(now):
            self.lost = True
        self._follow(now)

    @property
    def offered_a(self) -> float:
        """What the car is told [A per phase]; below 6 A nothing."""
        if self.lost:
            return min(self.max_a, self.failsafe_a)
        return min(self.max_a, self.limit_a) if self.enabled else 0.0

    @override
    def allowed_w(self) -> float:
        if self.ignores or self.offered_a >= min(self.max_a, self.car.wants_a):
            return math.inf
        offered_a = self.offered_a if self.offered_a >= CAR_MIN_A else 0.0
        return offered_a * NOMINAL_V * self.car.phases

    @override
    def show(self, plant: Plant) -> None:
        bank, car = self.bank, self.car
        offered_a = self.offered_a if self.offered_a >= CAR_MIN_A else 0.0
        show_phases(bank, "current", car.currents_a())
        show_phases(bank, "voltage", plant.voltages_v())
        bank.put("power", max(0.0, plant.measured(car.power_w)))
        bank.put("current_limit_active", offered_a)
        bank.put("max_current", self.max_a)
        bank.put("phases", car.phases)
        bank.put("failsafe_current_read", self.failsafe_a)
        bank.put("failsafe_timeout_read", self.watchdog.timeout_s)
        self._show_status("A" if not car.plugged else "C" if car.charging else "B")

    def _take(self, point: str, value: float) -> None:
        failsafe = self.device.failsafe
        if point == "current_limit":
            self.limit_a = value
        elif point in ("enable", "enable_register"):
            self.enabled = value > 0
        elif failsafe is not None and point == failsafe.current_point:
            self.failsafe_a = value
        elif failsafe is not None and point == failsafe.timeout_point:
            self.watchdog.timeout_s = value

    def _follow(self, now: float) -> None:
        self.car.order(self.max_a if self.ignores else self.offered_a, now)

    def _show_status(self, letter: str) -> None:
        status = self.device.status
        if status is None or status.point is None:
            charging_state, cable = TWO_POINT_STATUS[letter]
            self.bank.put("charging_state", charging_state)
            self.bank.put("cable", cable)
            return
        codes = [code for code, meant in status.map.items() if meant == letter]
        if codes:
            # the last code of a letter is the state in which the station offers current
            self.bank.put_raw(status.point, codes[-1] << status.shift)
        self.bank.put("cable", 0 if letter == "A" else 0x0111)


class HeatPumpUnit(Unit):
    """A heat pump with a power limit in watts; a negative value means no limit."""

    def __init__(self, device: MapFile, bank: Bank, pump: HeatPump) -> None:
        super().__init__(device, bank)
        self.pump = pump
        self.limit_w = math.inf
        bank.put("power_limit", -1000.0)

    @override
    def written(self, changes: list[Written], now: float) -> None:
        for change in changes:
            if change.point == "power_limit":
                self.limit_w = math.inf if change.value < 0 else float(change.value)
        self.step(now)

    @override
    def step(self, now: float) -> None:
        self.pump.order(math.inf if self.ignores else self.limit_w, now)

    @override
    def allowed_w(self) -> float:
        return math.inf if self.ignores else self.limit_w

    @override
    def show(self, plant: Plant) -> None:
        self.bank.put("power", max(0.0, plant.measured(self.pump.power_w)))
        show_phases(self.bank, "current", self.pump.currents_a())


class BatteryUnit(Unit):
    """A storage whose grid charging is capped in per cent or watts, or forbidden."""

    def __init__(self, device: MapFile, bank: Bank, battery: Battery) -> None:
        super().__init__(device, bank)
        self.battery = battery
        self.rate_pct = 100.0
        self.capped = "control_mode" not in bank.points
        self.cap_w = math.inf
        self.from_grid = True
        self.watchdog = Watchdog()
        for name, value in (("rated_charge_power", BATTERY_W), ("max_charge_rated", BATTERY_W)):
            bank.put(name, value)
        for name in ("charge_rate", "discharge_rate"):
            bank.put(name, 100.0)
        bank.put("charge_limit", BATTERY_W)
        bank.put("grid_charge_enable", 1)
        bank.put("soc", 40.0)

    @override
    def written(self, changes: list[Written], now: float) -> None:
        for change in changes:
            self._take(change.point, float(change.value))
        self.step(now)

    @override
    def heard(self, now: float, *, wrote: bool) -> None:
        if wrote:
            self.watchdog.feed(now)

    @override
    def step(self, now: float) -> None:
        if self.watchdog.expired(now):
            self.capped = False
        self.battery.order(math.inf if self.ignores else self._cap_w(), now)

    @override
    def allowed_w(self) -> float:
        cap_w = math.inf if self.ignores else self._cap_w()
        return math.inf if cap_w >= BATTERY_W else cap_w

    @override
    def show(self, plant: Plant) -> None:
        measured_w = plant.measured(self.battery.power_w)
        self.bank.put("ac_power", -measured_w)  # SunSpec: delivered to the AC side is positive
        self.bank.put("battery_power", measured_w)
        self.bank.put("charge_power", max(0.0, measured_w))

    def _cap_w(self) -> float:
        """Most that may come from the grid [W]."""
        if not self.from_grid:
            return 0.0
        if not self.capped:
            return math.inf
        return min(self.cap_w, BATTERY_W * self.rate_pct / 100.0)

    def _take(self, point: str, value: float) -> None:
        if point == "charge_rate":
            self.rate_pct = value
        elif point == "control_mode":
            self.capped = bool(int(value) & 1)
        elif point == "charge_limit":
            self.cap_w = value
        elif point == "grid_charge_enable":
            self.from_grid = value > 0
        elif point == "revert_s":
            self.watchdog.timeout_s = value


class MeterUnit(Unit):
    """A meter with signed phases; ``role`` decides what it looks at."""

    def __init__(self, device: MapFile, bank: Bank, role: str) -> None:
        super().__init__(device, bank)
        self.role = role

    def phases_w(self, plant: Plant) -> Phases:
        """What the meter is wired to [W], import positive; generation is negative."""
        if self.role == "pv":
            first, second, third = (-power_w for power_w in plant.pv_phases_w())
            return first, second, third
        return plant.grid_phases_w() if self.role == "grid" else (0.0, 0.0, 0.0)

    @override
    def show(self, plant: Plant) -> None:
        true_w = self.phases_w(plant)
        noise_w = (plant.measured(sum(true_w)) - sum(true_w)) / 3
        shown_w = tuple(power_w + noise_w for power_w in true_w)
        voltages_v = plant.voltages_v()
        first, second, third = (w / v for w, v in zip(shown_w, voltages_v, strict=True))
        show_phases(self.bank, "power", (shown_w[0], shown_w[1], shown_w[2]))
        show_phases(self.bank, "current", (first, second, third))
        show_phases(self.bank, "voltage", voltages_v)
        self.bank.put("power", sum(shown_w))
        self.bank.put("frequency", 50.0)


def show_phases(bank: Bank, what: str, values: Phases) -> None:
    """Put one value per phase into ``<what>_l1`` to ``_l3``."""
    for phase, value in enumerate(values, start=1):
        bank.put(f"{what}_l{phase}", value)


def model_of(unit: Unit) -> LoadModel | None:
    """The load behind a unit; a meter has none."""
    match unit:
        case WallboxUnit():
            return unit.car
        case HeatPumpUnit():
            return unit.pump
        case BatteryUnit():
            return unit.battery
        case _:
            return None
