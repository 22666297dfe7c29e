"""Standard input and output of the simulators, whatever they are connected to."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import TextIO

import pytest

from ems.sim.stdio import MAX_LINE_BYTES, input_lines
from tests.kit.aio import run


def lines_of(stream: TextIO) -> list[str]:
    async def story() -> list[str]:
        return [line async for line in input_lines(stream)]

    with stream:
        return run(story())


def piped(content: bytes) -> TextIO:
    reading, writing = os.pipe()
    os.write(writing, content)
    os.close(writing)
    return os.fdopen(reading)


def test_a_pipe_gives_its_lines_and_ends() -> None:
    assert lines_of(piped(b"sun 6000\r\n\n  quit")) == ["sun 6000", "", "quit"]


def test_a_line_that_is_too_long_is_said_and_the_next_one_counts() -> None:
    lines = lines_of(piped(b"x" * (2 * MAX_LINE_BYTES) + b"\nquit\n"))

    assert "(a line that is too long)" in lines
    assert lines[-1] == "quit"
    assert max(map(len, lines)) <= MAX_LINE_BYTES


def test_what_is_no_text_does_not_end_the_reading() -> None:
    assert lines_of(piped(b"\xff\xfe\nquit\n"))[-1] == "quit"


def test_a_file_is_read_to_its_end(tmp_path: Path) -> None:
    path = tmp_path / "lines"
    path.write_text("kettle on\nquit\n")

    assert lines_of(path.open()) == ["kettle on", "quit"]


def test_a_service_without_input_hears_nothing(caplog: pytest.LogCaptureFixture) -> None:
    nothing = os.fdopen(os.open(os.devnull, os.O_RDONLY))

    assert lines_of(nothing) == []
    assert caplog.records == []


def test_a_program_whose_output_nobody_reads_ends_as_told_by_a_signal() -> None:
    program = """
import signal, sys
from ems.sim.stdio import emit
signal.signal(signal.SIGTERM, lambda *_: sys.exit(7))
while True:
    emit({"t_s": 1})
"""
    process = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE)
    assert process.stdout is not None
    assert process.stdout.readline() == b'{"t_s": 1}\n'
    process.stdout.close()

    assert process.wait(timeout=20) == 7
