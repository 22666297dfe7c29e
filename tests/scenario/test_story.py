"""The story of the first plant with separate programs, and proofs that it is no toy."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from eebus.node.clock import SystemClock
from ems.demo.runner import Played, Runner, timeline
from ems.demo.stage import Stage, StageOptions
from ems.demo.story import Row, Story, parse_story

pytestmark = [pytest.mark.scenario, pytest.mark.timeout(600)]

ROOT = Path(__file__).parents[2]
SPEED = 10.0

HEAD = """
schema = 1
name = "short"
title_de = "kurz"
title_en = "short"
[[row]]
name = "start"
at_s = -60
text_de = "Start"
text_en = "start"
limit_w = 15120
source = "failsafe"
[[row.check]]
kind = "capped"
[[row]]
name = "first-word"
at_s = 0
text_de = "frei"
text_en = "free"
do = ["box heartbeat on", "box release"]
[[row.check]]
kind = "free"
within_s = 40
"""

DISOBEDIENCE = (
    HEAD
    + """
[[row]]
name = "limit"
at_s = 50
text_de = "Limit"
text_en = "limit"
limit_w = 4200
source = "eebus"
do = ["box limit 4200 for 30m"]
[[row.check]]
kind = "effective"
[[row.check]]
kind = "comply"
[[row]]
name = "end"
at_s = 100
text_de = "Ende"
text_en = "end"
"""
)

BOX_KILLED = (
    HEAD
    + """
[[row]]
name = "box-killed"
at_s = 50
text_de = "Steuerbox stirbt"
text_en = "box dies"
limit_w = 15120
source = "failsafe"
delay_s = 120
delay_tolerance_s = 35
do = ["box kill"]
[[row.check]]
kind = "effective"
[[row.check]]
kind = "comply"
[[row]]
name = "end"
at_s = 230
text_de = "Ende"
text_en = "end"
"""
)


def ignore(_row: Row) -> None:
    """The rows are judged afterwards."""


def played(story: Story, folder: Path, **options: Any) -> Played:
    async def work() -> Played:
        clock = SystemClock(speed=SPEED, epoch=SystemClock().monotonic())
        stage_options = StageOptions(folder=folder, speed=SPEED, **options)
        async with asyncio.TaskGroup() as group:
            stage = Stage(stage_options, clock, group)
            try:
                return await Runner(story, stage, ignore).play()
            finally:
                await stage.end()

    return asyncio.run(work())


def run_story(*args: str) -> tuple[int, Any]:
    command = [sys.executable, "-m", "ems.cli.main", "demo", "--scenario", "evening-peak"]
    command += ["--json", "--speed", str(SPEED), *args]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.stdout, done.stderr
    return done.returncode, json.loads(done.stdout)


def alive(pid: int) -> bool:
    """Whether the process exists and is no zombie that nobody has reaped yet."""
    try:
        os.kill(pid, 0)
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except (ProcessLookupError, FileNotFoundError):
        return False


def verdicts(result: Played) -> dict[str, bool]:
    return {step.name: step.ok for step in result.steps}


def test_the_evening_peak_holds_in_every_row_and_leaves_no_program_behind() -> None:
    code, document = run_story("--seed", "1")

    data = document["data"]
    assert [(step["name"], step["why"]) for step in data["steps"] if not step["ok"]] == []
    assert code == 0
    assert document["ok"] is True
    assert len(data["steps"]) == 16
    assert len(data["timeline"]) > 1_500
    assert [program["name"] for program in data["programs"]].count("ems") == 2
    assert [program for program in data["programs"] if alive(program["pid"])] == []


def test_a_wallbox_that_ignores_its_set_point_fails_the_story_without_escalation(
    tmp_path: Path,
) -> None:
    result = played(
        parse_story(DISOBEDIENCE), tmp_path, faults=("garage:ignore-setpoint",), escalation=False
    )

    limit = next(step for step in result.steps if step.name == "limit")
    assert not limit.ok
    assert "comply" in limit.why
    assert "effective" not in limit.why


def test_the_same_short_story_holds_when_the_wallbox_obeys(tmp_path: Path) -> None:
    result = played(parse_story(DISOBEDIENCE), tmp_path)

    assert verdicts(result) == {"start": True, "first-word": True, "limit": True, "end": False}


def test_killing_the_box_brings_the_failsafe_into_the_timeline(tmp_path: Path) -> None:
    result = played(parse_story(BOX_KILLED), tmp_path)

    points = timeline(result.trace, result.story)
    failsafe = [p["t_s"] for p in points if p["source"] == "failsafe" and p["t_s"] > 0]
    assert verdicts(result)["box-killed"], result.steps
    assert failsafe
    assert 130 <= failsafe[0] <= 175
    assert {p["limit_w"] for p in points if p["t_s"] in failsafe} == {15_120}


def children_of(pid: int) -> list[int]:
    return [int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="looks into /proc")
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGKILL])
def test_a_demo_that_is_ended_takes_every_program_with_it(number: signal.Signals) -> None:
    command = [sys.executable, "-m", "ems.cli.main", "demo", "--scenario", "evening-peak"]
    demo = subprocess.Popen(
        [*command, "--json"],
        cwd=ROOT,
        stdout=subprocess.DEVNULL,
        # what runs in the background of a script inherits an ignored Ctrl-C
        preexec_fn=partial(signal.signal, signal.SIGINT, signal.SIG_DFL),  # noqa: PLW1509
    )
    ends_at = time.monotonic() + 60
    while len(children_of(demo.pid)) < 3 and time.monotonic() < ends_at:
        time.sleep(0.1)
    programs = children_of(demo.pid)

    demo.send_signal(number)
    code = demo.wait(timeout=30)

    while any(alive(pid) for pid in programs) and time.monotonic() < ends_at:
        time.sleep(0.1)
    assert len(programs) >= 3
    assert code == (-signal.SIGKILL if number is signal.SIGKILL else 130)
    assert [pid for pid in programs if alive(pid)] == []
