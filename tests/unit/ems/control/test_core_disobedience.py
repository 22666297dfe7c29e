"""Loads that are lost, refuse, ignore their set-point or cannot be measured."""

from __future__ import annotations

import math

import pytest

from drivers.api import LoadKind, Measurement, Setpoint
from ems.control.commands import SetLimit, Stop
from ems.control.events import (
    LoadFound,
    LoadLost,
    LoadMeasured,
    SetpointFailed,
    SetpointWritten,
)
from ems.control.plant import Load
from ems.control.reasons import ReasonCode
from tests.kit.core import HEAT_PUMP, RELAY, alarm_on, limited_site, lpc, small_core, writes
from tests.kit.plant import Site, first_site


@pytest.mark.invariant("I-03")
@pytest.mark.rule("R-14A-20")
def test_a_lost_wallbox_counts_with_what_it_may_draw_and_then_with_its_own_fallback() -> None:
    site = limited_site(20_000)
    site.devices["garage"].offline = True

    site.run(site.now + 5)
    views = {view.load_id: view for view in site.core.decision.loads}
    assert views["garage"].exposure_w >= 11_040
    assert views["garage"].reason.code is ReasonCode.OFFLINE
    site.run(site.now + 60)

    views = {view.load_id: view for view in site.core.decision.loads}
    assert 4_140 <= views["garage"].exposure_w <= 4_200  # 6 A, its own fail-safe current
    assert (site.setpoint_sum_w() or 0) > 0
    assert alarm_on(site, "E-DEV-001", "garage")


def test_a_wallbox_that_comes_back_gets_its_limit_first() -> None:
    site = limited_site(4_200)
    site.devices["garage"].offline = True
    site.run(site.now + 30)
    site.devices["garage"].cap = math.inf  # it has forgotten everything
    site.devices["garage"].offline = False
    since = site.now

    site.run(site.now + 20)

    first = writes(site, since, "garage")[0]
    assert isinstance(first, SetLimit)
    assert first.setpoint.power_w == 0
    assert site.steuve_w <= 4_300


@pytest.mark.rule("R-14A-44")
def test_a_wallbox_that_ignores_its_set_point_is_switched_off_and_others_pay() -> None:
    site = limited_site(20_000)
    site.devices["garage"].ignores = True

    site.lpc("limited", 12_000)
    site.lpc("limited", 6_000)
    site.run(site.now + 29)
    assert site.core.decision.level == 2
    assert alarm_on(site, "E-DEV-005", "garage")
    site.run(site.now + 12)

    assert [type(c) for c in writes(site, 240, "garage")].count(Stop) == 1
    assert site.steuve_w <= 6_120
    assert site.core.decision.level == 0


def test_with_escalation_off_nobody_is_switched_off() -> None:
    site = first_site(escalation=False)
    site.contact("closed")
    site.lpc("unlimited_controlled")
    site.run(120)
    site.devices["garage"].ignores = True
    site.lpc("limited", 6_000)
    site.run(240)

    assert not any(isinstance(command, Stop) for _, command in site.commands)
    assert site.core.decision.level == 1


def test_a_write_that_fails_is_repeated_later_and_later() -> None:
    core = small_core()
    core.handle(lpc("limited", 4_200), 1.0)
    core.handle(LoadFound(load_id="hp", capability=HEAT_PUMP), 1.0)
    cap = Setpoint(power_w=4_200)
    at: list[float] = []
    now = 1.0
    core.handle(SetpointFailed(load_id="hp", setpoint=cap, why="busy"), now)
    while now < 100.0:
        now += 1.0
        if any(isinstance(c, SetLimit) for c in core.handle_timer(now)):
            at.append(now)
            core.handle(SetpointFailed(load_id="hp", setpoint=cap, why="busy"), now)

    assert at == [3.0, 7.0, 15.0, 31.0, 61.0, 91.0]


