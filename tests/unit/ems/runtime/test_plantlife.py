"""One life of the service: what it starts with, what it survives, what stops its watchdog."""

from __future__ import annotations

import asyncio
import threading
from types import SimpleNamespace
from typing import Any

import pytest

from eebus.node.clock import SystemClock
from ems.control.events import LpcChanged
from ems.control.grid_limit import UNLIMITED, Limited
from ems.control.saved import SavedState
from ems.journal.report import notes
from ems.runtime import plantlife
from ems.runtime.plantlife import SAMPLED_WITHIN_S
from ems.runtime.proof import STUCK_S
from ems.runtime.state_file import StateFile
from tests.kit.aio import run
from tests.kit.house import BOX, PMIN_W, House, alarm_codes, limited_before, living, until

READY, ALIVE = b"READY=1", b"WATCHDOG=1"


# --- the restored limit --------------------------------------------------------------------------


@pytest.mark.loopback
@pytest.mark.invariant("I-05")
def test_a_restored_limit_is_the_first_thing_a_device_hears_and_only_the_box_lifts_it(
    house: House,
) -> None:
    async def story() -> None:
        limited_before(house)
        house.garage.switch(on=False)
        life = house.start()
        assert isinstance(life.controller.decision.effective, Limited)
        assert life.controller.decision.effective.power_w == 4_200
        async with living(life):
            await until(lambda: life.partners is not None and life.partners.lpc is not None)
            await house.after(30.0)
            assert house.garage.caps_w() == {"garage": [], "yard": []}
            house.garage.switch(on=True)
            await house.after(30.0)
            first = [caps[0] for caps in house.garage.caps_w().values()]
            assert sum(first) <= 4_200
            await house.after(300.0)  # more than the 120 s of the first heartbeat
            assert house.garage.releases() == 0
            assert all(max(caps) <= 4_200 for caps in house.garage.caps_w().values())
            assert life.controller.decision.effective == Limited(
                4_200, life.controller.decision.effective.source, restored=True
            )

            life.controller.submit(
                LpcChanged(
                    state="unlimited_controlled", limit=UNLIMITED, failsafe_w=PMIN_W,
                    failsafe_duration_s=7_200.0, peer=BOX,
                )
            )  # fmt: skip
            await house.after(60.0)
            assert house.garage.releases() == 2

    run(story())


@pytest.mark.loopback
@pytest.mark.invariant("I-05")
def test_a_limit_that_ran_when_the_process_died_counts_for_the_next_and_the_one_after(
    house: House,
) -> None:
    async def story() -> None:
        limited_before(house)
        for _ in range(2):
            life = house.start()
            async with living(life):
                await house.after(5.0)
            assert life.controller.decision.effective != UNLIMITED

        saved, damaged = StateFile(house.state).load()
        assert not damaged
        assert saved is not None
        assert [limit.power_w for limit in saved.limits if limit.source == "eebus"] == [4_200]

    run(story())


@pytest.mark.field("F-23")
@pytest.mark.invariant("I-06")
def test_a_contact_that_is_open_at_boot_limits_the_first_setpoint(house: House) -> None:
    async def story() -> None:
        house.contact("open")
        life = house.start()
        async with living(life):
            await house.after(5.0)
        first = [caps[0] for caps in house.garage.caps_w().values()]
        assert sum(first) <= PMIN_W
        assert house.garage.releases() == 0

    run(story())


# --- ready at once -------------------------------------------------------------------------------


@pytest.mark.field("F-13")
def test_with_every_device_unreachable_the_service_is_ready_at_once(house: House) -> None:
    async def story() -> None:
        house.garage.switch(on=False)
        life = house.start()
        async with living(life):
            assert READY in house.told()
            assert house.clock.seconds == 1_000.0
            await house.after(20.0)
            assert house.told().count(ALIVE) == 20
            assert {view.online for view in life.controller.decision.loads} == {False}

    run(story())


