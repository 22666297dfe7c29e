"""Damaged state and journal are set aside, the service runs at P_min and says so (F-14)."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable

import pytest

from ems.control.events import LpcChanged
from ems.control.grid_limit import UNLIMITED, Limited
from ems.journal.report import notes
from ems.journal.verify import verify
from tests.kit.aio import run
from tests.kit.house import BOX, PMIN_W, House, alarm_codes, limited_before, living, until

ALIVE = b"WATCHDOG=1"


def flip_state(house: House) -> None:
    path = house.state / "state.json"
    raw = bytearray(path.read_bytes())
    raw[len(raw) // 2] ^= 0x10
    path.write_bytes(bytes(raw))


def tear_state(house: House) -> None:
    path = house.state / "state.json"
    path.write_bytes(path.read_bytes()[:40])


def empty_state(house: House) -> None:
    (house.state / "state.json").write_bytes(b"")


@pytest.mark.field("F-14")
@pytest.mark.invariant("I-03")
@pytest.mark.parametrize("damage", [flip_state, tear_state, empty_state])
def test_with_a_damaged_state_file_the_service_runs_at_pmin_and_says_so(
    house: House, damage: Callable[[House], None]
) -> None:
    limited_before(house, 20_000)
    damage(house)

    life = house.start()

    assert "E-STATE-001" in alarm_codes(life)
    effective = life.controller.decision.effective
    assert isinstance(effective, Limited)
    assert effective.power_w == PMIN_W
    assert not (house.state / "state.json").exists()
    assert len(list(house.state.glob("state*damaged*"))) == 1


@pytest.mark.field("F-14")
@pytest.mark.invariant("I-14")
def test_a_damaged_journal_is_set_aside_and_a_new_one_begun(house: House) -> None:
    garbage = b"SQLite format 3\x00" + b"\xa5" * 8_000
    house.records.write_bytes(garbage)

    life = house.start()
    life.proof.journal.close()

    assert "E-REC-004" in alarm_codes(life)
    effective = life.controller.decision.effective
    assert isinstance(effective, Limited)
    assert effective.power_w == PMIN_W
    kept = [path for path in house.state.glob("records*") if path.read_bytes() == garbage]
    assert len(kept) == 1
    assert verify(house.records).ok
    assert "boot" in [note["kind"] for note in notes(house.records)]


@pytest.mark.field("F-14")
@pytest.mark.parametrize("damage", ["garbage", "missing"])
def test_with_a_damaged_journal_the_service_runs_at_pmin_though_the_state_is_whole(
    house: House, damage: str
) -> None:
    house.start().proof.journal.close()
    limited_before(house, 20_000)
    if damage == "garbage":
        house.records.write_bytes(b"SQLite format 3\x00" + b"\xa5" * 8_000)
    else:
        house.records.unlink()

    life = house.start()

    assert "E-REC-004" in alarm_codes(life)
    assert life.controller.decision.effective.power_w == PMIN_W
    assert "journal" in {view.fault for view in life.controller.decision.sources}
    life.controller.submit(
        LpcChanged(
            state="unlimited_controlled", limit=UNLIMITED, failsafe_w=PMIN_W,
            failsafe_duration_s=7_200.0, peer=BOX,
        )
    )  # fmt: skip
    assert life.controller.decision.effective == UNLIMITED


@pytest.mark.loopback
@pytest.mark.field("F-14")
def test_a_damaged_page_deep_in_the_journal_is_found_in_the_background(house: House) -> None:
    first = house.start()
    for number in range(2_000):
        first.proof.journal.append("boot", {"n": number}, house.clock.utcnow())
    first.proof.journal.close()
    raw = bytearray(house.records.read_bytes())
    raw[20 * 4_096 : 21 * 4_096] = b"\xff" * 4_096
    house.records.write_bytes(raw)

    async def story() -> None:
        life = house.start()
        async with living(life):
            await until(lambda: "E-REC-004" in alarm_codes(life))
            assert life.controller.decision.effective.power_w == PMIN_W
            assert "journal" in {view.fault for view in life.controller.decision.sources}
            assert len(list(house.state.glob("records.db.damaged-*"))) >= 1

    run(story())
    assert verify(house.records).ok


@pytest.mark.field("F-14")
def test_state_and_journal_damaged_together_do_not_stop_the_service(house: House) -> None:
    limited_before(house)
    flip_state(house)
    house.records.write_bytes(b"\x00" * 4_096)

    async def story() -> None:
        life = house.start()
        async with living(life):
            await house.after(3.0)
            assert {"E-STATE-001", "E-REC-004"} <= alarm_codes(life)
            assert house.told().count(ALIVE) == 3

    run(story())


@pytest.mark.field("F-14")
def test_records_that_cannot_be_read_as_events_do_not_stop_the_start(house: House) -> None:
    house.start().proof.journal.close()
    connection = sqlite3.connect(house.records)
    connection.execute("UPDATE record SET body = '{'")
    connection.commit()
    connection.close()

    life = house.start()

    assert isinstance(life.controller.decision.effective, Limited)
