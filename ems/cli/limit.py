"""``ems limit``: what limits now, and an internal test limit."""

from __future__ import annotations

from typing import Annotated

import typer

from ems.cli.common import Cli, command
from ems.cli.status import print_lines, signal_line
from ems.cli.units import age, duration_s, power_w, watts


def register(app: typer.Typer) -> None:
    """Add ``limit``."""
    limit = typer.Typer(help="The limit in force; test limits.", no_args_is_help=True)
    app.add_typer(limit, name="limit")

    @command(limit, "show", example="ems limit show --json")
    def show(cli: Cli) -> None:
        """The effective limit and every source of limits."""
        data = cli.client().call("limit.show")
        lines = [signal_line(data, cli.lang)]
        for source in data["sources"]:
            value = watts(source["limit_w"]) if source["limited"] else cli.word("no_limit")
            lines.append(f"  {source['source']}: {value}, {source['state']} {age(source['for_s'])}")
        cli.say(data, lambda console: print_lines(console, lines))

    @command(limit, "test", example="ems limit test 4.2kW --for 5m")
    def test(
        cli: Cli,
        *,
        power: Annotated[str, typer.Argument(metavar="W", help="for example 4200 or 4.2kW")],
        duration: Annotated[str, typer.Option("--for", help="how long")] = "5m",
    ) -> None:
        """Set an internal test limit; always recorded; the stricter of all limits rules."""
        args = {"limit_w": power_w(power), "for_s": duration_s(duration)}
        data = cli.client().call("limit.test", args)
        cli.say(data, signal_line(data, cli.lang))

    @command(limit, "release", example="ems limit release")
    def release(cli: Cli) -> None:
        """End the internal test limit; a limit of the control box stays."""
        data = cli.client().call("limit.release")
        cli.say(data, signal_line(data, cli.lang))
