"""The service process: a broken configuration never replaces a good one (E-CFG-001)."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import socket
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import gpiozero
import pytest
from gpiozero.pins.mock import MockFactory

from ems.config.errors import ConfigError
from ems.config.load import LAST_GOOD, LoadedSite
from ems.journal.report import notes
from ems.runtime import app
from ems.runtime.alone import AlreadyRunningError, Claim
from ems.runtime.app import _App, _first_configuration, run_service
from ems.runtime.options import Options

PLANT = """schema = 1
[plant]
name = "{name}"
[paths]
state_dir = "state"
[signal]
sources = ["contact"]
[signal.contact]
backend = "file"
path = "contact"
confirmed = true
limit_w = 4200
"""
BROKEN = "schema = 1\n[signal]\nsorces = [1\n"


class Process:
    """The service in this process, with the socket systemd would listen on."""

    def __init__(self, folder: Path, listener: socket.socket) -> None:
        self.config = folder / "ems.toml"
        self.records = folder / "state" / "records.db"
        self._listener = listener
        self.heard: list[str] = []

    def write(self, text: str) -> None:
        self.config.write_text(text)

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        options = Options(config=self.config, socket=self.config.parent / "api.sock")
        task = asyncio.ensure_future(_App(options, _first_configuration(self.config)).run())
        try:
            await self.until(lambda: "READY=1" in self.heard)
            yield
        finally:
            os.kill(os.getpid(), signal.SIGTERM)
            assert await asyncio.wait_for(task, 10) == 0

    async def until(self, true: Callable[[], bool]) -> None:
        async with asyncio.timeout(10):
            while not true():
                with contextlib.suppress(BlockingIOError):
                    while True:
                        self.heard.append(self._listener.recv(200).decode())
                await asyncio.sleep(0.005)

    async def status(self) -> Any:
        path = self.config.parent / "api.sock"
        reader, writer = await asyncio.open_unix_connection(str(path))
        writer.write(b'{"call":"status"}\n')
        answer = json.loads(await reader.readline())
        writer.close()
        return answer["data"]

    def alarms(self) -> list[tuple[str, bool]]:
        """Alarms as recorded, in order."""
        return [
            (note["code"], note["active"])
            for note in notes(self.records)
            if note["kind"] == "alarm"
        ]


@pytest.fixture
def process(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Process]:
    path = tmp_path / "notify"
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    listener.bind(str(path))
    listener.setblocking(False)
    monkeypatch.setenv("NOTIFY_SOCKET", str(path))
    monkeypatch.delenv("STATE_DIRECTORY", raising=False)
    (tmp_path / "contact").write_text("closed")
    process = Process(tmp_path, listener)
    process.write(PLANT.format(name="Haus"))
    monkeypatch.setattr("ems.runtime.app.INSTALLED", tmp_path / "nowhere")
    yield process
    listener.close()


def test_a_configuration_broken_at_sighup_leaves_the_old_one_running(process: Process) -> None:
    async def story() -> None:
        async with process.running():
            process.write(BROKEN)
            os.kill(os.getpid(), signal.SIGHUP)
            await process.until(lambda: ("E-CFG-001", True) in process.alarms())
            alive = process.heard.count("WATCHDOG=1")
            await process.until(lambda: process.heard.count("WATCHDOG=1") > alive)
            assert process.heard.count("READY=1") == 1

            process.write(PLANT.format(name="Haus"))
            os.kill(os.getpid(), signal.SIGHUP)
            await process.until(lambda: ("E-CFG-001", False) in process.alarms())
            assert process.heard.count("READY=1") == 1

    asyncio.run(story())


def test_a_good_new_configuration_takes_over_at_sighup(process: Process) -> None:
    async def story() -> None:
        async with process.running():
            process.write(PLANT.format(name="Neues Haus"))
            os.kill(os.getpid(), signal.SIGHUP)
            await process.until(lambda: "STATUS=Neues Haus" in process.heard)
            assert ("E-CFG-001", True) not in process.alarms()
            changes: list[Any] = []
            while not changes:
                changes = [note for note in notes(process.records) if note["kind"] == "config"]
                await asyncio.sleep(0.005)
            (change,) = changes
            assert change["by"] == "SIGHUP"
            assert len({change["old"], change["new"]}) == 2
            told = [word for word in process.heard if word != "WATCHDOG=1"]
            assert told == [
                "READY=1",
                "STATUS=Haus",
                "RELOADING=1",  # STOPPING=1 would have systemd kill what goes on
                "READY=1",
                "STATUS=Neues Haus",
            ]
        await process.until(lambda: "STOPPING=1" in process.heard)

    asyncio.run(story())


def test_a_configuration_broken_at_the_start_gives_way_to_the_last_good_one(
    process: Process,
) -> None:
    async def story() -> None:
        async with process.running():
            pass
        assert (process.config.parent / "state" / LAST_GOOD).exists()
        process.heard.clear()
        process.write(BROKEN)
        async with process.running():
            await process.until(lambda: "STATUS=Haus" in process.heard)
            await process.until(lambda: ("E-CFG-001", True) in process.alarms())
            process.write(PLANT.format(name="Haus"))
            os.kill(os.getpid(), signal.SIGHUP)
            await process.until(lambda: ("E-CFG-001", False) in process.alarms())
            assert (await process.status())["config"]["is_last_good"] is False

    asyncio.run(story())


def test_a_broken_file_finds_its_last_good_copy_in_a_state_folder_of_any_name(
    process: Process,
) -> None:
    named = PLANT.format(name="Haus").replace('"state"', '"an/other place"')
    process.write(named)
    process.records = process.config.parent / "an" / "other place" / "records.db"

    async def story() -> None:
        async with process.running():
            pass
        process.heard.clear()
        process.write(named + BROKEN)
        async with process.running():
            await process.until(lambda: "STATUS=Haus" in process.heard)
            await process.until(lambda: ("E-CFG-001", True) in process.alarms())

    asyncio.run(story())


def test_another_state_folder_at_sighup_is_refused_so_that_no_limit_stays_behind(
    process: Process,
) -> None:
    async def story() -> None:
        async with process.running():
            process.write(PLANT.format(name="Neu").replace('"state"', '"elsewhere"'))
            os.kill(os.getpid(), signal.SIGHUP)
            await process.until(lambda: ("E-CFG-001", True) in process.alarms())
            assert "STATUS=Neu" not in process.heard
        told = [
            note["params"] for note in notes(process.records) if note.get("code") == "E-CFG-001"
        ]
        assert "E-CFG-019" in told[0]["why"]
        assert "stop the service, move the folder" in told[0]["why"].lower()
        assert "Dienst anhalten" in told[0]["why_de"]
        assert not (process.config.parent / "elsewhere").exists()

    asyncio.run(story())


def test_a_new_configuration_that_cannot_begin_gives_way_to_the_one_before(
    process: Process, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = app.PlantLife

    def life(options: Options, loaded: LoadedSite, *rest: Any) -> Any:
        if loaded.site.plant.name == "Unmöglich":
            raise PermissionError("no right")
        return real(options, loaded, *rest)

    monkeypatch.setattr(app, "PlantLife", life)

    async def story() -> None:
        async with process.running():
            process.write(PLANT.format(name="Unmöglich"))
            os.kill(os.getpid(), signal.SIGHUP)
            await process.until(lambda: ("E-CFG-001", True) in process.alarms())
            await process.until(lambda: process.heard.count("READY=1") == 2)
            assert process.heard.count("STATUS=Haus") == 2

    asyncio.run(story())


def test_without_a_last_good_copy_a_broken_configuration_ends_with_its_line(
    process: Process,
) -> None:
    process.write(BROKEN)

    with pytest.raises(ConfigError) as ended:
        run_service(Options(config=process.config))

    assert (ended.value.code, ended.value.line) == ("E-CFG-003", 3)


def test_a_second_service_with_the_same_state_folder_does_not_start(process: Process) -> None:
    first = Claim(process.config.parent / "state")
    try:
        with pytest.raises(AlreadyRunningError):
            run_service(Options(config=process.config))
    finally:
        first.release()

    assert not process.records.exists()


PUMP = """[[steuve]]
id = "pump"
kind = "heatpump"
rated_w = 6000
device = "sg_ready"
pin_a = "GPIO5"
pin_b = "GPIO6"
"""


@pytest.fixture
def pins() -> Iterator[MockFactory]:
    before, gpiozero.Device.pin_factory = gpiozero.Device.pin_factory, MockFactory()
    yield gpiozero.Device.pin_factory
    gpiozero.Device.pin_factory.reset()
    gpiozero.Device.pin_factory = before


@pytest.mark.invariant("I-01")
def test_a_relay_that_locks_a_heat_pump_does_not_move_when_the_configuration_changes(
    process: Process, pins: MockFactory
) -> None:
    (process.config.parent / "contact").write_text("open")
    process.write(PLANT.format(name="Haus") + PUMP)

    async def story() -> None:
        async with process.running():
            await process.until(lambda: bool(pins.pin(5).state))
            locked_at = len(pins.pin(5).states)
            for name in ("Neues Haus", "Neuestes Haus"):
                process.write(PLANT.format(name=name) + PUMP)
                os.kill(os.getpid(), signal.SIGHUP)
                await process.until(lambda name=name: f"STATUS={name}" in process.heard)  # type: ignore[misc]  # the loop waits for it
            alive = process.heard.count("WATCHDOG=1")  # the driver of the last life has begun
            await process.until(lambda: process.heard.count("WATCHDOG=1") > alive)
            assert pins.pin(5).function == "output"
            assert [bool(one.state) for one in pins.pin(5).states[locked_at:]].count(False) == 0

            process.write(PLANT.format(name="Ohne Pumpe"))
            os.kill(os.getpid(), signal.SIGHUP)
            await process.until(lambda: "STATUS=Ohne Pumpe" in process.heard)
            gpiozero.DigitalInputDevice("GPIO5").close()  # nobody holds the pin any more

    asyncio.run(story())
