"""``ems steuve``: the controllable loads and why each got what it got."""

from __future__ import annotations

from typing import Annotated

import typer

from ems.cli import texts
from ems.cli.common import Cli, command
from ems.cli.status import load_table
from ems.cli.units import watts


def register(app: typer.Typer) -> None:
    """Add ``steuve``."""
    steuve = typer.Typer(help="The controllable loads (SteuVE).", no_args_is_help=True)
    app.add_typer(steuve, name="steuve")

    @command(steuve, "list", example="ems steuve list")
    def list_(cli: Cli) -> None:
        """All SteuVE with set-point, measured power and reason."""
        data = cli.client().call("steuve.list")
        cli.say(data, lambda console: console.print(load_table(data, cli.lang)))

    @command(steuve, "why", example="ems steuve why garage")
    def why(cli: Cli, *, load: Annotated[str, typer.Argument(metavar="ID")]) -> None:
        """Tell in one line why a SteuVE may draw what it may."""
        data = cli.client().call("steuve.why", {"id": load})
        item, signal = data["steuve"], data["signal"]
        given = cli.word("free") if item["setpoint_w"] is None else watts(item["setpoint_w"])
        reason = texts.reason(item["reason"]["code"], cli.lang)
        if item["reason"]["missing"]:
            reason += f" (−{item['reason']['missing']} {item['reason']['resource']})"
        line = f"{item['name'] or item['id']}: {given}, {watts(item['power_w'])} – {reason}"
        if signal["limited"]:
            line += f" · {cli.word('limit')} {watts(signal['limit_w'])} ({signal['source']})"
        if item["error"]:
            line += f" · {item['error']}"
        cli.say(data, line)
