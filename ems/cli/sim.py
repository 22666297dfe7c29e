"""``ems sim``: simulators that speak the real protocols, as programs of their own."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import Annotated

import typer

from ems.cli.common import Cli, command, group
from ems.cli.run import EpochOption, SpeedOption
from ems.cli.units import ski


def register(app: typer.Typer) -> None:
    """Add ``sim``."""
    sim = group(
        app,
        "sim",
        about="Simulators: control box and site.",
        example="ems sim site --config ems.toml",
    )
    _register_box(sim)
    _register_site(sim)


def _register_box(sim: typer.Typer) -> None:
    @command(
        sim,
        "control-box",
        example="ems sim control-box --identity ./box --peer 1234…CDEF --dial 192.168.1.10:4712",
    )
    def control_box(
        cli: Cli,
        *,
        identity: Annotated[
            Path, typer.Option("--identity", help="Folder of this box's key and trust.")
        ],
        peer: Annotated[str, typer.Option("--peer", metavar="SKI", help="The EMS to control.")],
        dial: Annotated[
            str, typer.Option("--dial", metavar="HOST:PORT", help="Where the EMS listens.")
        ] = "",
        listen: Annotated[
            int | None, typer.Option("--listen", min=0, max=65535, help="Port to be dialled on.")
        ] = None,
        script: Annotated[
            Path | None, typer.Option("--script", help="Commands; left out: standard input.")
        ] = None,
        interface: Annotated[
            list[str] | None, typer.Option("--interface", help="Listen and announce here only.")
        ] = None,
        mdns: Annotated[
            bool, typer.Option("--mdns", help="Announce this box and look for the EMS.")
        ] = False,
        speed: SpeedOption = 1.0,
        clock_epoch: EpochOption = 0.0,
    ) -> None:
        """Play an EEBUS control box (energy guard) against this or any other EMS."""
        from ems.sim.control_box import ControlBoxOptions, run_control_box

        options = ControlBoxOptions(
            identity=identity,
            peer=ski(peer),
            dial=_endpoint(dial) if dial else None,
            listen=listen,
            script=script,
            interfaces=tuple(interface or ()),
            mdns=mdns,
            speed=speed,
            epoch=clock_epoch,
        )
        sys.exit(asyncio.run(run_control_box(options)))


def _endpoint(text: str) -> tuple[str, int]:
    host, colon, port = text.rpartition(":")
    if not colon or not host or not port.isdecimal():
        raise typer.BadParameter("HOST:PORT", param_hint="'--dial'")
    return host.strip("[]"), int(port)


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
        every: Annotated[
            float, typer.Option("--every", min=0.1, help="Seconds between two lines of truth.")
        ] = 1.0,
        speed: SpeedOption = 1.0,
        clock_epoch: EpochOption = 0.0,
    ) -> None:
        """Play every meter and SteuVE of a configuration as Modbus TCP devices."""
        from ems.config.load import load_site
        from ems.sim.site import SiteOptions, run_site

        load_site(cli.config_path())  # what is wrong is told as everywhere
        options = SiteOptions(
            config=cli.config_path(),
            ports_out=ports_out,
            faults=tuple(fault or ()),
            seed=seed,
            every_s=every,
            speed=speed,
            epoch=clock_epoch,
        )
        sys.exit(asyncio.run(run_site(options)))
