"""A battery by SunSpec: grid charging is capped, the sun may always charge."""

from __future__ import annotations

import pytest

from drivers.api import Setpoint, SetupError
from drivers.modbus import sunspec
from drivers.modbus.mapfile import load_map
from drivers.registry import open_load
from tests.kit.aio import run
from tests.kit.modbus_device import MapDevice, load_config, opened, simulated_device

pytestmark = pytest.mark.loopback


def test_zero_watts_switch_grid_charging_off_and_leave_the_rate_to_the_sun() -> None:
    async def story() -> None:
        device = simulated_device("sunspec_storage")
        async with opened(device) as load:
            await load.limit(Setpoint(power_w=3_000))
            await load.limit(Setpoint(power_w=0))
            assert device.get("grid_charge_enable") == 0
            assert device.get("charge_rate") == 100
            assert (await load.read()).setpoint == Setpoint(power_w=0)

    run(story())


def test_a_cap_is_a_percentage_rounded_down_and_stands_before_the_grid_is_allowed() -> None:
    async def story() -> None:
        device = simulated_device("sunspec_storage")
        async with opened(device) as load:
            await load.limit(Setpoint(power_w=0))
            before = len(device.writes)
            await load.limit(Setpoint(power_w=3_333))
            written = [r.address for r in device.writes[before:]]
            addresses = {n: device.mapfile.points[n].address for n in device.mapfile.points}
            assert written == [
                addresses["charge_rate"],
                addresses["control_mode"],
                addresses["grid_charge_enable"],
            ]
            assert float(device.get("charge_rate") or 0) == 66.66
            assert device.get("grid_charge_enable") == 1

    run(story())


def test_discharge_limits_of_others_are_left_alone() -> None:
    async def story() -> None:
        device = simulated_device("sunspec_storage")
        device.set(control_mode=2)
        async with opened(device) as load:
            await load.limit(Setpoint(power_w=2_000))
            assert device.get("control_mode") == 3
            await load.release()
            assert device.get("control_mode") == 2

    run(story())


def test_a_device_that_cannot_tell_grid_from_sun_is_kept_from_charging() -> None:
    async def story() -> None:
        device = simulated_device("sunspec_storage")
        address = device.mapfile.points["grid_charge_enable"].address
        assert address is not None
        async with opened(device) as load:
            device.exceptions[address] = 4
            await load.limit(Setpoint(power_w=0))
            assert device.get("charge_rate") == 0
            assert device.get("control_mode") == 1

    run(story())


def test_a_site_that_never_charges_from_the_grid_stays_so_after_a_release() -> None:
    async def story() -> None:
        device = simulated_device("sunspec_storage")
        device.set(grid_charge_enable=0)
        async with opened(device, options={"grid_charge": False}) as load:
            await load.limit(Setpoint(power_w=2_000))
            assert device.get("grid_charge_enable") == 0

    run(story())


def test_power_is_what_flows_on_the_ac_side() -> None:
    async def story() -> None:
        device = simulated_device("sunspec_storage")
        async with opened(device) as load:
            device.set(ac_power=-4_800, soc=55)
            charging = await load.read()
            device.set(ac_power=2_000)
            feeding = await load.read()
            device.set_raw("ac_power", -0x8000)
            unknown = await load.read()
        assert (charging.power_w, charging.soc_pct) == (4_800, 55)
        assert feeding.power_w == -2_000
        assert unknown.power_w is None

    run(story())


def test_no_revert_timer_is_left_that_would_end_in_no_limit() -> None:
    async def story() -> None:
        device = simulated_device("sunspec_storage")
        device.set(revert_s=120)
        async with opened(device) as load:
            await load.limit(Setpoint(power_w=2_000))
            await load.prepare()
            assert device.get("revert_s") == 0
            assert load.capability.max_w == 5_000

    run(story())


def test_an_inverter_that_can_charge_less_lowers_the_maximum() -> None:
    async def story() -> None:
        device = simulated_device("sunspec_storage")
        device.set(rated_charge_power=3_700)
        async with opened(device) as load:
            await load.limit(Setpoint(power_w=4_000))
            assert float(device.get("charge_rate") or 0) <= 100
            await load.prepare()
            assert load.capability.max_w == 3_700

    run(story())


def test_a_device_without_sunspec_is_a_setup_error() -> None:
    async def story() -> None:
        device = simulated_device("sunspec_storage")
        device.words["holding"].update({40_000: 0, 40_001: 0})
        with pytest.raises(SetupError, match="no SunSpec marker"):
            async with opened(device):
                pass

    run(story())


def test_other_scale_factors_and_another_base_are_found() -> None:
    async def story() -> None:
        mapfile = load_map("sunspec_storage")
        image = sunspec.simulated(mapfile, (1, 124), {"InOutWRte_SF": 0, "WChaMax_SF": 1})
        device = MapDevice(image.mapfile.model_copy(update={"addressing": None}))
        device.words["holding"] = {a + 10_000: w for a, w in image.words.items()}
        moved = {
            name: point.model_copy(update={"address": point.address + 10_000})
            for name, point in image.mapfile.points.items()
            if point.address is not None
        }
        device.mapfile = device.mapfile.model_copy(update={"points": moved})
        device.set(rated_charge_power=5_000, control_mode=0, charge_rate=100, grid_charge_enable=1)
        async with device.serving():
            config = load_config("sunspec_storage", device.port)
            async with open_load(config, device.clock) as load:
                await load.limit(Setpoint(power_w=3_333))
        assert device.get("charge_rate") == 66

    run(story())
