"""One voltage snapshot, and only the phases that were really seen."""

from __future__ import annotations

import pytest

from drivers.api import Capability, ControlUnit, LoadKind, Measurement
from ems.control.plant import Load
from ems.control.scale import Scale

CAPABILITY = Capability(control=ControlUnit.CURRENT, step_ma=1)


def scale() -> Scale:
    load = Load(
        load_id="garage",
        name="Garage",
        kind=LoadKind.WALLBOX,
        rated_w=11_000,
        capability=CAPABILITY,
    )
    return Scale(load, CAPABILITY)


def observe_for(subject: Scale, currents_ma: tuple[int | None, ...], seconds: int) -> None:
    for second in range(seconds):
        subject.observe(Measurement(currents_ma=currents_ma), 1_000.0 + second)


@pytest.mark.rule("R-14A-19")
def test_a_car_seen_on_one_phase_counts_with_one_phase() -> None:
    subject = scale()

    observe_for(subject, (16_000, 0, 0), 12)

    assert subject.watts(16_000) == 3_680


@pytest.mark.invariant("I-03")
@pytest.mark.parametrize(
    "currents_ma", [(7_700, None, None), (7_700, 7_700, None), (None, None, None), ()]
)
def test_a_phase_that_is_unknown_counts_as_used(currents_ma: tuple[int | None, ...]) -> None:
    subject = scale()

    observe_for(subject, currents_ma, 60)

    assert subject.watts(6_000) == 4_140


def test_an_unknown_phase_takes_back_nothing_that_was_seen() -> None:
    subject = scale()
    observe_for(subject, (16_000, 0, 0), 12)

    observe_for(subject, (16_000, None, 0), 5)

    assert subject.watts(16_000) == 3_680


def test_a_second_phase_that_is_seen_counts_at_once() -> None:
    subject = scale()
    observe_for(subject, (16_000, 0, 0), 12)

    observe_for(subject, (16_000, 16_000, None), 1)

    assert subject.watts(16_000) == 11_040


@pytest.mark.parametrize(
    ("mv", "minimum_w"), [(230_000, 4_140), (236_000, 4_248), (220_000, 4_140)]
)
def test_the_minimum_follows_the_highest_voltage_and_never_falls_below_nominal(
    mv: int, minimum_w: int
) -> None:
    subject = scale()

    subject.observe(Measurement(voltages_mv=(mv, 219_000, 219_000)), 1_000.0)

    assert subject.watts(6_000) == minimum_w
