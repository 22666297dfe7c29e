"""What all Modbus drivers share: capability times, unit conversion, plausibility, opening."""

from __future__ import annotations

import math
from fractions import Fraction
from typing import TYPE_CHECKING, Final

from drivers.api import ImplausibleError, SetupError, UnreachableError
from drivers.modbus import sunspec
from drivers.modbus.device import ModbusDevice
from drivers.modbus.link import ModbusRefusedError, Priority
from drivers.modbus.mapfile import Settle

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from drivers.api import Clock, LoadKind
    from drivers.config import LoadConfig
    from drivers.modbus.link import ModbusLink
    from drivers.modbus.mapfile import Control, MapFile

DEFAULT_SETTLE_S: Final = 5.0  # device rules 1.7
MAX_VOLTAGE_MV: Final = 290_000
MIN_VOLTAGE_MV: Final = 150_000
WRITE_ATTEMPTS: Final = 3
WRITE_PAUSE_S: Final = 1.0


def require_kind(mapfile: MapFile, config: LoadConfig, kinds: tuple[LoadKind, ...]) -> None:
    """The map must fit what the site says the load is.

    Raises:
        SetupError: a wallbox map for a heat pump, or the like.
    """
    if config.kind not in kinds or mapfile.kind != kinds[0].value:
        raise SetupError(
            f"{config.id}: device {mapfile.id} is a {mapfile.kind}, not a {config.kind.value}"
        )


def settle_s(mapfile: MapFile) -> float:
    """Time the device itself needs to follow a change [s]."""
    settle = mapfile.control.settle_s if mapfile.control else None
    if isinstance(settle, Settle):
        return max(settle.change, DEFAULT_SETTLE_S)
    return DEFAULT_SETTLE_S if settle is None else settle


def rewrite_s(mapfile: MapFile) -> float:
    """How often an unchanged set-point is repeated [s]."""
    return mapfile.write_rules.rewrite_interval_s or math.inf


def to_w(value: Fraction | None) -> int | None:
    """Watts, rounded to the nearest."""
    return None if value is None else math.floor(value + Fraction(1, 2))


def to_milli(value: Fraction | None) -> int | None:
    """Thousandths (mA, mV), rounded to the nearest."""
    return None if value is None else math.floor(value * 1000 + Fraction(1, 2))


def plausible(value: int | None, low: int, high: int) -> int | None:
    """``None`` instead of a number that cannot be (sign flipped, out of range)."""
    return value if value is not None and low <= value <= high else None


def voltages_mv(values: Mapping[str, Fraction | None], phases: int) -> tuple[int | None, ...]:
    """Line to neutral [mV] per wired phase; a dead phase reads about 0 and is unknown here."""
    read = (to_milli(values.get(f"voltage_l{i}")) for i in range(1, phases + 1))
    return tuple(plausible(value, MIN_VOLTAGE_MV, MAX_VOLTAGE_MV) for value in read)


async def open_device(
    link: ModbusLink, unit_id: int, mapfile: MapFile, clock: Clock
) -> ModbusDevice:
    """Connect and, for SunSpec maps, find the models.

    Raises:
        UnreachableError: nobody answers.
        SetupError: the device does not speak SunSpec.
    """
    await link.open()
    if mapfile.addressing != "sunspec":
        return ModbusDevice(link, unit_id, mapfile, clock)
    walk = sunspec.Walk(mapfile.transport.sunspec_bases)
    while walk.wanted is not None:
        address, count = walk.wanted
        walk.answer(await _words(link, unit_id, address, count))
    if not walk.found:
        raise SetupError(f"{link.endpoint}: no SunSpec marker at {mapfile.transport.sunspec_bases}")
    raw: dict[str, int] = {}
    seen: dict[int, int] = {}
    for name, address in sunspec.scale_registers(mapfile, walk.found).items():
        if address not in seen:
            words = await _words(link, unit_id, address, 1)
            if words is None:
                raise UnreachableError(f"{link.endpoint}: scale factor {address} is refused")
            seen[address] = words[0]
        raw[name] = seen[address]
    resolved = sunspec.resolve(mapfile, walk.found, sunspec.exponents_of(raw))
    return ModbusDevice(link, unit_id, resolved, clock)


async def _words(link: ModbusLink, unit_id: int, address: int, count: int) -> list[int] | None:
    try:
        return await link.read(unit_id, "holding", address, count, Priority.STATUS)
    except ModbusRefusedError:
        return None


def whole_watts(power_w: int, rated_w: int, step_w: int) -> int:
    """A cap [W] as it is written: within 0 and the rating, in whole steps, rounded down."""
    capped = max(0, min(power_w, rated_w))
    return capped - capped % step_w


def control_of(mapfile: MapFile) -> Control:
    """The ``control`` part of an actuator's map.

    Raises:
        SetupError: it has none.
    """
    if mapfile.control is None:
        raise SetupError(f"{mapfile.id}: control is missing")
    return mapfile.control


def must_exist(action: object, mapfile: MapFile, name: str) -> None:
    """A map without this action cannot be driven.

    Raises:
        SetupError: the action is missing.
    """
    if not action:
        raise SetupError(f"{mapfile.id}: control.{name} is missing")


async def until_shown(
    act: Callable[[], Awaitable[None]], shown: Callable[[], Awaitable[str | None]], clock: Clock
) -> None:
    """Write until the device shows it (F-17); ``shown`` gives ``None`` or what is wrong.

    Raises:
        ImplausibleError: acknowledged several times and still shown differently.
        DriverError: from writing or reading.
    """
    wrong: str | None = None
    for attempt in range(WRITE_ATTEMPTS):
        if attempt:
            await clock.sleep_until(clock.monotonic() + WRITE_PAUSE_S)
        await act()
        wrong = await shown()
        if wrong is None:
            return
    raise ImplausibleError(wrong)
