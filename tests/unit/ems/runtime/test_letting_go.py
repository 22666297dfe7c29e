"""The end of the service within the seconds of a release: nobody is left behind capped."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any

import pytest

from drivers.api import Capability, ControlUnit
from eebus.node.clock import SystemClock
from ems.config.load import load_site
from ems.control.events import ContactChanged
from ems.runtime import plantlife
from ems.runtime.options import Options
from ems.runtime.plantlife import PlantLife
from ems.runtime.sd_notify import Systemd
from tests.kit.aio import run
from tests.kit.driver import FakeDriver

UNHURRIED = Capability(control=ControlUnit.CURRENT)
HURRIED_ONCE_A_MINUTE = Capability(control=ControlUnit.CURRENT, min_write_interval_s=60.0)
NAMES = ("one", "two", "three")
HEAD = """schema = 1
[paths]
state_dir = "state"
[signal]
sources = ["contact"]
[signal.contact]
backend = "file"
path = "contact"
confirmed = true
"""
LOAD = """[[steuve]]
id = "{}"
kind = "wallbox"
rated_w = 11000
device = "warp"
host = "127.0.0.1"
port = {}
"""


async def released_after(folder: Path, drivers: dict[str, FakeDriver], *, limiting: bool) -> None:
    """Dimmed, then released where not ``limiting``; a moment later the service ends."""
    (folder / "contact").write_text("open")
    config = folder / "ems.toml"
    config.write_text(
        HEAD + "".join(LOAD.format(*load) for load in zip(NAMES, (1, 2, 3), strict=True))
    )
    life = PlantLife(
        Options(config=config), load_site(config), SystemClock(), Systemd({}), lambda: None
    )
    running = asyncio.ensure_future(life.run())
    while not all("limit" in driver.names() for driver in drivers.values()):
        await asyncio.sleep(0.002)
    if not limiting:
        life.controller.submit(ContactChanged(limiting=False, level="closed"))
    await life.let_go()
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


@pytest.fixture
def drivers(monkeypatch: pytest.MonkeyPatch) -> dict[str, FakeDriver]:
    devices = {name: FakeDriver(capability=UNHURRIED) for name in NAMES}

    @contextlib.asynccontextmanager
    async def open_load(config: Any, _clock: Any, *, links: Any) -> AsyncGenerator[FakeDriver]:
        async with devices[config.id].open() as driver:
            yield driver

    monkeypatch.setattr(plantlife, "open_load", open_load)
    return devices


@pytest.mark.invariant("I-10")
def test_who_still_waits_for_its_release_is_freed_when_the_service_ends(
    tmp_path: Path, drivers: dict[str, FakeDriver]
) -> None:
    run(released_after(tmp_path, drivers, limiting=False))

    orders = [[n for n in d.names() if n in {"limit", "release"}] for d in drivers.values()]
    assert [names[-1] for names in orders] == ["release", "release", "release"]


@pytest.mark.invariant("I-10")
def test_the_end_of_the_service_does_not_wait_for_a_write_interval(
    tmp_path: Path, drivers: dict[str, FakeDriver]
) -> None:
    for driver in drivers.values():
        driver.capability = HURRIED_ONCE_A_MINUTE

    run(released_after(tmp_path, drivers, limiting=False))

    assert [driver.names().count("release") for driver in drivers.values()] == [1, 1, 1]


def test_a_service_that_ends_while_limited_frees_nobody(
    tmp_path: Path, drivers: dict[str, FakeDriver]
) -> None:
    run(released_after(tmp_path, drivers, limiting=True))

    assert [driver.names().count("release") for driver in drivers.values()] == [0, 0, 0]
