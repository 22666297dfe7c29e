"""What all drivers share, at its edges: maps that lack a part, and maps that ask for repetition."""

from __future__ import annotations

from fractions import Fraction

import pytest

from drivers.api import Setpoint, SetupError, UnreachableError
from drivers.modbus.battery import ModbusBattery, _power_w
from drivers.modbus.charger import ModbusCharger
from drivers.modbus.common import control_of, must_exist
from drivers.modbus.device import ModbusDevice
from drivers.modbus.link import ILLEGAL_ADDRESS, ModbusLink, Pacing
from drivers.modbus.mapfile import KeepAlive, load_map
from drivers.registry import open_load
from tests.kit.aio import run
from tests.kit.modbus_device import MapDevice, load_config, simulated_device

REPEATING = KeepAlive(kind="rewrite_setpoint", interval_s=20)


def test_a_map_of_an_actuator_needs_a_control_and_its_actions() -> None:
    bare = load_map("warp").model_copy(update={"control": None})

    with pytest.raises(SetupError, match="warp: control is missing"):
        control_of(bare)
    with pytest.raises(SetupError, match=r"warp: control\.pause is missing"):
        must_exist((), bare, "pause")


@pytest.mark.parametrize(
    ("values", "power_w"),
    [
        ({"ac_power": Fraction(-4_000), "battery_power": Fraction(1)}, 4_000),
        ({"ac_power": None, "battery_power": Fraction(3_000)}, 3_000),
        ({"charge_power": Fraction(2_500)}, 2_500),
        ({"discharge_power": Fraction(1_500)}, -1_500),
        ({"charge_power": Fraction(100), "discharge_power": Fraction(40)}, 60),
        ({"ac_power": None, "battery_power": None}, None),
        ({}, None),
    ],
)
def test_a_battery_is_measured_where_it_can_be_consumption_positive(
    values: dict[str, Fraction | None], power_w: int | None
) -> None:
    assert _power_w(values) == power_w


@pytest.mark.loopback
@pytest.mark.field("F-18")
@pytest.mark.parametrize("name", ["warp", "sunspec_storage"])
def test_a_map_that_asks_for_it_has_the_set_point_repeated_and_a_release_is_not(name: str) -> None:
    kind = ModbusCharger if name == "warp" else ModbusBattery

    async def story() -> tuple[int, int]:
        simulated = simulated_device(name)
        mapfile = simulated.mapfile.model_copy(update={"keepalive": REPEATING})
        async with simulated.serving():
            pacing = Pacing(timeout_s=0.5)
            link = ModbusLink("127.0.0.1", simulated.port, pacing, simulated.clock)
            device = ModbusDevice(link, mapfile.transport.unit_id, mapfile, simulated.clock)
            load = kind(load_config(name, simulated.port), device)
            try:
                await load.limit(Setpoint(power_w=4_140, current_ma=6_000))
                first = len(simulated.writes)
                await load.keep_alive()
                repeated = len(simulated.writes) - first
                await load.release()
                after = len(simulated.writes)
                await load.keep_alive()
                return repeated, len(simulated.writes) - after
            finally:
                link.close()

    repeated, after_release = run(story())
    assert repeated >= 1
    assert after_release == 0


@pytest.mark.loopback
def test_a_scale_factor_that_is_refused_is_tried_again_later_and_not_taken_for_one() -> None:
    async def story() -> None:
        device = MapDevice(load_map("sunspec_storage"))
        scale = [a for a, word in device.words["holding"].items() if word == 0xFFFE]
        for address in scale:
            device.exceptions[address] = ILLEGAL_ADDRESS
        async with device.serving():
            config = load_config("sunspec_storage", device.port)
            with pytest.raises(UnreachableError, match="scale factor"):
                async with open_load(config, device.clock):
                    pass

    run(story())
