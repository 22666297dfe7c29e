"""GPIO outputs of the process: a driver that goes leaves the relay as it is."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

import pytest
from gpiozero import Device, DigitalInputDevice
from gpiozero.exc import BadPinFactory
from gpiozero.pins.mock import MockFactory

from drivers.api import LoadKind, Setpoint, SetupError, UnreachableError
from drivers.gpio.outputs import OutputPool, open_output
from drivers.gpio.sg_ready import sg_ready_capability
from drivers.gpio.why import reason_of
from drivers.modbus.mapfile import load_map
from drivers.registry import LoadConfig, open_load
from tests.kit.aio import run
from tests.kit.clock import FakeClock


@pytest.fixture
def pins() -> Iterator[MockFactory]:
    factory = MockFactory()
    yield factory
    factory.reset()
    Device.pin_factory = None


@pytest.fixture
def pool(pins: MockFactory) -> OutputPool:
    return OutputPool(partial(open_output, pin_factory=pins))


def history(pins: MockFactory, number: int) -> list[bool]:
    return [bool(state.state) for state in pins.pin(number).states]


PUMP = LoadConfig.model_validate(
    {
        "id": "pump",
        "kind": "heatpump",
        "device": "sg_ready",
        "rated_w": 3_000,
        "options": {"pin_a": "GPIO5", "pin_b": "GPIO6"},
    }
)


def test_a_locked_pump_stays_locked_from_one_driver_to_the_next(
    pins: MockFactory, pool: OutputPool
) -> None:
    async def story() -> None:
        for _ in range(3):
            lend = partial(pool.lend, active_high=True)
            async with open_load(PUMP, FakeClock(), make_output=lend) as pump:
                await pump.limit(Setpoint(power_w=0))

    run(story())

    assert history(pins, 5)[-1] is True
    assert history(pins, 5).count(False) == 1  # as found, before the first order
    assert history(pins, 6) == [False] * len(history(pins, 6))


def test_pins_that_nobody_names_any_more_are_given_back(
    pins: MockFactory, pool: OutputPool
) -> None:
    pool.lend("GPIO5", active_high=True).on()
    pool.lend("GPIO6", active_high=True)

    pool.keep_only({"GPIO5"})

    DigitalInputDevice("GPIO6", pin_factory=pins).close()
    assert pool.lend("GPIO5", active_high=True).value == 1
    pool.close()
    DigitalInputDevice("GPIO5", pin_factory=pins).close()


def test_a_relay_wired_the_other_way_round_begins_at_rest(
    pins: MockFactory, pool: OutputPool
) -> None:
    pool.lend("GPIO5", active_high=True).on()

    turned = pool.lend("GPIO5", active_high=False)

    assert turned.value == 0
    assert bool(pins.pin(5).state) is True  # off is high for a relay that closes on low


def test_an_output_is_off_from_the_first_moment_on(pins: MockFactory) -> None:
    for pin, active_high in (("GPIO5", True), ("GPIO6", False)):
        output = open_output(pin, active_high=active_high, pin_factory=pins)
        assert output.value == 0


def test_without_a_library_the_error_names_cause_and_action() -> None:
    class NoFactory:
        def reserve_pins(self, *_: object) -> None:
            raise BadPinFactory("Unable to load any default pin factory!")

    with pytest.raises(SetupError, match=r"GPIO5: no GPIO chip or no library.*ems doctor gpio"):
        open_output("GPIO5", active_high=True, pin_factory=NoFactory())


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (ImportError("No module named 'gpiod'"), "'gpiod'; see `ems doctor gpio`"),
        (ValueError(), "ValueError"),
        (OSError("line\nbusy"), "line busy"),
    ],
)
def test_a_reason_is_one_line_and_never_empty(error: Exception, text: str) -> None:
    assert text in reason_of(error)


class Dying:
    """An output whose chip goes away."""

    def __init__(self) -> None:
        self.value = 0
        self.dead = False

    def _touch(self) -> None:
        if self.dead:
            raise RuntimeError("the chip is gone")

    def on(self) -> None:
        self._touch()
        self.value = 1

    off = close = _touch

    def __getattribute__(self, name: str) -> Any:
        if name == "value" and object.__getattribute__(self, "__dict__").get("dead"):
            raise RuntimeError("the chip is gone")
        return object.__getattribute__(self, name)


def test_an_output_that_died_is_a_lost_device_and_is_opened_anew(
    caplog: pytest.LogCaptureFixture,
) -> None:
    made = list[Dying]()

    def make(_pin: str, *, active_high: bool) -> Dying:
        made.append(Dying())
        return made[-1]

    pool = OutputPool(make)

    async def story() -> None:
        lend = partial(pool.lend, active_high=True)
        async with open_load(PUMP, FakeClock(), make_output=lend) as pump:
            for output in made:
                output.dead = True
            with pytest.raises(UnreachableError, match="pump: out_b: the chip is gone"):
                await pump.limit(Setpoint(power_w=0))
        async with open_load(PUMP, FakeClock(), make_output=lend) as pump:
            await pump.limit(Setpoint(power_w=0))

    run(story())

    assert [output.value for output in made[2:]] == [1, 0]
    assert caplog.text.count("the chip is gone") == 2


def test_a_map_without_positions_is_no_relay_and_only_heat_pumps_are_switched() -> None:
    mapfile = load_map("sg_ready")
    assert mapfile.control is not None
    dumb = mapfile.model_copy(update={"control": mapfile.control.model_copy(update={"dim": None})})

    with pytest.raises(SetupError, match=r"control\.dim"):
        sg_ready_capability(PUMP, dumb)
    with pytest.raises(SetupError, match="for heat pumps"):
        sg_ready_capability(PUMP.model_copy(update={"kind": LoadKind.WALLBOX}), mapfile)