@pytest.mark.field("F-13")
def test_with_devices_that_never_answer_the_service_is_ready_at_once(house: House) -> None:
    async def story() -> None:
        house.garage.hangs = asyncio.Event()
        life = house.start()
        async with living(life):
            assert READY in house.told()
            await house.after(5.0)
            assert house.told().count(ALIVE) == 5

    run(story())


@pytest.mark.loopback
@pytest.mark.field("F-13")
def test_with_real_drivers_and_nobody_there_the_contact_is_obeyed_within_a_second(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    from drivers.registry import open_load

    monkeypatch.setattr(plantlife, "open_load", open_load)
    house.clock = SystemClock()

    async def story() -> None:
        house.contact("open")
        began = asyncio.get_running_loop().time()
        life = house.start()
        async with living(life):
            assert READY in house.told()
            took_s = asyncio.get_running_loop().time() - began
            await until(lambda: all(worker.info.last_error for worker in life.workers.values()))
        assert took_s < 1.0
        assert life.contact is not None
        assert life.contact.view().limiting

    run(story())


# --- the watchdog --------------------------------------------------------------------------------


@pytest.mark.invariant("I-12")
def test_the_watchdog_starves_when_the_contact_is_no_longer_sampled(house: House) -> None:
    async def story() -> None:
        life = house.start()
        assert life.contact is not None
        may_sample = asyncio.Event()
        sample = life.contact.watch.run

        async def hang() -> None:
            await may_sample.wait()
            await sample()

        life.contact.watch.run = hang  # type: ignore[method-assign]  # the input pump hangs
        async with living(life):
            await house.after(SAMPLED_WITHIN_S)
            assert house.told().count(ALIVE) == 5
            await house.after(10.0)
            assert ALIVE not in house.told()
            may_sample.set()
            await house.after(3.0)
            assert house.told().count(ALIVE) == 3

    run(story())


@pytest.mark.invariant("I-12")
def test_the_watchdog_starves_when_the_journal_writer_hangs(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def story() -> None:
        real = SimpleNamespace(seconds=0.0)
        monkeypatch.setattr(plantlife, "time", SimpleNamespace(perf_counter=lambda: real.seconds))
        life = house.start()
        journal = life.proof.journal
        await until(lambda: not journal.waiting)
        may_write, chain = threading.Event(), journal._chain
        append = chain.append

        def hang(drafts: Any) -> Any:
            may_write.wait(10.0)
            return append(drafts)

        monkeypatch.setattr(chain, "append", hang)
        try:
            async with living(life):
                life.proof.note("config", {"why": "a record that will not reach the disk"})
                await house.after(2.0)
                fed_before = house.told().count(ALIVE)
                real.seconds += STUCK_S + 0.1
                await house.after(3.0)
                fed_while = house.told().count(ALIVE)
                may_write.set()
                await until(lambda: not journal.waiting)
                await house.after(2.0)
                fed_after = house.told().count(ALIVE)
        finally:
            may_write.set()
        assert (fed_before, fed_while, fed_after) == (2, 0, 2)

    run(story())


@pytest.mark.invariant("I-08")
def test_a_disk_that_refuses_is_an_alarm_and_does_not_starve_the_watchdog(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def story() -> None:
        life = house.start()

        def full(_saved: SavedState) -> None:
            raise OSError(28, "No space left on device")

        monkeypatch.setattr(life._state_file, "save", full)
        async with living(life):
            await house.after(1.0)
            await until(lambda: "E-DISK-002" in alarm_codes(life))
            house.told()
            await house.after(3.0)
            assert house.told().count(ALIVE) == 3
            monkeypatch.undo()
        assert "E-DISK-002" in alarm_codes(life)

    run(story())


def test_the_end_of_a_life_is_recorded_and_is_not_the_end_of_the_process(house: House) -> None:
    async def story() -> None:
        life = house.start()
        async with living(life):
            await house.after(1.0)
        assert b"STOPPING=1" not in house.told()

    run(story())

    assert [note["kind"] for note in notes(house.records)][-1] == "shutdown"
