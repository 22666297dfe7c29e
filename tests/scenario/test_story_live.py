"""The live view on a real terminal: it shows the plant, obeys its keys and ends cleanly."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import select
import struct
import sys
import termios
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

pytestmark = [pytest.mark.scenario, pytest.mark.timeout(180)]

ROOT = Path(__file__).parents[2]
ESCAPES = re.compile(r"\x1b\[[0-9;?]*[a-zA-Z]")


class Terminal:
    """A program on a pseudo terminal of 100 × 30."""

    def __init__(self, *args: str) -> None:
        self.pid, self._fd = pty.fork()
        if self.pid == 0:
            os.chdir(ROOT)
            environment = os.environ | {"TERM": "xterm-256color"}
            command = [sys.executable, "-m", "ems.cli.main", *args]
            os.execve(sys.executable, command, environment)  # noqa: S606  # our own program
        fcntl.ioctl(self._fd, termios.TIOCSWINSZ, struct.pack("HHHH", 30, 100, 0, 0))
        self._seen = ""

    def wait_for(self, text: str, seconds: float) -> str:
        """Read until ``text`` has appeared since the last key; what was read since then."""
        ends_at = time.monotonic() + seconds
        while text not in self._seen and time.monotonic() < ends_at:
            if select.select([self._fd], [], [], 0.1)[0]:
                fresh = os.read(self._fd, 65_536).decode(errors="replace")
                self._seen += ESCAPES.sub("", fresh)
        assert text in self._seen, self._seen[-2_000:]
        return self._seen

    def press(self, key: str) -> None:
        self._seen = ""
        os.write(self._fd, key.encode())

    def exit_code(self, seconds: float) -> int:
        ends_at = time.monotonic() + seconds
        while time.monotonic() < ends_at:
            if select.select([self._fd], [], [], 0.1)[0]:
                try:
                    os.read(self._fd, 65_536)
                except OSError:
                    break
        _, status = os.waitpid(self.pid, 0)
        return os.waitstatus_to_exitcode(status)

    def close(self) -> None:
        os.close(self._fd)


@pytest.fixture
def terminal() -> Iterator[Terminal]:
    one = Terminal("demo", "--speed", "10", "--lang", "en")
    yield one
    one.close()


def test_keys_send_limits_open_the_contact_make_sun_and_end_the_demo(terminal: Terminal) -> None:
    terminal.wait_for("Ready. Press L.", 60)

    terminal.press("l")
    terminal.wait_for("control box sends 20,000 W", 10)
    terminal.wait_for("20,000 W  (control box)", 10)
    terminal.press("k")
    terminal.wait_for("15,120 W  (contact)", 10)
    terminal.press("k")
    terminal.wait_for("20,000 W  (control box)", 10)
    terminal.press("s")
    terminal.wait_for("sun 6,000 W", 10)
    terminal.press("f")
    terminal.wait_for("heartbeat off", 10)
    terminal.press("r")
    terminal.wait_for("no limit", 10)
    terminal.press("q")

    assert terminal.exit_code(20) == 0
