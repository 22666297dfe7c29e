"""The control box seen by the service: an answer leaves when its limit is durable (I-05)."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from eebus.node.clock import SystemClock
from eebus.node.events import PeerConnected, PeerDisconnected, PeerPending, PeerTrusted
from eebus.node.hub import Hub
from eebus.usecases.build import Actors, build_device
from eebus.usecases.lpc.client import EnergyGuard
from eebus.usecases.lpc.events import LimitAnswered, LimitStateChanged, WriteJudged
from eebus.usecases.lpc.requests import Limit
from eebus.usecases.lpc.server import LpcServer, LpcServerConfig
from ems.control.commands import Remember
from ems.control.core import Core
from ems.control.grid_limit import UNLIMITED, Limited, Source
from ems.control.saved import SavedState
from ems.journal.evidence import Evidence, SiteFacts
from ems.journal.report import notes
from ems.journal.store import Journal
from ems.runtime.box import Box, limit_of, watts_floor
from ems.runtime.controller import Controller
from ems.runtime.durable import StateWriter
from ems.runtime.proof import Proof
from tests.kit.plant import first_plant
from tests.kit.spine import BOX, BOX_SKI, EMS, EMS_SKI, info

FAILSAFE_W = 15_120
LPC = "loadControlLimitListData"


def utcnow() -> datetime:
    return datetime(2026, 1, 15, 17, 0, tzinfo=UTC)


@dataclass
class BlockingFile:
    """A state file whose fsync takes ``block_s`` real seconds; keeps what became durable when."""

    block_s: float = 0.0
    saved: list[tuple[float, SavedState]] = field(default_factory=list)
    let_go: threading.Event = field(default_factory=threading.Event)
    time: Callable[[], float] = lambda: 0.0

    def save(self, saved: SavedState) -> None:
        if self.block_s:
            self.let_go.wait(self.block_s)
        self.saved.append((self.time(), saved))

    def durable_at(self, power_w: int) -> float | None:
        """When a state with a limit of ``power_w`` was first on disk."""
        for at, saved in self.saved:
            if any(limit.power_w == power_w for limit in saved.limits):
                return at
        return None


@dataclass
class Wire:
    """Carries what one hub sends to the other, in memory, in order."""

    peer: str
    there: Hub[Actors] | None = None
    deadline: float | None = None

    def handle_timer(self, now: float) -> None:
        """The wire has no timers."""

    def take_sessions(self) -> list[Any]:
        return []

    def take_events(self) -> list[object]:
        return []

    def send(self, peer: str, payload: Any) -> None:
        if self.there is not None:
            self.there.post(lambda actors, now: actors.receive(self.peer, payload, now))

    def close_peer(self, peer: str, reason: str) -> None:
        raise AssertionError(f"{peer} was closed: {reason}")


class Stage:
    """LPC server, hub, box, controller, writer and journal as the service wires them."""

    def __init__(self, folder: Path) -> None:
        self.clock = SystemClock()
        now = self.clock.monotonic()
        self.file = BlockingFile(time=self.clock.monotonic)
        self.records = folder / "records.db"
        self.journal = Journal(self.records, utc=utcnow())
        self.writer = StateWriter(self.file, self.clock, lambda why: None)
        self.proof = Proof(Evidence(SiteFacts()), self.journal, self.clock, opened=lambda ids: None)
        self.controller = Controller(
            Core(first_plant(), now),
            self.clock,
            remember=self._remember,
            decided=self.proof.observe,
            alarmed=self.proof.alarm,
        )
        self.box = Box(self.controller, self.writer, self.proof, self.clock)
        lpc = LpcServer(LpcServerConfig(failsafe_w=Decimal(FAILSAFE_W)), now, utcnow=utcnow)
        self.guard = EnergyGuard(utcnow=utcnow)
        to_box, to_ems = Wire(EMS_SKI), Wire(BOX_SKI)
        self.ems = Hub(_actors(EMS, lpc, now), to_box, self.clock, self.box.deliver)
        self.guard_hub = Hub(_actors(BOX, self.guard, now), to_ems, self.clock, self._guard_told)
        to_box.there, to_ems.there = self.guard_hub, self.ems
        self.answers: list[tuple[float, LimitAnswered]] = []

    async def _guard_told(self, event: object) -> None:
        if isinstance(event, LimitAnswered):
            self.answers.append((self.clock.monotonic(), event))

    def _remember(self, command: Remember) -> None:
        self.writer.request(command.saved, at_once=command.at_once)

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Connected, with a heartbeat exchanged and the first limit answered."""
        works = (self.ems.run(), self.guard_hub.run(), self.writer.run())
        tasks = [asyncio.ensure_future(work) for work in works]
        try:
            await asyncio.gather(
                self.ems.call(lambda actors, now: actors.connect(BOX_SKI, now)),
                self.guard_hub.call(lambda actors, now: actors.connect(EMS_SKI, now)),
            )
            await self.write(20_000)
            yield
        finally:
            self.file.let_go.set()
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await self.proof.close()

    async def write(self, power_w: int) -> tuple[float, float, LimitAnswered]:
        """Let the box write; when it was sent, when the answer came, and the answer."""
        before = len(self.answers)
        sent_at = self.clock.monotonic()
        await self.guard_hub.call(
            lambda _actors, now: self.guard.set_limit(None, limit(power_w), now)
        )
        await self.until(lambda: len(self.answers) > before)
        return sent_at, *self.answers[-1]

    async def until(self, true: Callable[[], bool]) -> None:
        async with asyncio.timeout(5):
            while not true():
                await asyncio.sleep(0.001)


