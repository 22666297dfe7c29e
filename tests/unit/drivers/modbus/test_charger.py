"""Wallboxes: set-points, watchdogs and limits of their own."""

from __future__ import annotations

import math

import pytest

from drivers.api import (
    ControlUnit,
    RefusedError,
    Setpoint,
    SetupError,
)
from drivers.modbus.charger import ModbusCharger, charger_capability
from drivers.modbus.common import open_device
from drivers.modbus.link import ModbusLink, Pacing
from drivers.modbus.mapfile import MapFile, load_map, parse_map
from tests.kit.aio import run
from tests.kit.modbus_device import (
    MapDevice,
    load_config,
    maps_of,
    opened,
    simulated_device,
)

pytestmark = pytest.mark.loopback
SIX_AMPERE = Setpoint(power_w=4_140, current_ma=6_000)
OFF = Setpoint(power_w=0, current_ma=0)


def watts_map() -> MapFile:
    """A station that takes watts, made from a map that takes ampere."""
    return parse_map(
        {
            "schema": 1,
            "id": "watts",
            "kind": "wallbox",
            "manufacturer": "Example",
            "models": ["X"],
            "confidence": "single",
            "priority": 4,
            "transport": {
                "type": "modbus_tcp",
                "functions": {"write_single": 6, "read_holding": 3},
            },
            "points": {"power_limit": {"address": 1, "scale": 100, "unit": "W", "access": "rw"}},
            "control": {
                "unit": "power",
                "granularity_w": 100,
                "set_current": [{"set": "power_limit", "value": "{limit_w}"}],
                "pause": [{"set": "power_limit", "value": 0}],
            },
            "sources": ["made up"],
        },
        source="watts.yaml",
    )


@pytest.mark.parametrize(
    ("rated_w", "phases", "max_ma", "expected_ma"),
    [
        (11_000, 3, None, 16_000),
        (22_000, 3, None, 32_000),
        (3_700, 1, None, 16_000),
        (4_600, 1, None, 20_000),
        (11_000, 3, 10_000, 10_000),
        (40_000, 3, None, 32_000),
    ],
)
def test_the_ceiling_is_the_lowest_of_rating_installation_and_station(
    rated_w: int, phases: int, max_ma: int | None, expected_ma: int
) -> None:
    config = load_config("warp", rated_w=rated_w, phases=phases, max_ma=max_ma)

    assert charger_capability(config, load_map("warp")).max_ma == expected_ma


@pytest.mark.field("F-18")
@pytest.mark.parametrize(
    ("device", "keeps_s", "failsafe_ma"),
    [
        ("keba_p30", 30.0, 6_000),
        ("bender_ecu", 60.0, 6_000),
        ("abb_terra_ac", 90.0, 0),
        ("warp", math.inf, None),
    ],
)
def test_a_capability_says_how_long_the_station_remembers_and_what_follows(
    device: str, keeps_s: float, failsafe_ma: int | None
) -> None:
    can = charger_capability(load_config(device), load_map(device))

    assert (can.keeps_limit_s, can.failsafe_ma) == (keeps_s, failsafe_ma)


def test_a_map_of_another_kind_is_a_setup_error() -> None:
    with pytest.raises(SetupError, match="device idm is a heatpump"):
        charger_capability(load_config("warp"), load_map("idm"))


@pytest.mark.field("F-21")
def test_less_than_six_ampere_pauses_instead_of_being_raised() -> None:
    async def story() -> None:
        device = simulated_device("keba_p30")
        async with opened(device) as load:
            await load.limit(Setpoint(power_w=4_139, current_ma=5_999))
            assert device.get("enable") == 0
            assert device.writes_to("current_limit") == []

    run(story())


def test_after_a_pause_the_station_is_switched_on_only_behind_its_limit() -> None:
    async def story() -> None:
        device = simulated_device("keba_p30")
        async with opened(device) as load:
            await load.limit(OFF)
            await load.limit(SIX_AMPERE)
            await load.limit(Setpoint(power_w=6_900, current_ma=10_000))
            written = [(r.address, r.words) for r in device.writes]
        assert written == [(5014, (0,)), (5004, (6000,)), (5014, (1,)), (5004, (10_000,))]

    run(story())


def test_whole_ampere_stations_are_rounded_down() -> None:
    async def story() -> None:
        device = simulated_device("bender_ecu")
        async with opened(device) as load:
            await load.limit(Setpoint(power_w=5_500, current_ma=7_999))
            assert device.get("current_limit") == 7

    run(story())


def test_a_wallbox_never_makes_a_current_from_watts() -> None:
    async def story() -> None:
        device = simulated_device("warp")
        async with opened(device) as load:
            with pytest.raises(RefusedError, match="as a current"):
                await load.limit(Setpoint(power_w=4_200))
            await load.limit(Setpoint(power_w=0))
            assert device.get("current_limit") == 0

    run(story())


