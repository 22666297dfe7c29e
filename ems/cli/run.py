"""``ems run``: the service."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from ems.cli.common import Cli, command
from ems.cli.errors import CliError, ExitCode

SpeedOption = Annotated[
    float, typer.Option("--speed", min=0.1, max=100.0, help="Protocol clock factor (demo only).")
]
EpochOption = Annotated[
    float, typer.Option("--clock-epoch", help="CLOCK_MONOTONIC second at which the clock is 0.")
]


def register(app: typer.Typer) -> None:
    """Add ``run``."""

    @command(app, "run", example="ems run --config /etc/ems/ems.toml")
    def run(
        cli: Cli,
        *,
        check: Annotated[
            bool, typer.Option("--check", help="Only check the configuration, then end.")
        ] = False,
        speed: SpeedOption = 1.0,
        clock_epoch: EpochOption = 0.0,
    ) -> None:
        """Run the service: obey contact and control box, distribute, keep the proof."""
        from ems.runtime.app import AlreadyRunningError, Options, run_service

        if check:
            from ems.cli.config import check_config

            check_config(cli)
            return
        options = Options(
            config=cli.config_path(), socket=cli.socket, speed=speed, clock_epoch=clock_epoch
        )
        try:
            code = run_service(options)
        except AlreadyRunningError as error:
            raise CliError("E-SRV-009", ExitCode.CONFLICT, path=error.folder) from error
        sys.exit(code)
