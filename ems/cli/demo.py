"""``ems demo``: the main job on simulators, live or as a story that judges itself."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from ems.cli import texts
from ems.cli.common import Cli, command


def register(app: typer.Typer) -> None:
    """Add ``demo``."""

    @command(app, "demo", example="ems demo --scenario evening-peak --speed 10 --json")
    def demo(
        cli: Cli,
        *,
        scenario: Annotated[str, typer.Option("--scenario", help="Story to run and judge.")] = "",
        speed: Annotated[
            float | None,
            typer.Option(
                "--speed",
                min=0.1,
                max=100.0,
                help="Protocol clock factor; left out: 10 for a story, 4 live.",
            ),
        ] = None,
        seed: Annotated[int, typer.Option("--seed", help="Of noise, ramps and phases.")] = 1,
        fault: Annotated[
            list[str] | None,
            typer.Option("--fault", metavar="ID:FAULT", help="Of a device, as in ems sim site."),
        ] = None,
        escalation: Annotated[
            bool,
            typer.Option("--escalation/--no-escalation", help="Cut others for who disobeys."),
        ] = True,
        keep: Annotated[
            Path | None,
            typer.Option("--keep", help="Keep configuration, state and logs in this folder."),
        ] = None,
    ) -> None:
        """Start control box, site and EMS; watch a limit become watts."""
        from ems.demo import DemoOptions, run_demo

        options = DemoOptions(
            scenario=scenario,
            as_json=cli.as_json,
            speed=speed or 0.0,
            seed=seed,
            faults=tuple(fault or ()),
            escalation=escalation,
            folder=keep,
            language="en" if cli.lang == texts.EN else "de",
        )
        sys.exit(run_demo(options))
