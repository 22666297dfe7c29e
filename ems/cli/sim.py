"""``ems sim``: simulators that speak the real protocols, as programs of their own."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import Annotated

import typer

from ems.cli.common import Cli, command
from ems.cli.run import EpochOption, SpeedOption


def register(app: typer.Typer) -> None:
    """Add ``sim``."""
    sim = typer.Typer(help="Simulators: control box and site.", no_args_is_help=True)
    app.add_typer(sim, name="sim")
    _register_box(sim)
    _register_site(sim)


def _register_site(sim: typer.Typer) -> None:
    @command(sim, "site", example="ems sim site --config ems.toml --seed 1")
    def site(
        cli: Cli,
        *,
        ports_out: Annotated[
            Path | None,
            typer.Option("--ports-out", help="Listen on free ports and write them here."),
        ] = None,
        fault: Annotated[
            list[str] | None, typer.Option("--fault", metavar="ID:FAULT", help="From the start on.")
        ] = None,
        seed: Annotated[int, typer.Option("--seed")] = 1,
        speed: SpeedOption = 1.0,
        clock_epoch: EpochOption = 0.0,
    ) -> None:
        """Play every meter and SteuVE of a configuration as Modbus TCP devices."""
        from ems.sim.site import SiteOptions, run_site

        options = SiteOptions(
            config=cli.config_path(),
            ports_out=ports_out,
            faults=tuple(fault or ()),
            seed=seed,
            speed=speed,
            epoch=clock_epoch,
        )
        sys.exit(asyncio.run(run_site(options)))
