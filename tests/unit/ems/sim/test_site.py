"""The site simulator over loopback: real Modbus TCP, refusals, faults, commands, truth."""

from __future__ import annotations

import asyncio
import json
import math
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from pymodbus.client import AsyncModbusTcpClient

from eebus.node.clock import SystemClock
from ems.demo.plant_toml import PlantOptions, plant_toml
from ems.sim.site import SiteOptions, SiteRunner, run_site

pytestmark = pytest.mark.loopback

ILLEGAL_ADDRESS = 2
ILLEGAL_VALUE = 3
SPEED = 20.0


@dataclass
class Told:
    """What the simulator has said."""

    lines: list[Any] = field(default_factory=list)
    fresh: asyncio.Event = field(default_factory=asyncio.Event)

    def take(self, line: Any) -> None:
        self.lines.append(line)
        self.fresh.set()

    async def wait_for(self, wanted: str, value: Any = None) -> Any:
        while True:
            for line in self.lines:
                if wanted in line and value in (None, line[wanted]):
                    return line
            self.fresh.clear()
            await asyncio.wait_for(self.fresh.wait(), 10)


def first_plant(folder: Path) -> Path:
    path = folder / "ems.toml"
    ports = {name: 20_000 + n for n, name in enumerate(["grid", *NAMES])}
    path.write_text(plant_toml(PlantOptions(eebus_port=4712, ports=ports)), encoding="utf-8")
    return path


NAMES = ["garage", "carport", "yard", "heatpump", "battery"]


@dataclass
class Running:
    """A site that runs inside the test."""

    runner: SiteRunner
    told: Told
    ports: dict[str, int]

    @asynccontextmanager
    async def client(self, name: str) -> AsyncIterator[AsyncModbusTcpClient]:
        client = AsyncModbusTcpClient(
            "127.0.0.1", port=self.ports[name], timeout=10, retries=0, reconnect_delay=0
        )
        try:
            assert await client.connect()
            yield client
        finally:
            client.close()


@asynccontextmanager
async def running_site(
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    *faults: str,
    config: Path | None = None,
    every_s: float = 1.0,
) -> AsyncIterator[Running]:
    runners: list[SiteRunner] = []
    original = SiteRunner.__init__

    def remember(self: SiteRunner, *args: Any, **kwargs: Any) -> None:
        original(self, *args, **kwargs)
        runners.append(self)

    monkeypatch.setattr(SiteRunner, "__init__", remember)
    monkeypatch.setattr("ems.sim.site.input_lines", silence)
    told = Told()
    options = SiteOptions(
        config=config or first_plant(folder),
        ports_out=folder / "ports.json",
        faults=faults,
        every_s=every_s,
        speed=SPEED,
        epoch=SystemClock().monotonic(),
    )
    async with asyncio.TaskGroup() as group:
        task = group.create_task(run_site(options, say=told.take))
        ready = await told.wait_for("event", "ready")
        try:
            yield Running(runners[0], told, ready["ports"])
        finally:
            await runners[0].obey("quit")
        assert await task == 0


async def silence(_stream: object) -> AsyncIterator[str]:
    for line in ():
        yield line


def play(work: Any) -> None:
    asyncio.run(work)


