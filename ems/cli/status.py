"""``ems status`` and ``ems timeline``: one screen, or a stream."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated, Any, TypeAlias

import typer

from ems.cli.common import Cli, command, emit
from ems.cli.screen import screen

if TYPE_CHECKING:
    from rich.console import Console

Json: TypeAlias = Any

WatchOption = Annotated[bool, typer.Option("--watch", "-w", help="Follow until Ctrl-C.")]


def register(app: typer.Typer) -> None:
    """Add ``status`` and ``timeline``."""

    @command(app, "status", example="ems status --watch")
    def status(cli: Cli, *, watch: WatchOption = False) -> None:
        """One screen: signal, limit, budget, loads, peers, alarms."""
        if not watch:
            data = cli.client().call("status")
            cli.say(data, lambda console: _print(console, data, cli.lang))
        elif cli.as_json:
            _lines(cli, "status")
        elif sys.stdout.isatty() and not cli.console().is_dumb_terminal:
            _live(cli)
        else:
            for data in cli.client().watch("status"):
                _print(cli.console(), data, cli.lang)
                print()

    @command(app, "timeline", example="ems timeline --json")
    def timeline(cli: Cli) -> None:
        """Stream one JSON line per protocol second: limit, source, budget, SteuVE."""
        _lines(cli, "timeline")


def _print(console: Console, data: Json, lang: int) -> None:
    console.print(screen(data, lang), soft_wrap=False)  # wrapped, never cut


def _live(cli: Cli) -> None:
    from rich.live import Live

    console = cli.console(soft_wrap=False)
    with Live(console=console, refresh_per_second=4, screen=True) as live:
        for data in cli.client().watch("status"):
            live.update(screen(data, cli.lang, rows=console.size.height))


def _lines(cli: Cli, call: str) -> None:
    for data in cli.client().watch(call):
        emit({"ok": True, "data": data})


def print_lines(console: Console, lines: list[str]) -> None:
    """Plain lines without markup."""
    for line in lines:
        console.print(line, markup=False)
