"""The words of the control box simulator."""

from __future__ import annotations

from decimal import Decimal

import pytest

from ems.sim.script import (
    Action,
    Heartbeat,
    Line,
    Quit,
    RawLimit,
    ReleaseLimit,
    SetFailsafe,
    SetLimit,
    Wait,
    parse_line,
    parse_script,
    parse_seconds,
    parse_watts,
)


@pytest.mark.parametrize(
    ("text", "action"),
    [
        ("limit 20000 for 30m", SetLimit(Decimal(20_000), 1_800.0)),
        ("limit 0", SetLimit(Decimal(0))),
        ("limit 4.2kW", SetLimit(Decimal(4_200))),
        ("release", ReleaseLimit()),
        ("raw -1000", RawLimit(Decimal(-1_000))),
        ("raw 3000W", RawLimit(Decimal(3_000))),
        ("heartbeat on", Heartbeat(on=True)),
        ("heartbeat off", Heartbeat(on=False)),
        ("failsafe 4200 2h", SetFailsafe(Decimal(4_200), 7_200.0)),
        ("failsafe 4200", SetFailsafe(Decimal(4_200))),
        ("wait 10s", Wait(10.0)),
        ("quit", Quit()),
    ],
)
def test_a_line_is_one_command(text: str, action: Action) -> None:
    assert parse_line(text) == Line(action)


def test_a_line_may_wait_for_its_time() -> None:
    assert parse_line("at 1m30s limit 0  # the first one") == Line(SetLimit(Decimal(0)), 90.0)


@pytest.mark.parametrize("text", ["", "   ", "# nothing"])
def test_blank_lines_and_comments_are_no_commands(text: str) -> None:
    assert parse_line(text) is None


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("limit", "unknown command"),
        ("limit abc", "watts like"),
        ("limit -1", "raw -1"),
        ("limit 1 for ever", "a duration like"),
        ("heartbeat maybe", "unknown command"),
        ("at 5", "a time and a command"),
        ("at noon limit 0", "a duration like"),
        ("wait s", "a duration like"),
        ("raw NaN", "watts like"),
        ("raw 1e9", "watts like"),
    ],
)
def test_what_is_no_command_is_named(text: str, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        parse_line(text)


def test_a_bad_line_of_a_script_is_named_by_its_number() -> None:
    with pytest.raises(ValueError, match=r"line 3: unknown command 'lmit 0'"):
        parse_script("heartbeat on\n\nlmit 0\n")


def test_a_script_keeps_its_order() -> None:
    script = parse_script("heartbeat off\nat 5 heartbeat on\nquit\n")

    assert script == [Line(Heartbeat(on=False)), Line(Heartbeat(on=True), 5.0), Line(Quit())]


@pytest.mark.parametrize(
    ("word", "seconds"),
    [("90", 90.0), ("90s", 90.0), ("0.5s", 0.5), ("30m", 1_800.0), ("1h30m", 5_400.0)],
)
def test_durations_are_seconds(word: str, seconds: float) -> None:
    assert parse_seconds(word) == seconds


@pytest.mark.parametrize(("word", "watts"), [("1.5kw", "1500"), ("+7", "7"), ("0.25", "0.25")])
def test_powers_are_exact_watts(word: str, watts: str) -> None:
    assert parse_watts(word) == Decimal(watts)
