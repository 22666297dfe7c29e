"""Points and action lists of one device, with maps made for the test."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from fractions import Fraction

import pytest

from drivers.api import RefusedError, SetupError, UnreachableError
from drivers.modbus.device import ModbusDevice
from drivers.modbus.link import ModbusLink, Pacing, Priority
from drivers.modbus.mapfile import MapFile, parse_map
from tests.kit.aio import run
from tests.kit.modbus_device import MapDevice

pytestmark = pytest.mark.loopback


def battery_map(**control: object) -> MapFile:
    return parse_map(
        {
            "schema": 1,
            "id": "block",
            "kind": "battery",
            "manufacturer": "Example",
            "models": ["X"],
            "confidence": "single",
            "priority": 4,
            "transport": {
                "type": "modbus_tcp",
                "functions": {"read_holding": 3, "write_multiple": 16},
                "max_read_registers": 8,
                "read_gap_allowed": True,
            },
            "points": {
                "mode": {"address": 10, "access": "rw"},
                "low": {"address": 11, "type": "uint32", "access": "rw"},
                "high": {"address": 13, "type": "int32", "access": "rw"},
                "name": {"address": 15, "type": "string", "count": 2, "access": "rw"},
                "flags": {"address": 30, "access": "rw"},
            },
            "control": control,
            "sources": ["made up"],
        },
        source="block.yaml",
    )


@asynccontextmanager
async def opened_device(mapfile: MapFile) -> AsyncIterator[tuple[MapDevice, ModbusDevice]]:
    simulated = MapDevice(mapfile)
    async with simulated.serving():
        link = ModbusLink("127.0.0.1", simulated.port, Pacing(timeout_s=0.2), simulated.clock)
        await link.open()
        try:
            yield simulated, ModbusDevice(link, 1, mapfile, simulated.clock)
        finally:
            link.close()


def perform(
    steps: list[dict[str, object]], **variables: int
) -> tuple[MapDevice, list[tuple[int, int, tuple[int, ...]]]]:
    async def story() -> tuple[MapDevice, list[tuple[int, int, tuple[int, ...]]]]:
        mapfile = battery_map(limit_charge=steps)
        async with opened_device(mapfile) as (simulated, device):
            simulated.set(flags=6, low=7)
            assert mapfile.control is not None
            await device.run(mapfile.control.limit_charge or (), variables, Priority.LIMIT)
            return simulated, [(r.function_code, r.address, r.words) for r in simulated.writes]

    return run(story())


def test_several_points_go_out_in_one_request() -> None:
    _, written = perform(
        [
            {
                "block_write": 10,
                "points": ["mode", "low", "high"],
                "values": [2, "limit_w", "-limit_w"],
            }
        ],
        limit_w=70_000,
    )

    assert written == [(16, 10, (2, 1, 4464, 0xFFFE, 0xFFFF & -4464))]


def test_a_wait_takes_the_time_of_the_given_clock() -> None:
    simulated, _ = perform([{"wait": 30}, {"set": "mode", "value": 1}])

    assert simulated.writes[0].at >= 1_030


def test_the_old_value_is_read_right_before_the_write() -> None:
    _, written = perform([{"set": "flags", "value": "old | 1"}])

    assert written == [(16, 30, (7,))]


def test_a_point_that_was_not_read_yet_is_read_for_an_expression() -> None:
    _, written = perform([{"set": "mode", "value": "low + 1"}])

    assert written == [(16, 10, (8,))]


def test_what_stands_already_is_not_written_again_where_flash_wears_out() -> None:
    _, written = perform(
        [
            {"set": "flags", "value": 6, "if_changed": True},
            {"set": "low", "value": 8, "if_changed": True},
        ]
    )

    assert written == [(16, 11, (0, 8))]


def test_an_expected_value_that_is_not_there_stops_the_action() -> None:
    with pytest.raises(RefusedError, match="low is 7, not 8"):
        perform([{"read": "low", "expect": 8}, {"set": "mode", "value": 1}])
    _, written = perform([{"read": "low", "expect": "6 + 1"}, {"set": "mode", "value": 1}])
    assert written == [(16, 10, (1,))]


def test_an_expression_without_a_value_is_refused_and_nothing_is_written() -> None:
    with pytest.raises(RefusedError, match="limit_a has no value"):
        perform([{"set": "mode", "value": "limit_a"}])


def test_the_old_value_of_a_text_is_a_fault_of_the_map() -> None:
    with pytest.raises(SetupError, match="name is a text"):
        perform([{"set": "name", "value": "old + 1"}])


def test_gaps_that_turn_out_to_be_holes_are_remembered() -> None:
    async def story() -> None:
        async with opened_device(battery_map(limit_charge=[])) as (simulated, device):
            simulated.set(mode=1, low=2, high=3)
            simulated.forget("low")
            names = ("mode", "low", "high")
            assert await device.read(names, Priority.STATUS) == {"mode": 1, "low": None, "high": 3}
            first = len(simulated.requests)
            assert await device.read(names, Priority.STATUS) == {"mode": 1, "low": None, "high": 3}
            assert (first, len(simulated.requests) - first) == (4, 2)

    run(story())


def test_another_refusal_than_an_absent_address_is_not_hidden() -> None:
    async def story() -> None:
        async with opened_device(battery_map(limit_charge=[])) as (simulated, device):
            simulated.exceptions[10] = 4
            with pytest.raises(RefusedError, match="device failure"):
                await device.read(("mode",), Priority.STATUS)
            simulated.exceptions[10] = 11
            with pytest.raises(UnreachableError):
                await device.read(("mode",), Priority.STATUS)

    run(story())


def test_a_value_over_readings_is_nothing_when_one_is_missing() -> None:
    async def story() -> None:
        async with opened_device(battery_map(limit_charge=[])) as (_, device):
            assert device.evaluate("low * 2", {"low": Fraction(3)}) == 6
            assert device.evaluate("low * 2", {"low": None}) is None
            assert device.names_in("low + limit_w") == ("low",)
            with pytest.raises(SetupError):
                device.names_in("low +")

    run(story())


def test_a_point_without_an_address_is_refused_and_not_written_to_zero() -> None:
    async def story() -> None:
        async with opened_device(battery_map(release=[{"set": "mode", "value": 1}])) as (_, device):
            missing = device.map.points["mode"].model_copy(update={"address": None})
            with pytest.raises(RefusedError, match="no such point"):
                await device.write_words(missing, [1], Priority.LIMIT)
            with pytest.raises(RefusedError, match="no such point"):
                await device._read_words(missing, Priority.LIMIT)

    run(story())


def test_a_step_that_was_read_and_expected_lets_the_action_go_on() -> None:
    action = [{"read": "mode", "expect": 0}, {"set": "mode", "value": 3}]

    async def story() -> None:
        mapfile = battery_map(release=action)
        async with opened_device(mapfile) as (simulated, device):
            assert mapfile.control is not None
            await device.run(mapfile.control.release or (), {}, Priority.LIMIT)
            assert simulated.get("mode") == 3

    run(story())
