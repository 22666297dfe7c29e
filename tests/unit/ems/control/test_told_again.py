"""A device that began anew between two polls has forgotten its cap; nobody else will tell it."""

from __future__ import annotations

import math

import pytest

from ems.control.commands import SetLimit, Stop
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
