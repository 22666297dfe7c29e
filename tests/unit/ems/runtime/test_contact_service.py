"""The contact of the plant: what was learnt, and inputs that cannot be had at first."""

from __future__ import annotations

import asyncio
import json
import logging
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

import gpiozero
import pytest
from gpiozero.pins.mock import MockFactory

from ems.config.schema import Contact
from ems.control.contact import UNREADABLE, ContactConfig, ContactFilter
from ems.control.events import ContactChanged
from ems.runtime.contact_service import LEARNT_FILE, ContactService
from ems.runtime.inputs import ContactWatch, FileContact
from tests.kit.aio import run, turns
from tests.kit.clock import FakeClock
from tests.kit.modbus_device import JumpClock


@pytest.fixture
def pins() -> Iterator[MockFactory]:
    before, gpiozero.Device.pin_factory = gpiozero.Device.pin_factory, MockFactory()
    yield gpiozero.Device.pin_factory
    gpiozero.Device.pin_factory.reset()
    gpiozero.Device.pin_factory = before


class Plant:
    """One contact in a folder; ``service`` is a new process each time."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.clock = FakeClock()
        self.told: list[ContactChanged] = []

    def service(self, **config: Any) -> ContactService:
        contact = Contact.model_validate({"backend": "file", "path": "contact", **config})
        path = self.folder / contact.path if contact.path else None
        return ContactService(contact, path, self.folder, self.clock, self.told.append)

    def put(self, level: str) -> None:
        (self.folder / "contact").write_text(level)


@pytest.fixture
def plant(tmp_path: Path) -> Plant:
    return Plant(tmp_path)


@pytest.mark.rule("R-14A-63")
def test_a_learnt_polarity_counts_at_once_and_in_the_next_process(plant: Plant) -> None:
    plant.put("closed")
    first = plant.service()
    assert not first.confirmed

    first.learn("closed")
    assert plant.told[-1] == ContactChanged(limiting=True, level="closed")

    again = plant.service()
    again.watch.sample()
    assert (again.confirmed, again.limiting_when) == (True, "closed")
    assert again.view().limiting


@pytest.mark.rule("R-14A-63")
@pytest.mark.parametrize(
    "change",
    [
        {"limiting_when": "closed"},
        {"path": "another"},
        {"backend": "gpiod", "path": None, "pin": "GPIO17"},
    ],
)
def test_a_contact_that_was_changed_has_to_be_learnt_anew(
    plant: Plant, change: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    plant.service().learn("open")

    changed = plant.service(**change)

    assert not changed.confirmed
    assert changed.limiting_when == change.get("limiting_when", "open")
    assert "learn it anew" in caplog.text


@pytest.mark.parametrize("content", ["", "[]", "{}", '"open"', '{"limiting_when": "ajar"}', "\xff"])
@pytest.mark.invariant("I-03")
@pytest.mark.parametrize("level", ["open", "closed"])
def test_with_a_damaged_learnt_polarity_the_contact_limits_until_it_is_learnt_anew(
    plant: Plant, content: str, level: str
) -> None:
    (plant.folder / LEARNT_FILE).write_bytes(content.encode("latin-1"))
    plant.put(level)

    service = plant.service()
    for _ in range(200):
        plant.clock.advance(0.1)
        service.watch.sample()

    assert (service.is_polarity_lost, service.confirmed) == (True, False)
    assert plant.told[-1].limiting
    assert (service.view().level, service.view().stable_level) == (level, level)

    service.learn("closed" if level == "open" else "open")

    assert plant.told[-1] == ContactChanged(limiting=False, level=level)
    assert not plant.service().is_polarity_lost


def test_a_polarity_learnt_before_the_wiring_was_kept_still_counts(plant: Plant) -> None:
    (plant.folder / LEARNT_FILE).write_text(json.dumps({"limiting_when": "closed"}))

    assert plant.service().limiting_when == "closed"


@pytest.mark.invariant("I-03")
@pytest.mark.rule("R-14A-23")
def test_an_input_that_cannot_be_had_limits_and_is_taken_as_soon_as_it_is_there(
    plant: Plant, pins: MockFactory, caplog: pytest.LogCaptureFixture
) -> None:
    other = gpiozero.OutputDevice("GPIO17")
    service = plant.service(backend="gpiozero", path=None, pin="GPIO17")
    service.watch.sample()
    assert plant.told == [ContactChanged(limiting=True, level="unknown")]
    for _ in range(300):
        plant.clock.advance(0.1)
        service.watch.sample()
    assert plant.told[-1].fault == UNREADABLE
    assert len([r for r in caplog.records if "cannot be opened" in r.message]) == 1

    other.close()
    with caplog.at_level(logging.INFO):
        for _ in range(200):
            plant.clock.advance(0.1)
            service.watch.sample()
            pins.pin("GPIO17").drive_low()
    assert plant.told[-1] == ContactChanged(limiting=False, level="closed")
    assert "can be read now" in caplog.text
    service.watch.reader.close()


class Hum:
    """A reader of a line that is open and closed fifty times a second."""

    def __init__(self, clock: FakeClock) -> None:
        self._clock = clock

    def read(self) -> Literal["open", "closed"]:
        return "closed" if self._clock.seconds % 0.02 < 0.01 else "open"

    def close(self) -> None: ...


@pytest.mark.rule("R-14A-23")
@pytest.mark.invariant("I-03")
def test_mains_hum_on_a_line_that_is_only_polled_is_not_taken_for_a_level_that_holds() -> None:
    async def story() -> list[ContactChanged]:
        clock, told = JumpClock(seconds=1_000.003), list[ContactChanged]()
        judge = ContactFilter(ContactConfig(), clock.seconds)
        watch = ContactWatch(Hum(clock), judge, clock, told.append)
        task = asyncio.ensure_future(watch.run())
        while clock.seconds < 1_003.0:
            await turns()
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        return told

    assert run(story())[-1].limiting


def test_thousands_of_edges_are_looked_at_a_few_at_a_time(tmp_path: Path) -> None:
    class Counting(FileContact):
        reads = 0

        def read(self) -> Any:
            Counting.reads += 1
            return "closed"

    async def story() -> None:
        clock = FakeClock()
        judge = ContactFilter(ContactConfig(), clock.seconds)
        watch = ContactWatch(Counting(tmp_path), judge, clock, lambda _event: None)
        task = asyncio.ensure_future(watch.run())
        await turns(20)
        Counting.reads = 0
        for _ in range(2_000):
            watch.edge()
            await asyncio.sleep(0)
        assert 1 <= Counting.reads <= 10
        clock.advance(0.1)
        await turns(20)
        watch.edge()
        await turns(20)
        assert Counting.reads <= 12
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    run(story())


def test_a_pipe_in_place_of_the_file_cannot_be_read_and_hangs_nobody(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "contact")

    assert FileContact(tmp_path / "contact").read() is None
