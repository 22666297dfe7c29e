"""The contact through every input: file, gpiozero, libgpiod; one path above them."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Literal, cast

import gpiozero
import pytest
from gpiozero.pins.mock import MockFactory

from ems.control.contact import FLAPPING, UNREADABLE, ContactConfig, ContactFilter
from ems.control.events import ContactChanged
from ems.runtime.inputs import (
    MAX_FILE_BYTES,
    BrokenContact,
    ContactReader,
    ContactWatch,
    FileContact,
    GpioContact,
    GpiodContact,
)
from tests.kit.aio import run, turns
from tests.kit.clock import FakeClock
from tests.kit.contact_lines import FakeGpiod, FileLine, GpiodLine, GpioLine, Level, Line, watching

CLOSED = ContactChanged(limiting=False, level="closed")
OPEN = ContactChanged(limiting=True, level="open")


@pytest.fixture
def pins() -> Iterator[MockFactory]:
    before, gpiozero.Device.pin_factory = gpiozero.Device.pin_factory, MockFactory()
    get_state = gpiozero.Device.pin_factory.pin_class._get_state
    yield gpiozero.Device.pin_factory
    gpiozero.Device.pin_factory.pin_class._get_state = get_state
    gpiozero.Device.pin_factory.reset()
    gpiozero.Device.pin_factory = before


@pytest.fixture
def chip(monkeypatch: pytest.MonkeyPatch) -> FakeGpiod:
    fake = FakeGpiod()
    monkeypatch.setitem(sys.modules, "gpiod", fake.module())
    return fake


@pytest.fixture(params=["file", "gpio-up", "gpio-down", "gpiod"])
def line(
    request: pytest.FixtureRequest, tmp_path: Path, pins: MockFactory, chip: FakeGpiod
) -> Line:
    made: dict[str, Line] = {
        "file": FileLine(tmp_path / "contact"),
        "gpio-up": GpioLine(pins, "up", factory_get_state=pins.pin_class._get_state),
        "gpio-down": GpioLine(pins, "down", factory_get_state=pins.pin_class._get_state),
        "gpiod": GpiodLine(chip),
    }
    return made[request.param]


@pytest.mark.rule("R-14A-24")
@pytest.mark.field("F-23")
@pytest.mark.invariant("I-06")
@pytest.mark.parametrize(("level", "expected"), [("open", OPEN), ("closed", CLOSED)])
def test_the_level_at_boot_counts_with_the_first_sample(
    line: Line, level: Level, expected: ContactChanged
) -> None:
    async def story() -> None:
        async with watching(line, level) as watched:
            assert watched.told == [expected]

    run(story())


@pytest.mark.rule("R-14A-22")
def test_a_short_opening_is_bounce_and_a_long_one_limits(line: Line) -> None:
    async def story() -> None:
        async with watching(line) as watched:
            line.put("open")
            await watched.after(0.2)
            line.put("closed")
            await watched.after(3.0)
            assert watched.told == [CLOSED]

            line.put("open")
            await watched.after(0.25)
            assert watched.told == [CLOSED]
            await watched.after(0.2)
            assert watched.told == [CLOSED, OPEN]

    run(story())


def test_a_release_has_to_hold_for_two_seconds(line: Line) -> None:
    async def story() -> None:
        async with watching(line, "open") as watched:
            line.put("closed")
            assert await watched.after(1.9) == [OPEN]
            line.put("open")
            await watched.after(0.2)
            line.put("closed")
            assert await watched.after(1.9) == [OPEN]
            assert await watched.after(0.3) == [OPEN, CLOSED]

    run(story())


@pytest.mark.rule("R-14A-23")
@pytest.mark.invariant("I-03")
def test_a_flapping_contact_limits_with_a_fault_until_it_was_calm(line: Line) -> None:
    async def story() -> None:
        async with watching(line) as watched:
            for _ in range(4):
                line.put("open")
                await watched.after(0.5)
                line.put("closed")
                await watched.after(2.5)
            assert watched.told[-1].limiting
            assert watched.told[-1].fault == FLAPPING
            await watched.after(50.0)
            assert watched.told[-1].fault == FLAPPING
            await watched.after(15.0)
            assert watched.told[-1] == CLOSED

    run(story())


@pytest.mark.rule("R-14A-23")
@pytest.mark.field("F-24")
@pytest.mark.invariant("I-03")
def test_an_input_that_cannot_be_read_limits_after_ten_seconds_and_comes_back(line: Line) -> None:
    async def story() -> None:
        async with watching(line) as watched:
            line.fail()
            assert await watched.after(9.8) == [CLOSED]
            await watched.after(0.5)
            assert watched.told[1:] == [
                ContactChanged(limiting=True, level="unknown", fault=UNREADABLE)
            ]
            line.mend()
            await watched.after(1.5)
            assert watched.told[-1].limiting
            await watched.after(1.0)
            assert watched.told[-1] == CLOSED

    run(story())


@pytest.mark.invariant("I-03")
def test_a_short_read_failure_changes_nothing(line: Line) -> None:
    async def story() -> None:
        async with watching(line) as watched:
            line.fail()
            await watched.after(5.0)
            line.mend()
            assert await watched.after(20.0) == [CLOSED]

    run(story())


def test_with_the_other_polarity_a_closed_contact_limits(line: Line) -> None:
    async def story() -> None:
        async with watching(line, "open", ContactConfig(limiting_when="closed")) as watched:
            line.put("closed")
            await watched.after(0.5)
            assert [event.limiting for event in watched.told] == [False, True]

    run(story())


def test_the_input_is_given_back_when_the_watch_ends(line: Line) -> None:
    async def story() -> None:
        async with watching(line):
            pass
        async with watching(line) as again:
            assert again.told == [CLOSED]

    run(story())


@pytest.mark.rule("R-14A-22")
@pytest.mark.parametrize("pull", ["up", "down"])
def test_a_broken_wire_reads_open_and_limits(
    pins: MockFactory, pull: Literal["up", "down"]
) -> None:
    async def story() -> None:
        line = GpioLine(pins, pull)
        async with watching(line) as watched:
            line.pin.pull = pull  # nothing drives the pin any more: it follows its pull
            await watched.after(0.5)
            assert watched.told == [CLOSED, OPEN]

    run(story())


@pytest.mark.parametrize("pull", ["up", "down"])
def test_a_pin_with_nothing_on_it_is_pulled_to_open(
    pins: MockFactory, pull: Literal["up", "down"]
) -> None:
    contact = GpioContact("GPIO17", pull=pull, edge=lambda: None)

    assert pins.pin("GPIO17").pull == pull
    assert contact.read() == "open"
    contact.close()


@pytest.mark.invariant("I-06")
@pytest.mark.parametrize("pull", ["up", "down"])
def test_an_edge_wakes_the_watch_without_waiting_for_the_poll(
    pins: MockFactory, pull: Literal["up", "down"]
) -> None:
    async def story() -> None:
        line = GpioLine(pins, pull)
        async with watching(line, config=ContactConfig(debounce_limit_s=0.0)) as watched:
            line.put("open")
            await turns(20)
            assert watched.told == [CLOSED, OPEN]

    run(story())


@pytest.mark.invariant("I-06")
def test_a_file_is_seen_at_the_next_poll_of_a_tenth_of_a_second(tmp_path: Path) -> None:
    async def story() -> None:
        line = FileLine(tmp_path / "contact")
        async with watching(line, config=ContactConfig(debounce_limit_s=0.0)) as watched:
            line.put("open")
            await turns(20)
            assert watched.told == [CLOSED]
            assert await watched.after(0.15) == [CLOSED, OPEN]

    run(story())


@pytest.mark.invariant("I-06")
def test_edges_that_are_lost_do_no_harm(pins: MockFactory) -> None:
    async def story() -> None:
        line = GpioLine(pins, "up")
        async with watching(line) as watched:
            watched.watch.edge = lambda: None  # type: ignore[method-assign]  # the chip tells none
            line.pin.when_changed = None
            line.put("open")
            assert await watched.after(0.5) == [CLOSED, OPEN]

    run(story())


@pytest.mark.rule("R-14A-23")
@pytest.mark.field("F-24")
@pytest.mark.invariant("I-03")
def test_a_contact_that_could_not_be_opened_limits_at_once_and_is_a_fault_later() -> None:
    told: list[ContactChanged] = []
    clock = FakeClock()
    judge = ContactFilter(ContactConfig(), clock.seconds)
    watch = ContactWatch(BrokenContact(), judge, clock, told.append)

    watch.sample()
    clock.advance(10.0)
    watch.sample()

    assert told == [
        ContactChanged(limiting=True, level="unknown"),
        ContactChanged(limiting=True, level="unknown", fault=UNREADABLE),
    ]


@pytest.mark.parametrize("pin", ["GPIO999", "NOPE17"])
def test_a_pin_that_does_not_exist_is_named(pins: MockFactory, pin: str) -> None:
    with pytest.raises(OSError, match=pin):
        GpioContact(pin, pull="up", edge=lambda: None)


def test_a_pin_that_is_in_use_is_named(pins: MockFactory) -> None:
    first = GpioContact("GPIO17", pull="up", edge=lambda: None)

    with pytest.raises(OSError, match="GPIO17"):
        GpioContact("GPIO17", pull="up", edge=lambda: None)
    first.close()


def test_libgpiod_is_asked_for_line_bias_and_polarity(chip: FakeGpiod) -> None:
    GpiodContact("GPIO17", pull="up").close()
    GpiodContact("gpiochip4_22", pull="down").close()

    (first, first_lines), (second, second_lines) = chip.requests
    assert (first, second) == ("/dev/gpiochip0", "/dev/gpiochip4")
    assert vars(first_lines[17]) == {"direction": "input", "bias": "pull-up", "active_low": True}
    assert vars(second_lines[22]) == {
        "direction": "input", "bias": "pull-down", "active_low": False,
    }  # fmt: skip
    assert chip.released == 2


@pytest.mark.parametrize("pin", ["gpiochip9_1", "GPIO"])
def test_a_line_that_cannot_be_had_is_named(chip: FakeGpiod, pin: str) -> None:
    with pytest.raises(OSError, match=pin):
        GpiodContact(pin, pull="up")


def test_without_libgpiod_the_contact_cannot_be_opened(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "gpiod", None)

    with pytest.raises(OSError, match="GPIO17"):
        GpiodContact("GPIO17", pull="up")


@pytest.mark.parametrize(
    ("content", "level"),
    [
        (b"open", "open"),
        (b"closed\n", "closed"),
        (b"  OPEN \r\n", "open"),
        (b"", None),
        (b"1", None),
        (b"\xff\xfe\x00open", None),
        (b" " * MAX_FILE_BYTES + b"closed", None),
    ],
)
def test_a_file_that_says_anything_else_cannot_be_read(
    tmp_path: Path, content: bytes, level: str | None
) -> None:
    path = tmp_path / "contact"
    path.write_bytes(content)

    assert FileContact(path).read() == level


def test_a_missing_file_and_a_folder_cannot_be_read(tmp_path: Path) -> None:
    assert FileContact(tmp_path / "contact").read() is None
    assert FileContact(tmp_path).read() is None


def test_an_edge_before_the_watch_runs_is_no_error() -> None:
    clock = FakeClock()
    judge = ContactFilter(ContactConfig(), clock.seconds)
    watch = ContactWatch(BrokenContact(), judge, clock, lambda _event: None)

    watch.edge()

    assert watch.sampled_at is None


@pytest.mark.invariant("I-06")
def test_a_watch_that_fell_over_tells_again_what_counts_and_still_reads(tmp_path: Path) -> None:
    async def story() -> None:
        clock, line = FakeClock(), FileLine(tmp_path / "contact")
        line.put("closed")
        told = list[ContactChanged]()
        faults = [ValueError("somebody behind us is broken")]

        def submit(event: ContactChanged) -> None:
            if event == OPEN and faults:
                raise faults.pop()
            told.append(event)

        judge = ContactFilter(ContactConfig(debounce_limit_s=0.0), clock.seconds)
        watch = ContactWatch(line.reader(None), judge, clock, submit)
        watch.sample()
        closed: list[bool] = []
        watch.reader = cast(
            "ContactReader",
            SimpleNamespace(read=watch.reader.read, close=lambda: closed.append(True)),
        )
        line.put("open")
        with pytest.raises(ValueError, match="behind us"):
            await watch.run()
        again = asyncio.ensure_future(watch.run())
        await turns()
        assert told == [CLOSED, CLOSED, OPEN]  # boot, beginning, beginning again
        assert closed == []
        again.cancel()
        await asyncio.gather(again, return_exceptions=True)
        assert closed == [True]

    run(story())
