"""Heat pumps behind two relay outputs, with gpiozero's simulated pins."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import pytest
from gpiozero import Device
from gpiozero.pins.mock import MockFactory

from drivers.api import ControlUnit, RefusedError, Setpoint, SetupError
from drivers.gpio.outputs import open_output
from drivers.registry import LoadConfig, open_load, static_capability
from tests.kit.aio import run
from tests.kit.clock import FakeClock


@pytest.fixture
def pins() -> Iterator[MockFactory]:
    factory = MockFactory()
    yield factory
    factory.reset()
    Device.pin_factory = None


def config(**options: object) -> LoadConfig:
    return LoadConfig.model_validate(
        {
            "id": "pump",
            "kind": "heatpump",
            "device": "sg_ready",
            "rated_w": 3_000,
            "options": {"pin_a": "GPIO5", "pin_b": "GPIO6", **options},
        }
    )


def levels(pins: MockFactory) -> tuple[bool, bool]:
    return bool(pins.pin(5).state), bool(pins.pin(6).state)


def test_it_is_free_or_locked_and_nothing_between() -> None:
    can = static_capability(config())

    assert (can.control, can.levels_w) == (ControlUnit.LEVELS, (0, 3_000))
    assert can.min_write_interval_s == 60
    assert not can.measures_power


@pytest.mark.field("F-21")
def test_less_than_the_rated_power_locks_the_pump(pins: MockFactory) -> None:
    async def story() -> None:
        opener = partial(open_output, active_high=True, pin_factory=pins)
        async with open_load(config(), FakeClock(), make_output=opener) as pump:
            await pump.limit(Setpoint(power_w=2_999))
            assert levels(pins) == (True, False)
            assert (await pump.read()).setpoint == Setpoint(power_w=0)
            await pump.limit(Setpoint(power_w=3_000))
            assert levels(pins) == (False, False)
            assert (await pump.read()).setpoint == Setpoint(power_w=3_000)
            await pump.stop()
            assert levels(pins) == (True, False)
            await pump.prepare()
            await pump.keep_alive()
            await pump.release()
            assert levels(pins) == (False, False)

    run(story())


def test_a_relay_that_closes_on_low_is_driven_low(pins: MockFactory) -> None:
    async def story() -> None:
        opener = partial(open_output, active_high=False, pin_factory=pins)
        async with open_load(config(active_high=False), FakeClock(), make_output=opener) as pump:
            await pump.limit(Setpoint(power_w=0))
            assert levels(pins) == (False, True)

    run(story())


def test_only_the_lock_contact_may_be_wired(pins: MockFactory) -> None:
    async def story() -> None:
        opener = partial(open_output, active_high=True, pin_factory=pins)
        async with open_load(config(pin_b=None), FakeClock(), make_output=opener) as pump:
            await pump.limit(Setpoint(power_w=0))
            assert bool(pins.pin(5).state)

    run(story())


def test_an_output_that_does_not_follow_is_said() -> None:
    class Stuck:
        value = 0

        def on(self) -> None: ...

        def off(self) -> None: ...

        def close(self) -> None: ...

    async def story() -> None:
        async with open_load(config(), FakeClock(), make_output=lambda _: Stuck()) as pump:
            with pytest.raises(RefusedError, match="output out_a does not follow"):
                await pump.limit(Setpoint(power_w=0))

    run(story())


def test_a_missing_pin_and_a_wrong_pin_are_setup_errors(pins: MockFactory) -> None:
    async def story() -> None:
        opener = partial(open_output, active_high=True, pin_factory=pins)
        for wrong in (config(pin_a=None), config(pin_a="GPIO999")):
            with pytest.raises(SetupError):
                async with open_load(wrong, FakeClock(), make_output=opener):
                    pass

    run(story())
