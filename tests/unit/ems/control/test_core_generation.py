"""Own generation under a limit: credited late, taken back at once, gone with the meter."""

from __future__ import annotations

import dataclasses

import pytest

from ems.control.core import Core
from ems.control.events import GenerationMeasured, GridLost, GridMeasured
from ems.control.plant import Attribution
from tests.kit.core import alarm_on, caps, limited_site, lpc
from tests.kit.plant import first_plant


@pytest.mark.field("F-30")
@pytest.mark.rule("R-14A-18")
def test_a_silent_meter_takes_the_credit_and_leaves_the_limit() -> None:
    site = limited_site(4_200)
    site.sun_w = 6_000
    site.run(site.now + 90)
    assert site.core.decision.credit_w > 4_000

    site.grid_silent = True
    site.run(site.now + 11)

    assert site.core.decision.credit_w == 0
    assert site.core.decision.budget_w == 4_200
    assert alarm_on(site, "E-MET-001", "grid")


@pytest.mark.rule("R-14A-15")
def test_generation_is_credited_late_and_taken_back_at_once() -> None:
    site = limited_site(0)
    site.sun_w = 6_000
    site.run(site.now + 25)
    assert site.core.decision.credit_w == 0
    site.run(site.now + 60)
    assert site.core.decision.credit_w > 4_500

    site.pv_w = site.sun_w = 0.0
    site.run(site.now + 2)

    assert site.core.decision.credit_w == 0


@pytest.mark.field("F-16")
def test_clouds_start_a_load_twice_in_a_quarter_of_an_hour_at_most() -> None:
    site = limited_site(0)
    for load in ("battery", "heatpump"):
        site.devices[load].wants = False
    before = {name: device.starts for name, device in site.devices.items()}

    for second in range(900):
        site.sun_w = 6_000 if second % 150 < 100 else 2_000
        site.run(site.now + 1)

    started = {name: device.starts - before[name] for name, device in site.devices.items()}
    assert max(started.values()) <= 2


def test_surplus_that_a_battery_takes_by_itself_is_no_offence() -> None:
    site = limited_site(0)
    site.devices["garage"].wants = False
    site.sun_w = 6_000

    site.run(site.now + 120)

    assert site.devices["battery"].power_w > 4_000
    assert caps(site)["battery"] == 0
    assert (caps(site)["garage"] or 0) >= 4_140
    assert not alarm_on(site, "E-DEV-005", "battery")
    assert site.core.decision.level == 0
    assert site.nwlb_w <= 100


def test_generation_that_is_measured_counts_where_the_rule_wants_it() -> None:
    plant = first_plant()
    first = dataclasses.replace(plant.signal, attribution=Attribution.STEUVE_FIRST)
    core = Core(dataclasses.replace(plant, signal=first), 0.0)
    core.handle(lpc("limited", 4_200), 0.0)
    for second in range(40):
        at = float(second)
        core.handle(GridMeasured(power_w=600, at=at), at)
        core.handle(GenerationMeasured(power_w=2_000, at=at), at)

    assert core.decision.budget_w == 6_200
    core.handle(GridLost(why="silent"), 40.0)

    assert core.decision.budget_w == 4_200
