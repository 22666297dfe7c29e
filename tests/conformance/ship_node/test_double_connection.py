"""TC_SHIP_CONN_001: the side with the larger SKI keeps the most recent connection."""

from __future__ import annotations

import pytest

from eebus.node.events import PeerConnected, PeerDisconnected
from eebus.node.pump import Direction
from tests.conformance.ship_node.conftest import Start, dialling
from tests.kit.node import run
from tests.kit.peer_certificates import make_peer
from tests.kit.ship_tool import ShipTool, spine

pytestmark = pytest.mark.loopback


@pytest.mark.rule("TC_SHIP_CONN_001")
def test_larger_ski_keeps_the_newest_connection(start: Start) -> None:
    smaller, larger = sorted((make_peer(), make_peer()), key=lambda made: made.ski)
    tool = ShipTool(smaller)

    async def work() -> None:
        async with start(made=larger) as dut, dialling(dut, tool) as older:
            dut.pass_time(0.1)
            async with tool.dial(dut.port) as newer:
                await newer.hello_to_data(is_client=True)
                await dut.linked(tool)
                dut.pass_time(3)
                await newer.send(spine(1))
                await dut.bench.until(lambda: dut.actors.received != [])
                await closed_or_cmi(older)
                connected = dut.bench.told(PeerConnected)
                assert [event.direction for event in connected] == [Direction.IN]
                assert dut.bench.told(PeerDisconnected) == []

    run(work())


async def closed_or_cmi(link) -> None:  # noqa: ANN001  # ToolLink
    """The older link had sent its CMI before it was closed."""
    assert await link.receive() == b"\x00\x00"
    await link.closed()
