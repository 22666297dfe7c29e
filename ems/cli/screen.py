"""The status screen: 80 columns, what matters first, nothing told by colour alone (ux.md 4.3)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias

from ems.cli import texts
from ems.cli.units import age, amperes, local_time, watts

if TYPE_CHECKING:
    from rich.console import RenderableType

Json: TypeAlias = Any
BAR_WIDTH = 30
COLUMNS = 80
LEAST_LOADS = 3


def screen(data: Json, lang: int, *, rows: int | None = None) -> RenderableType:
    """Everything at a glance; ``rows``: height of the terminal, further loads are counted only."""
    from rich.console import Group
    from rich.text import Text

    head = [
        f"{data['plant']}   {local_time(data['at'], lang)}   ems {data['version']}",
        *alarm_lines(data, lang),
        signal_line(data, lang),
        budget_line(data, lang),
        _grid_line(data, lang),
    ]
    tail = [_sources_line(data, lang), *_peer_lines(data, lang)]
    loads = data["steuve"]
    if rows is not None:  # the heading of the table and the line of the rest
        taken = sum(-(-len(line) // COLUMNS) for line in (*head, *tail))
        loads = loads[: max(LEAST_LOADS, rows - taken - 3)]
    hidden = len(data["steuve"]) - len(loads)
    if hidden:
        tail.insert(0, f"+ {hidden} {texts.word('more', lang)}: ems steuve list")
    title, *under = (Text(line, overflow="fold") for line in head)
    title.stylize("bold")
    end = (Text(line, overflow="fold") for line in tail)
    return Group(title, *under, load_table(loads, lang), *end)


def signal_line(data: Json, lang: int) -> str:
    """The effective limit and its source."""
    signal = data["signal"]
    label = f"{texts.word('signal', lang)}: "
    if not signal["limited"]:
        return label + texts.word("no_limit", lang)
    restored = f" ({texts.word('restored', lang)})" if signal["restored"] else ""
    limit = watts(signal["limit_w"], lang)
    return f"{label}{limit} – {texts.source(signal['source'], lang)}{restored}"


def budget_line(data: Json, lang: int) -> str:
    """A bar of used and allowed power."""
    used_w, budget_w = data["steuve_power_w"], data["budget_w"]
    head = f"{texts.word('budget', lang)}: {watts(used_w, lang)}"
    if budget_w is None:
        return head
    filled = BAR_WIDTH if budget_w == 0 else min(BAR_WIDTH, (used_w or 0) * BAR_WIDTH // budget_w)
    bar = "█" * max(0, filled) + "░" * (BAR_WIDTH - max(0, filled))
    credit = f" (+{watts(data['credit_w'], lang)} {texts.word('generation', lang)})"
    return f"{head} [{bar}] {watts(budget_w, lang)}{credit if data['credit_w'] else ''}"


def _grid_line(data: Json, lang: int) -> str:
    """The connection point: the whole and, where a meter tells, each phase."""
    line = f"{texts.word('grid', lang)}: {watts(data['grid_power_w'], lang)}"
    meters = data.get("meters", [])
    phases = next((meter["phases_w"] for meter in meters if meter["role"] == "grid"), None)
    if not phases:
        return line
    named = (f"L{number} {watts(power, lang)}" for number, power in enumerate(phases, start=1))
    return f"{line} ({' · '.join(named)})"


def load_table(loads: list[Json], lang: int) -> RenderableType:
    """The SteuVE: set-point, measured, reason."""
    from rich.table import Table

    table = Table(box=None, pad_edge=False)
    table.add_column("SteuVE", max_width=22, overflow="ellipsis", no_wrap=True)
    table.add_column(texts.word("setpoint", lang), justify="right", no_wrap=True)
    table.add_column(texts.word("measured", lang), justify="right", no_wrap=True)
    table.add_column(texts.word("reason", lang), overflow="ellipsis", no_wrap=True)
    for load in loads:
        reason = texts.reason_of(load, lang)
        if not load["online"]:
            reason = texts.word("offline", lang)
        name = load["name"] or load["id"]
        table.add_row(name, setpoint(load, lang), watts(load["power_w"], lang), reason)
    return table


def setpoint(load: Json, lang: int) -> str:
    """What a load may draw, as a power and, where it counts in amperes, as a current."""
    if load["setpoint_w"] is None:
        return texts.word("free", lang)
    told = watts(load["setpoint_w"], lang)
    if load["setpoint_a"] is not None:
        told += f" · {amperes(load['setpoint_a'], lang)}"
    return told


def source_line(source: Json, lang: int) -> str:
    """One source of limits: what it says, in which state, how long still."""
    value = watts(source["limit_w"], lang) if source["limited"] else texts.word("no_limit", lang)
    told = [value, texts.state(source["state"], lang)]
    if source["remaining_s"] is not None:
        told.append(f"{texts.word('remaining', lang)} {age(source['remaining_s'])}")
    if source.get("fault"):
        told.append(texts.fault(source["fault"], lang))
    return f"{texts.source(source['source'], lang)}: {', '.join(told)}"


def _sources_line(data: Json, lang: int) -> str:
    return " · ".join(source_line(source, lang) for source in data["sources"])


def _peer_lines(data: Json, lang: int) -> list[str]:
    eebus: Json = data.get("eebus") or {}
    beat = eebus.get("last_heartbeat_age_s")
    lines = [
        f"EEBUS {peer['ski'][:4]}…{peer['ski'][-4:]}: {layer_marks(peer, beat)}"
        for peer in eebus.get("peers", [])
    ]
    lines = lines or [f"EEBUS: {texts.word('none', lang)}"]
    if not eebus.get("failsafe_from_box"):
        return lines
    value = f"{watts(eebus['failsafe_w'], lang)}, {age(eebus['failsafe_duration_s'])}"
    return [f"{texts.word('box_failsafe', lang)}: {value}", *lines]  # I-LPC-010


def layer_marks(peer: Json, heartbeat_age_s: float | None = None) -> str:
    """Progress of a connection, layer by layer; ✓ reached, · not yet; age of the heartbeat."""
    layers = peer.get("layers", {})
    marks = " ".join(f"{name} {'✓' if reached else '·'}" for name, reached in layers.items())
    if not layers.get("heartbeat") or heartbeat_age_s is None:
        return marks
    return f"{marks} {age(heartbeat_age_s)}"


def alarm_lines(data: Json, lang: int) -> list[str]:
    """The active alarms: code, what is the matter, and below it what to do."""
    if not data["alarms"]:
        return [f"{texts.word('alarms', lang)}: {texts.word('none', lang)}"]
    lines: list[str] = []
    for alarm in data["alarms"]:
        why = alarm_why(alarm, lang)
        title = texts.alarm(alarm["code"], lang)
        lines.append(f"! {alarm['code']} {alarm['subject']}: {title}{f' ({why})' if why else ''}")
        if action := texts.alarm_action(alarm["code"], lang):
            lines.append(f"  → {action}")
    return lines


def alarm_why(alarm: Json, lang: int) -> str:
    """What the alarm says about its cause, in German where it has German words."""
    params: Json = alarm["params"]
    german = params.get("why_de") if lang == texts.DE else None
    return str(german or params.get("why", ""))
