"""A device that began anew between two polls has forgotten its cap; nobody else will tell it."""

from __future__ import annotations

import math

import pytest

from drivers.api import Measurement, Setpoint
from ems.control.commands import SetLimit, Stop
from ems.control.events import LoadFound, LoadMeasured, SetpointWritten
from tests.kit.core import HEAT_PUMP, lpc, small_core
from tests.kit.plant import Site, first_site


def at_zero(*, ignores: str = "") -> Site:
    """Everything charges freely, then 0 W from t = 120 s on, held for five minutes."""
    site = first_site()
    site.contact("closed")
    site.lpc("unlimited_controlled")
    site.run(120)
    if ignores:
        site.devices[ignores].ignores = True
    site.lpc("limited", 0)
    site.run(420 if not ignores else 150)
    return site


@pytest.mark.invariant("I-04")
@pytest.mark.parametrize("name", ["garage", "heatpump", "battery"])
def test_a_paused_device_that_restarts_unnoticed_is_paused_again_within_ten_seconds(
    name: str,
) -> None:
    site = at_zero()
    began = site.now
    site.devices[name].cap = math.inf  # rebooted; the connection came back before a poll was missed

    site.run(began + 120)

    late = [row["t"] - began for row in site.history if row["t"] > began + 10]
    drawn = [row["nwlb"] for row in site.history if row["t"] > began + 10]
    assert late
    assert max(drawn) <= 100
    assert not [command for at, command in site.commands if at > began if type(command) is Stop]


def test_a_device_that_never_follows_is_told_again_less_and_less_often() -> None:
    site = at_zero(ignores="garage")

    told = [
        at - 120.0
        for at, command in site.commands
        if at >= 120.0 and isinstance(command, SetLimit) and command.load_id == "garage"
    ]

    assert told[0] == 0.0
    assert 2 <= len(told) <= 4  # in 30 s, until the ladder switches it off


def test_devices_that_follow_are_told_once() -> None:
    site = at_zero()

    told = [
        command.load_id
        for at, command in site.commands
        if at >= 120.0 and isinstance(command, SetLimit)
    ]

    assert sorted(told) == ["battery", "carport", "garage", "heatpump", "yard"]


def test_a_device_that_reads_back_more_than_it_was_told_counts_with_it_and_is_told_again() -> None:
    core = small_core()
    core.handle(lpc("limited", 4_200), 1.0)
    core.handle(LoadFound(load_id="hp", capability=HEAT_PUMP), 1.0)
    cap = Setpoint(power_w=4_200)
    core.handle(SetpointWritten(load_id="hp", setpoint=cap, at=1.1), 1.1)
    core.handle(LoadMeasured(load_id="hp", measurement=Measurement(power_w=3_000), at=2.0), 2.0)
    assert core.decision.exposure_w == 4_200

    foreign = Measurement(power_w=3_000, setpoint=Setpoint(power_w=6_000))  # somebody else wrote it
    core.handle(LoadMeasured(load_id="hp", measurement=foreign, at=3.0), 3.0)
    reserved_w = core.decision.exposure_w
    told = [c for t in (4.0, 5.0) for c in core.handle_timer(t) if isinstance(c, SetLimit)]

    assert reserved_w == 6_000
    assert [(c.setpoint, c.urgent) for c in told] == [(cap, True)]