def test_every_device_of_the_first_plant_answers_on_its_own_port(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def work() -> None:
        async with running_site(tmp_path, monkeypatch) as site:
            assert json.loads((tmp_path / "ports.json").read_text()) == site.ports
            assert len(set(site.ports.values())) == 6
            async with site.client("grid") as meter:
                answer = await meter.read_holding_registers(19_026, count=2, device_id=1)
                assert not answer.isError()
                assert meter.convert_from_registers(answer.registers, meter.DATATYPE.FLOAT32) > 0

    play(work())


def test_an_unknown_address_and_a_refused_value_get_their_exceptions(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def work() -> None:
        async with running_site(tmp_path, monkeypatch) as site, site.client("garage") as keba:
            unknown = await keba.read_holding_registers(1_030, count=2, device_id=255)
            below = await keba.write_register(5_004, 5_999, device_id=255)
            fine = await keba.write_register(5_004, 8_000, device_id=255)

            assert unknown.exception_code == ILLEGAL_ADDRESS
            assert below.exception_code == ILLEGAL_VALUE
            assert not fine.isError()
            assert site.runner.site.units["garage"].allowed_w() == 8 * 3 * 230

    play(work())


def test_coils_can_be_written_and_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def work() -> None:
        async with running_site(tmp_path, monkeypatch) as site, site.client("yard") as warp:
            before = await warp.read_coils(1_000, count=1, device_id=1)
            written = await warp.write_coil(1_000, value=False, device_id=1)
            after = await warp.read_coils(1_000, count=1, device_id=1)

            assert before.bits[0] is True
            assert not written.isError()
            assert after.bits[0] is False
            assert site.runner.site.units["yard"].allowed_w() == 0

    play(work())


def test_the_battery_can_be_found_by_walking_its_sunspec_models(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def work() -> None:
        async with running_site(tmp_path, monkeypatch) as site, site.client("battery") as storage:

            async def words(address: int, count: int) -> list[int]:
                answer = await storage.read_holding_registers(address, count=count, device_id=1)
                assert not answer.isError()
                return list(answer.registers)

            assert await words(40_000, 2) == [0x5375, 0x6E53]
            models: list[int] = []
            address = 40_002
            while (header := await words(address, 2))[0] != 0xFFFF:
                models.append(header[0])
                address += 2 + header[1]
            assert models == [1, 103, 124]

    play(work())


def test_truth_is_told_once_per_protocol_second(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def work() -> None:
        async with running_site(tmp_path, monkeypatch) as site:
            while len([line for line in site.told.lines if "t_s" in line]) < 12:
                site.told.fresh.clear()
                await asyncio.wait_for(site.told.fresh.wait(), 10)
            truth = [line for line in site.told.lines if "t_s" in line]

            seconds = [math.floor(line["t_s"]) for line in truth]
            assert seconds == sorted(set(seconds))
            assert seconds[-1] - seconds[0] <= len(seconds) + 1
            assert set(truth[0]["loads"]) == set(NAMES)
            assert set(truth[0]) >= {"steuve_w", "grid_w", "nwlb_w", "pv_w", "house_w"}

    play(work())


def test_truth_is_told_as_often_as_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def work() -> None:
        async with running_site(tmp_path, monkeypatch, every_s=5.0) as site:
            while len(truth := [line for line in site.told.lines if "t_s" in line]) < 4:
                site.told.fresh.clear()
                await asyncio.wait_for(site.told.fresh.wait(), 10)

            steps = [later["t_s"] - sooner["t_s"] for sooner, later in pairwise(truth)]
            assert min(steps) > 3.0  # protocol seconds; a busy machine may be late

    play(work())


def test_commands_change_the_plant_and_bad_ones_are_refused_aloud(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def work() -> None:
        async with running_site(tmp_path, monkeypatch) as site:
            await site.runner.obey("sun 6000")
            await site.runner.obey("unplug garage")
            await site.runner.obey("kettle on")
            await site.runner.obey("unplug heatpump")
            await site.runner.obey("fault nobody offline")
            await site.runner.obey("dance")

            said = [line for line in site.told.lines if line.get("event") == "command"]
            assert [line["ok"] for line in said] == [True, True, True, False, False, False]
            assert site.runner.site.plant.pv.target_w == 6_000
            assert site.runner.site.plant.house_phases_w()[0] > 2_000

    play(work())


def test_a_device_that_ignores_its_set_point_acknowledges_and_shows_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def work() -> None:
        async with (
            running_site(tmp_path, monkeypatch, "carport:ignore-setpoint") as site,
            site.client("carport") as abb,
        ):
            written = await abb.write_registers(0x4100, [0, 6_000], device_id=1)
            await site.told.wait_for("t_s")
            shown = await abb.read_holding_registers(0x400E, count=2, device_id=1)

            assert not written.isError()
            assert shown.registers == [0, 6_000]
            assert site.runner.site.units["carport"].allowed_w() == float("inf")

    play(work())


def test_a_device_goes_offline_and_comes_back_on_the_same_port(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def work() -> None:
        async with running_site(tmp_path, monkeypatch) as site:
            await site.runner.obey("fault heatpump offline")
            client = AsyncModbusTcpClient("127.0.0.1", port=site.ports["heatpump"], timeout=1)
            assert not await client.connect()
            client.close()

            await site.runner.obey("fault heatpump none")
            async with site.client("heatpump") as pump:
                answer = await pump.read_holding_registers(4_122, count=2, device_id=1)
                assert not answer.isError()

    play(work())


def test_garbage_is_read_but_never_believed_to_be_the_truth(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def work() -> None:
        async with (
            running_site(tmp_path, monkeypatch, "grid:garbage") as site,
            site.client("grid") as meter,
        ):
            answers = [
                (await meter.read_holding_registers(19_026, count=2, device_id=1)).registers
                for _ in range(10)
            ]
            truth = site.runner.site.plant.truth({})

            assert len({tuple(words) for words in answers}) > 5
            assert truth.grid_w < 50_000

    play(work())


def test_sixty_four_charge_points_run_in_one_simulator(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = tmp_path / "many.toml"
    boxes = "".join(
        f'[[steuve]]\nid = "cp{n}"\nkind = "wallbox"\nrated_w = 11000\ndevice = "warp"\n'
        f'host = "127.0.0.1"\nport = {21_000 + n}\n'
        for n in range(64)
    )
    config.write_text('schema = 1\n[signal]\nsources = ["eebus"]\n' + boxes, encoding="utf-8")

    async def limited(site: Running, name: str) -> bool:
        async with site.client(name) as warp:
            answer = await warp.write_registers(1_002, [0, 8_000], device_id=1)
            return not answer.isError()

    async def work() -> None:
        async with running_site(tmp_path, monkeypatch, config=config) as site:
            results = await asyncio.gather(*(limited(site, f"cp{n}") for n in range(64)))

            assert results == [True] * 64
            allowed = {unit.allowed_w() for unit in site.runner.site.units.values()}
            assert allowed == {8 * 3 * 230}

    play(work())


@pytest.mark.parametrize(
    ("text", "faults", "why"),
    [
        ("schema = 1\nnonsense = 2\n", (), "nonsense"),
        ("", (), "schema"),
        ('schema = 1\n[signal]\nsources = ["eebus"]\n', ("garage:offline",), "unknown device"),
        ('schema = 1\n[signal]\nsources = ["eebus"]\n', ("garage",), "ID:FAULT"),
    ],
)
def test_what_cannot_be_played_ends_with_a_reason_and_exit_code_three(
    tmp_path: Path, text: str, faults: tuple[str, ...], why: str
) -> None:
    config = tmp_path / "ems.toml"
    config.write_text(text, encoding="utf-8")
    told = Told()

    code = asyncio.run(run_site(SiteOptions(config=config, faults=faults), say=told.take))

    assert code == 3
    assert told.lines[-1]["event"] == "failed"
    assert why in told.lines[-1]["why"]


def test_a_port_that_is_taken_ends_with_exit_code_six(tmp_path: Path) -> None:
    async def work() -> None:
        holder = await asyncio.start_server(lambda _r, _w: None, "127.0.0.1", 0)
        port = holder.sockets[0].getsockname()[1]
        config = tmp_path / "ems.toml"
        config.write_text(
            'schema = 1\n[signal]\nsources = ["eebus"]\n[[steuve]]\nid = "one"\nkind = "wallbox"\n'
            f'rated_w = 11000\ndevice = "warp"\nhost = "127.0.0.1"\nport = {port}\n',
            encoding="utf-8",
        )
        told = Told()
        async with holder:
            code = await run_site(SiteOptions(config=config), say=told.take)

        assert code == 6
        assert str(port) in told.lines[-1]["why"]

    play(work())