def _actors(address: str, use_case: LpcServer | EnergyGuard, now: float) -> Actors:
    return Actors(build_device(info(address), (use_case,), now), (use_case,))


def limit(power_w: int) -> Limit:
    return Limit(active=True, value_w=Decimal(power_w), duration_s=None)


def kinds(path: Path) -> list[str]:
    return [note["kind"] for note in notes(path)]


@pytest.mark.invariant("I-05")
def test_with_a_disk_of_80_ms_no_answer_leaves_before_the_limit_is_durable(tmp_path: Path) -> None:
    async def story() -> None:
        stage = Stage(tmp_path)
        async with stage.running():
            stage.file.block_s = 0.08
            sent_at, answered_at, answer = await stage.write(4_200)
            durable_at = stage.file.durable_at(4_200)

        assert answer.error_number == 0
        assert durable_at is not None
        assert sent_at + 0.075 < durable_at <= answered_at
        assert "disk_delay" not in kinds(stage.records)

    asyncio.run(story())


@pytest.mark.invariant("I-05")
def test_with_a_disk_of_500_ms_the_answer_leaves_at_100_ms_and_the_delay_is_recorded(
    tmp_path: Path,
) -> None:
    async def story() -> None:
        stage = Stage(tmp_path)
        async with stage.running():
            stage.file.block_s = 0.5
            sent_at, answered_at, answer = await stage.write(4_200)
            durable_before = stage.file.durable_at(4_200)
            limit_now = stage.controller.decision.effective

        assert answer.error_number == 0
        assert durable_before is None
        assert 0.095 <= answered_at - sent_at < 0.4
        assert limit_now == Limited(4_200, Source.EEBUS)
        delays = [note for note in notes(stage.records) if note["kind"] == "disk_delay"]
        assert [note["what"] for note in delays] == ["state"]
        assert stage.file.durable_at(4_200) is not None

    asyncio.run(story())


def changed(state: str, limit_w: Decimal | None, **fields: Any) -> LimitStateChanged:
    values: dict[str, Any] = {
        "expires_at": None,
        "failsafe_w": Decimal(FAILSAFE_W),
        "failsafe_duration_s": 7_200.0,
        "failsafe_from_box": False,
        "binding_until": None,
        "rule": "LPC-904",
        "edge": 0,
        "peer": BOX_SKI,
    }
    return LimitStateChanged(state=state, limit_w=limit_w, **(values | fields))


@pytest.mark.field("F-11")
@pytest.mark.invariant("I-04")
@pytest.mark.parametrize(
    ("event", "expected"),
    [
        (changed("limited", Decimal(0)), Limited(0, Source.EEBUS)),
        (changed("limited", Decimal("4200.9")), Limited(4_200, Source.EEBUS)),
        (changed("failsafe", Decimal(15_120)), Limited(15_120, Source.FAILSAFE)),
        (changed("init", Decimal(15_120)), Limited(15_120, Source.FAILSAFE)),
        (changed("unlimited_controlled", None), UNLIMITED),
    ],
)
def test_only_no_limit_is_no_limit(event: LimitStateChanged, expected: object) -> None:
    assert limit_of(event) == expected


@pytest.mark.parametrize(
    ("value", "watts"),
    [("0.99", 0), ("65536.5", 65_536), ("1E+30", 1_000_000_000), ("1E-30", 0)],
)
def test_a_wire_value_becomes_whole_watts_rounded_down(value: str, watts: int) -> None:
    assert watts_floor(Decimal(value)) == watts


