"""The device's own watchdog: what it falls to when we are silent, and how it is fed."""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Final

from drivers.modbus.link import Priority
from drivers.modbus.registers import encode
from drivers.modbus.status import status_points

if TYPE_CHECKING:
    from drivers.config import LoadConfig
    from drivers.modbus.device import ModbusDevice
    from drivers.modbus.mapfile import Failsafe, MapFile

DEFAULT_TIMEOUT_S: Final = 60
DEFAULT_FAILSAFE_A: Final = 6.0


@dataclass(frozen=True, slots=True, kw_only=True)
class StaticWatchdog:
    """As far as map and configuration tell.

    ``keeps_limit_s``: ``math.inf`` without a watchdog. ``failsafe_ma``: ``None`` unknown.
    """

    keeps_limit_s: float
    failsafe_ma: int | None
    timeout_s: int


def static_watchdog(config: LoadConfig, mapfile: MapFile) -> StaticWatchdog:
    """Time-out and fail-safe current that ``prepare`` will set."""
    failsafe = mapfile.failsafe
    timeout_s = (
        config.options.failsafe_timeout_s
        or (failsafe.timeout_default_s if failsafe else None)
        or DEFAULT_TIMEOUT_S
    )
    return StaticWatchdog(
        keeps_limit_s=_keeps_s(mapfile, timeout_s),
        failsafe_ma=_failsafe_ma(config, mapfile),
        timeout_s=timeout_s,
    )


def _keeps_s(mapfile: MapFile, timeout_s: int) -> float:
    keepalive = mapfile.keepalive
    if keepalive.kind == "none":
        return math.inf
    if isinstance(keepalive.device_timeout_s, int | float):
        return float(keepalive.device_timeout_s)
    return float(timeout_s)


def _failsafe_ma(config: LoadConfig, mapfile: MapFile) -> int | None:
    failsafe = mapfile.failsafe
    if failsafe is None or failsafe.kind == "none":
        return None
    if failsafe.kind == "stop_charging":
        return 0
    return math.floor(1000 * failsafe_a(config, failsafe))


def failsafe_a(config: LoadConfig, failsafe: Failsafe) -> float:
    """Configured, else the map's proposal, else 6 A."""
    if config.options.failsafe_a is not None:
        return config.options.failsafe_a
    default = failsafe.current_default_a
    return DEFAULT_FAILSAFE_A if default is None else default


class Watchdog:
    """Sets the device's watchdog and keeps it fed."""

    def __init__(self, config: LoadConfig, device: ModbusDevice) -> None:
        """Nothing is written before ``prepare``."""
        known = static_watchdog(config, device.map)
        self.keeps_limit_s = known.keeps_limit_s
        self.failsafe_ma = known.failsafe_ma
        self.timeout_s = known.timeout_s
        self._config = config
        self._device = device

    async def prepare(self) -> None:
        """Write fail-safe current and time-out where they differ, then learn what the device has.

        Raises:
            DriverError: not reached, or refused.
        """
        failsafe = self._device.map.failsafe
        if failsafe is None or failsafe.kind != "current":
            return
        if failsafe.current_point and self._device.accepts(failsafe.current_point):
            await self._settle(
                failsafe.current_point, Fraction(str(failsafe_a(self._config, failsafe)))
            )
        if failsafe.timeout_point and self._device.accepts(failsafe.timeout_point):
            await self._settle(failsafe.timeout_point, Fraction(self.timeout_s))
        await self._learn(failsafe)

    async def _settle(self, name: str, wanted: Fraction) -> None:
        """Fail-safe settings may sit in flash: write only what differs."""
        if await self._shown(name) == wanted:
            return
        point = self._device.map.points[name]
        await self._device.write_words(point, encode(point, wanted), Priority.STATUS)

    async def _shown(self, name: str) -> Fraction | None:
        """What the device says; some have a second point for reading."""
        for readable in (name, f"{name}_read"):
            if self._device.has(readable):
                return (await self._device.read((readable,), Priority.STATUS))[readable]
        return None

    async def _learn(self, failsafe: Failsafe) -> None:
        if failsafe.timeout_point:
            shown = await self._shown(failsafe.timeout_point)
            if shown is not None:
                self.keeps_limit_s = float(shown) if shown > 0 else math.inf
        if failsafe.current_point:
            shown = await self._shown(failsafe.current_point)
            if shown is not None:
                self.failsafe_ma = math.floor(shown * 1000)

    async def refresh(self) -> None:
        """Feed it as the map says; nothing to do without one.

        Raises:
            DriverError: not reached, or refused.
        """
        keepalive = self._device.map.keepalive
        match keepalive.kind:
            case "write_point" if keepalive.point and keepalive.value is not None:
                point = self._device.map.points[keepalive.point]
                names = {"failsafe_timeout_s": Fraction(self.timeout_s)}
                value = (
                    self._device.evaluate(keepalive.value, names)
                    if isinstance(keepalive.value, str)
                    else Fraction(str(keepalive.value))
                )
                if value is not None:
                    await self._device.write_words(point, encode(point, value), Priority.KEEP_ALIVE)
            case "any_request" | "any_read":
                name = keepalive.point or next(iter(status_points(self._device.map)), None)
                if name is not None:
                    await self._device.read((name,), Priority.KEEP_ALIVE)
            case _:
                pass
