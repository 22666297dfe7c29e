"""The EEBUS side begins late or anew: with what is remembered then, not with what once was."""

from __future__ import annotations

import asyncio
import dataclasses
import socket
from pathlib import Path
from typing import Any, cast

import pytest

from ems.config.load import parse_site
from ems.config.schema import Site
from ems.control.commands import Alarm
from ems.control.saved import SavedState
from ems.runtime.partners import Folders, Partners
from tests.kit.aio import run
from tests.kit.clock import FakeClock

SITE = parse_site(
    'schema = 1\n[signal]\nsources = ["eebus"]\n'
    '[eebus]\nport = 0\nmdns = false\ninterfaces = ["127.0.0.1"]\n'
).site
BEFORE = SavedState(lpc_state="limited", failsafe_w=4_200, failsafe_remaining_s=7_200.0)


class Listener:
    """Stands for controller, box and proof: hears, does nothing."""

    def __init__(self) -> None:
        self.alarms: list[Alarm] = []
        self.noted: list[tuple[str, dict[str, Any]]] = []

    def note(self, kind: str, data: dict[str, Any]) -> None:
        self.noted.append((kind, data))

    def alarm(self, alarm: Alarm) -> None:
        self.alarms.append(alarm)

    async def deliver(self, event: object) -> None:
        return


def partners_in(folder: Path, clock: FakeClock, told: Listener, site: Site = SITE) -> Partners:
    return Partners(
        site,
        Folders(folder / "identity", folder),
        clock=clock,
        controller=cast("Any", told),
        box=cast("Any", told),
        proof=cast("Any", told),
    )


def test_an_identity_repaired_late_does_not_lengthen_what_was_binding(tmp_path: Path) -> None:
    async def story() -> float | None:
        clock, told, remembered = FakeClock(), Listener(), BEFORE
        (tmp_path / "identity").write_text("not a folder")
        partners = partners_in(tmp_path, clock, told)
        running = asyncio.ensure_future(partners.run(lambda: remembered, 4_200))
        while not told.alarms:
            await asyncio.sleep(0.001)
        remembered = dataclasses.replace(BEFORE, failsafe_remaining_s=3_600.0)
        (tmp_path / "identity").unlink()
        clock.advance(3_600.0)
        while partners.lpc is None:
            await asyncio.sleep(0.001)
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        return partners.lpc.config.hold_init_until

    assert run(story()) == 1_000.0 + 7_200.0


def test_values_the_box_wrote_survive_a_new_beginning_in_the_same_process(tmp_path: Path) -> None:
    async def story() -> list[tuple[int, bool]]:
        clock, remembered, found = FakeClock(), SavedState(), list[tuple[int, bool]]()
        partners = partners_in(tmp_path, clock, Listener())
        for _ in range(2):
            partners.lpc = None
            running = asyncio.ensure_future(partners.run(lambda: remembered, 4_200))  # noqa: B023
            while partners.lpc is None:
                await asyncio.sleep(0.001)
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)
            found.append(
                (int(partners.lpc.config.failsafe_w), partners.lpc.config.failsafe_from_box)
            )
            remembered = dataclasses.replace(BEFORE, failsafe_w=9_000, failsafe_from_box=True)
        return found

    assert run(story()) == [(4_200, False), (9_000, True)]


def test_a_brand_of_two_words_opens_the_eebus_side_too(tmp_path: Path) -> None:
    site = parse_site(
        'schema = 1\n[signal]\nsources = ["eebus"]\n'
        '[eebus]\nport = 0\nmdns = false\ninterfaces = ["127.0.0.1"]\nbrand = "My House 2.0"\n'
        "tells_availability = true\n"
    ).site

    async def story() -> None:
        told: Any = Listener()
        partners = Partners(
            site, Folders(tmp_path / "identity", tmp_path), clock=FakeClock(), controller=told,
            box=told, proof=told,
        )  # fmt: skip
        running = asyncio.ensure_future(partners.run(SavedState, 4_200))
        while partners.node is None and not running.done():
            await asyncio.sleep(0.001)
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        assert partners.node is not None
        own = partners.identity
        assert own is not None
        assert told.noted == [("identity", {"ski": own.ski, "fingerprint": own.fingerprint_sha256})]
        assert partners.lpc is not None
        assert partners.lpc.spec.available is True

    run(story())


@pytest.mark.loopback
def test_a_port_that_is_taken_is_an_alarm_until_it_is_free(tmp_path: Path) -> None:
    async def story() -> list[tuple[str, bool]]:
        clock, told = FakeClock(), Listener()
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            taken.listen()
            site = parse_site(
                'schema = 1\n[signal]\nsources = ["eebus"]\n[eebus]\nmdns = false\n'
                f'port = {taken.getsockname()[1]}\ninterfaces = ["127.0.0.1"]\n'
            ).site
            partners = partners_in(tmp_path, clock, told, site)
            running = asyncio.ensure_future(partners.run(SavedState, 4_200))
            await changes_of_the_port(clock, told, count=1)
        await changes_of_the_port(clock, told, count=2)
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        return [(alarm.code, alarm.active) for alarm in told.alarms if alarm.code == "E-NET-001"]

    assert run(story()) == [("E-NET-001", True), ("E-NET-001", False)]


async def changes_of_the_port(clock: FakeClock, told: Listener, *, count: int) -> None:
    while sum(alarm.code == "E-NET-001" for alarm in told.alarms) < count:
        clock.advance(1.0)
        await asyncio.sleep(0.002)
