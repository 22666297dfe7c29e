"""The queue of one endpoint over a real socket: priority, pacing, faults, cancellation."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import pairwise

import pytest

from drivers.api import UnreachableError
from drivers.modbus.link import MAX_WAITING, ModbusLink, ModbusRefusedError, Pacing, Priority
from drivers.modbus.mapfile import load_map
from drivers.modbus.pool import LinkPool
from tests.kit.aio import run, turns
from tests.kit.clock import FakeClock
from tests.kit.modbus_device import JumpClock, MapDevice

pytestmark = pytest.mark.loopback
FAST = Pacing(timeout_s=0.2)


@asynccontextmanager
async def linked(device: MapDevice, pacing: Pacing = FAST) -> AsyncIterator[ModbusLink]:
    async with device.serving():
        link = ModbusLink("127.0.0.1", device.port, pacing, device.clock)
        await link.open()
        try:
            yield link
        finally:
            link.close()


def warp() -> MapDevice:
    return MapDevice(load_map("warp"))


def test_words_go_out_and_come_back() -> None:
    async def story() -> None:
        device = warp()
        async with linked(device) as link:
            await link.write(1, 16, 1002, [0, 6087], Priority.LIMIT)
            assert await link.read(1, "holding", 1002, 2, Priority.STATUS) == [0, 6087]
            await link.write(1, 5, 1000, [1], Priority.LIMIT)
            assert await link.read(1, "coil", 1000, 2, Priority.STATUS) == [1, 0]
            assert await link.read(1, "discrete", 0, 3, Priority.STATUS) == [0, 0, 0]
            assert await link.read(1, "input", 1000, 2, Priority.STATUS) == [0, 0]

    run(story())


@pytest.mark.invariant("I-08")
def test_a_limit_goes_right_after_the_request_under_way() -> None:
    async def story() -> list[int]:
        device = warp()
        device.delay_s = 0.02
        async with linked(device) as link, asyncio.TaskGroup() as group:
            for address in (1000, 1002, 1004, 1006):
                group.create_task(link.read(1, "input", address, 2, Priority.MEASUREMENT))
            await asyncio.sleep(0.005)
            group.create_task(link.read(1, "input", 1008, 2, Priority.KEEP_ALIVE))
            group.create_task(link.write(1, 16, 1002, [0, 0], Priority.LIMIT))
        return [request.address for request in device.requests]

    assert run(story()) == [1000, 1002, 1008, 1002, 1004, 1006]


def test_a_limit_that_comes_during_a_pause_goes_first() -> None:
    async def story() -> list[tuple[int, float]]:
        device = MapDevice(load_map("warp"), clock=FakeClock())
        start = device.clock.seconds
        async with linked(device, Pacing(min_interval_s=0.5, timeout_s=0.2)) as link:
            await link.read(1, "input", 1000, 2, Priority.STATUS)
            reading = asyncio.ensure_future(link.read(1, "input", 1004, 2, Priority.STATUS))
            await turns()  # it has the turn and pauses
            limit = asyncio.ensure_future(link.write(1, 16, 1002, [0, 0], Priority.LIMIT))
            await turns()
            device.clock.advance(0.5)
            await limit
            device.clock.advance(0.5)
            await reading
        return [(request.address, request.at - start) for request in device.requests]

    assert run(story()) == [(1000, 0.0), (1002, 0.5), (1004, 1.0)]


def test_requests_keep_the_distance_the_map_asks_for() -> None:
    async def story() -> list[float]:
        device = warp()
        async with linked(device, Pacing(min_interval_s=0.25, timeout_s=0.2)) as link:
            for _ in range(3):
                await link.read(1, "input", 1000, 2, Priority.STATUS)
        return [request.at for request in device.requests]

    at = run(story())

    assert [round(later - earlier, 3) for earlier, later in pairwise(at)] == [0.25, 0.25]


@pytest.mark.field("F-13")
def test_nobody_at_the_address_is_unreachable() -> None:
    async def story() -> None:
        link = ModbusLink("127.0.0.1", 1, FAST, JumpClock())
        with pytest.raises(UnreachableError, match=r"127\.0\.0\.1:1"):
            await link.open()
        assert not link.connected

    run(story())


def test_a_device_that_does_not_answer_is_unreachable_and_may_come_back() -> None:
    async def story() -> None:
        device = warp()
        async with linked(device) as link:
            device.silent = True
            with pytest.raises(UnreachableError):
                await link.read(1, "input", 1000, 2, Priority.STATUS)
            assert not link.connected
            device.silent = False
            assert await link.read(1, "input", 1000, 2, Priority.STATUS) == [0, 0]
            assert device.connections == 2

    run(story())


def test_a_connection_that_breaks_is_opened_again_for_the_next_request() -> None:
    async def story() -> None:
        device = warp()
        async with linked(device) as link:
            device.drop_next = True
            with pytest.raises(UnreachableError):
                await link.read(1, "input", 1000, 2, Priority.STATUS)
            await link.write(1, 16, 1002, [0, 1], Priority.LIMIT)
        assert device.get("current_limit") is not None
        assert len(device.writes) == 1

    run(story())


@pytest.mark.parametrize(
    ("code", "unreachable"),
    [(1, False), (2, False), (3, False), (4, False), (10, True), (11, True)],
)
def test_exception_codes_are_refusals_except_those_of_a_gateway(
    code: int, *, unreachable: bool
) -> None:
    async def story() -> None:
        device = warp()
        device.exceptions[1002] = code
        async with linked(device) as link:
            with pytest.raises(
                UnreachableError if unreachable else ModbusRefusedError, match=f"exception {code}"
            ):
                await link.write(1, 16, 1002, [0, 0], Priority.LIMIT)
            assert link.connected

    run(story())


def test_a_busy_device_is_asked_again_a_bounded_number_of_times() -> None:
    async def story() -> None:
        device = warp()
        device.exceptions[1002] = 6
        async with linked(device) as link:
            with pytest.raises(ModbusRefusedError, match="busy"):
                await link.write(1, 16, 1002, [0, 0], Priority.LIMIT)
        assert len(device.requests) == 3

    run(story())


def test_after_a_cancelled_request_the_next_waits_for_the_late_answer_and_drops_it() -> None:
    async def story() -> None:
        device = warp()
        device.set(power=7_000)
        device.delay_s = 0.05
        async with linked(device) as link:
            reading = asyncio.ensure_future(link.read(1, "input", 2002, 2, Priority.MEASUREMENT))
            await asyncio.sleep(0.01)
            reading.cancel()
            assert await link.read(1, "input", 1000, 2, Priority.LIMIT) == [0, 0]
            assert reading.cancelled()
            assert device.most_at_once == 1
            assert device.connections == 1

    run(story())


def test_a_limit_after_a_cancelled_request_does_not_wait_for_ever() -> None:
    async def story() -> None:
        device = warp()
        device.silent = True
        async with linked(device) as link:
            reading = asyncio.ensure_future(link.read(1, "input", 2002, 2, Priority.MEASUREMENT))
            await asyncio.sleep(0.01)
            reading.cancel()
            limit = asyncio.ensure_future(link.write(1, 16, 1002, [0, 7], Priority.LIMIT))
            while device.connections < 2:  # until the answer is overdue and the link begins anew
                await asyncio.sleep(0.005)
            device.silent = False
            await limit
            assert device.connections == 2
            assert device.words["holding"][1003] == 7

    run(story())


def test_an_answer_to_another_function_is_not_an_acknowledgement() -> None:
    async def story() -> None:
        device = warp()
        async with linked(device) as link:
            link._write_request = lambda unit, code, address, words: link._read_request(  # type: ignore[method-assign]  # a device that mixes up its answers
                unit, "input", 1000, 2
            )
            with pytest.raises(UnreachableError, match="answer to function 4"):
                await link.write(1, 16, 1002, [0, 7], Priority.LIMIT)
            assert not link.connected

    run(story())


def test_cancelling_a_waiter_does_not_lose_the_turn() -> None:
    async def story() -> None:
        device = warp()
        device.delay_s = 0.02
        async with linked(device) as link:
            first = asyncio.ensure_future(link.read(1, "input", 1000, 2, Priority.STATUS))
            waiting = [
                asyncio.ensure_future(link.read(1, "input", 1000, 2, Priority.STATUS))
                for _ in range(3)
            ]
            await asyncio.sleep(0.005)
            waiting[0].cancel()
            first.cancel()
            waiting[1].cancel()
            assert await waiting[2] == [0, 0]
            assert await link.read(1, "input", 1000, 2, Priority.STATUS) == [0, 0]

    run(story())


def test_a_turn_given_to_someone_who_gave_up_goes_on_to_the_next() -> None:
    async def story() -> None:
        device = warp()
        async with linked(device) as link:
            link._busy = True
            waiter = asyncio.ensure_future(link._wait((Priority.LIMIT, -1)))
            await turns()
            link._pass_on()
            waiter.cancel()
            await turns()
            async with asyncio.timeout(1):
                assert await link.read(1, "input", 1000, 2, Priority.STATUS) == [0, 0]

    run(story())


def test_the_queue_is_bounded() -> None:
    async def story() -> None:
        device = warp()
        device.delay_s = 0.05
        async with linked(device) as link:
            waiting = [
                asyncio.ensure_future(link.read(1, "input", 1000, 2, Priority.STATUS))
                for _ in range(MAX_WAITING + 2)
            ]
            await asyncio.sleep(0.01)
            with pytest.raises(UnreachableError, match="waiting already"):
                await waiting[-1]
            for future in waiting:
                future.cancel()
            await asyncio.gather(*waiting, return_exceptions=True)

    run(story())


def test_the_answer_to_another_question_is_not_taken() -> None:
    """A device that answers with fewer registers than asked for is not believed."""

    async def story() -> None:
        device = warp()
        async with linked(device) as link:
            original = device.async_getValues

            async def short(device_id: int, code: int, address: int, count: int = 1) -> object:
                values = await original(device_id, code, address, count)
                return values[:1] if isinstance(values, list) else values

            device.async_getValues = short  # type: ignore[method-assign, assignment]
            with pytest.raises(UnreachableError, match="1 registers"):
                await link.read(1, "input", 1000, 2, Priority.STATUS)

    run(story())


def test_devices_behind_one_endpoint_share_one_connection() -> None:
    async def story() -> None:
        device = warp()
        async with device.serving():
            pool = LinkPool(device.clock)
            transport = device.mapfile.transport
            with pool.lend("127.0.0.1", device.port, transport) as first:
                with pool.lend("127.0.0.1", device.port, transport) as second:
                    assert first is second
                    await second.open()
                await first.read(1, "input", 1000, 2, Priority.STATUS)
            assert not first.connected
            with pool.lend("127.0.0.1", device.port, transport) as third:
                assert third is not first
        assert device.connections == 1

    run(story())
