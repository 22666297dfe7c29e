"""From configuration to driver."""

from __future__ import annotations

import subprocess
import sys

import pytest
from pydantic import ValidationError

from drivers.api import LoadKind, SetupError
from drivers.registry import LoadConfig, known_devices, open_load, static_capability
from tests.kit.aio import run
from tests.kit.clock import FakeClock


def config(**more: object) -> LoadConfig:
    return LoadConfig.model_validate(
        {"id": "x", "kind": "wallbox", "device": "warp", "rated_w": 11_000, **more}
    )


def test_every_kind_of_device_is_known() -> None:
    kinds = {device.kind for device in known_devices()}
    ids = {device.id for device in known_devices()}

    assert kinds == {"wallbox", "heatpump", "battery", "meter"}
    assert {"keba_p30", "abb_terra_ac", "warp", "mennekes_icc", "idm", "sg_ready"} <= ids


@pytest.mark.parametrize(
    "wrong",
    [
        {"rated_w": 0},
        {"phases": 4},
        {"port": 70_000},
        {"unit_id": 256},
        {"max_ma": 5_000},
        {"colour": "red"},
        {"options": {"failsafe": 6}},
        {"options": {"failsafe_a": 40}},
        {"kind": "toaster"},
        {"id": ""},
    ],
)
def test_a_configuration_is_strict(wrong: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        config(**wrong)


@pytest.mark.parametrize(
    ("more", "text"),
    [
        ({"device": "nothing"}, "unknown device"),
        ({"kind": LoadKind.BATTERY}, "warp is a wallbox, not a battery"),
        ({"device": "janitza"}, "janitza is a meter, not a load"),
        ({"device": "sg_ready"}, "is for heat pumps"),
    ],
)
def test_a_device_that_does_not_fit_is_said_before_any_connection(
    more: dict[str, object], text: str
) -> None:
    with pytest.raises(SetupError, match=text):
        static_capability(config(**more))


def test_a_load_on_the_network_needs_a_host() -> None:
    async def story() -> None:
        with pytest.raises(SetupError, match="host is missing"):
            async with open_load(config(), FakeClock()):
                pass

    run(story())


def test_the_modbus_library_is_not_loaded_for_a_contact() -> None:
    code = (
        "import sys, drivers.registry as r;"
        "r.static_capability(r.LoadConfig(id='p', kind='heatpump', device='sg_ready', rated_w=1));"
        "sys.exit('pymodbus' in sys.modules)"
    )

    done = subprocess.run([sys.executable, "-c", code], check=False)

    assert done.returncode == 0
