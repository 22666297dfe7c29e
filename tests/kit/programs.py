"""Programs of a test: a foreign control box steered by lines, and our own service."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Self

from ems.cli.client import Client
from ems.cli.errors import CliError

ROOT = Path(__file__).parents[2]


class Program:
    """A child process whose standard output is JSON lines (other lines are kept as text)."""

    def __init__(self, command: Sequence[str], *, log: Path, stdin: bool = True) -> None:
        self.lines: list[dict[str, Any]] = []
        self.text: list[str] = []
        self._arrived = threading.Condition()
        self._log = log.open("ab")
        self.process = subprocess.Popen(
            list(command),
            stdin=subprocess.PIPE if stdin else subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=self._log,
            start_new_session=True,
            cwd=ROOT,
            env={**os.environ, "PYTHONDONTWRITEBYTECODE": ""},
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    @property
    def pid(self) -> int:
        return self.process.pid

    def send(self, line: str) -> None:
        """Write one line to standard input."""
        assert self.process.stdin is not None
        self.process.stdin.write(line.encode() + b"\n")
        self.process.stdin.flush()

    def wait(
        self, event: str, timeout_s: float = 20.0, *, after: int = 0, **match: Any
    ) -> dict[str, Any]:
        """The first line with ``event`` and the given fields, from index ``after`` on."""

        def fits(line: Mapping[str, Any]) -> bool:
            return line.get("event") == event and all(line.get(k) == v for k, v in match.items())

        return self.wait_for(fits, timeout_s, after=after, what=f"{event} {match}")

    def wait_for(
        self,
        fits: Callable[[Mapping[str, Any]], bool],
        timeout_s: float = 20.0,
        *,
        after: int = 0,
        what: str = "line",
    ) -> dict[str, Any]:
        ends_at = time.perf_counter() + timeout_s
        with self._arrived:
            while True:
                for line in self.lines[after:]:
                    if fits(line):
                        return line
                left_s = ends_at - time.perf_counter()
                if left_s <= 0 or (self.process.poll() is not None and not self._reader.is_alive()):
                    tail = "\n".join(json.dumps(line) for line in self.lines[-15:]) or "\n".join(
                        self.text[-15:]
                    )
                    raise AssertionError(f"no {what} within {timeout_s} s; last lines:\n{tail}")
                self._arrived.wait(min(left_s, 0.2))

    def mark(self) -> int:
        """Index of the next line, for ``after``."""
        return len(self.lines)

    def has_text(self, needle: str, timeout_s: float = 20.0, *, after: int = 0) -> str:
        """The first plain line that contains ``needle``, from line ``after`` on."""
        ends_at = time.perf_counter() + timeout_s
        with self._arrived:
            while True:
                for line in self.text[after:]:
                    if needle in line:
                        return line
                left_s = ends_at - time.perf_counter()
                if left_s <= 0:
                    raise AssertionError(
                        f"no {needle!r} within {timeout_s} s in:\n" + "\n".join(self.text[-20:])
                    )
                self._arrived.wait(min(left_s, 0.2))

    def kill(self) -> None:
        """SIGKILL to the whole group: no goodbye."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()

    def stop(self) -> None:
        """Ask nicely, then insist."""
        if self.process.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.process.pid, signal.SIGTERM)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.process.wait(5)
        if self.process.poll() is None:
            self.kill()
        self._reader.join(2)
        if self.process.stdin is not None:
            with contextlib.suppress(OSError):
                self.process.stdin.close()
        if self.process.stdout is not None:
            self.process.stdout.close()
        self._log.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for raw in self.process.stdout:
            line = raw.decode(errors="replace").rstrip()
            with self._arrived:
                try:
                    value = json.loads(line)
                except ValueError:
                    value = None
                if isinstance(value, dict):
                    self.lines.append(value)
                self.text.append(line)
                self._arrived.notify_all()


class Ems(Program):
    """Our service with its socket."""

    def __init__(
        self, config: Path, *, log: Path, prefix: Sequence[str] = (), options: Sequence[str] = ()
    ) -> None:
        self.socket = config.parent / "api.sock"
        self.socket.unlink(missing_ok=True)
        command = [
            sys.executable,
            "-m",
            "ems.cli.main",
            "run",
            "--config",
            str(config),
            "--socket",
            str(self.socket),
        ]
        super().__init__([*prefix, *command, *options], log=log, stdin=False)

    def call(self, name: str, timeout_s: float = 15.0, **args: Any) -> Any:
        """One call of the service socket; waits until the service answers at all."""
        ends_at = time.perf_counter() + timeout_s
        while True:
            try:
                return Client([self.socket], timeout_s=timeout_s).call(name, args)
            except CliError as error:
                if error.code != "E-SRV-000" or time.perf_counter() > ends_at:
                    raise
                time.sleep(0.05)

    def wait_status(self, fits: Callable[[Any], bool], timeout_s: float = 20.0) -> Any:
        """The first status that ``fits``."""
        ends_at = time.perf_counter() + timeout_s
        while True:
            status = self.call("status")
            if fits(status):
                return status
            if time.perf_counter() > ends_at:
                shown = {key: status.get(key) for key in ("signal", "sources", "eebus", "alarms")}
                raise AssertionError(
                    f"not within {timeout_s} s; last status:\n{json.dumps(shown, indent=1)}"
                )
            time.sleep(0.05)
