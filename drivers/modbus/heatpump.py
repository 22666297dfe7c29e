"""Heat pumps with a real power limit on Modbus, driven by the map's ``dim`` and ``release``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from typing_extensions import override

from drivers.api import Capability, ControlUnit, LoadKind, Measurement
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
    from drivers.config import LoadConfig
    from drivers.modbus.device import ModbusDevice
    from drivers.modbus.mapfile import MapFile

SIGN_TOLERANCE_W: Final = 50


def heatpump_capability(config: LoadConfig, mapfile: MapFile) -> Capability:
    """What this heat pump can be told.

    Raises:
        SetupError: the map is not one of a heat pump or lacks an action.
    """
    require_kind(mapfile, config, (LoadKind.HEATPUMP, LoadKind.COOLING))
    control = control_of(mapfile)
    must_exist(control.dim, mapfile, "dim")
    must_exist(control.release, mapfile, "release")
    floor_w = mapfile.p14a.floor_w if mapfile.p14a else None
    return Capability(
        control=ControlUnit.POWER,
        phases=config.phases,
        min_w=config.options.min_w if config.options.min_w is not None else floor_w or 0,
        max_w=config.rated_w,
        step_w=control.granularity_w or 1,
        t_react_s=settle_s(mapfile),
        min_write_interval_s=mapfile.write_rules.min_interval_s,
        rewrite_interval_s=rewrite_s(mapfile),
        measures_power="power" in mapfile.points,
    )


class ModbusHeatPump(PowerCapped):
    """One heat pump."""

    def __init__(self, config: LoadConfig, device: ModbusDevice) -> None:
        """``device`` is connected already."""
        super().__init__(config, device, heatpump_capability(config, device.map))
        self._points = ("power", *self.readback_points())

    @override
    async def _write_cap(self, power_w: int) -> None:
        await self._act(self._control.dim, power_w)

    @override
    async def stop(self) -> None:
        await self._act(self._control.stop or self._control.dim, 0)

    @override
    async def read(self) -> Measurement:
        values = await self._device.read(self._points, Priority.MEASUREMENT)
        power_w = to_w(values.get("power"))
        return Measurement(
            power_w=plausible(power_w, -SIGN_TOLERANCE_W, 3 * self._config.rated_w),
            setpoint=self.readback(values),
        )
