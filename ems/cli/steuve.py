"""``ems steuve``: the controllable loads and why each got what it got."""

from __future__ import annotations

from typing import Annotated, Any, TypeAlias

import typer

from ems.cli import texts
from ems.cli.common import Cli, command, group
from ems.cli.screen import load_table, setpoint
from ems.cli.status import print_lines
from ems.cli.units import clock_time, kilowatts

Json: TypeAlias = Any


def register(app: typer.Typer) -> None:
    """Add ``steuve``."""
    steuve = group(
        app, "steuve", about="The controllable loads (SteuVE).", example="ems steuve list"
    )

    @command(steuve, "list", example="ems steuve list")
    def list_(cli: Cli) -> None:
        """All SteuVE with set-point, measured power and reason."""
        data = cli.client().call("steuve.list")
        cli.say(data, lambda console: console.print(load_table(data["steuve"], cli.lang)))

    @command(steuve, "why", example="ems steuve why garage")
    def why(cli: Cli, *, load: Annotated[str, typer.Argument(metavar="ID")]) -> None:
        """Tell in one line why a SteuVE may draw what it may."""
        data = cli.client().call("steuve.why", {"id": load})
        cli.say(data, lambda console: print_lines(console, [_sentence(cli, load, data)]))


def _sentence(cli: Cli, load: str, data: Json) -> str:
    """What it may draw of what, why, whose limit since when, and who else has a share."""
    item, signal = data["steuve"], data["signal"]
    told = setpoint(item, cli.lang)
    if item["setpoint_w"] is not None:
        told += f" {cli.word('of')} {kilowatts(item['rated_w'], cli.lang)}"
    reason = texts.reason_of(item, cli.lang)
    if item["reason"]["resource"] == "steuve" and item["reason"]["missing"] > 0:
        reason += f" ({cli.word('missing')} {kilowatts(item['reason']['missing'], cli.lang)})"
    is_free = item["setpoint_w"] is None and item["reason"]["code"] == "unlimited"
    why = reason if is_free else f"{told}, {cli.word('because')}: {reason}"
    line = f"{item['name'] or item['id']}: {why}"
    if signal["limited"]:
        line += f". {_limit_and_shares(cli, load, signal)}"
    if item["error"]:
        line += f" · {item['error']}"
    return line


def _limit_and_shares(cli: Cli, load: str, signal: Json) -> str:
    picture = cli.client().call("status")
    named = texts.source(signal["source"], cli.lang)
    for source in picture["sources"]:
        if source["source"] == signal["source"]:
            named += f", {cli.word('since_time')} {clock_time(picture['at'], source['for_s'])}"
    told = f"{cli.word('limit')} {kilowatts(signal['limit_w'], cli.lang)} ({named})"
    others = [
        f"{kilowatts(other['setpoint_w'], cli.lang)} {other['name'] or other['id']}"
        for other in picture["steuve"]
        if other["id"] != load and other["setpoint_w"]
    ]
    return f"{told} – {cli.word('given_to')}: {', '.join(others)}" if others else told
