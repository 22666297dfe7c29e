"""What one poll reads: everything where requests are cheap, a rotating part where they are not."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from drivers.modbus.link import Priority

if TYPE_CHECKING:
    from fractions import Fraction

    from drivers.modbus.blocks import Block
    from drivers.modbus.device import ModbusDevice

#: A poll that takes longer than this in pacing alone reads its extras one request at a time.
SLOW_POLL_S: Final = 1.0
#: Voltages of an earlier poll count as known for so long; currents and powers never do.
VOLTAGE_VALID_S: Final = 30.0


class ReadPlan:
    """``essential`` points come with every poll, ``extra`` ones as fast as the pacing allows."""

    def __init__(
        self, device: ModbusDevice, essential: tuple[str, ...], extra: tuple[str, ...]
    ) -> None:
        """Points the map does not have are left out."""
        self._device = device
        self._essential = tuple(dict.fromkeys(n for n in essential if device.has(n)))
        self._extra = tuple(n for n in extra if device.has(n) and n not in self._essential)
        self._turn = 0
        self._kept: dict[str, tuple[float, Fraction | None]] = {}

    async def read(self) -> dict[str, Fraction | None]:
        """Values by name; a value that is too old or absent is ``None`` or missing.

        Raises:
            DriverError: the device did not answer an essential request.
        """
        everything = self._essential + self._extra
        pacing_s = self._device.map.transport.min_request_interval_ms / 1000
        if pacing_s * len(self._device.blocks(everything)) <= SLOW_POLL_S:
            return await self._device.read(everything, Priority.MEASUREMENT)
        values = await self._device.read(self._essential, Priority.MEASUREMENT)
        fresh = await self._read_next_extra()
        now = self._device.clock.monotonic()
        kept = {n: v for n, (at, v) in self._kept.items() if now - at <= VOLTAGE_VALID_S}
        return {**kept, **fresh, **values}

    async def _read_next_extra(self) -> dict[str, Fraction | None]:
        blocks: list[Block] = self._device.blocks(self._extra)
        if not blocks:
            return {}
        self._turn = (self._turn + 1) % len(blocks)
        found = await self._device.read_block(blocks[self._turn], Priority.MEASUREMENT)
        at = self._device.clock.monotonic()
        self._kept.update({n: (at, v) for n, v in found.items() if n.startswith("voltage_")})
        return found