def test_a_station_that_takes_watts_gets_whole_steps() -> None:
    async def story() -> None:
        device = MapDevice(watts_map())
        async with device.serving():
            link = ModbusLink("127.0.0.1", device.port, Pacing(), device.clock)
            config = load_config("warp", device.port)
            load = ModbusCharger(config, await open_device(link, 1, device.mapfile, device.clock))
            assert load.capability.control is ControlUnit.POWER
            await load.limit(Setpoint(power_w=4_299))
            assert device.get("power_limit") == 4_200
            await load.limit(Setpoint(power_w=99))
            assert device.get("power_limit") == 0
            await load.release()
            assert device.get("power_limit") == 11_000
            link.close()

    run(story())


def test_preparing_writes_failsafe_values_only_where_they_differ() -> None:
    async def story() -> None:
        device = simulated_device("bender_ecu")
        device.set(failsafe_current=6, failsafe_timeout=30)
        async with opened(device) as load:
            await load.prepare()
            assert [(r.address, r.words) for r in device.writes] == [(132, (60,))]
            await load.prepare()
            assert len(device.writes) == 1

    run(story())


def test_the_site_may_choose_a_failsafe_of_zero() -> None:
    async def story() -> None:
        device = simulated_device("keba_p30")
        async with opened(device, options={"failsafe_a": 0, "failsafe_timeout_s": 45}) as load:
            await load.prepare()
            assert device.get("failsafe_current_read") == 0
            assert load.capability.failsafe_ma == 0
            assert load.capability.keeps_limit_s == 45

    run(story())


def test_a_station_with_a_lower_maximum_lowers_the_ceiling() -> None:
    async def story() -> None:
        device = simulated_device("keba_p30")
        device.set(max_current=13)
        async with opened(device) as load:
            await load.prepare()
            assert load.capability.max_ma == 13_000
            await load.release()
            assert device.get("current_limit") == 13

    run(story())


def test_a_maximum_that_cannot_be_is_not_believed() -> None:
    async def story() -> None:
        device = simulated_device("keba_p30")
        device.set(max_current=0)
        async with opened(device) as load:
            await load.prepare()
            assert load.capability.max_ma == 16_000

    run(story())


@pytest.mark.field("F-18")
@pytest.mark.parametrize("name", maps_of("wallbox"))
def test_keep_alive_at_a_third_never_lets_the_station_fall(name: str) -> None:
    """The station counts the silence between requests of the kind that feeds its watchdog."""

    async def story() -> None:
        device = simulated_device(name)
        kind = device.mapfile.keepalive.kind
        async with opened(device) as load:
            await load.limit(SIX_AMPERE)
            await load.prepare()
            keeps_s = load.capability.keeps_limit_s
            if kind == "none":
                assert keeps_s == math.inf
                return
            beat_s = min(10.0, keeps_s / 3)
            last = device.clock.seconds
            for _ in range(12):
                device.clock.advance(beat_s)
                before = len(device.requests)
                await load.keep_alive()
                fed = device.requests[before:]
                assert fed, "nothing was sent"
                if kind == "write_point":
                    assert all(request.words == (30,) for request in fed)
                assert fed[-1].at - last <= keeps_s / 3 + 0.001 + 0.5
                last = fed[-1].at

    run(story())


def test_stopping_uses_every_switch() -> None:
    async def story() -> None:
        device = simulated_device("warp")
        async with opened(device) as load:
            await load.limit(SIX_AMPERE)
            await load.stop()
            assert (device.get("current_limit"), device.get("enable")) == (0, 0)
            await load.limit(SIX_AMPERE)
            assert (device.get("current_limit"), device.get("enable")) == (6, 1)

    run(story())


def test_a_switch_that_refuses_does_not_keep_the_station_from_being_stopped() -> None:
    async def story() -> None:
        device = simulated_device("warp")
        async with opened(device) as load:
            await load.limit(SIX_AMPERE)
            device.exceptions[1000] = 1
            await load.stop()
            assert device.get("current_limit") == 0

    run(story())


@pytest.mark.invariant("I-09")
def test_a_register_finer_than_the_station_gets_whole_steps_of_the_station() -> None:
    async def story() -> None:
        coarse = load_map("mennekes_icc")
        assert coarse.control is not None
        control = coarse.control.model_copy(update={"granularity_a": 1})
        device = MapDevice(coarse.model_copy(update={"control": control}))
        async with device.serving():
            link = ModbusLink("127.0.0.1", device.port, Pacing(), device.clock)
            config = load_config("mennekes_icc", device.port)
            load = ModbusCharger(config, await open_device(link, 1, device.mapfile, device.clock))
            await load.limit(Setpoint(power_w=6_700, current_ma=9_900))
            assert device.get("current_limit") == 9
            link.close()

    run(story())
