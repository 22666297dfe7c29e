"""A program that the demo starts: JSON lines out, lines in, and no way to outlive the demo.

Every program leads its own process group, so that ending it ends what it started.
"""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import json
import os
import signal
import sys
from typing import TYPE_CHECKING, Final

from eebus.node.clock import SystemClock

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence
    from pathlib import Path

    from ems.demo.trace import Json

END_S: Final = 5.0
LINE_LIMIT: Final = 1 << 20
PR_SET_PDEATHSIG: Final = 1
"""From linux/prctl.h."""
EMS_COMMAND: Final = (sys.executable, "-m", "ems.cli.main")


class ChildFailedError(Exception):
    """A program of the demo ended although it should run, or did not answer; says which."""


class Child:
    """One program of the demo; ``why``: what it said before it failed."""

    def __init__(self, name: str, process: asyncio.subprocess.Process, log: Path) -> None:
        self.name = name
        self.pid = process.pid
        self.log = log
        self.why = ""
        self._process = process

    @classmethod
    async def start(cls, name: str, args: Sequence[str], log: Path) -> Child:
        """Start ``ems ARGS``; its standard error goes to ``log``."""
        with log.open("ab") as errors:
            process = await asyncio.create_subprocess_exec(
                *EMS_COMMAND,
                *args,
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=errors,
                limit=LINE_LIMIT,
                start_new_session=True,
                preexec_fn=_end_with_parent(),
            )
        return cls(name, process, log)

    @property
    def running(self) -> bool:
        """Whether it has not ended yet."""
        return self._process.returncode is None

    async def pump(self, take: Callable[[Json], Awaitable[None]]) -> None:
        """Hand every JSON line of its standard output to ``take`` until it ends."""
        assert self._process.stdout is not None  # noqa: S101 - started with a pipe
        while line := await self._process.stdout.readline():
            try:
                document = json.loads(line)
            except ValueError:
                continue  # a line for people
            if document.get("event") == "failed":
                self.why = str(document.get("why", ""))
            await take(document)

    def failure(self, what: str) -> ChildFailedError:
        """The error that says ``what`` happened to it and where to read on."""
        why = f": {self.why}" if self.why else ""
        return ChildFailedError(f"{self.name} {what}{why} (see {self.log})")

    async def send(self, line: str) -> None:
        """One line to its standard input.

        Raises:
            ChildFailedError: it has ended.
        """
        assert self._process.stdin is not None  # noqa: S101 - started with a pipe
        try:
            self._process.stdin.write(line.encode() + b"\n")
            await self._process.stdin.drain()
        except (ConnectionError, OSError) as error:
            raise self.failure("has ended") from error

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to it and all it has started."""
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, number)

    async def kill(self) -> None:
        """``kill -9`` and wait for the end."""
        self.signal(signal.SIGKILL)
        await self._process.wait()

    async def end(self) -> None:
        """Ask it to end, wait a while, then kill it."""
        if self.running:
            self.signal(signal.SIGTERM)
            real = SystemClock()
            await real.wait_for(self._process.wait(), real.monotonic() + END_S)
        self.signal(signal.SIGKILL)
        await self._process.wait()


async def run_ems(args: Sequence[str], log: Path) -> tuple[int, Json]:
    """Run ``ems ARGS --json`` to its end: exit code and the document, ``None`` without one."""
    with log.open("ab") as errors:
        process = await asyncio.create_subprocess_exec(
            *EMS_COMMAND,
            *args,
            "--json",
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=errors,
            start_new_session=True,
            preexec_fn=_end_with_parent(),
        )
    try:
        out, _ = await process.communicate()
    except asyncio.CancelledError:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        raise
    try:
        document = json.loads(out)
    except ValueError:
        document = None
    return process.returncode or 0, document


def _end_with_parent() -> Callable[[], None] | None:
    """On Linux: what a child does between fork and exec so that it dies when the demo is killed.

    Process groups and signal handlers cannot cover a ``kill -9`` of the demo itself.
    """
    if not sys.platform.startswith("linux"):
        return None
    prctl = ctypes.CDLL(None).prctl

    def ask_the_kernel() -> None:
        prctl(PR_SET_PDEATHSIG, signal.SIGKILL)

    return ask_the_kernel
