"""Programs of the demo: lines in and out, and an end in every case."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from ems.demo import child as child_module
from ems.demo.child import Child, ChildFailedError, run_ems
from tests.kit.aio import run

ECHO = """
import json, sys
print("for people", flush=True)
print(json.dumps({"event": "ready"}), flush=True)
for line in sys.stdin:
    print(json.dumps({"event": "heard", "line": line.strip()}), flush=True)
"""
STUBBORN = """
import json, signal, sys, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
print(json.dumps({"event": "ready"}), flush=True)
time.sleep(60)
"""
FAILING = """
import json, sys
print(json.dumps({"event": "failed", "why": "port 1 is taken"}), flush=True)
sys.exit(6)
"""


@pytest.fixture
def as_python(monkeypatch: pytest.MonkeyPatch) -> None:
    """Children run Python code instead of ``ems``."""
    monkeypatch.setattr(child_module, "EMS_COMMAND", (sys.executable, "-c"))


async def started(code: str, folder: Path) -> tuple[Child, list[Any], asyncio.Task[None]]:
    lines: list[Any] = []

    async def take(line: Any) -> None:
        lines.append(line)

    child = await Child.start("echo", [code], folder / "echo.log")
    pump = asyncio.create_task(child.pump(take))
    while not lines:
        await asyncio.sleep(0.01)
    return child, lines, pump


async def keep_sending(child: Child) -> None:
    """The pipe of a dead program may take a line or two before it breaks."""
    for _ in range(50):
        await child.send("anybody there?")
        await asyncio.sleep(0.01)


@pytest.mark.usefixtures("as_python")
def test_lines_go_in_and_json_comes_out(tmp_path: Path) -> None:
    async def work() -> None:
        child, lines, pump = await started(ECHO, tmp_path)
        await child.send("sun 6000")
        while len(lines) < 2:
            await asyncio.sleep(0.01)
        await child.end()
        await pump

        assert lines == [{"event": "ready"}, {"event": "heard", "line": "sun 6000"}]
        assert not child.running

    run(work())


@pytest.mark.usefixtures("as_python")
def test_a_program_that_does_not_want_to_end_is_killed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(child_module, "END_S", 0.2)

    async def work() -> None:
        child, _, pump = await started(STUBBORN, tmp_path)
        await child.end()
        await pump

        assert not child.running

    run(work())


@pytest.mark.usefixtures("as_python")
def test_sending_to_a_program_that_was_killed_fails_with_its_name(tmp_path: Path) -> None:
    async def work() -> None:
        child, _, pump = await started(ECHO, tmp_path)
        await child.kill()
        await pump

        with pytest.raises(ChildFailedError, match="echo has ended"):
            await keep_sending(child)

    run(work())


@pytest.mark.usefixtures("as_python")
def test_what_a_program_said_before_it_failed_is_told(tmp_path: Path) -> None:
    async def work() -> None:
        child, _, pump = await started(FAILING, tmp_path)
        await pump
        await child.end()

        assert "port 1 is taken" in str(child.failure("has ended"))

    run(work())


def test_a_command_of_ems_answers_with_its_document(tmp_path: Path) -> None:
    code, document = run(run_ems(["version"], tmp_path / "cli.log"))

    assert code == 0
    assert document["ok"] is True


def test_a_command_that_is_none_has_no_document_and_leaves_a_log(tmp_path: Path) -> None:
    code, document = run(run_ems(["pmin", "--nonsense"], tmp_path / "cli.log"))

    assert code == 2
    assert document is None
    assert "nonsense" in (tmp_path / "cli.log").read_text()


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="parent death signal is Linux")
def test_programs_die_with_a_demo_that_is_killed(tmp_path: Path) -> None:
    parent_code = f"""
import asyncio, pathlib, sys
from ems.demo import child
child.EMS_COMMAND = (sys.executable, "-c")
async def main():
    log = pathlib.Path({str(tmp_path / "log")!r})
    one = await child.Child.start("echo", ["import time; time.sleep(60)"], log)
    print(one.pid, flush=True)
    await asyncio.sleep(60)
asyncio.run(main())
"""
    parent = subprocess.Popen(
        [sys.executable, "-c", parent_code],
        stdout=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parents[4],
    )
    assert parent.stdout is not None
    pid = int(parent.stdout.readline())
    parent.kill()
    parent.wait()
    parent.stdout.close()

    ends_at = time.monotonic() + 5
    while is_running(pid) and time.monotonic() < ends_at:
        time.sleep(0.02)
    left_over = is_running(pid)
    if left_over:
        os.kill(pid, signal.SIGKILL)
    assert not left_over


def is_running(pid: int) -> bool:
    """Whether the process exists and is no zombie that nobody has reaped yet."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except OSError:
        return False
    return state != "Z"
