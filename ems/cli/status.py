"""``ems status`` and ``ems timeline``: one screen, or a stream."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Annotated, Any, TypeAlias

import typer

from ems.cli import texts
from ems.cli.common import Cli, command
from ems.cli.units import age, watts

if TYPE_CHECKING:
    from rich.console import Console, RenderableType

Json: TypeAlias = Any
BAR_WIDTH = 30

WatchOption = Annotated[bool, typer.Option("--watch", "-w", help="Follow until Ctrl-C.")]


def register(app: typer.Typer) -> None:
    """Add ``status`` and ``timeline``."""

    @command(app, "status", example="ems status --watch")
    def status(cli: Cli, *, watch: WatchOption = False) -> None:
        """One screen: signal, limit, budget, loads, peers, alarms."""
        if not watch:
            data = cli.client().call("status")
            cli.say(data, lambda console: console.print(screen(data, cli.lang)))
            return
        if cli.as_json or not sys.stdout.isatty():
            _lines(cli, "status")
            return
        from rich.live import Live

        with Live(refresh_per_second=4, screen=True) as live:
            for data in cli.client().watch("status"):
                live.update(screen(data, cli.lang))

    @command(app, "timeline", example="ems timeline --json")
    def timeline(cli: Cli) -> None:
        """Stream one JSON line per protocol second: limit, source, budget, SteuVE."""
        _lines(cli, "timeline")


def _lines(cli: Cli, call: str) -> None:
    for data in cli.client().watch(call):
        sys.stdout.write(json.dumps({"ok": True, "data": data}, ensure_ascii=False) + "\n")
        sys.stdout.flush()


def screen(data: Json, lang: int) -> RenderableType:
    """The status screen (80 columns, no colour-only information)."""
    from rich.console import Group
    from rich.text import Text

    lines: list[RenderableType] = [
        Text(f"{data['plant']}   {data['at']}   ems {data['version']}", style="bold"),
        Text(signal_line(data, lang)),
        Text(budget_line(data, lang)),
        load_table(data, lang),
        Text(_sources_line(data, lang)),
        Text(_peers_line(data, lang)),
        Text(alarm_lines(data, lang)),
    ]
    return Group(*lines)


def signal_line(data: Json, lang: int) -> str:
    """The effective limit and its source."""
    signal = data["signal"]
    label = f"{texts.word('signal', lang)}: "
    if not signal["limited"]:
        return label + texts.word("no_limit", lang)
    restored = f" ({texts.word('restored', lang)})" if signal["restored"] else ""
    return f"{label}{watts(signal['limit_w'])} – {signal['source']}{restored}"


def budget_line(data: Json, lang: int) -> str:
    """A bar of used and allowed power."""
    used_w, budget_w = data["steuve_power_w"], data["budget_w"]
    head = f"{texts.word('budget', lang)}: {watts(used_w)}"
    if budget_w is None:
        return f"{head} · {texts.word('grid', lang)} {watts(data['grid_power_w'])}"
    filled = BAR_WIDTH if budget_w == 0 else min(BAR_WIDTH, used_w * BAR_WIDTH // budget_w)
    bar = "█" * filled + "░" * (BAR_WIDTH - filled)
    credit = f" (+{watts(data['credit_w'])} {texts.word('generation', lang)})"
    return f"{head} [{bar}] {watts(budget_w)}{credit if data['credit_w'] else ''}"


def load_table(data: Json, lang: int) -> RenderableType:
    """The SteuVE: set-point, measured, reason."""
    from rich.table import Table

    table = Table(box=None, pad_edge=False)
    table.add_column("SteuVE")
    table.add_column(texts.word("setpoint", lang), justify="right")
    table.add_column(texts.word("measured", lang), justify="right")
    table.add_column(texts.word("reason", lang))
    for load in data["steuve"]:
        setpoint = texts.word("free", lang)
        if load["setpoint_w"] is not None:
            setpoint = watts(load["setpoint_w"])
            if load["setpoint_a"] is not None:
                setpoint += f" · {load['setpoint_a']:g} A"
        reason = texts.reason(load["reason"]["code"], lang)
        if not load["online"]:
            reason = texts.word("offline", lang)
        table.add_row(load["name"] or load["id"], setpoint, watts(load["power_w"]), reason)
    return table


def _sources_line(data: Json, lang: int) -> str:
    parts: list[str] = []
    for source in data["sources"]:
        value = watts(source["limit_w"]) if source["limited"] else texts.word("no_limit", lang)
        left = ""
        if source["remaining_s"] is not None:
            left = f", {texts.word('remaining', lang)} {age(source['remaining_s'])}"
        parts.append(f"{source['source']}: {value} ({source['state']}{left})")
    return " · ".join(parts)


def _peers_line(data: Json, lang: int) -> str:
    eebus: Json = data.get("eebus") or {}
    parts: list[str] = [
        f"{peer['ski'][:4]}…{peer['ski'][-4:]} {layer_marks(peer)}"
        for peer in eebus.get("peers", [])
    ]
    beat = eebus.get("last_heartbeat_age_s")
    tail = "" if beat is None else f" · heartbeat {age(beat)}"
    return f"EEBUS: {', '.join(parts) or texts.word('none', lang)}{tail}"


def layer_marks(peer: Json) -> str:
    """Progress of a connection, layer by layer; ✓ reached, · not yet."""
    layers = peer.get("layers", {})
    return " ".join(f"{name} {'✓' if reached else '·'}" for name, reached in layers.items())


def alarm_lines(data: Json, lang: int) -> str:
    """The active alarms with code and title."""
    alarms = data["alarms"]
    head = f"{texts.word('alarms', lang)}: "
    if not alarms:
        return head + texts.word("none", lang)
    return head + "\n".join(
        f"{alarm['code']} {alarm['subject']} {texts.alarm(alarm['code'], lang)}" for alarm in alarms
    )


def print_lines(console: Console, lines: list[str]) -> None:
    """Plain lines without markup."""
    for line in lines:
        console.print(line, markup=False)