async def delivered(stage: Stage, *events: object) -> None:
    task = asyncio.ensure_future(stage.writer.run())
    try:
        for event in events:
            await stage.box.deliver(event)
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def test_failsafe_is_an_alarm_until_the_box_is_back(tmp_path: Path) -> None:
    async def story() -> None:
        stage = Stage(tmp_path)
        failsafe = changed("failsafe", Decimal(FAILSAFE_W), rule="LPC-912", edge=7)

        await delivered(stage, changed("limited", Decimal(4_200)), failsafe)
        during = set(stage.controller.alarms)
        limit_during = stage.controller.decision.effective
        await delivered(stage, changed("unlimited_controlled", None, rule="LPC-918", edge=8))
        after = set(stage.controller.alarms)
        await stage.proof.close()

        assert ("W-LPC-001", "heartbeat") in during
        assert ("W-LPC-001", "heartbeat") not in after
        assert limit_during == Limited(FAILSAFE_W, Source.FAILSAFE)
        states = [note["state"] for note in notes(stage.records) if note["kind"] == "lpc_state"]
        assert states == ["limited", "failsafe", "unlimited_controlled"]

    asyncio.run(story())


def test_a_box_that_floods_us_with_refused_writes_fills_neither_log_nor_journal(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    refused = WriteJudged(
        peer=BOX_SKI, msg_counter=7, function=LPC, value_w=Decimal(-1), duration_s=None,
        active=True, error_number=7, rule="LPC-904", reason="negative",
    )  # fmt: skip
    now = [1_000.0]

    async def story() -> None:
        stage = Stage(tmp_path)
        monkeypatch.setattr(stage.clock, "monotonic", lambda: now[0])
        for _ in range(500):
            await stage.box.deliver(refused)
        now[0] += 60.0
        await stage.box.deliver(refused)
        await stage.proof.close()

    asyncio.run(story())

    told = [note for note in notes(tmp_path / "records.db") if note["kind"] == "write_refused"]
    assert [note.get("untold", 0) for note in told] == [0] * 20 + [480]
    assert len([line for line in caplog.messages if "refused" in line]) == 21


@pytest.mark.invariant("I-16")
@pytest.mark.parametrize(
    ("function", "error_number", "value", "kind", "told"),
    [
        (LPC, 0, Decimal(4_200), "write_accepted", 4_200),
        (LPC, 7, Decimal(-1_000), "write_refused", -1_000),
        (LPC, 7, None, "write_refused", None),
        (LPC, 7, Decimal("1E+400"), "write_refused", None),
        ("deviceConfigurationKeyValueListData", 0, Decimal("0.5"), "failsafe_written", 0.5),
    ],
)
def test_every_write_of_the_box_is_recorded_as_it_came(
    tmp_path: Path, function: str, error_number: int, value: Decimal | None, kind: str, told: Any
) -> None:
    judged = WriteJudged(
        peer=BOX_SKI, msg_counter=7, function=function, value_w=value, duration_s=None,
        active=True, error_number=error_number, rule="LPC-904", reason="because",
    )  # fmt: skip

    async def story() -> None:
        stage = Stage(tmp_path)
        await delivered(stage, judged)
        await stage.proof.close()
        found = [
            note for note in notes(stage.records) if note["kind"].startswith(("write", "fail"))
        ]
        assert [(note["kind"], note["value_w"]) for note in found] == [(kind, told)]

    asyncio.run(story())


def test_a_refused_order_is_an_alarm_until_one_is_accepted(tmp_path: Path) -> None:
    def judged(error_number: int) -> WriteJudged:
        return WriteJudged(
            peer=BOX_SKI, msg_counter=7, function=LPC, value_w=Decimal(-1), duration_s=None,
            active=True, error_number=error_number, rule="LPC-904", reason="negative",
        )  # fmt: skip

    async def story() -> None:
        stage = Stage(tmp_path)
        await delivered(stage, judged(7))
        refused = stage.controller.alarms["E-LPC-002", "limit"].params
        await delivered(stage, judged(0))
        await stage.proof.close()

        assert refused == {"why": "negative"}
        assert ("E-LPC-002", "limit") not in stage.controller.alarms

    asyncio.run(story())


def test_pairing_and_connections_are_recorded(tmp_path: Path) -> None:
    async def story() -> None:
        stage = Stage(tmp_path)
        await delivered(
            stage,
            PeerPending(BOX_SKI, "BOX", "192.0.2.7"),
            PeerTrusted(BOX_SKI),
            PeerConnected(BOX_SKI, "BOX", "out"),
            PeerDisconnected(BOX_SKI, "gone"),
        )
        await stage.proof.close()
        told = [note["what"] for note in notes(stage.records) if note["kind"] == "pairing"]
        assert told == ["pending", "trusted", "connected", "disconnected"]

    asyncio.run(story())
