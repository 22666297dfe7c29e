"""The core lets go: every load is freed one after the other, and asked again until it is."""

from __future__ import annotations

import math

import pytest

from drivers.api import Measurement, Setpoint
from ems.control.commands import Alarm, Release
from ems.control.events import LoadFound, LoadMeasured, SetpointWritten
from tests.kit.core import HEAT_PUMP, alarm_on, limited_site, lpc, small_core, writes


@pytest.mark.invariant("I-10")
def test_release_frees_every_load_within_a_minute_one_after_the_other() -> None:
    site = limited_site(4_200)

    site.lpc("unlimited_controlled")
    site.run(site.now + 60)

    released = [c.load_id for c in writes(site, site.now - 60) if isinstance(c, Release)]
    assert released == ["heatpump", "garage", "carport", "yard", "battery"]
    assert all(view.setpoint is None for view in site.core.decision.loads)


@pytest.mark.field("F-17")
@pytest.mark.rule("R-14A-40")
def test_a_release_that_is_not_answered_is_repeated_until_it_is() -> None:
    site = limited_site(4_200)
    site.deaf.add("heatpump")
    site.lpc("unlimited_controlled")
    site.run(site.now + 65)
    assert alarm_on(site, "E-DEV-006", "heatpump")

    site.deaf.clear()
    site.run(site.now + 60)

    assert math.isinf(site.devices["heatpump"].cap)
    assert not alarm_on(site, "E-DEV-006", "heatpump")


@pytest.mark.field("F-17")
def test_a_device_that_still_reports_its_old_cap_is_released_again() -> None:
    core = small_core()
    core.handle(lpc("limited", 4_200), 1.0)
    core.handle(LoadFound(load_id="hp", capability=HEAT_PUMP), 1.0)
    cap = Setpoint(power_w=4_200)
    core.handle(SetpointWritten(load_id="hp", setpoint=cap, at=1.1), 1.1)
    core.handle(lpc("unlimited_controlled"), 2.0)
    core.handle(SetpointWritten(load_id="hp", setpoint=None, at=2.1), 2.1)

    stuck = Measurement(power_w=3_000, setpoint=cap)
    core.handle(LoadMeasured(load_id="hp", measurement=stuck, at=3.0), 3.0)
    commands = [c for t in range(4, 8) for c in core.handle_timer(float(t))]

    assert [type(c) for c in commands if not isinstance(c, Alarm)] == [Release]
