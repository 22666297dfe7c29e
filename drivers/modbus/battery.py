"""Batteries on Modbus: charging from the grid is capped, charging from the sun stays possible.

A cap of 0 W switches grid charging off where the device can tell the two apart; it then charges
from its own generation as it likes, which draws nothing from the grid. A cap above 0 W limits
charging. Power is what flows on the AC side: charging that comes from modules on the DC side of a
hybrid inverter is no consumption (14a.md: grid-effective power only).
"""

from __future__ import annotations

import dataclasses
from fractions import Fraction
from typing import TYPE_CHECKING

from typing_extensions import override

from drivers.api import Capability, ControlUnit, LoadKind, Measurement, RefusedError, Setpoint
from drivers.modbus.capped import PowerCapped
from drivers.modbus.common import (
    control_of,
    must_exist,
    plausible,
    require_kind,
    rewrite_s,
    settle_s,
    to_w,
)
from drivers.modbus.link import Priority

if TYPE_CHECKING:
    from collections.abc import Mapping

    from drivers.config import LoadConfig
    from drivers.modbus.device import ModbusDevice
    from drivers.modbus.mapfile import MapFile

POWER_POINTS = ("battery_power", "charge_power", "discharge_power", "ac_power")


def battery_capability(config: LoadConfig, mapfile: MapFile) -> Capability:
    """What this battery can be told.

    Raises:
        SetupError: the map is not one of a battery or lacks an action.
    """
    require_kind(mapfile, config, (LoadKind.BATTERY,))
    control = control_of(mapfile)
    must_exist(control.limit_charge, mapfile, "limit_charge")
    must_exist(control.release, mapfile, "release")
    return Capability(
        control=ControlUnit.POWER,
        phases=config.phases,
        min_w=config.options.min_w or 0,
        max_w=config.rated_w,
        step_w=control.granularity_w or 1,
        t_react_s=settle_s(mapfile),
        min_write_interval_s=mapfile.write_rules.min_interval_s,
        rewrite_interval_s=rewrite_s(mapfile),
        measures_power=any(name in mapfile.points for name in POWER_POINTS),
    )


class ModbusBattery(PowerCapped):
    """One battery with its inverter."""

    def __init__(self, config: LoadConfig, device: ModbusDevice) -> None:
        """``device`` is connected already."""
        super().__init__(config, device, battery_capability(config, device.map))
        self._points = (*POWER_POINTS, "soc", *self.readback_points())
        self._can_block = bool(self._control.block_grid_charge)

    @override
    async def _write_cap(self, power_w: int) -> None:
        if power_w == 0 and self._can_block:
            try:
                await self._act(self._control.block_grid_charge, 0)
            except RefusedError:
                self._can_block = False  # this device cannot tell grid from sun: no charging at all
            else:
                return
        await self._act(self._control.limit_charge, power_w)

    @override
    async def stop(self) -> None:
        self._last = Setpoint(power_w=0)
        await self._act(self._control.stop_charge or self._control.limit_charge, 0)

    @override
    async def prepare(self) -> None:
        await super().prepare()
        if self._device.has("rated_charge_power"):
            values = await self._device.read(("rated_charge_power",), Priority.STATUS)
            rated_w = plausible(to_w(values["rated_charge_power"]), 1, 1_000_000)
            max_w = min(self._config.rated_w, rated_w or self._config.rated_w)
            self._capability = dataclasses.replace(self._capability, max_w=max_w)

    @override
    async def read(self) -> Measurement:
        values = await self._device.read(self._points, Priority.MEASUREMENT)
        highest_w = 3 * self._config.rated_w
        return Measurement(
            power_w=plausible(_power_w(values), -highest_w, highest_w),
            setpoint=self.readback(values),
            soc_pct=plausible(to_w(values.get("soc")), 0, 100),
        )


def _power_w(values: Mapping[str, Fraction | None]) -> int | None:
    """Consumption positive: AC side first, else the battery's own terminals."""
    ac_power = values.get("ac_power")
    if ac_power is not None:
        return to_w(-ac_power)
    if values.get("battery_power") is not None:
        return to_w(values["battery_power"])
    charge, discharge = values.get("charge_power"), values.get("discharge_power")
    if charge is None and discharge is None:
        return None
    return to_w((charge or Fraction(0)) - (discharge or Fraction(0)))
