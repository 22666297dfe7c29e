"""The control box simulator against an EMS node, over TLS on the loopback interface."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from eebus.node.clock import SystemClock
from eebus.node.config import NodeConfig
from eebus.node.identity_store import IdentityProfile, open_or_create
from eebus.node.node import Node
from eebus.node.trust_store import TrustStore
from eebus.ship.ski import Ski
from eebus.spine.specs import DeviceInfo
from eebus.usecases.build import Actors, build_device
from eebus.usecases.lpc.events import LimitStateChanged, WriteJudged
from eebus.usecases.lpc.server import LpcServer, LpcServerConfig
from ems.sim.control_box import ControlBoxOptions, run_control_box
from tests.kit.node import LOOPBACK, run

CLOCK = SystemClock()


class Ems:
    """A node with a controllable system and nothing behind it."""

    def __init__(self, folder: Path, port: int = 0) -> None:
        self.identity = open_or_create(folder, IdentityProfile(), CLOCK.utcnow())
        config = LpcServerConfig(failsafe_w=Decimal(4_200), contract_max_w=Decimal(43_470))
        self.server = LpcServer(config, CLOCK.monotonic(), utcnow=CLOCK.utcnow)
        info = DeviceInfo(address=f"d:_n:EMS_{self.identity.serial}")
        device = build_device(info, (self.server,), CLOCK.monotonic())
        self.events: list[object] = []
        self.node = Node(
            config=NodeConfig(port=port, interfaces=(LOOPBACK,), mdns=False),
            identity=self.identity,
            actors=Actors(device, (self.server,)),
            trust=TrustStore(folder),
            clock=CLOCK,
            deliver=self._deliver,
        )

    async def _deliver(self, event: object) -> None:
        self.events.append(event)

    @property
    def states(self) -> list[tuple[str, Decimal | None]]:
        return [(e.state, e.limit_w) for e in self.events if isinstance(e, LimitStateChanged)]

    @property
    def judged(self) -> list[WriteJudged]:
        return [event for event in self.events if isinstance(event, WriteJudged)]


@dataclass
class Box:
    """The simulator as a test uses it: words in, lines out."""

    words: asyncio.Queue[str] = field(default_factory=asyncio.Queue)
    lines: list[dict[str, Any]] = field(default_factory=list)
    bell: asyncio.Event = field(default_factory=asyncio.Event)

    def say(self, line: dict[str, Any]) -> None:
        self.lines.append(line)
        self.bell.set()

    async def source(self) -> AsyncIterator[str]:
        while True:
            yield await self.words.get()

    def told(self, event: str) -> list[dict[str, Any]]:
        return [line for line in self.lines if line["event"] == event]

    async def wait_for(self, event: str, count: int = 1) -> dict[str, Any]:
        """The latest of at least ``count`` such lines."""
        while len(self.told(event)) < count:
            self.bell.clear()
            await self.bell.wait()
        return self.told(event)[-1]

    async def until(self, true: Callable[[], bool]) -> None:
        while not true():
            self.bell.clear()
            await self.bell.wait()

    async def answer(self, word: str, event: str = "answer") -> dict[str, Any]:
        count = len(self.told(event)) + 1
        self.words.put_nowait(word)
        return await self.wait_for(event, count)


@pytest.mark.loopback
def test_a_session_from_the_first_heartbeat_to_quit(tmp_path: Path) -> None:
    async def story() -> None:
        ems, box = Ems(tmp_path / "ems"), Box()
        async with asyncio.TaskGroup() as tasks:
            serving = tasks.create_task(ems.node.run())
            await ems.node.ready.wait()
            options = ControlBoxOptions(
                identity=tmp_path / "box",
                peer=ems.identity.ski.upper(),
                dial=(LOOPBACK, ems.node.port),
            )
            boxed = tasks.create_task(run_control_box(options, say=box.say, lines=box.source()))
            box.words.put_nowait("heartbeat off")
            ski = Ski((await box.wait_for("started"))["ski"])
            await ems.node.add(ski)
            await box.wait_for("cs_found")
            nominal = await box.wait_for("cs_nominal_max")
            assert (nominal["kind"], nominal["value_w"]) == (
                "contractualConsumptionNominalMax",
                43_470,
            )
            assert (await box.wait_for("cs_failsafe"))["limit_w"] == 4_200
            assert ems.states == [("init", Decimal(4_200))]

            assert (await box.answer("limit 5000"))["error_number"] == 7
            box.words.put_nowait("heartbeat on")
            assert (await box.answer("release"))["error_number"] == 0
            answer = await box.answer("limit 20000 for 30m")
            assert (answer["error_number"], answer["peer"]) == (0, ems.identity.ski)
            assert 0 < answer["ms"] < 5_000
            await box.until(lambda: box.told("cs_state")[-1]["end"] == "PT1800S")
            assert (await box.answer("limit 0"))["error_number"] == 0
            assert (await box.answer("raw -1000"))["error_number"] == 7
            failsafe = await box.answer("failsafe 3000 3h", "failsafe_answer")
            assert failsafe["error_number"] == 0
            assert (await box.answer("release"))["error_number"] == 0
            box.words.put_nowait("quit")
            assert await boxed == 0
            serving.cancel()

        assert ems.states == [
            ("init", Decimal(4_200)),
            ("unlimited_controlled", None),
            ("limited", Decimal(20_000)),
            ("limited", Decimal(0)),
            ("limited", Decimal(0)),
            ("unlimited_controlled", None),
        ]
        assert [judged.error_number for judged in ems.judged] == [7, 0, 0, 0, 7, 0, 0]
        assert ems.server.machine.failsafe.duration_s == 10_800.0
        assert box.lines[-1]["event"] == "stopped"

    run(story())


@pytest.mark.loopback
def test_the_box_waits_to_be_dialled_and_states_the_valid_limit_by_itself(tmp_path: Path) -> None:
    async def story() -> None:
        ems, box = Ems(tmp_path / "ems"), Box()
        async with asyncio.TaskGroup() as tasks:
            serving = tasks.create_task(ems.node.run())
            options = ControlBoxOptions(
                identity=tmp_path / "box",
                peer=ems.identity.ski,
                listen=0,
                interfaces=(LOOPBACK,),
            )
            boxed = tasks.create_task(run_control_box(options, say=box.say, lines=box.source()))
            box.words.put_nowait("limit 6000")
            started = await box.wait_for("started")
            await ems.node.ready.wait()
            await ems.node.add(Ski(started["ski"]), host=LOOPBACK, port=started["port"])
            answer = await box.wait_for("answer")
            assert answer["error_number"] == 0
            assert ems.states[-1] == ("limited", Decimal(6_000))
            box.words.put_nowait("quit")
            await boxed
            serving.cancel()

    run(story())


@pytest.mark.loopback
def test_another_ski_never_reaches_spine(tmp_path: Path) -> None:
    async def story() -> None:
        ems, box = Ems(tmp_path / "ems"), Box()
        async with asyncio.TaskGroup() as tasks:
            serving = tasks.create_task(ems.node.run())
            options = ControlBoxOptions(
                identity=tmp_path / "box", peer="a" * 40, listen=0, interfaces=(LOOPBACK,)
            )
            boxed = tasks.create_task(run_control_box(options, say=box.say, lines=box.source()))
            started = await box.wait_for("started")
            await ems.node.ready.wait()
            await ems.node.add(Ski(started["ski"]), host=LOOPBACK, port=started["port"])
            await box.wait_for("refused")
            box.words.put_nowait("quit")
            await boxed
            serving.cancel()

        assert box.told("connected") == []
        assert box.told("cs_found") == []

    run(story())


@pytest.mark.loopback
def test_bad_lines_are_named_and_change_nothing(tmp_path: Path) -> None:
    async def story() -> None:
        box = Box()
        options = ControlBoxOptions(
            identity=tmp_path / "box", peer="a" * 40, listen=0, interfaces=(LOOPBACK,)
        )
        async with asyncio.TaskGroup() as tasks:
            boxed = tasks.create_task(run_control_box(options, say=box.say, lines=box.source()))
            await box.answer("limit lots", "error")
            error = await box.answer("raw 5", "error")
            box.words.put_nowait("quit")
            assert await boxed == 0
        assert error["why"] == "no controllable system is ready"

    run(story())


def test_a_wrong_ski_or_script_ends_with_a_reason(tmp_path: Path) -> None:
    script = tmp_path / "script"
    script.write_text("limt 0\n")
    lines: list[dict[str, Any]] = []

    async def story() -> None:
        bad_ski = ControlBoxOptions(identity=tmp_path / "box", peer="12ab", listen=0)
        assert await run_control_box(bad_ski, say=lines.append) == 3
        bad_script = ControlBoxOptions(identity=tmp_path / "box", peer="a" * 40, script=script)
        assert await run_control_box(bad_script, say=lines.append) == 3

    run(story())

    assert [line["event"] for line in lines] == ["failed", "failed"]
    assert "line 1: unknown command" in lines[1]["why"]


@pytest.mark.loopback
def test_a_script_is_played_to_its_end(tmp_path: Path) -> None:
    script = tmp_path / "script"
    script.write_text("wait 0.05s\nat 0.1 heartbeat on\nquit\n")
    box = Box()

    async def story() -> None:
        options = ControlBoxOptions(
            identity=tmp_path / "box",
            peer="a" * 40,
            listen=0,
            interfaces=(LOOPBACK,),
            script=script,
        )
        assert await run_control_box(options, say=box.say) == 0

    run(story())

    assert [line["event"] for line in box.lines] == ["started", "heartbeat", "stopped"]
    assert box.lines[1]["t_s"] >= 0.1


@pytest.mark.loopback
def test_a_taken_port_ends_with_a_reason(tmp_path: Path) -> None:
    box = Box()

    async def story() -> None:
        with socket.create_server((LOOPBACK, 0)) as taken:
            options = ControlBoxOptions(
                identity=tmp_path / "box",
                peer="a" * 40,
                listen=taken.getsockname()[1],
                interfaces=(LOOPBACK,),
            )
            assert await run_control_box(options, say=box.say, lines=box.source()) == 6

    run(story())

    assert box.lines[-1]["event"] == "failed"


@pytest.mark.loopback
def test_the_own_ski_is_no_peer(tmp_path: Path) -> None:
    folder, box = tmp_path / "box", Box()
    own = open_or_create(folder, IdentityProfile(), CLOCK.utcnow()).ski

    async def story() -> None:
        options = ControlBoxOptions(identity=folder, peer=own, dial=(LOOPBACK, 1))
        assert await run_control_box(options, say=box.say, lines=box.source()) == 3

    run(story())

    assert "own SKI" in box.lines[-1]["why"]


@pytest.mark.loopback
def test_a_limited_ems_that_comes_back_gets_the_rest_of_the_limit_by_itself(
    tmp_path: Path,
) -> None:
    async def story() -> None:
        first, box = Ems(tmp_path / "ems"), Box()
        async with asyncio.TaskGroup() as tasks:
            serving = tasks.create_task(first.node.run())
            await first.node.ready.wait()
            port = first.node.port
            options = ControlBoxOptions(
                identity=tmp_path / "box", peer=first.identity.ski, dial=(LOOPBACK, port)
            )
            boxed = tasks.create_task(run_control_box(options, say=box.say, lines=box.source()))
            ski = Ski((await box.wait_for("started"))["ski"])
            await first.node.add(ski)
            assert (await box.answer("limit 4200 for 5m"))["error_number"] == 0
            serving.cancel()
            await box.wait_for("disconnected")

            second = Ems(tmp_path / "ems", port)
            serving = tasks.create_task(second.node.run())
            await box.wait_for("answer", 2)
            box.words.put_nowait("quit")
            await boxed
            serving.cancel()

        assert second.states[-1] == ("limited", Decimal(4_200))
        expires_at = second.server.machine.limit.expires_at
        assert expires_at is not None
        assert 270 < expires_at - CLOCK.monotonic() <= 300

    run(story())
