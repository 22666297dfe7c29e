"""What the first contact of a process finds ready."""

from __future__ import annotations

import asyncio
from decimal import Decimal
from pathlib import Path

import pytest

from eebus.node.clock import SystemClock
from eebus.node.warm import prepare_codecs
from eebus.usecases.lpc.client import EnergyGuard
from eebus.usecases.lpc.config import LpcServerConfig
from eebus.usecases.lpc.events import LimitAnswered
from eebus.usecases.lpc.server import LpcServer
from eebus.usecases.lpc.spec import LPC_CS
from eebus.wire import codec
from tests.kit.node import LOOPBACK, run
from tests.unit.eebus.node.test_node_with_lpc import make_node


def codecs() -> int:
    return codec._plan.cache_info().misses


@pytest.mark.loopback
def test_first_contact_up_to_the_answered_limit_needs_no_codec_more(tmp_path: Path) -> None:
    async def work() -> None:
        clock = SystemClock(speed=20)  # the guard opens five protocol seconds after the values
        answered = asyncio.Event()

        async def forget(_event: object) -> None:
            pass

        async def note(event: object) -> None:
            if isinstance(event, LimitAnswered):
                answered.set()

        config = LpcServerConfig(failsafe_w=Decimal(4200))
        server = LpcServer(config, clock.monotonic(), utcnow=clock.utcnow)
        ems = make_node(tmp_path, "EMS", server, forget)
        box = make_node(tmp_path, "BOX", EnergyGuard(utcnow=clock.utcnow), note)
        tasks = [asyncio.ensure_future(node.run()) for node in (ems, box)]
        await asyncio.gather(ems.ready.wait(), box.ready.wait())
        codec._plan.cache_clear()
        prepare_codecs([LPC_CS])
        before = codecs()

        await ems.add(box._identity.ski)
        await box.add(ems._identity.ski, LOOPBACK, ems.port)
        await answered.wait()
        assert before > 0
        assert codecs() == before

        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    run(work())
