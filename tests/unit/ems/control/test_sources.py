"""What survives a restart, and who ends it: neither freed too early nor held for ever."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import pytest

from ems.control.commands import Command, Remember
from ems.control.core import Core
from ems.control.events import ContactChanged, Event, JournalDamaged, LpcChanged, Restored
from ems.control.grid_limit import UNLIMITED, GridLimit, Limited, Source
from ems.control.plant import Plant, SignalConfig
from ems.control.saved import SavedLimit, SavedState
from tests.kit.plant import first_plant

FAILSAFE_W = 15_120
BOX = "ab" * 20
ZERO = SavedState(
    limits=(SavedLimit(power_w=0, source="eebus"),),
    lpc_state="limited",
    failsafe_w=FAILSAFE_W,
    failsafe_duration_s=7_200.0,
    failsafe_remaining_s=7_200.0,
    peer=BOX,
)


def lpc(state: str, limit: GridLimit = UNLIMITED, *, until: float | None = None) -> LpcChanged:
    return LpcChanged(
        state=state,
        limit=limit,
        failsafe_w=FAILSAFE_W,
        failsafe_duration_s=7_200.0,
        binding_until=until,
        peer=BOX,
    )


INIT = lpc("init", Limited(FAILSAFE_W, Source.FAILSAFE))


def core_after(*events: Event, plant: Plant | None = None) -> Core:
    core = Core(plant or first_plant(), 0.0)
    core.handle(ContactChanged(limiting=False, level="closed"), 0.0)
    for event in events:
        core.handle(event, 0.0)
    return core


def effective(core: Core, now: float) -> GridLimit:
    core.handle_timer(now)
    return core.decision.effective


def without_eebus() -> Plant:
    plant = first_plant()
    signal = SignalConfig(sources=(Source.CONTACT,), contact_limit_w=15_120)
    return dataclasses.replace(plant, signal=signal)


@pytest.mark.invariant("I-03")
def test_an_eebus_side_that_begins_anew_in_a_running_process_frees_nothing() -> None:
    core = core_after(Restored(saved=None), lpc("limited", Limited(0, Source.EEBUS)))

    core.handle(INIT, 1_000.0)
    assert core.decision.effective == Limited(0, Source.EEBUS, restored=True)
    core.handle(lpc("unlimited_autonomous"), 1_121.0)

    assert effective(core, 8_190.0) == Limited(0, Source.EEBUS, restored=True)


def test_the_box_releases_what_outlived_a_new_beginning_of_the_eebus_side() -> None:
    core = core_after(Restored(saved=None), lpc("limited", Limited(0, Source.EEBUS)))
    core.handle(INIT, 1_000.0)

    core.handle(lpc("unlimited_controlled"), 1_010.0)

    assert core.decision.effective == UNLIMITED


def test_a_restored_limit_ends_with_its_binding_time_when_eebus_was_configured_away() -> None:
    core = core_after(Restored(saved=ZERO), plant=without_eebus())

    assert effective(core, 7_199.0) == Limited(0, Source.EEBUS, restored=True)
    assert effective(core, 7_200.0) == UNLIMITED


def test_a_restored_limit_becomes_the_failsafe_limit_while_the_eebus_side_cannot_begin() -> None:
    core = core_after(Restored(saved=ZERO))

    assert effective(core, 7_199.0) == Limited(0, Source.EEBUS, restored=True)
    assert effective(core, 7_200.0) == Limited(FAILSAFE_W, Source.FAILSAFE)


def test_a_restored_limit_whose_time_is_over_still_waits_five_minutes_for_the_box() -> None:
    saved = dataclasses.replace(ZERO, failsafe_remaining_s=0.0)
    core = core_after(Restored(saved=saved), INIT)

    assert effective(core, 299.0) == Limited(0, Source.EEBUS, restored=True)
    assert effective(core, 300.0) == Limited(FAILSAFE_W, Source.FAILSAFE)


@pytest.mark.invariant("I-03")
def test_a_damaged_state_file_is_not_freed_by_a_box_that_stays_away() -> None:
    core = core_after(Restored(saved=None, damaged=True), INIT)

    core.handle(lpc("unlimited_autonomous"), 121.0)

    assert effective(core, 7_199.0) == Limited(FAILSAFE_W, Source.FAULT)
    assert effective(core, 7_200.0) == UNLIMITED


def test_a_damaged_state_file_tells_the_lpc_machine_how_long_to_wait() -> None:
    core = Core(first_plant(), 0.0)

    commands = core.handle(Restored(saved=None, damaged=True), 0.0)

    saved = [command.saved for command in commands if isinstance(command, Remember)]
    assert saved[0].failsafe_remaining_s == 7_200.0


def test_a_failsafe_value_of_the_box_that_equals_the_configured_one_is_remembered() -> None:
    core = core_after(Restored(saved=None), lpc("unlimited_controlled"))

    written = dataclasses.replace(lpc("unlimited_controlled"), failsafe_from_box=True)
    commands = core.handle(written, 10.0)

    saved = [command.saved for command in commands if isinstance(command, Remember)]
    assert [state.failsafe_from_box for state in saved] == [True]


def test_a_second_restart_neither_lengthens_nor_shortens_what_is_left() -> None:
    core = core_after(Restored(saved=ZERO), INIT)
    saved = SavedState()
    for second in range(1, 1_801):
        for command in core.handle_timer(float(second)):
            saved = command.saved if isinstance(command, Remember) else saved

    again = Core(first_plant(), 5_000.0)
    again.handle(Restored(saved=saved), 5_000.0)
    again.handle(ContactChanged(limiting=False, level="closed"), 5_000.0)

    assert saved.limits == ZERO.limits
    assert saved.failsafe_remaining_s is not None
    assert 5_400.0 <= saved.failsafe_remaining_s <= 5_460.0  # refreshed once a minute
    assert again.decision.effective == Limited(0, Source.EEBUS, restored=True)


def test_a_failsafe_value_of_the_box_is_in_force_before_the_box_is_back() -> None:
    saved = SavedState(failsafe_w=6_000, failsafe_duration_s=14_400.0, failsafe_from_box=True)

    core = core_after(Restored(saved=saved))

    assert core.decision.effective == Limited(6_000, Source.FAILSAFE)


@pytest.mark.invariant("I-03")
@pytest.mark.parametrize(
    ("source", "effective"),
    [
        ("contact", Limited(FAILSAFE_W, Source.FAILSAFE)),  # the level at boot speaks for it
        ("fault", Limited(FAILSAFE_W, Source.FAILSAFE)),
        ("somebody", Limited(1_000, Source.FAULT, restored=True)),  # a newer version wrote it
    ],
)
def test_a_limit_of_each_source_is_restored_or_spoken_for(
    source: str, effective: GridLimit
) -> None:
    saved = SavedState(limits=(SavedLimit(power_w=1_000, source=source),))

    assert core_after(Restored(saved=saved)).decision.effective == effective


def test_an_eebus_side_that_begins_anew_without_a_limit_holds_nothing() -> None:
    core = core_after(lpc("unlimited_controlled"))

    core.handle(INIT, 1_000.0)
    assert core.decision.effective == Limited(FAILSAFE_W, Source.FAILSAFE)
    core.handle(lpc("unlimited_autonomous"), 1_121.0)

    assert core.decision.effective == UNLIMITED


def test_a_damaged_journal_holds_nobody_longer_than_the_sources_are_silent() -> None:
    core = core_after(JournalDamaged(), lpc("unlimited_autonomous"))

    assert core.decision.effective == UNLIMITED


def test_of_two_limits_of_one_source_the_stricter_is_remembered() -> None:
    core = core_after(Restored(saved=ZERO), lpc("failsafe", Limited(5_000, Source.FAILSAFE)))
    again = SavedState(
        limits=(SavedLimit(power_w=3_000, source="failsafe"),), failsafe_remaining_s=7_200.0
    )
    later = core_after(Restored(saved=again))

    commands = later.handle(lpc("failsafe", Limited(5_000, Source.FAILSAFE)), 1.0)
    looser = SavedState(
        limits=(SavedLimit(power_w=9_000, source="failsafe"),), failsafe_remaining_s=7_200.0
    )
    last = core_after(Restored(saved=looser))
    more = last.handle(lpc("failsafe", Limited(5_000, Source.FAILSAFE)), 1.0)

    assert core.decision.effective == Limited(0, Source.EEBUS, restored=True)
    assert [saved_w(commands), saved_w(more)] == [3_000, 5_000]


def test_what_a_failsafe_still_binds_is_remembered_with_it() -> None:
    core = core_after(Restored(saved=None))

    commands = core.handle(
        lpc("failsafe", Limited(FAILSAFE_W, Source.FAILSAFE), until=5_000.0), 1_000.0
    )

    saved = [command.saved for command in commands if isinstance(command, Remember)]
    assert saved[-1].failsafe_remaining_s == 4_000.0


def saved_w(commands: Sequence[Command]) -> int:
    """What is remembered of the failsafe [W]."""
    saved = [command.saved for command in commands if isinstance(command, Remember)]
    return next(one.power_w for one in saved[-1].limits if one.source == "failsafe")


def test_a_limit_below_zero_cannot_be_made() -> None:
    with pytest.raises(ValueError, match="never negative"):
        Limited(-1, Source.EEBUS)


def test_the_contact_tells_since_when_it_means_what_it_means() -> None:
    core = core_after()
    core.handle(ContactChanged(limiting=True, level="open"), 5.0)
    core.handle(ContactChanged(limiting=True, level="open", fault="flapping"), 9.0)

    [view] = [one for one in core.decision.sources if one.fault == "flapping"]

    assert view.since == 5.0
