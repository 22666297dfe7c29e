"""What the core remembers over a restart, and how long it holds."""

from __future__ import annotations

import pytest

from ems.control.commands import Remember
from ems.control.core import Core
from ems.control.events import ContactChanged, Restored
from ems.control.grid_limit import UNLIMITED, Limited, Source
from ems.control.saved import SavedLimit, SavedState
from tests.kit.core import lpc
from tests.kit.plant import first_plant


@pytest.mark.rule("R-14A-52")
@pytest.mark.invariant("I-07")
def test_a_restored_timed_limit_runs_its_remaining_seconds() -> None:
    core = Core(first_plant(), 500.0)
    saved = SavedState(limits=(SavedLimit(power_w=4_200, source="eebus", remaining_s=100.0),))
    core.handle(Restored(saved=saved), 500.0)
    core.handle(ContactChanged(limiting=False, level="closed"), 500.0)
    assert core.decision.effective == Limited(4_200, Source.EEBUS, restored=True)

    core.handle_timer(600.0)

    assert core.decision.effective == Limited(15_120, Source.FAILSAFE)


def test_a_restored_limit_outlives_autonomy_until_the_failsafe_duration_is_over() -> None:
    core = Core(first_plant(), 0.0)
    saved = SavedState(
        limits=(SavedLimit(power_w=4_200, source="eebus"),), failsafe_remaining_s=7_200.0
    )
    core.handle(Restored(saved=saved), 0.0)
    core.handle(ContactChanged(limiting=False, level="closed"), 0.0)

    core.handle(lpc("unlimited_autonomous"), 120.0)
    assert core.decision.effective == Limited(4_200, Source.EEBUS, restored=True)
    core.handle(lpc("unlimited_autonomous"), 7_200.0)

    assert core.decision.effective == UNLIMITED


@pytest.mark.invariant("I-05")
def test_a_limit_is_remembered_with_the_event_that_brings_it() -> None:
    core = Core(first_plant(), 0.0)
    core.handle(ContactChanged(limiting=False, level="closed"), 0.0)

    commands = core.handle(lpc("limited", 4_200, expires_at=301.0), 1.0)

    [remember] = [c for c in commands if isinstance(c, Remember)]
    assert remember.at_once
    assert remember.saved.limits == (SavedLimit(power_w=4_200, source="eebus", remaining_s=300.0),)
    assert remember.saved.failsafe_remaining_s == 7_200.0
    assert remember.saved.contact_level == "closed"


def test_a_timed_limit_refreshes_its_remaining_seconds_every_five() -> None:
    core = Core(first_plant(), 0.0)
    core.handle(lpc("limited", 4_200, expires_at=301.0), 1.0)

    told = [c for t in range(2, 22) for c in core.handle_timer(float(t))]

    saved = [c for c in told if isinstance(c, Remember)]
    assert [c.at_once for c in saved] == [False] * 4
    assert saved[-1].saved.limits[0].remaining_s == 280.0
