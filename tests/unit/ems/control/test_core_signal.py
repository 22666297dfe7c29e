"""Whom the core obeys: contact, control box, test limit, and what is wrong with them."""

from __future__ import annotations

import dataclasses

import pytest

from ems.control.commands import Release, SetLimit
from ems.control.core import Core
from ems.control.events import ContactChanged, LoadFound, Restored, TestLimitChanged
from ems.control.grid_limit import UNLIMITED, Limited, Source
from ems.control.plant import BelowPmin
from tests.kit.core import WALLBOX, alarm_on, limited_site, lpc
from tests.kit.plant import first_plant, first_site


@pytest.mark.field("F-23")
@pytest.mark.rule("R-14A-24")
def test_a_contact_that_limits_at_boot_is_obeyed_by_the_first_set_point() -> None:
    core = Core(first_plant(), 0.0)
    core.handle(ContactChanged(limiting=True, level="open"), 0.0)
    core.handle(lpc("unlimited_controlled"), 0.0)

    commands = core.handle(LoadFound(load_id="garage", capability=core.decision and WALLBOX), 0.1)

    assert [type(c) for c in commands if isinstance(c, SetLimit | Release)] == [SetLimit]


@pytest.mark.field("F-24")
@pytest.mark.invariant("I-03")
@pytest.mark.parametrize("fault", ["flapping", "unreadable"])
def test_a_contact_in_fault_limits_to_pmin_and_raises_an_alarm(fault: str) -> None:
    site = first_site()
    site.lpc("unlimited_controlled")
    site.give(ContactChanged(limiting=True, level="unknown", fault=fault))

    effective = site.core.decision.effective

    assert effective == Limited(15_120, Source.FAULT)
    code = "E-CON-001" if fault == "flapping" else "E-CON-005"
    assert alarm_on(site, code, "contact")


@pytest.mark.invariant("I-03")
def test_a_damaged_state_file_limits_to_pmin_until_the_sources_have_spoken() -> None:
    site = first_site()
    site.give(Restored(saved=None, damaged=True))
    site.lpc("init", 50_000)
    site.contact("closed")
    assert site.core.decision.effective == Limited(15_120, Source.FAULT)

    site.lpc("unlimited_controlled")

    assert site.core.decision.effective == UNLIMITED


@pytest.mark.rule("R-14A-30")
def test_a_limit_below_pmin_is_obeyed_and_flagged() -> None:
    site = limited_site(3_000)

    assert site.core.decision.budget_w == 3_000
    assert alarm_on(site, "W-SIG-002", "signal")


@pytest.mark.rule("R-14A-30")
def test_a_limit_below_pmin_is_raised_where_the_plant_says_so() -> None:
    plant = first_plant()
    clamp = dataclasses.replace(plant.signal, below_pmin=BelowPmin.CLAMP_TO_PMIN)
    core = Core(dataclasses.replace(plant, signal=clamp), 0.0)

    core.handle(lpc("limited", 3_000), 1.0)

    assert core.decision.effective == Limited(3_000, Source.EEBUS)
    assert core.decision.budget_w == 15_120


@pytest.mark.rule("R-14A-32")
@pytest.mark.rule("R-14A-33")
@pytest.mark.invariant("I-02")
def test_the_stricter_of_contact_and_box_rules_and_a_contradiction_is_told() -> None:
    site = limited_site(20_000, settle_s=10)
    site.contact("open")
    assert site.core.decision.effective == Limited(15_120, Source.CONTACT)
    site.lpc("limited", 4_200)
    assert site.core.decision.effective == Limited(4_200, Source.EEBUS)
    site.lpc("unlimited_controlled")
    assert site.core.decision.effective == Limited(15_120, Source.CONTACT)

    site.run(site.now + 61)
    assert alarm_on(site, "W-SIG-001", "signal")
    site.contact("closed")

    assert site.core.decision.effective == UNLIMITED
    assert not alarm_on(site, "W-SIG-001", "signal")


def test_a_test_limit_ends_by_itself_and_never_loosens() -> None:
    site = limited_site(6_000, settle_s=5)
    ends = site.now + 60
    site.give(TestLimitChanged(limit=Limited(9_000, Source.TEST), expires_at=ends))
    assert site.core.decision.effective == Limited(6_000, Source.EEBUS)
    site.give(TestLimitChanged(limit=Limited(5_000, Source.TEST), expires_at=ends))
    assert site.core.decision.effective == Limited(5_000, Source.TEST)

    site.run(ends)

    assert site.core.decision.effective == Limited(6_000, Source.EEBUS)
