"""Wallboxes on Modbus: one behaviour, driven by the map.

Currents come from the control core and are never made from watts here. A current below the minimum
pauses; nothing is ever rounded up (F-21).
"""

from __future__ import annotations

import dataclasses
import math
from fractions import Fraction
from typing import TYPE_CHECKING, Final

from typing_extensions import override

from drivers.api import (
    Capability,
    ControlUnit,
    Driver,
    LoadKind,
    Measurement,
    RefusedError,
    Setpoint,
)
from drivers.modbus.common import (
    control_of,
    must_exist,
    plausible,
    require_kind,
    rewrite_s,
    settle_s,
    to_milli,
    to_w,
    until_shown,
    voltages_mv,
    whole_watts,
)
from drivers.modbus.link import Priority
from drivers.modbus.plan import ReadPlan
from drivers.modbus.status import status_letter, status_points
from drivers.modbus.watchdog import Watchdog, static_watchdog

if TYPE_CHECKING:
    from collections.abc import Mapping

    from drivers.config import LoadConfig
    from drivers.modbus.device import ModbusDevice
    from drivers.modbus.expression import Exact
    from drivers.modbus.mapfile import Action, MapFile

NOMINAL_MV: Final = 230_000
SIGN_TOLERANCE_W: Final = 50
READ_TIME_S: Final = 1.0


def charger_capability(config: LoadConfig, mapfile: MapFile) -> Capability:
    """What this wallbox can be told, known without asking it.

    Raises:
        SetupError: the map is not one of a wallbox or lacks an action.
    """
    require_kind(mapfile, config, (LoadKind.WALLBOX,))
    control = control_of(mapfile)
    for name in ("set_current", "pause"):
        must_exist(getattr(control, name), mapfile, name)
    watchdog = static_watchdog(config, mapfile)
    power = control.unit == "power"
    ceiling_ma = _ceiling_ma(config, mapfile)
    return Capability(
        control=ControlUnit.POWER if power else ControlUnit.CURRENT,
        phases=config.phases,
        min_ma=math.ceil(1000 * max(control.min_current_a or 0, mapfile.limits.min_a)),
        max_ma=ceiling_ma,
        step_ma=max(1, round(1000 * (control.granularity_a or 1))),
        min_w=config.options.min_w or 0,
        max_w=config.rated_w if power else 0,
        step_w=control.granularity_w or 1,
        keeps_limit_s=watchdog.keeps_limit_s,
        failsafe_ma=watchdog.failsafe_ma,
        t_react_s=settle_s(mapfile) + READ_TIME_S + 4 * _pacing_s(mapfile),
        min_write_interval_s=mapfile.write_rules.min_interval_s,
        rewrite_interval_s=rewrite_s(mapfile),
        measures_power="power" in mapfile.points or "power_l1" in mapfile.points,
    )


def _pacing_s(mapfile: MapFile) -> float:
    return mapfile.transport.min_request_interval_ms / 1000


def _ceiling_ma(config: LoadConfig, mapfile: MapFile) -> int:
    """Installation, rating (11 kW = 16 A) and device together; the device may lower it later."""
    rated_a = round(config.rated_w / (config.phases * NOMINAL_MV / 1000))
    known = mapfile.control.max_current_a if mapfile.control else None
    of_map_a = known if isinstance(known, int | float) else mapfile.limits.max_a
    wanted_ma = config.max_ma or 1000 * max(rated_a, math.ceil(mapfile.limits.min_a))
    return min(wanted_ma, math.floor(1000 * of_map_a), math.floor(1000 * mapfile.limits.max_a))


