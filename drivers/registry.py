"""From a configured device to an open driver; knows which map needs which class."""

from __future__ import annotations

from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from drivers.api import Capability, Driver, Meter, SetupError
from drivers.config import LoadConfig, LoadOptions, MeterConfig, MeterOptions
from drivers.modbus.mapfile import MapFile, known_maps, load_map

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable

    from drivers.api import Clock
    from drivers.gpio.outputs import Output
    from drivers.modbus.device import ModbusDevice
    from drivers.modbus.pool import LinkPool

__all__ = [
    "DeviceInfo",
    "LoadConfig",
    "LoadOptions",
    "MeterConfig",
    "MeterOptions",
    "known_devices",
    "open_load",
    "open_meter",
    "static_capability",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceInfo:
    """One device family for the picker: ``setup`` are the steps at the device itself."""

    id: str
    kind: str
    manufacturer: str
    models: tuple[str, ...]
    transport: str
    setup: tuple[str, ...]


def known_devices() -> tuple[DeviceInfo, ...]:
    """Every device this program can talk to."""
    maps = (load_map(device) for device in known_maps())
    return tuple(
        DeviceInfo(
            id=one.id,
            kind=one.kind,
            manufacturer=one.manufacturer,
            models=one.models,
            transport=one.transport.type,
            setup=one.setup,
        )
        for one in maps
    )


def static_capability(config: LoadConfig) -> Capability:
    """What the load can be told, known without a connection.

    Raises:
        SetupError: unknown device, or a device of another kind.
    """
    return _capability(config, load_map(config.device))


def _capability(config: LoadConfig, mapfile: MapFile) -> Capability:
    if mapfile.transport.type == "relay":
        from drivers.gpio.sg_ready import sg_ready_capability  # noqa: PLC0415 - only where used

        return sg_ready_capability(config, mapfile)
    # the Modbus library takes a while to import: only where a device needs it
    from drivers.modbus.battery import battery_capability  # noqa: PLC0415
    from drivers.modbus.charger import charger_capability  # noqa: PLC0415
    from drivers.modbus.heatpump import heatpump_capability  # noqa: PLC0415

    match mapfile.kind:
        case "wallbox":
            return charger_capability(config, mapfile)
        case "heatpump":
            return heatpump_capability(config, mapfile)
        case "battery":
            return battery_capability(config, mapfile)
        case _:
            raise SetupError(f"{config.id}: device {mapfile.id} is a {mapfile.kind}, not a load")


@asynccontextmanager
async def open_load(
    config: LoadConfig,
    clock: Clock,
    *,
    links: LinkPool | None = None,
    make_output: Callable[[str], Output] | None = None,
) -> AsyncGenerator[Driver]:
    """Connect to a load; closed at the end of the block.

    Args:
        config: the load.
        clock: for pacing and waits.
        links: shared connections, for several devices behind one endpoint; ``None``: an own one.
        make_output: opens a GPIO output by pin name; ``None``: gpiozero.

    Raises:
        UnreachableError: nobody answers.
        SetupError: the configuration cannot work.
    """
    mapfile = load_map(config.device)
    _capability(config, mapfile)
    if mapfile.transport.type == "relay":
        from drivers.gpio.outputs import open_output  # noqa: PLC0415 - only where used
        from drivers.gpio.sg_ready import SgReadyDriver  # noqa: PLC0415

        opener = make_output or partial(open_output, active_high=config.options.active_high)
        relay = SgReadyDriver(config, mapfile, opener)
        try:
            yield relay
        finally:
            relay.close()
        return
    async with _device(config, mapfile, clock, links) as device:
        yield _modbus_driver(config, device)


def _modbus_driver(config: LoadConfig, device: ModbusDevice) -> Driver:
    from drivers.modbus.battery import ModbusBattery  # noqa: PLC0415 - only where used
    from drivers.modbus.charger import ModbusCharger  # noqa: PLC0415
    from drivers.modbus.heatpump import ModbusHeatPump  # noqa: PLC0415

    match device.map.kind:
        case "wallbox":
            return ModbusCharger(config, device)
        case "heatpump":
            return ModbusHeatPump(config, device)
        case _:
            return ModbusBattery(config, device)


@asynccontextmanager
async def open_meter(
    config: MeterConfig, clock: Clock, *, links: LinkPool | None = None
) -> AsyncGenerator[Meter]:
    """Connect to a meter; closed at the end of the block.

    Raises:
        UnreachableError: nobody answers.
        SetupError: the configuration cannot work.
    """
    from drivers.modbus.meter import ModbusMeter, check_meter  # noqa: PLC0415 - only where used

    mapfile = load_map(config.device)
    check_meter(config, mapfile)
    async with _device(config, mapfile, clock, links) as device:
        yield ModbusMeter(config, device)


@asynccontextmanager
async def _device(
    config: LoadConfig | MeterConfig, mapfile: MapFile, clock: Clock, links: LinkPool | None
) -> AsyncGenerator[ModbusDevice]:
    from drivers.modbus.common import open_device  # noqa: PLC0415 - only where used
    from drivers.modbus.pool import LinkPool  # noqa: PLC0415

    if config.host is None:
        raise SetupError(f"{config.id}: host is missing")
    pool = links if links is not None else LinkPool(clock)
    port = config.port or mapfile.transport.port
    unit_id = mapfile.transport.unit_id if config.unit_id is None else config.unit_id
    with pool.lend(config.host, port, mapfile.transport) as link:
        yield await open_device(link, unit_id, mapfile, clock)
