"""``ems limit``: what limits now, and an internal test limit."""

from __future__ import annotations

from typing import Annotated, NoReturn

import typer

from ems.cli.common import Cli, command, group
from ems.cli.errors import CliError, ExitCode
from ems.cli.screen import signal_line, source_line
from ems.cli.status import print_lines
from ems.cli.units import age, duration_s, power_w

MAX_W = 10_000_000
MAX_S = 86_400.0


def register(app: typer.Typer) -> None:
    """Add ``limit``."""
    limit = group(app, "limit", about="The limit in force; test limits.", example="ems limit show")

    @command(limit, "show", example="ems limit show --json")
    def show(cli: Cli) -> None:
        """The effective limit and every source of limits."""
        data = cli.client().call("limit.show")
        lines = [signal_line(data, cli.lang)]
        for source in data["sources"]:
            since = f"{cli.word('since')} {age(source['for_s'])}"
            lines.append(f"  {source_line(source, cli.lang)}, {since}")
        cli.say(data, lambda console: print_lines(console, lines))

    @command(limit, "test", example="ems limit test 4.2kW --for 5m")
    def test(
        cli: Cli,
        *,
        power: Annotated[str, typer.Argument(metavar="W", help="for example 4200 or 4.2kW")],
        duration: Annotated[str, typer.Option("--for", help="how long")] = "5m",
    ) -> None:
        """Set an internal test limit; always recorded; the stricter of all limits rules."""
        limit_w, for_s = power_w(power), duration_s(duration)
        if not 0 <= limit_w <= MAX_W:
            _out_of_bounds(power, "0 W", f"{MAX_W} W")
        if not 0 < for_s <= MAX_S:
            _out_of_bounds(duration, "1s", "24h")
        args = {"limit_w": limit_w, "for_s": for_s}
        data = cli.client().call("limit.test", args)
        cli.say(data, signal_line(data, cli.lang))

    @command(limit, "release", example="ems limit release")
    def release(cli: Cli) -> None:
        """End the internal test limit; a limit of the control box stays."""
        data = cli.client().call("limit.release")
        cli.say(data, signal_line(data, cli.lang))


def _out_of_bounds(value: str, least: str, most: str) -> NoReturn:
    raise CliError("E-USE-012", ExitCode.USAGE, value=value, least=least, most=most)
