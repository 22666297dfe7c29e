"""The slim set of the SHIP cases again, over real TLS and WebSockets."""

from __future__ import annotations

import asyncio

import pytest

from eebus.ship.ski import Ski
from tests.conformance.ship_node.conftest import Start, dialling
from tests.kit.node import run
from tests.kit.ship_tool import (
    ABORTED,
    ACCESS_REQUEST,
    ANNOUNCE,
    CMI,
    PENDING_120,
    PIN_NONE,
    READY,
    SELECT,
    ShipTool,
    name_of,
    spine,
)

pytestmark = pytest.mark.loopback


@pytest.mark.rule("TC_SHIP_ROLE_001")
def test_server_waits_for_a_late_cmi(start: Start) -> None:
    tool = ShipTool()

    async def work() -> None:
        async with start(trusts=tool) as dut, tool.dial(dut.port) as link:
            dut.pass_time(7)
            await link.quiet()
            await link.send(CMI)
            assert await link.receive() == CMI
            assert (await link.expect("connectionHello"))["phase"] == "ready"

    run(work())


@pytest.mark.rule("TC_SHIP_ROLE_002")
def test_client_waits_for_a_late_cmi(start: Start) -> None:
    tool = ShipTool()

    async def work() -> None:
        async with start() as dut, dialling(dut, tool) as link:
            assert await link.receive() == CMI
            dut.pass_time(7)
            await link.quiet()
            await link.send(CMI)
            assert (await link.expect("connectionHello"))["phase"] == "ready"

    run(work())


@pytest.mark.rule("TC_SHIP_ROLE_003")
def test_server_and_client_at_the_same_time(start: Start) -> None:
    one, two = ShipTool(), ShipTool()

    async def work() -> None:
        async with (
            start(trusts=one) as dut,
            dialling(dut, two) as outgoing,
            one.dial(dut.port) as incoming,
        ):
            await asyncio.gather(
                incoming.hello_to_data(is_client=True),
                outgoing.hello_to_data(is_client=False),
            )
            await dut.linked(one)
            await dut.linked(two)
            assert sorted(dut.actors.connected) == sorted([one.ski, two.ski])

    run(work())


@pytest.mark.parametrize("message", [b"\x01\x00", b"\x00\x01"], ids=["CMI_001", "CMI_005"])
@pytest.mark.rule("TC_SHIP_CMI_001")
@pytest.mark.rule("TC_SHIP_CMI_005")
def test_server_answers_a_wrong_cmi_and_closes(start: Start, message: bytes) -> None:
    tool = ShipTool()

    async def work() -> None:
        async with start(trusts=tool) as dut, tool.dial(dut.port) as link:
            await link.send(message)
            assert await link.receive() == CMI
            await link.closed()

    run(work())


@pytest.mark.parametrize("message", [b"\x01\x00", b"\x00\x01"], ids=["CMI_002", "CMI_006"])
@pytest.mark.rule("TC_SHIP_CMI_002")
@pytest.mark.rule("TC_SHIP_CMI_006")
def test_client_closes_at_once_after_a_wrong_cmi(start: Start, message: bytes) -> None:
    tool = ShipTool()

    async def work() -> None:
        async with start() as dut, dialling(dut, tool) as link:
            assert await link.receive() == CMI
            await link.send(message)
            await link.closed()

    run(work())


@pytest.mark.rule("TC_SHIP_CMI_003")
def test_server_closes_a_silent_link_within_32_seconds_after_tls(start: Start) -> None:
    tool = ShipTool()

    async def work() -> None:
        async with start(trusts=tool) as dut, tool.dial(dut.port) as link:
            dut.pass_time(7)
            await link.quiet()
            dut.pass_time(25)
            await link.closed()

    run(work())


@pytest.mark.rule("TC_SHIP_CMI_004")
def test_client_closes_a_silent_link(start: Start) -> None:
    tool = ShipTool()

    async def work() -> None:
        async with start() as dut, dialling(dut, tool) as link:
            assert await link.receive() == CMI
            dut.pass_time(7)
            await link.quiet()
            dut.pass_time(25)
            await link.closed()

    run(work())


@pytest.mark.rule("TC_SHIP_HELLO_001")
@pytest.mark.rule("TC_SHIP_PROT_001")
def test_ready_without_waiting_leads_to_the_protocol_handshake(start: Start) -> None:
    tool = ShipTool()

    async def work() -> None:
        async with start(trusts=tool) as dut, tool.dial(dut.port) as link:
            await link.send(CMI)
            assert await link.receive() == CMI
            assert (await link.expect("connectionHello"))["phase"] == "ready"
            await link.send(READY, ANNOUNCE)
            assert await link.receive() == SELECT
            await link.send(SELECT)
            assert await link.receive() == PIN_NONE

    run(work())


@pytest.mark.rule("TC_SHIP_HELLO_003")
def test_silence_after_hello_is_aborted_and_closed(start: Start) -> None:
    tool = ShipTool()

    async def work() -> None:
        async with start(trusts=tool) as dut, tool.dial(dut.port) as link:
            await link.send(CMI)
            assert await link.receive() == CMI
            waiting_ms = (await link.expect("connectionHello"))["waiting"]
            assert 58_000 <= waiting_ms <= 240_000
            dut.pass_time(waiting_ms / 1000)
            assert await link.receive() == ABORTED
            dut.pass_time(2)
            assert await link.closed() == 4452

    run(work())


