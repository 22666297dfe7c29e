"""Meters on Modbus: total and phases, import positive."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING, Final

from typing_extensions import override

from drivers.api import ImplausibleError, Meter, MeterReading, SetupError
from drivers.modbus.common import plausible, to_milli, to_w, voltages_mv
from drivers.modbus.link import Priority

if TYPE_CHECKING:
    from collections.abc import Mapping

    from drivers.config import MeterConfig
    from drivers.modbus.device import ModbusDevice
    from drivers.modbus.mapfile import MapFile

MAX_W: Final = 5_000_000
MAX_MA: Final = 10_000_000
_PHASES: Final = (1, 2, 3)


def check_meter(config: MeterConfig, mapfile: MapFile) -> None:
    """A meter map with a total or with phases.

    Raises:
        SetupError: not a meter.
    """
    if mapfile.kind != "meter" or not {"power", "power_l1"} & set(mapfile.points):
        raise SetupError(f"{config.id}: device {mapfile.id} is no meter")


class ModbusMeter(Meter):
    """One meter."""

    def __init__(self, config: MeterConfig, device: ModbusDevice) -> None:
        """``device`` is connected already."""
        self._config = config
        self._device = device
        self._sign = -1 if config.options.invert else 1
        self._points = (
            "power",
            *(f"{what}_l{i}" for what in ("power", "current", "voltage") for i in _PHASES),
        )

    @override
    async def read(self) -> MeterReading:
        values = await self._device.read(self._points, Priority.MEASUREMENT)
        phases_w = tuple(
            self._watts(values.get(f"power_l{i}")) for i in range(1, self._config.phases + 1)
        )
        power_w = self._watts(values.get("power"))
        if power_w is None:
            power_w = _sum(phases_w)
        if power_w is None:
            raise ImplausibleError(f"{self._config.id}: the meter shows no power")
        return MeterReading(
            power_w=power_w,
            phases_w=phases_w,
            currents_ma=self._currents(values, phases_w),
            voltages_mv=voltages_mv(values, self._config.phases),
        )

    def _watts(self, value: Fraction | None) -> int | None:
        watts = plausible(to_w(value), -MAX_W, MAX_W)
        return None if watts is None else self._sign * watts

    def _currents(
        self, values: Mapping[str, Fraction | None], phases_w: tuple[int | None, ...]
    ) -> tuple[int | None, ...]:
        """Many meters count current without a sign: the phase power gives the direction."""
        currents: list[int | None] = []
        for i, power_w in enumerate(phases_w, start=1):
            current_ma = plausible(to_milli(values.get(f"current_l{i}")), -MAX_MA, MAX_MA)
            if current_ma is not None and power_w is not None:
                current_ma = -abs(current_ma) if power_w < 0 else abs(current_ma)
            currents.append(current_ma)
        return tuple(currents)


def _sum(phases_w: tuple[int | None, ...]) -> int | None:
    known = [power_w for power_w in phases_w if power_w is not None]
    return sum(known) if known and len(known) == len(phases_w) else None
