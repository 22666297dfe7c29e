"""The story of the first plant with separate programs, and proofs that it is no toy."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
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
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


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
