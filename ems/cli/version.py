"""``ems version``."""

from __future__ import annotations

import platform
from importlib import metadata
from typing import TYPE_CHECKING

from ems.cli.common import Cli, command

if TYPE_CHECKING:
    import typer


def register(app: typer.Typer) -> None:
    """Add ``version``."""

    @command(app, "version", example="ems version --json")
    def version(cli: Cli) -> None:
        """Version of the program and of what it stands on."""
        data = {
            "ems": metadata.version("ems-14a"),
            "ship": "1.0.1",
            "spine": "1.3.0",
            "lpc": "1.0.0",
            "python": platform.python_version(),
            "machine": platform.machine(),
        }
        cli.say(data, f"ems {data['ems']} (SHIP 1.0.1, SPINE 1.3.0, Python {data['python']})")
