"""A core that cannot decide: the limit is kept, told, remembered and recorded all the same."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

from ems.control.commands import Command, SetLimit
from ems.control.core import Core
from ems.control.events import ContactChanged, Event, LoadFound, LpcChanged, Restored
from ems.control.grid_limit import UNLIMITED, Limited, Source
from ems.control.planner import Planner, Target
from ems.journal.report import events, notes
from tests.kit.aio import run, turns
from tests.kit.clock import FakeClock
from tests.kit.house import House, alarm_codes, living
from tests.kit.plant import first_plant
from tests.kit.stage import Stage, limit

SPOKEN = LpcChanged(
    state="unlimited_controlled", limit=UNLIMITED, failsafe_w=15_120, failsafe_duration_s=7_200.0
)


class BrokenCore(Core):
    """A core that cannot decide while it is ``broken``."""

    broken = False

    def decide(self, now: float) -> list[Command]:
        if self.broken:
            raise ZeroDivisionError("sharing")
        return super().decide(now)


def free_plant(clock: FakeClock) -> tuple[Stage, BrokenCore, dict[str, list[Command]]]:
    """Everything reached and free; what each worker is told from now on."""
    core = BrokenCore(first_plant(), clock.monotonic())
    stage = Stage(clock, core)
    for event in (Restored(saved=None), ContactChanged(limiting=False, level="closed"), SPOKEN):
        stage.controller.submit(event)
    for load in first_plant().loads:
        stage.controller.submit(LoadFound(load_id=load.load_id, capability=load.capability))
    told: dict[str, list[Command]] = {load.load_id: [] for load in first_plant().loads}
    stage.controller.connect({name: Listener(told[name]) for name in told})  # type: ignore[dict-item]  # posts only
    return stage, core, told


class Listener:
    """A worker that only writes down what it is told."""

    def __init__(self, told: list[Command]) -> None:
        self.post = told.append


@pytest.mark.invariant("I-01")
def test_a_limit_is_kept_although_the_decision_on_it_breaks(
    caplog: pytest.LogCaptureFixture,
) -> None:
    clock = FakeClock()
    stage, core, told = free_plant(clock)
    core.broken = True

    stage.controller.submit(limit(4_200))

    caps = [command.setpoint.power_w for commands in told.values() for command in commands
            if isinstance(command, SetLimit)]  # fmt: skip
    assert len(caps) == 5
    assert sum(caps) <= 4_200
    assert stage.controller.decision.effective == Limited(4_200, Source.EEBUS)
    assert stage.remembered[-1].saved.limits[0].power_w == 4_200
    assert ("E-CTL-001", "core") in stage.controller.alarms
    assert "ZeroDivisionError: sharing" in caplog.text


def test_cycles_go_on_while_deciding_breaks_and_the_alarm_ends_with_the_fault() -> None:
    async def story() -> None:
        clock = FakeClock()
        stage, core, _ = free_plant(clock)
        core.broken = True
        task = asyncio.ensure_future(stage.controller.run(lambda: None))
        for second in range(3):
            stage.controller.submit(limit(4_200 - second))
            await turns(5)
            clock.advance(1.0)
            await turns(20)
        cycles = stage.controller.cycles
        assert cycles == 3
        assert [a.code for a in stage.controller.alarms.values()].count("E-CTL-001") == 1

        core.broken = False
        clock.advance(1.0)
        await turns(20)
        stage.controller.settle()
        assert stage.controller.cycles == 4
        assert ("E-CTL-001", "core") not in stage.controller.alarms
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    run(story())


def test_a_limit_that_cannot_even_be_booked_is_no_secret() -> None:
    class Broken(Core):
        def book(self, events: Sequence[Event], now: float) -> bool:
            raise ZeroDivisionError("limit")

    clock = FakeClock()
    stage = Stage(clock, Broken(first_plant(), clock.monotonic()))

    with pytest.raises(ZeroDivisionError):
        stage.controller.submit(limit(4_200))


def test_a_fault_while_sharing_stops_neither_the_service_nor_the_proof(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    def breaks(*_: object) -> dict[str, Target]:
        raise ZeroDivisionError("nobody thought of this")

    async def story() -> None:
        house.garage.switch(on=True)
        life = house.start()
        async with living(life):
            life.controller.submit(SPOKEN)
            await house.after(10.0)
            assert house.garage.releases() == 2
            house.told()
            monkeypatch.setattr(Planner, "plan", breaks)
            life.controller.submit(limit(4_200))
            await house.after(5.0)
            last = [caps[-1] for caps in house.garage.caps_w().values()]
            assert sum(last) <= 4_200
            assert "E-CTL-001" in alarm_codes(life)
            assert house.told().count(b"WATCHDOG=1") == 5

            life.controller.submit(SPOKEN)
            await house.after(10.0)
            assert house.garage.releases() == 4

    run(story())
    told = [note["params"] for note in notes(house.records) if note.get("code") == "E-CTL-001"]
    assert told == [{"error": "ZeroDivisionError('nobody thought of this')"}]
    assert [one.source for one in events(house.records) if one.source == "eebus"] == ["eebus"]
