from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from drivers.api import Measurement
from eebus.node.clock import SystemClock
from ems.control.core import Core
from ems.control.events import ContactChanged, LoadFound, LoadMeasured, Restored
from ems.runtime.controller import Controller
from tests.kit.plant import first_plant

if TYPE_CHECKING:
    from ems.control.decision import Decision


def controller_and_pictures() -> tuple[Controller, list[Decision]]:
    clock = SystemClock()
    pictures: list[Decision] = []
    controller = Controller(
        Core(first_plant(), clock.monotonic()),
        clock,
        remember=lambda command: None,
        decided=pictures.append,
        alarmed=lambda alarm: None,
    )
    controller.submit(Restored(saved=None))
    controller.submit(ContactChanged(limiting=False, level="closed"))
    for load in first_plant().loads:
        controller.submit(LoadFound(load_id=load.load_id, capability=load.capability))
    pictures.clear()
    return controller, pictures


def readings(controller: Controller) -> None:
    now = SystemClock().monotonic()
    for load_id in ("garage", "carport", "yard"):
        measured = Measurement(power_w=1_000)
        controller.submit(LoadMeasured(load_id=load_id, measurement=measured, at=now))


def test_readings_of_one_moment_are_one_decision_within_a_tenth_of_a_second() -> None:
    async def story() -> list[Decision]:
        controller, pictures = controller_and_pictures()
        running = asyncio.ensure_future(controller.run(lambda: None))
        readings(controller)
        assert pictures == []
        await asyncio.sleep(0.1)
        running.cancel()
        return pictures

    pictures = asyncio.run(story())

    assert len(pictures) == 1
    assert [view.power_w for view in pictures[0].loads[:3]] == [1_000, 1_000, 1_000]


def test_a_limit_takes_waiting_readings_with_it_at_once() -> None:
    controller, pictures = controller_and_pictures()
    readings(controller)

    controller.submit(ContactChanged(limiting=True, level="open"))

    assert len(pictures) == 1
    assert [view.power_w for view in pictures[0].loads[:3]] == [1_000, 1_000, 1_000]
