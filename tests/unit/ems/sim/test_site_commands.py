"""The words of the site simulator."""

from __future__ import annotations

import pytest

from ems.sim.faults import Fault, FaultOrder, parse_fault
from ems.sim.site_commands import Command, Kettle, Plug, Quit, Sun, parse_command


@pytest.mark.parametrize(
    ("line", "command"),
    [
        ("sun 6000", Sun(6_000)),
        ("  sun   0 ", Sun(0)),
        ("kettle on", Kettle(on=True)),
        ("kettle off", Kettle(on=False)),
        ("plug garage", Plug("garage", plugged=True)),
        ("unplug garage", Plug("garage", plugged=False)),
        ("fault garage ignore-setpoint", FaultOrder("garage", Fault.IGNORE_SETPOINT)),
        ("fault garage none", FaultOrder("garage", Fault.NONE)),
        ("quit", Quit()),
    ],
)
def test_a_command_is_understood(line: str, command: Command) -> None:
    assert parse_command(line) == command


@pytest.mark.parametrize(
    "line",
    ["", "sun", "sun -5", "sun 1e3", "sun 99999999", "kettle", "fault garage", "fault garage mad"],
)
def test_anything_else_is_refused_with_a_reason(line: str) -> None:
    with pytest.raises(ValueError, match=r"unknown|watts"):
        parse_command(line)


def test_a_fault_of_the_command_line_names_device_and_fault() -> None:
    assert parse_fault("garage:offline") == FaultOrder("garage", Fault.OFFLINE)


@pytest.mark.parametrize("text", ["garage", ":offline", "garage:mad", "garage:"])
def test_a_faulty_fault_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="fault"):
        parse_fault(text)
