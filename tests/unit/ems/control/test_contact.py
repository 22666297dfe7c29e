"""The contact: first sample at once, debounce, flapping, broken wire, dead input."""

from __future__ import annotations

import pytest

from ems.control.contact import FLAPPING, UNREADABLE, ContactConfig, ContactFilter
from ems.control.events import ContactChanged

NORMAL = ContactChanged(limiting=False, level="closed")
LIMITING = ContactChanged(limiting=True, level="open")


def started(level: str, config: ContactConfig | None = None) -> ContactFilter:
    judge = ContactFilter(config or ContactConfig(), 0.0)
    judge.sample(level, 0.0)  # type: ignore[arg-type]  # test shorthand
    return judge


@pytest.mark.rule("R-14A-24")
@pytest.mark.field("F-23")
def test_a_contact_open_at_boot_limits_with_the_first_sample() -> None:
    judge = ContactFilter(ContactConfig(), 0.0)

    assert judge.sample("open", 0.0) == [LIMITING]


def test_a_contact_closed_at_boot_releases_with_the_first_sample() -> None:
    judge = ContactFilter(ContactConfig(), 0.0)

    assert judge.sample("closed", 0.0) == [NORMAL]


@pytest.mark.invariant("I-03")
def test_before_the_first_sample_the_contact_limits() -> None:
    judge = ContactFilter(ContactConfig(), 0.0)

    assert judge.state == ContactChanged(limiting=True, level="unknown")
    assert judge.handle_timer(20.0) == []


@pytest.mark.rule("R-14A-21")
def test_with_the_other_polarity_closed_means_limit() -> None:
    judge = ContactFilter(ContactConfig(limiting_when="closed"), 0.0)

    assert judge.sample("closed", 0.0) == [ContactChanged(limiting=True, level="closed")]
    assert judge.sample("open", 1.0) == []
    assert judge.sample("open", 3.0) == [ContactChanged(limiting=False, level="open")]


@pytest.mark.rule("R-14A-22")
def test_a_broken_wire_reads_open_and_limits_after_the_debounce() -> None:
    judge = started("closed")

    assert judge.sample("open", 10.0) == []
    assert judge.deadline == 10.3
    assert judge.handle_timer(10.29) == []
    assert judge.handle_timer(10.3) == [LIMITING]


@pytest.mark.rule("R-14A-23")
def test_a_release_counts_after_two_stable_seconds() -> None:
    judge = started("open")

    assert judge.sample("closed", 10.0) == []
    assert judge.sample("closed", 11.9) == []
    assert judge.sample("closed", 12.0) == [NORMAL]


def test_a_release_interrupted_starts_over() -> None:
    judge = started("open")
    judge.sample("closed", 10.0)
    judge.sample("open", 11.5)
    judge.sample("closed", 11.6)

    assert judge.sample("closed", 13.5) == []
    assert judge.sample("closed", 13.6) == [NORMAL]


def test_a_glitch_shorter_than_the_debounce_changes_nothing() -> None:
    judge = started("closed")

    assert judge.sample("open", 10.0) == []
    assert judge.sample("closed", 10.2) == []
    assert judge.handle_timer(11.0) == []
    assert judge.state == NORMAL


@pytest.mark.rule("R-14A-23")
def test_the_bounce_of_one_edge_is_one_change() -> None:
    judge = started("closed")
    for n in range(20):
        judge.sample("open" if n % 2 == 0 else "closed", 10.0 + n * 0.001)
    judge.sample("open", 10.021)

    assert judge.handle_timer(10.33) == [LIMITING]


@pytest.mark.rule("R-14A-23")
def test_a_bounce_with_fifty_hertz_is_flapping_and_limits() -> None:
    judge = started("closed")
    events: list[ContactChanged] = []
    for n in range(100):
        events += judge.sample("open" if n % 2 == 0 else "closed", 10.0 + n * 0.01)

    assert {(event.limiting, event.fault) for event in events} == {(True, FLAPPING)}
    assert judge.state.fault == FLAPPING


@pytest.mark.rule("R-14A-23")
def test_the_seventh_change_within_a_minute_is_flapping() -> None:
    judge = started("closed")
    for n in range(6):
        judge.sample("open" if n % 2 == 0 else "closed", 10.0 + n)
    assert judge.state.fault is None

    judge.sample("open", 17.0)

    assert judge.state == ContactChanged(limiting=True, level="open", fault=FLAPPING)


def test_six_changes_within_a_minute_are_still_fine() -> None:
    judge = started("closed")
    for n in range(6):
        judge.sample("open" if n % 2 == 0 else "closed", 10.0 + 4 * n)
    judge.sample("closed", 40.0)

    assert judge.state == NORMAL


def test_flapping_ends_after_a_calm_minute() -> None:
    judge = started("closed")
    for n in range(8):
        judge.sample("open" if n % 2 == 0 else "closed", 10.0 + n)
    for second in range(18, 77):
        judge.sample("closed", float(second))
    assert judge.state.fault == FLAPPING

    judge.sample("closed", 77.0)

    assert judge.state == NORMAL


@pytest.mark.field("F-24")
@pytest.mark.invariant("I-03")
def test_an_input_that_cannot_be_read_limits_after_ten_seconds() -> None:
    judge = started("closed")

    assert judge.sample(None, 1.0) == []
    assert judge.deadline == 10.0
    assert judge.sample(None, 9.9) == []
    assert judge.sample(None, 10.0) == [
        ContactChanged(limiting=True, level="unknown", fault=UNREADABLE)
    ]


@pytest.mark.field("F-24")
def test_an_input_nobody_samples_any_more_limits_too() -> None:
    judge = started("closed")

    assert judge.handle_timer(10.0) == [
        ContactChanged(limiting=True, level="unknown", fault=UNREADABLE)
    ]


def test_a_dead_input_needs_no_timer_any_more() -> None:
    judge = started("closed")
    judge.sample(None, 10.0)

    assert judge.deadline is None


def test_an_input_that_answers_again_releases_slowly() -> None:
    judge = started("closed")
    judge.sample(None, 10.0)

    assert judge.sample("closed", 20.0) == [ContactChanged(limiting=True, level="closed")]
    assert judge.sample("closed", 21.9) == []
    assert judge.sample("closed", 22.0) == [NORMAL]


def test_an_unreadable_moment_never_completes_a_release() -> None:
    judge = started("open")
    judge.sample("closed", 1.0)
    judge.sample(None, 2.5)

    assert judge.handle_timer(4.5) == []
    assert judge.sample("closed", 4.5) == []
    assert judge.sample("closed", 6.4) == []
    assert judge.sample("closed", 6.5) == [NORMAL]


@pytest.mark.field("F-23")
def test_an_input_that_answers_late_at_boot_is_known_to_be_open() -> None:
    judge = ContactFilter(ContactConfig(), 0.0)
    judge.sample(None, 0.0)

    assert judge.sample("open", 0.1) == [LIMITING]
    assert judge.sample("open", 0.2) == []


def test_an_input_dead_at_boot_limits_at_once_and_is_a_fault_later() -> None:
    judge = ContactFilter(ContactConfig(), 0.0)

    assert judge.sample(None, 0.0) == [ContactChanged(limiting=True, level="unknown")]
    assert judge.handle_timer(10.0) == [
        ContactChanged(limiting=True, level="unknown", fault=UNREADABLE)
    ]


@pytest.mark.invariant("I-06")
def test_the_level_counts_although_no_edge_was_seen() -> None:
    judge = started("closed")
    for tenth in range(1, 5):
        judge.sample("open", 50.0 + tenth / 10)

    assert judge.state == LIMITING