class ModbusCharger(Driver):
    """One charge point."""

    def __init__(self, config: LoadConfig, device: ModbusDevice) -> None:
        """``device`` is connected already."""
        self._config = config
        self._device = device
        self._map = device.map
        self._control = control_of(device.map)
        self._capability = charger_capability(config, device.map)
        self._watchdog = Watchdog(config, device)
        self._constants = self._fixed_variables()
        self._running: bool | None = None
        self._last: Setpoint | None = None
        self._plan = ReadPlan(
            device,
            essential=("power", *self._readback_points(), *status_points(device.map)),
            extra=tuple(
                f"{what}_l{i}" for what in ("current", "voltage", "power") for i in (1, 2, 3)
            ),
        )

    @property
    @override
    def capability(self) -> Capability:
        return self._capability

    @override
    async def limit(self, setpoint: Setpoint) -> None:
        if self._capability.control is ControlUnit.POWER:
            await self._limit_power(setpoint)
            return
        if setpoint.current_ma is None and setpoint.power_w > 0:
            raise RefusedError(f"{self._config.id}: a wallbox needs the set-point as a current")
        await self._limit_current(setpoint, setpoint.current_ma or 0)

    async def _limit_current(self, setpoint: Setpoint, current_ma: int) -> None:
        can = self._capability
        allowed_ma = min(current_ma, can.max_ma)
        allowed_ma -= allowed_ma % can.step_ma
        if allowed_ma < can.min_ma or setpoint.power_w <= 0:
            await self._act(self._control.pause, 0, 0, running=False)
        else:
            await self._act(self._start_action(), allowed_ma, setpoint.power_w, running=True)
        self._last = setpoint

    async def _limit_power(self, setpoint: Setpoint) -> None:
        can = self._capability
        power_w = whole_watts(setpoint.power_w, can.max_w, can.step_w)
        if power_w < max(can.min_w, 1):
            await self._act(self._control.pause, 0, 0, running=False)
        else:
            await self._act(self._start_action(), 0, power_w, running=True)
        self._last = setpoint

    def _start_action(self) -> Action | None:
        """After a pause, or when we do not know, ``resume`` says more than ``set_current``."""
        known_running = self._running is True
        return (
            self._control.set_current
            if known_running
            else self._control.resume or self._control.set_current
        )

    async def _act(
        self, action: Action | None, current_ma: int, power_w: int, *, running: bool
    ) -> None:
        self._running = None  # cancelled half way: unknown
        await self._device.run(action or (), self._variables(current_ma, power_w), Priority.LIMIT)
        self._running = running

    def _variables(self, current_ma: int, power_w: int) -> dict[str, Exact]:
        variables = self._constants.copy()
        variables["limit_a"] = Fraction(current_ma, 1000)
        variables["limit_ma"] = current_ma
        variables["limit_a_floor"] = current_ma // 1000
        variables["limit_w"] = power_w
        return variables

    def _fixed_variables(self) -> dict[str, Exact]:
        return {
            "max_a": Fraction(self._capability.max_ma, 1000),
            "phases": self._config.phases,
            "rated_w": self._config.rated_w,
            "failsafe_timeout_s": self._watchdog.timeout_s,
        }

    @override
    async def release(self) -> None:
        self._last = None
        await until_shown(self._let_go, self._still_capped, self._device.clock)

    async def _let_go(self) -> None:
        action = self._control.release or self._control.resume or self._control.set_current
        await self._act(action, self._capability.max_ma, self._config.rated_w, running=True)

    async def _still_capped(self) -> str | None:
        """Compares what we write ourselves; what the car is offered has other reasons too."""
        if not self._device.has("current_limit"):
            return None
        shown = await self._device.read(("current_limit",), Priority.LIMIT)
        shown_ma, can = to_milli(shown["current_limit"]), self._capability
        if shown_ma is None or shown_ma + can.step_ma >= can.max_ma:
            return None
        return f"{self._config.id}: released, but shows {shown_ma} mA instead of {can.max_ma} mA"

    @override
    async def stop(self) -> None:
        """Every switch the station has for it."""
        self._running = None
        self._last = Setpoint(power_w=0, current_ma=0)
        variables = self._variables(0, 0)
        action = self._control.stop or self._control.pause or ()
        await self._device.run(action, variables, Priority.LIMIT)
        self._running = False

    @override
    async def prepare(self) -> None:
        if self._control.init:
            await self._device.run(self._control.init, self._variables(0, 0), Priority.STATUS)
        max_ma = min(self._capability.max_ma, await self._device_max_ma())
        await self._watchdog.prepare()
        self._capability = dataclasses.replace(
            self._capability,
            max_ma=max_ma,
            keeps_limit_s=self._watchdog.keeps_limit_s,
            failsafe_ma=self._watchdog.failsafe_ma,
        )
        self._constants = self._fixed_variables()

    async def _device_max_ma(self) -> int:
        source = self._control.max_current_a
        name = None if source is None or isinstance(source, int | float) else source["point"]
        if name is None or not self._device.has(name):
            return self._capability.max_ma
        shown_ma = to_milli((await self._device.read((name,), Priority.STATUS))[name])
        believable = plausible(shown_ma, self._capability.min_ma, 500_000)
        return self._capability.max_ma if believable is None else believable

    @override
    async def keep_alive(self) -> None:
        repeat = self._last if self._map.keepalive.kind == "rewrite_setpoint" else None
        if repeat is not None:
            await self.limit(repeat)
        else:
            await self._watchdog.refresh()

    @override
    async def read(self) -> Measurement:
        values = await self._plan.read()
        power_w = to_w(values.get("power"))
        if power_w is None:
            power_w = _sum_of_phases(values, self._config.phases)
        return Measurement(
            power_w=plausible(power_w, -SIGN_TOLERANCE_W, 3 * self._config.rated_w),
            currents_ma=self._currents(values),
            voltages_mv=voltages_mv(values, self._config.phases),
            setpoint=self._readback(values),
            status=status_letter(self._map.status, values) if self._map.status else None,
        )

    def _currents(self, values: Mapping[str, Fraction | None]) -> tuple[int | None, ...]:
        read = (to_milli(values.get(f"current_l{i}")) for i in range(1, self._config.phases + 1))
        highest_ma = 3 * max(self._capability.max_ma, 32_000)
        return tuple(plausible(value, 0, highest_ma) for value in read)

    def _readback_points(self) -> tuple[str, ...]:
        """What the car is offered; else what we wrote; and the switch, where it can be read."""
        offered = [n for n in ("current_limit_active", "current_limit") if self._device.has(n)]
        switch = [name for name in ("enable",) if self._device.has(name)]
        return (*offered[:1], *switch)

    def _readback(self, values: Mapping[str, Fraction | None]) -> Setpoint | None:
        if values.get("enable") == 0:
            return Setpoint(power_w=0, current_ma=0)
        shown = values.get("current_limit_active", values.get("current_limit"))
        current_ma = plausible(to_milli(shown), 0, 500_000)
        if current_ma is None:
            return None
        if current_ma < self._capability.min_ma:  # no car draws less than 6 A
            return Setpoint(power_w=0, current_ma=current_ma)
        last = self._last
        if last is not None and last.current_ma is not None:
            written_ma = min(last.current_ma, self._capability.max_ma)
            if 0 <= written_ma - current_ma <= self._capability.step_ma:
                return last  # the same current, rounded down to what the register can hold
        return Setpoint(
            power_w=current_ma * self._config.phases * NOMINAL_MV // 1_000_000,
            current_ma=current_ma,
        )


def _sum_of_phases(values: Mapping[str, Fraction | None], phases: int) -> int | None:
    """Legacy stations tell the power per phase only."""
    parts = [values.get(f"power_l{i}") for i in range(1, phases + 1)]
    known = [part for part in parts if part is not None]
    return to_w(sum(known, Fraction(0))) if len(known) == phases else None
