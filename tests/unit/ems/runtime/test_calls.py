"""What a client may ask and order: shapes of docs/service.md, bounds, and what is refused."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator
from typing import Any, cast

import pytest

from eebus.node.identity_store import IdentityProfile, open_or_create
from ems.journal.report import notes
from ems.runtime.calls import Calls
from ems.runtime.service import CallError
from tests.kit.aio import run
from tests.kit.house import PMIN_W, House, living

DOCUMENTED = {
    "plant", "at", "t_s", "up_s", "version", "signal", "sources", "pmin_14a_w", "n_steuve", "gzf",
    "budget_w", "credit_w", "grid_power_w", "steuve_power_w", "exposure_w", "nwlb_w", "level",
    "steuve", "meters", "alarms", "contact", "eebus", "journal", "config",
}  # fmt: skip


async def refused(call: Any) -> str:
    with pytest.raises(CallError) as told:
        await call
    return told.value.code


def test_status_tells_what_the_documentation_says(house: House) -> None:
    async def story() -> None:
        house.contact("open")
        life = house.start()
        async with living(life):
            await house.after(2.0)
            status = await Calls(life).table()["status"]({})
            again = await Calls(life).table()["steuve.list"]({})

        assert set(status) == DOCUMENTED == set(again)
        assert (status["plant"], status["pmin_14a_w"], status["n_steuve"]) == ("Haus", PMIN_W, 2)
        assert status["signal"] == {
            "limited": True,
            "limit_w": PMIN_W,
            "source": "failsafe",
            "restored": False,
        }
        assert status["contact"]["limiting"] is True
        assert status["config"] == {
            "path": str(house.folder / "ems.toml"),
            "hash": life.config_hash,
            "is_last_good": False,
        }
        assert set(status["steuve"][0]) == {
            "id", "name", "kind", "steuve", "rated_w", "priority", "setpoint_w", "setpoint_a",
            "confirmed", "power_w", "lower_w", "exposure_w", "online", "status", "reason", "error",
        }  # fmt: skip

    run(story())


@pytest.mark.invariant("I-11")
def test_a_test_limit_tightens_is_recorded_and_ends_with_its_release(house: House) -> None:
    async def story() -> None:
        life = house.start()
        calls = Calls(life).table()
        async with living(life):
            await house.after(3.0)
            limited = await calls["limit.test"]({"limit_w": 0, "for_s": 60})
            looser = await calls["limit.test"]({"limit_w": 50_000})
            free = await calls["limit.release"]({})

        assert (limited["signal"]["limit_w"], limited["signal"]["source"]) == (0, "test")
        assert limited["budget_w"] == 0
        assert looser["signal"]["source"] == "failsafe"
        assert free["signal"]["limit_w"] == PMIN_W
        told = [
            (note["what"], note.get("limit_w"))
            for note in notes(house.records)
            if note["kind"] == "test_run"
        ]
        assert told == [("limit", 0), ("limit", 50_000), ("release", None)]

    run(story())


@pytest.mark.parametrize(
    "args",
    [
        {"limit_w": -1},
        {"limit_w": 10_000_001},
        {"limit_w": 0, "for_s": 0},
        {"limit_w": 0, "for_s": 86_401},
        {"limit_w": 0, "for_s": float("nan")},
    ],
)
def test_an_absurd_test_limit_is_refused_and_changes_nothing(
    house: House, args: dict[str, Any]
) -> None:
    async def story() -> None:
        life = house.start()
        before = life.controller.decision
        assert await refused(Calls(life).table()["limit.test"](args)) == "E-SRV-004"
        assert life.controller.decision == before

    run(story())


def test_why_names_the_steuve_there_are(house: House) -> None:
    async def story() -> None:
        calls = Calls(house.start()).table()
        told = await calls["steuve.why"]({"id": "garage"})
        assert (told["steuve"]["id"], set(told)) == ("garage", {"steuve", "signal", "budget_w"})
        with pytest.raises(CallError) as unknown:
            await calls["steuve.why"]({"id": "cellar"})
        assert unknown.value.code == "E-STV-001"
        assert unknown.value.params == {"id": "cellar", "known": "garage, yard"}

    run(story())


def test_the_polarity_is_learnt_and_nonsense_is_not(house: House) -> None:
    async def story() -> None:
        life = house.start()
        calls = Calls(life).table()
        assert await refused(calls["contact.learn"]({"limiting_when": "up"})) == "E-SRV-004"
        learnt = await calls["contact.learn"]({"limiting_when": "closed"})
        assert (learnt["limiting_when"], learnt["confirmed"]) == ("closed", True)
        life.contact = None
        assert await refused(calls["contact.show"]({})) == "E-CON-003"

    run(story())


def test_without_the_eebus_side_its_calls_say_so(house: House) -> None:
    async def story() -> None:
        calls = Calls(house.start()).table()
        for name in ("pair.list", "pair.why", "identity.show"):
            assert await refused(calls[name]({})) == "E-PAIR-011"

    run(story())


def test_the_identity_is_shown_and_its_key_is_not(house: House) -> None:
    class Side:
        def __init__(self, identity: Any) -> None:
            self.identity = identity

    async def story() -> None:
        life = house.start()
        own = open_or_create(house.folder / "id", IdentityProfile(), house.clock.utcnow())
        life.partners = cast("Any", Side(own))
        shown = await Calls(life).table()["identity.show"]({})
        assert (shown["ski"], shown["ship_id"]) == (own.ski, own.ship_id)
        assert shown["qr"].startswith("SHIP;SKI:")
        assert "KEY" not in str(shown)

    run(story())


def test_reload_and_version_are_answered(house: House) -> None:
    async def story() -> None:
        life = house.start()
        asked: list[bool] = []
        life.reload = lambda: asked.append(True)
        assert await Calls(life).table()["config.reload"]({}) == {"requested": True}
        assert asked == [True]
        assert (await Calls(life).table()["version"]({}))["ems"]

    run(story())


def test_streams_follow_the_protocol_clock(house: House) -> None:
    async def story() -> None:
        life = house.start()
        streams = Calls(life).streams()
        async with living(life):
            points = await taken(house, streams["timeline"]({}), 3)
            pictures = await taken(house, streams["status"]({}), 2)
        seconds = [point["t_s"] for point in points]
        assert [round(b - a) for a, b in itertools.pairwise(seconds)] == [1, 1]
        assert set(points[0]["steuve"]) == {"garage", "yard"}
        assert pictures[1]["t_s"] > pictures[0]["t_s"]

    run(story())


def test_the_contact_is_told_at_changes_only(house: House) -> None:
    async def story() -> None:
        life = house.start()
        async with living(life):
            stream = Calls(life).streams()["contact.watch"]({})
            first = await anext(aiter(stream))
            house.contact("open")
            (second, *_) = await taken(house, stream, 1)
        assert (first["level"], second["level"]) == ("closed", "open")

    run(story())


async def taken(house: House, stream: AsyncIterator[Any], count: int) -> list[Any]:
    """The next ``count`` items while protocol time passes."""
    items: list[Any] = []

    async def read() -> None:
        async for item in stream:
            items.append(item)
            if len(items) == count:
                return

    task = asyncio.ensure_future(read())
    for _ in range(40):
        if task.done():
            break
        await house.after(0.5)
    await task
    return items
