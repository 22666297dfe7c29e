"""``ems demo``: the live view on a terminal, or a story that is played and judged.

Exit codes: 0 every row held, 1 a row did not hold, 2 unknown story or used folder, 70 a program
of the demo failed, 130 interrupted.
"""

from __future__ import annotations

import asyncio
import atexit
import shutil
import signal
import sys
import tempfile
from pathlib import Path
from typing import Final, cast

from eebus.node.clock import SystemClock
from ems.demo.child import ChildFailedError
from ems.demo.options import DEFAULT_SCENARIO, LIVE_SPEED, STORY_SPEED, DemoOptions
from ems.demo.report import Report
from ems.demo.service import ServiceError
from ems.demo.stage import Stage, StageOptions
from ems.demo.story import load_story, story_names

EXIT_HELD: Final = 0
EXIT_NEGATIVE: Final = 1
EXIT_USAGE: Final = 2
EXIT_FAILED: Final = 70
EXIT_INTERRUPTED: Final = 130


def run_demo(options: DemoOptions) -> int:
    """Play live or a story; the exit code."""
    report = Report(options)
    live = not options.scenario and not options.as_json and _is_terminal()
    name = options.scenario or DEFAULT_SCENARIO
    if name not in story_names():
        report.unknown_story(name, story_names())
        return EXIT_USAGE
    if options.folder is not None and _is_used(options.folder):
        report.used_folder(options.folder)
        return EXIT_USAGE
    folder = options.folder or Path(tempfile.mkdtemp(prefix="ems-demo-"))
    code = EXIT_FAILED
    try:
        code = asyncio.run(_play(options, report, folder, live=live))
    except (KeyboardInterrupt, asyncio.CancelledError):
        code = EXIT_INTERRUPTED
    finally:
        if options.folder is None and code in (EXIT_HELD, EXIT_INTERRUPTED):
            shutil.rmtree(folder, ignore_errors=True)
    if code == EXIT_NEGATIVE:
        report.logs_kept(folder)
    return code


async def _play(options: DemoOptions, report: Report, folder: Path, *, live: bool) -> int:
    default_speed = LIVE_SPEED if live else STORY_SPEED
    clock = SystemClock(speed=options.speed or default_speed, epoch=SystemClock().monotonic())
    stage_options = StageOptions(
        folder=folder,
        speed=clock.speed,
        seed=options.seed,
        faults=options.faults,
        escalation=options.escalation,
        language=options.language,
    )
    task = asyncio.current_task()
    assert task is not None  # noqa: S101 - runs in asyncio.run
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGHUP):
        loop.add_signal_handler(number, task.cancel)
    code = EXIT_FAILED
    try:
        async with asyncio.TaskGroup() as group:
            stage = Stage(stage_options, clock, group)
            atexit.register(stage.kill_all)
            try:
                code = await _act(options, report, stage, live=live)
            finally:
                await asyncio.shield(stage.end())
                atexit.unregister(stage.kill_all)
    except* (ChildFailedError, ServiceError) as failures:
        report.failed(_first(failures), stage_options.folder)
        code = EXIT_FAILED
    return code


async def _act(options: DemoOptions, report: Report, stage: Stage, *, live: bool) -> int:
    if live:
        from ems.demo.live import play_live  # noqa: PLC0415 - Rich only where it is seen

        await play_live(stage, options.language)
        return EXIT_HELD
    from ems.demo.runner import Runner  # noqa: PLC0415 - as above

    story = load_story(options.scenario or DEFAULT_SCENARIO)
    played = await Runner(story, stage, report.row).play()
    report.played(played, stage)
    return EXIT_HELD if played.held else EXIT_NEGATIVE


def _first(failure: BaseException) -> str:
    """Text of the first failure of a possibly nested group."""
    if isinstance(failure, BaseExceptionGroup):
        group = cast("BaseExceptionGroup[BaseException]", failure)
        return _first(group.exceptions[0])
    return str(failure)


def _is_used(folder: Path) -> bool:
    """Whether something lies there already: a run begins with an empty trust store."""
    return folder.exists() and (not folder.is_dir() or any(folder.iterdir()))


def _is_terminal() -> bool:
    return sys.stdin.isatty() and sys.stdout.isatty()