@pytest.mark.rule("TC_SHIP_HELLO_004")
def test_pending_is_ignored_while_we_are_ready(start: Start) -> None:
    tool = ShipTool()

    async def work() -> None:
        async with start(trusts=tool) as dut, tool.dial(dut.port) as link:
            await link.send(CMI)
            assert await link.receive() == CMI
            await link.expect("connectionHello")
            await link.send(PENDING_120)
            dut.pass_time(30)
            await link.quiet()
            await link.send(READY)
            await link.protocol_to_data(is_client=True)
            await dut.linked(tool)

    run(work())


@pytest.mark.rule("TC_SHIP_PROT_002")
def test_client_announces_json_utf8(start: Start) -> None:
    tool = ShipTool()

    async def work() -> None:
        async with start() as dut, dialling(dut, tool) as link:
            assert await link.receive() == CMI
            await link.send(CMI)
            await link.expect("connectionHello")
            await link.send(READY)
            assert await link.receive() == ANNOUNCE
            await link.send(SELECT)
            assert await link.receive() == SELECT
            assert await link.receive() == PIN_NONE

    run(work())


@pytest.mark.rule("TC_SHIP_AM_001")
@pytest.mark.rule("TC_SHIP_PIN_001")
def test_access_methods_name_our_ship_id(start: Start) -> None:
    tool = ShipTool()

    async def work() -> None:
        async with start(trusts=tool) as dut, tool.dial(dut.port) as link:
            await link.hello_to_data(is_client=True)
            await link.send(ACCESS_REQUEST)
            assert (await link.expect("accessMethods"))["id"] == "EMS-DUT"

    run(work())


@pytest.mark.rule("TC_SHIP_MSG_003")
def test_white_space_between_json_tokens_is_no_fault(start: Start) -> None:
    tool = ShipTool()

    async def work() -> None:
        async with start(trusts=tool) as dut, tool.dial(dut.port) as link:
            await link.hello_to_data(is_client=True)
            await link.send(b'\x01 \t{\r\n "accessMethodsRequest"\t: \r\n[ ]\n} ')
            assert (await link.expect("accessMethods"))["id"] == "EMS-DUT"

    run(work())


@pytest.mark.parametrize("message", [b"\x02", b"\xff\x00"], ids=["MSG_001", "MSG_002"])
@pytest.mark.rule("TC_SHIP_MSG_001")
@pytest.mark.rule("TC_SHIP_MSG_002")
def test_unusable_message_is_dropped_and_the_link_lives(start: Start, message: bytes) -> None:
    tool = ShipTool()

    async def work() -> None:
        async with start(trusts=tool) as dut, tool.dial(dut.port) as link:
            await link.hello_to_data(is_client=True)
            await link.send(message, ACCESS_REQUEST)
            assert (await link.expect("accessMethods"))["id"] == "EMS-DUT"

    run(work())


@pytest.mark.rule("TC_SHIP_AMDATA_001")
@pytest.mark.rule("TC_SHIP_AMDATA_002")
def test_data_reach_spine_while_access_methods_are_open_on_both_sides(start: Start) -> None:
    tool = ShipTool()

    async def work() -> None:
        async with start(trusts=tool) as dut, tool.dial(dut.port) as link:
            await link.hello_to_data(is_client=True)
            await link.send(spine(1), ACCESS_REQUEST, spine(2))
            assert (await link.expect("accessMethods"))["id"] == "EMS-DUT"
            await dut.actors.until(lambda: len(dut.actors.received) == 2)

    run(work())


@pytest.mark.rule("TC_SHIP_TERM_001")
def test_removed_peer_is_told_and_the_link_ends_within_max_time(start: Start) -> None:
    tool = ShipTool()

    async def work() -> None:
        async with start(trusts=tool) as dut, tool.dial(dut.port) as link:
            await link.hello_to_data(is_client=True)
            await dut.linked(tool)
            await dut.node.remove(Ski(tool.ski))
            close = await link.expect("connectionClose")
            assert close["phase"] == "announce"
            assert close["reason"] == "removedConnection"
            assert close["maxTime"] <= 10_000
            dut.pass_time(close["maxTime"] / 1000)
            await link.closed(timeout_s=2.0)

    run(work())


@pytest.mark.rule("TC_SHIP_AMDATA_003")
def test_access_methods_are_answered_while_our_own_read_is_open(start: Start) -> None:
    tool = ShipTool()

    async def work() -> None:
        async with start(trusts=tool) as dut, tool.dial(dut.port) as link:
            await link.hello_to_data(is_client=True)
            await dut.linked(tool)
            own_read = {"datagram": [{"payload": 77}]}
            await dut.node.call(lambda actors, _now: actors.outgoing.append((tool.ski, own_read)))
            await link.send(ACCESS_REQUEST)
            seen = [await link.receive() for _ in range(3)]
            assert sorted(name_of(message) for message in seen) == [
                "accessMethods",
                "accessMethodsRequest",
                "data",
            ]
            await link.send(spine(78))
            await dut.actors.until(lambda: len(dut.actors.received) == 1)
            assert dut.actors.connected == [tool.ski]

    run(work())
