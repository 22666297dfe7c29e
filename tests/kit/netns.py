"""Two hosts of our own: network namespaces joined by a cable, made and removed by the test."""

from __future__ import annotations

import contextlib
import itertools
import os
import re
import shutil
import signal
import subprocess
import time
from pathlib import Path
from types import TracebackType
from typing import Self

BOX_ADDRESS = "10.77.0.1"
EMS_ADDRESS = "10.77.0.2"
PREFIX = "/24"
NAMES = re.compile(r"ems-(?:box|ems|probe)-(\d+)(?:-\d+)?")
ETC = Path("/etc/netns")
_NUMBERS = itertools.count(1)


def why_impossible() -> str:
    """Why this machine cannot make network namespaces; empty: it can."""
    if os.geteuid() != 0:
        return "network namespaces need root"
    if shutil.which("ip") is None:
        return "the program ip (iproute2) is missing"
    probe = f"ems-probe-{os.getpid()}"
    made = _ip("netns", "add", probe, check=False)
    if made.returncode != 0:
        return f"network namespaces cannot be made: {made.stderr.strip()}"
    _ip("netns", "del", probe)
    return ""


def remove_stale() -> list[str]:
    """Remove what test runs left that ended without cleaning up; the names removed.

    A namespace carries the number of the process that made it. Where that process lives, it is
    left alone: another run is under way.
    """
    removed: list[str] = []
    for name in _names():
        match = NAMES.fullmatch(name)
        if match is not None and not Path(f"/proc/{match[1]}").exists():
            _remove(name)
            removed.append(name)
    return removed


class Hosts:
    """A control box host and an EMS host; ``cut`` and ``mend`` are the cable between them."""

    def __init__(self) -> None:
        number = next(_NUMBERS)
        self.box = f"ems-box-{os.getpid()}-{number}"
        self.ems = f"ems-ems-{os.getpid()}-{number}"

    def __enter__(self) -> Self:
        try:
            self._make()
        except BaseException:  # half a network is worse than none
            self._remove()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._remove()

    def cut(self) -> None:
        """Pull the cable."""
        _in(self.box, "link", "set", "cable", "down")

    def mend(self) -> None:
        """Plug it in again."""
        _in(self.box, "link", "set", "cable", "up")
        _in(self.box, "route", "replace", "default", "dev", "cable")

    @staticmethod
    def on(name: str) -> list[str]:
        """Words in front of a command that runs on host ``name``."""
        return ["ip", "netns", "exec", name]

    def _make(self) -> None:
        for name in (self.box, self.ems):
            _ip("netns", "add", name)
            folder = ETC / name
            folder.mkdir(parents=True, exist_ok=True)
            # No resolver answers: a name that is asked for fails at once instead of after 10 s.
            (folder / "resolv.conf").write_text(
                "nameserver 127.0.0.1\noptions timeout:1 attempts:1\n"
            )
            (folder / "hosts").write_text(
                f"127.0.0.1 localhost\n{BOX_ADDRESS} box\n{EMS_ADDRESS} ems\n"
            )
        ends = ("cable", "netns", self.box), ("name", "cable", "netns", self.ems)
        _ip("link", "add", *ends[0], "type", "veth", "peer", *ends[1])
        for name, address in ((self.box, BOX_ADDRESS), (self.ems, EMS_ADDRESS)):
            _in(name, "link", "set", "lo", "up")
            _in(name, "addr", "add", address + PREFIX, "dev", "cable")
            _in(name, "link", "set", "cable", "up")
            _in(name, "route", "add", "default", "dev", "cable")

    def _remove(self) -> None:
        for name in (self.box, self.ems):
            _remove(name)


def _names() -> list[str]:
    if shutil.which("ip") is None:
        return []
    listed = _ip("netns", "list", check=False).stdout.splitlines()
    known = {line.split()[0] for line in listed if line.split()}
    with contextlib.suppress(OSError):
        known |= {folder.name for folder in ETC.iterdir()}
    return sorted(known)


def _remove(name: str) -> None:
    """A process left inside would keep the namespace alive without a name: end it first."""
    for pid in _ip("netns", "pids", name, check=False).stdout.split():
        with contextlib.suppress(ProcessLookupError):
            os.kill(int(pid), signal.SIGKILL)
    for _ in range(50):
        if not _ip("netns", "pids", name, check=False).stdout.split():
            break
        time.sleep(0.02)
    _ip("netns", "del", name, check=False)
    shutil.rmtree(ETC / name, ignore_errors=True)


def _in(name: str, *words: str) -> None:
    _ip("-n", name, *words)


def _ip(*words: str, check: bool = True) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(["ip", *words], capture_output=True, text=True, check=False)
    if check and done.returncode != 0:
        raise RuntimeError(f"ip {' '.join(words)}: {done.stderr.strip()}")
    return done
