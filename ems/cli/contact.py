"""``ems contact``: the potential-free contact, its level and its polarity (R-14A-63)."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING, Annotated, Any, TypeAlias

import typer

from ems.cli import texts
from ems.cli.common import Cli, command, emit, group
from ems.cli.errors import CliError, ExitCode
from ems.cli.units import duration_s

if TYPE_CHECKING:
    from ems.cli.client import Client

Json: TypeAlias = Any
ASK_EVERY_S = 0.2


def register(app: typer.Typer) -> None:
    """Add ``contact``."""
    contact = group(
        app, "contact", about="The contact of the coupling relay.", example="ems contact show"
    )

    @command(contact, "show", example="ems contact show")
    def show(cli: Cli) -> None:
        """Level, polarity and whether it limits now."""
        data = cli.client().call("contact.show")
        cli.say(data, _line(cli, data))

    @command(contact, "watch", example="ems contact watch")
    def watch(cli: Cli) -> None:
        """Follow the contact until Ctrl-C."""
        for data in cli.client().watch("contact.watch", may_be_silent=True):
            if cli.as_json:
                emit({"ok": True, "data": data})
            else:
                print(_line(cli, data), flush=True)

    @command(contact, "learn", example="ems contact learn --active open")
    def learn(
        cli: Cli,
        *,
        seconds: Annotated[str, typer.Option("--for", help="how long to watch")] = "60s",
        active: Annotated[
            str, typer.Option("--active", help="level while the signal is on: open or closed")
        ] = "",
    ) -> None:
        """Learn and confirm the polarity by a live operation of the control device."""
        if active not in ("", "open", "closed"):
            raise typer.BadParameter("open or closed", param_hint="'--active'")
        if not active and not sys.stdin.isatty():
            raise CliError("E-USE-013", ExitCode.USAGE)
        client = cli.client()
        if not cli.as_json and not cli.quiet:
            print(cli.word("ask_contact"), file=sys.stderr)
        limiting = _confirmed(cli, _watch_change(client, duration_s(seconds)), active)
        data = client.call("contact.learn", {"limiting_when": limiting})
        cli.say(data, _line(cli, data))


def _confirmed(cli: Cli, changed_to: str, active: str) -> str:
    """The level that means limit: as given by ``active``, as answered, or as seen."""
    if active and active != changed_to:
        raise CliError("E-CON-004", ExitCode.NEGATIVE)
    if not active:
        question = cli.word("learn_question").format(level=cli.word(changed_to))
        answer = ""
        while answer not in ("y", "j", "n"):
            answer = str(typer.prompt(question, err=True)).strip().lower()[:1]
        if answer == "n":
            return "open" if changed_to == "closed" else "closed"
    return changed_to


def _watch_change(client: Client, seconds: float) -> str:
    """Level that the contact changed to; it must have been stable on both levels."""
    first = client.call("contact.show")["stable_level"]
    ends_at = time.perf_counter() + seconds
    while time.perf_counter() < ends_at:
        level = client.call("contact.show")["stable_level"]
        if first == "unknown":
            first = level
        if level not in (first, "unknown"):
            return str(level)
        time.sleep(ASK_EVERY_S)
    raise CliError("E-CON-002", ExitCode.TIMEOUT)


def _line(cli: Cli, data: Json) -> str:
    level = cli.word(data["level"])
    state = cli.word("limit") if data["limiting"] else cli.word("no_limit")
    confirmed = "✓" if data["confirmed"] else "?"
    fault = f" · {texts.fault(data['fault'], cli.lang)}" if data["fault"] else ""
    rule = f"{cli.word('limit')} = {cli.word(data['limiting_when'])} {confirmed}"
    return f"{cli.word('contact')}: {level} → {state} ({rule}){fault}"