def test_a_refused_set_point_raises_an_alarm_and_keeps_counting() -> None:
    site = first_site()
    site.contact("closed")
    site.lpc("unlimited_controlled")
    site.run(60)
    site.refuses.add("garage")
    site.lpc("limited", 12_000)
    site.run(100)

    views = {view.load_id: view for view in site.core.decision.loads}
    assert alarm_on(site, "E-DEV-002", "garage")
    assert views["garage"].exposure_w >= 11_040


def test_an_unmeasured_load_counts_with_its_cap_after_its_reaction_time() -> None:
    core = small_core(Load(load_id="hp", name="", kind=LoadKind.HEATPUMP, rated_w=6_000,
                           capability=RELAY))  # fmt: skip
    core.handle(lpc("limited", 4_200), 1.0)
    core.handle(LoadFound(load_id="hp", capability=RELAY), 1.0)
    core.handle(SetpointWritten(load_id="hp", setpoint=Setpoint(power_w=0), at=1.0), 1.0)
    core.handle_timer(60.0)
    assert core.decision.exposure_w == 6_000

    core.handle_timer(61.0)

    assert core.decision.exposure_w == 0


def test_increases_are_frozen_while_the_limit_is_not_kept() -> None:
    site = limited_site(20_000)
    site.devices["garage"].ignores = True
    site.lpc("limited", 6_000)
    site.run(site.now + 15)
    assert site.core.decision.level == 2
    since = site.now

    site.lpc("limited", 7_000)
    site.run(site.now + 5)

    raised = [c for c in writes(site, since) if isinstance(c, SetLimit) and c.setpoint.power_w]
    assert raised == []


def alarm_changes(site: Site, code: str, subject: str) -> list[bool]:
    return [a.active for a in site.alarms if (a.code, a.subject) == (code, subject)]


def test_a_connection_alone_does_not_end_the_alarm_of_a_silent_device() -> None:
    site = limited_site(20_000)
    capability = site.devices["garage"].load.capability
    site.devices["garage"].offline = True
    site.run(site.now + 5)

    for _ in range(20):  # it lets itself be dialled, but answers nothing
        site.give(LoadFound(load_id="garage", capability=capability))
        site.run(site.now + 1)
        site.give(LoadLost(load_id="garage", why="no answer"))
        site.run(site.now + 1)
    assert alarm_changes(site, "E-DEV-001", "garage") == [True]

    site.devices["garage"].offline = False
    site.run(site.now + 10)
    assert alarm_changes(site, "E-DEV-001", "garage") == [True, False]


def test_a_device_that_takes_orders_and_cannot_be_read_raises_an_alarm() -> None:
    site = limited_site(20_000)
    site.devices["garage"].poll_s = math.inf
    site._poll["garage"] = math.inf

    site.run(site.now + 14)
    assert alarm_changes(site, "E-DEV-001", "garage") == []
    site.run(site.now + 4)

    assert alarm_changes(site, "E-DEV-001", "garage") == [True]


def test_only_a_decrease_that_is_repeated_may_break_the_write_interval() -> None:
    core = small_core()
    core.handle(lpc("limited", 4_200), 1.0)
    core.handle(LoadFound(load_id="hp", capability=HEAT_PUMP), 1.0)
    lowered = [c for c in core.handle_timer(12.0) if isinstance(c, SetLimit)]
    cap = Setpoint(power_w=4_200)
    core.handle(SetpointWritten(load_id="hp", setpoint=cap, at=13.0), 13.0)
    reading = Measurement(power_w=3_000)
    core.handle(LoadMeasured(load_id="hp", measurement=reading, at=14.0), 14.0)

    core.handle(lpc("limited", 6_000), 100.0)
    raised = [c for c in core.handle_timer(111.0) if isinstance(c, SetLimit)]

    assert [(c.setpoint.power_w, c.urgent) for c in lowered] == [(4_200, True)]
    assert [(c.setpoint.power_w, c.urgent) for c in raised] == [(6_000, False)]
