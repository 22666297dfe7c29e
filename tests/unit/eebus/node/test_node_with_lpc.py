"""The straight line over a real link: energy guard, TLS, SHIP, SPINE, LPC server, and back."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from decimal import Decimal
from pathlib import Path

import pytest

from eebus.node.clock import SystemClock
from eebus.node.config import NodeConfig
from eebus.node.node import Node
from eebus.node.trust_store import TrustStore
from eebus.spine.specs import DeviceInfo
from eebus.usecases.build import Actors, build_device
from eebus.usecases.lpc.client import EnergyGuard
from eebus.usecases.lpc.config import LpcServerConfig
from eebus.usecases.lpc.events import LimitAnswered, WriteJudged
from eebus.usecases.lpc.requests import Limit
from eebus.usecases.lpc.server import LpcServer
from eebus.usecases.spec import UseCase
from tests.kit.node import LOOPBACK, identity_of, run
from tests.kit.peer_certificates import make_peer

pytestmark = pytest.mark.loopback


def make_node(
    folder: Path, name: str, use_case: UseCase, deliver: Callable[[object], Awaitable[None]]
) -> Node[Actors]:
    clock = SystemClock(speed=20)  # the guard opens five protocol seconds after the values
    info = DeviceInfo(address=f"d:_n:TEST_{name}", brand="TEST", model="test")
    return Node(
        config=NodeConfig(port=0, interfaces=(LOOPBACK,), mdns=False),
        identity=identity_of(make_peer(), name),
        actors=Actors(build_device(info, [use_case], clock.monotonic()), [use_case]),
        trust=TrustStore(folder / name),
        clock=clock,
        deliver=deliver,
    )


@pytest.mark.invariant("I-05")
def test_result_of_a_limit_leaves_when_its_event_is_durable(tmp_path: Path) -> None:
    async def work() -> None:
        clock = SystemClock(speed=20)  # the guard opens five protocol seconds after the values
        durable = asyncio.Event()
        durable.set()
        judged: asyncio.Queue[WriteJudged] = asyncio.Queue()
        answers: asyncio.Queue[LimitAnswered] = asyncio.Queue()

        async def store(event: object) -> None:
            if isinstance(event, WriteJudged):
                judged.put_nowait(event)
                await durable.wait()

        async def note(event: object) -> None:
            if isinstance(event, LimitAnswered):
                answers.put_nowait(event)

        config = LpcServerConfig(failsafe_w=Decimal(4200))
        server = LpcServer(config, clock.monotonic(), utcnow=clock.utcnow)
        guard = EnergyGuard(utcnow=clock.utcnow)
        ems = make_node(tmp_path, "EMS", server, store)
        box = make_node(tmp_path, "BOX", guard, note)
        tasks = [asyncio.ensure_future(node.run()) for node in (ems, box)]
        await asyncio.gather(ems.ready.wait(), box.ready.wait())
        await ems.add(box._identity.ski)
        await box.add(ems._identity.ski, LOOPBACK, ems.port)
        first = await answers.get()  # the opening write of the guard
        assert first.error_number == 0
        judged.get_nowait()

        durable.clear()
        limit = Limit(active=True, value_w=Decimal(20_000), duration_s=1800)
        await box.call(lambda _actors, now: guard.set_limit(None, limit, now))
        event = await judged.get()
        assert event.value_w == Decimal(20_000)
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(answers.get(), 0.1)
        durable.set()
        answer = await answers.get()
        assert answer.error_number == 0

        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    run(work())
