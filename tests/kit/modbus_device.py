"""A Modbus TCP device on 127.0.0.1 built from a device map, with faults that can be switched on.

It is strict where real devices are: function codes the map does not list are refused, addresses
nobody defined do not exist, write-only points cannot be read. What it obeys is up to the test.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any, cast

from pymodbus.constants import ExcCodes
from pymodbus.server import ModbusTcpServer
from pymodbus.simulator import DataType, SimData, SimDevice

from drivers.api import Driver
from drivers.modbus import sunspec
from drivers.modbus.mapfile import MapFile, Point, known_maps, load_map
from drivers.modbus.registers import Number, decode, encode, encode_raw, word_count
from drivers.registry import LoadConfig, MeterConfig, open_load
from tests.kit.clock import FakeClock

SPACES = {
    1: "coil",
    5: "coil",
    15: "coil",
    2: "discrete",
    3: "holding",
    6: "holding",
    16: "holding",
    4: "input",
}
READS = (1, 2, 3, 4)
FUNCTION_NAMES = {
    1: "read_coil",
    2: "read_discrete",
    3: "read_holding",
    4: "read_input",
    5: "write_coil",
    6: "write_single",
    16: "write_multiple",
}


class JumpClock(FakeClock):
    """Sleeping takes no time: the clock jumps to the deadline, so pacing shows as numbers."""

    async def sleep_until(self, deadline: float) -> None:
        await asyncio.sleep(0)
        self.seconds = max(self.seconds, deadline)


@dataclass(frozen=True)
class Request:
    """One request as the device saw it; ``words`` is empty for reads."""

    function_code: int
    address: int
    count: int
    words: tuple[int, ...]
    at: float


@dataclass
class MapDevice:
    """Registers, what arrived, and the faults."""

    mapfile: MapFile
    clock: FakeClock = field(default_factory=JumpClock)
    words: dict[str, dict[int, int]] = field(default_factory=dict[str, dict[int, int]])
    requests: list[Request] = field(default_factory=list[Request])
    port: int = 0
    delay_s: float = 0.0
    silent: bool = False
    drop_next: bool = False
    ignore_writes: bool = False
    #: address -> exception code, for reads and writes alike
    exceptions: dict[int, int] = field(default_factory=dict[int, int])
    obey: Callable[[MapDevice], None] | None = None
    connections: int = 0
    most_at_once: int = 0
    _at_once: int = 0
    _server: ModbusTcpServer | None = None
    _hidden: set[tuple[str, int]] = field(default_factory=set[tuple[str, int]])

    def __post_init__(self) -> None:
        for space in ("coil", "discrete", "holding", "input"):
            self.words.setdefault(space, {})
        if self.mapfile.addressing == "sunspec":
            image = sunspec.simulated(self.mapfile)
            self.mapfile = image.mapfile
            self.words["holding"].update(image.words)
        for point in self.mapfile.points.values():
            if point.address is not None and not point.forbidden:
                self._define(point)

    def _define(self, point: Point) -> None:
        bank = self.words[point.reg]
        assert point.address is not None
        for register in range(point.address, point.address + word_count(point)):
            bank.setdefault(register, 0)
            if not point.readable:
                self._hidden.add((point.reg, register))

    # --- what a test does to the device

    def set(self, **values: Number) -> None:
        """Put engineering values into registers."""
        for name, value in values.items():
            point = self.mapfile.points[name]
            self._store(point, encode(point, value))

    def set_raw(self, name: str, raw: float) -> None:
        point = self.mapfile.points[name]
        self._store(point, encode_raw(point, raw))

    def _store(self, point: Point, words: list[int]) -> None:
        assert point.address is not None
        self.words[point.reg].update({point.address + i: word for i, word in enumerate(words)})

    def get(self, name: str) -> Fraction | None:
        """Engineering value that stands in the registers."""
        point = self.mapfile.points[name]
        assert point.address is not None
        bank = self.words[point.reg]
        return decode(point, [bank[point.address + i] for i in range(word_count(point))])

    def forget(self, name: str) -> None:
        """The device does not have this point."""
        point = self.mapfile.points[name]
        assert point.address is not None
        for i in range(word_count(point)):
            del self.words[point.reg][point.address + i]

    @property
    def writes(self) -> list[Request]:
        return [request for request in self.requests if request.words]

    @property
    def reads(self) -> list[Request]:
        return [request for request in self.requests if not request.words]

    def writes_to(self, name: str) -> list[Request]:
        return [r for r in self.writes if r.address == self.mapfile.points[name].address]

    def drop_connections(self) -> None:
        assert self._server is not None
        for connection in list(self._server.active_connections.values()):
            connection.close()

    # --- what pymodbus asks of its data store

    def device_ids(self) -> list[int]:
        return [self.mapfile.transport.unit_id]

    async def async_getValues(  # noqa: N802 - the server calls it so
        self, device_id: int, func_code: int, address: int, count: int = 1
    ) -> list[int] | list[bool] | ExcCodes:
        if func_code in READS:
            fault = await self._arrived(Request(func_code, address, count, (), self.clock.seconds))
            if fault is not None:
                return fault
        space = SPACES[func_code]
        bank = self.words[space]
        wanted = range(address, address + count)
        if func_code in READS and any((space, a) in self._hidden for a in wanted):
            return ExcCodes.ILLEGAL_ADDRESS
        if any(a not in bank for a in wanted):
            return ExcCodes.ILLEGAL_ADDRESS
        values = [bank[a] for a in wanted]
        return [bool(v) for v in values] if space in ("coil", "discrete") else values

    async def async_setValues(  # noqa: N802 - the server calls it so
        self, device_id: int, func_code: int, address: int, values: list[int] | list[bool]
    ) -> ExcCodes | None:
        words = tuple(int(value) for value in values)
        fault = await self._arrived(
            Request(func_code, address, len(words), words, self.clock.seconds)
        )
        if fault is not None:
            return fault
        bank = self.words[SPACES[func_code]]
        if any(address + i not in bank for i in range(len(words))):
            return ExcCodes.ILLEGAL_ADDRESS
        if not self.ignore_writes:
            bank.update({address + i: word for i, word in enumerate(words)})
            if self.obey is not None:
                self.obey(self)
        return None

    async def _arrived(self, request: Request) -> ExcCodes | None:
        self._at_once += 1
        self.most_at_once = max(self.most_at_once, self._at_once)
        try:
            return await self._judge(request)
        finally:
            self._at_once -= 1

    async def _judge(self, request: Request) -> ExcCodes | None:
        self.requests.append(request)
        if self.drop_next:
            self.drop_next = False
            self.drop_connections()
        if self.delay_s:
            await asyncio.sleep(self.delay_s)
        while self.silent:
            await asyncio.sleep(0.01)
        if FUNCTION_NAMES.get(request.function_code, "") not in self.mapfile.transport.functions:
            return ExcCodes.ILLEGAL_FUNCTION
        if request.count > self.mapfile.transport.max_read_registers and not request.words:
            return ExcCodes.ILLEGAL_VALUE
        for address in range(request.address, request.address + request.count):
            if address in self.exceptions:
                return ExcCodes(self.exceptions[address])
        return None

    @asynccontextmanager
    async def serving(self) -> AsyncGenerator[MapDevice]:
        """Listen on a free port of 127.0.0.1 for the length of the block."""
        nothing = SimDevice(1, [SimData(0, values=0, datatype=DataType.REGISTERS)])
        self._server = ModbusTcpServer(
            nothing, address=("127.0.0.1", self.port), trace_connect=self._on_connect
        )
        self._server.context = cast("Any", self)
        await self._server.serve_forever(background=True)
        listener = cast("asyncio.Server", self._server.transport)
        self.port = listener.sockets[0].getsockname()[1]
        try:
            yield self
        finally:
            self.silent = False
            await self._server.shutdown()
            await asyncio.sleep(0)

    def _on_connect(self, connected: bool) -> None:
        self.connections += connected


def obey_charger(device: MapDevice) -> None:
    """Offer the car what was written: 0 below 6 A or while switched off."""
    points = device.mapfile.points
    limit = device.get("current_limit") or Fraction(0)
    enabled = "enable" not in points or device.get("enable") != 0
    offered = limit if enabled and limit >= 6 else Fraction(0)
    if "current_limit_active" in points:
        device.set(current_limit_active=offered)
    for name in ("failsafe_current", "failsafe_timeout"):
        if f"{name}_read" in points:
            value = device.get(name)
            device.set(**{f"{name}_read": value if value is not None else 0})


KIND_W = {"wallbox": 11_000, "heatpump": 6_000, "battery": 5_000}


def maps_of(*kinds: str) -> list[str]:
    """Ids of all Modbus maps of these kinds."""
    return [
        name
        for name in known_maps()
        if load_map(name).kind in kinds and load_map(name).transport.type == "modbus_tcp"
    ]


def load_config(device: str, port: int = 1, **more: object) -> LoadConfig:
    kind = load_map(device).kind
    return LoadConfig.model_validate(
        {
            "id": "load",
            "kind": kind,
            "device": device,
            "host": "127.0.0.1",
            "port": port,
            "rated_w": KIND_W[kind],
            **more,
        }
    )


def simulated_device(name: str) -> MapDevice:
    """A healthy device of this kind: 16 A maximum, 230 V, nothing drawn."""
    device = MapDevice(load_map(name))
    points = device.mapfile.points
    if device.mapfile.kind == "wallbox":
        device.obey = obey_charger
        for point, value in (("max_current", 16), ("failsafe_timeout_read", 0)):
            if point in points:
                device.set(**{point: value})
        for phase in (1, 2, 3):
            device.set(**{f"voltage_l{phase}": 230})
    if device.mapfile.kind == "heatpump":
        device.set_raw("power_limit", -1)
    if "rated_charge_power" in points:
        device.set(rated_charge_power=5_000, grid_charge_enable=1, control_mode=0, charge_rate=100)
        device.set(ac_power=-4_800, soc=40)
    return device


@asynccontextmanager
async def opened(device: MapDevice, **more: object) -> AsyncGenerator[Driver]:
    """The device serving, and an open driver for it."""
    async with device.serving():
        config = load_config(device.mapfile.id, device.port, **more)
        async with open_load(config, device.clock) as load:
            yield load


def meter_config(device: str, port: int = 1, **more: object) -> MeterConfig:
    return MeterConfig.model_validate(
        {"id": "grid", "device": device, "host": "127.0.0.1", "port": port, **more}
    )
