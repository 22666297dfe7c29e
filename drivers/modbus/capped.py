"""Loads that take a cap in watts: what heat pumps and batteries have in common."""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING

from typing_extensions import override

from drivers.api import Capability, Driver, Setpoint
from drivers.modbus.common import control_of, to_w, until_shown, whole_watts
from drivers.modbus.link import Priority

if TYPE_CHECKING:
    from collections.abc import Mapping
    from fractions import Fraction

    from drivers.config import LoadConfig
    from drivers.modbus.device import ModbusDevice
    from drivers.modbus.expression import Exact
    from drivers.modbus.mapfile import Action


class PowerCapped(Driver):
    """A load whose map says how to write and read a cap in watts; sub-classes name the actions."""

    def __init__(self, config: LoadConfig, device: ModbusDevice, capability: Capability) -> None:
        """``device`` is connected already; its map has a ``control``."""
        self._config = config
        self._device = device
        self._control = control_of(device.map)
        self._capability = capability
        self._last: Setpoint | None = None

    @property
    @override
    def capability(self) -> Capability:
        return self._capability

    @override
    async def limit(self, setpoint: Setpoint) -> None:
        can = self._capability
        power_w = whole_watts(setpoint.power_w, can.max_w, can.step_w)
        await self._write_cap(power_w if power_w >= can.min_w else 0)
        self._last = setpoint

    @abstractmethod
    async def _write_cap(self, power_w: int) -> None:
        """Write a cap that is within the capability already, rounded down to a whole step."""

    async def _act(self, action: Action | None, power_w: int) -> None:
        await self._device.run(action or (), self._variables(power_w), Priority.LIMIT)

    def _variables(self, power_w: int) -> dict[str, Exact]:
        return {
            "limit_w": power_w,
            "rated_w": self._config.rated_w,
            "phases": self._config.phases,
            "grid_charge": int(self._config.options.grid_charge),
        }

    @override
    async def release(self) -> None:
        self._last = None
        await until_shown(self._let_go, self._still_capped, self._device.clock)

    async def _let_go(self) -> None:
        await self._act(self._control.release, self._capability.max_w)

    async def _still_capped(self) -> str | None:
        shown = await self._shown_cap(Priority.LIMIT)
        if shown is None or shown.power_w >= self._capability.max_w:
            return None
        return f"{self._config.id}: released, but still shows a cap of {shown.power_w} W"

    @override
    async def prepare(self) -> None:
        if self._control.init:
            await self._act(self._control.init, 0)

    @override
    async def keep_alive(self) -> None:
        if self._device.map.keepalive.kind == "rewrite_setpoint" and self._last is not None:
            await self.limit(self._last)

    def readback_points(self) -> tuple[str, ...]:
        """Points the shown cap is made of."""
        text = self._control.readback_w
        return self._device.names_in(text) if text else ()

    def readback(self, values: Mapping[str, Fraction | None]) -> Setpoint | None:
        """The cap the device shows; its maximum when it shows none; ``None``: unknown."""
        text = self._control.readback_w
        shown_w = to_w(self._device.evaluate(text, values)) if text else None
        if shown_w is None:
            return None
        if shown_w < 0:
            return Setpoint(power_w=self._capability.max_w)
        last = self._last
        step_w = max(self._capability.step_w, self._config.rated_w // 100)
        if last is not None and last.power_w - step_w <= shown_w <= last.power_w:
            return last  # the same cap, rounded down to what the register can hold
        return Setpoint(power_w=shown_w)

    async def _shown_cap(self, priority: Priority) -> Setpoint | None:
        names = self.readback_points()
        return self.readback(await self._device.read(names, priority)) if names else None
