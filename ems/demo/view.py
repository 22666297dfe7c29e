"""The picture of the live view, pure: what was seen in, a Rich renderable out. Fits 80 × 24."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from rich.console import Group
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from ems.cli.texts import alarm as alarm_text
from ems.cli.texts import language, reason_of
from ems.demo.words import watts, word

if TYPE_CHECKING:
    from rich.console import RenderableType

    from ems.demo.trace import Json

BAR: Final = 24
SMALL_BAR: Final = 8
NAME_WIDTH: Final = 15
WATTS_WIDTH: Final = 9
REASON_WIDTH: Final = 27
ROOM_WITHOUT_LIMIT_W: Final = 45_000
KEYS: Final = (
    ("L", "key_limit"),
    ("R", "key_release"),
    ("F", "key_beat"),
    ("K", "key_contact"),
    ("S", "key_sun"),
    ("Q", "key_quit"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """What the view shows.

    Attributes:
        status: answer of the service call ``status``; ``None``: the EMS is not there.
        truth: last line of truth of the site simulator; ``None``: none yet.
        beat_s: age of the box's last heartbeat [protocol s]; ``None``: it beats no more.
        t_s: protocol seconds since the demo began.
    """

    lang: str
    t_s: float
    speed: float
    status: Json | None = None
    truth: Json | None = None
    box_ski: str = ""
    box_connected: bool = False
    beat_s: float | None = None
    contact: str = "closed"
    message: str = ""


def render(picture: Picture) -> RenderableType:
    """The whole picture."""
    parts: list[RenderableType] = [_signal(picture), _sources(picture), _budget(picture)]
    parts += [_loads(picture), _site(picture)]
    parts += [Text(line, style="bold red") for line in _alarms(picture)]
    parts += [Text(picture.message, style="italic"), _keys(picture)]
    title = f"{word('title', picture.lang)} · {picture.t_s:.0f} s · ×{picture.speed:g}"
    return Panel(Group(*parts), title=title, width=80)


def bar(share: float, width: int) -> str:
    """``share`` (0 to 1, clipped) of ``width`` characters; readable without colour."""
    filled = round(max(0.0, min(1.0, share)) * width)
    return "█" * filled + "░" * (width - filled)


def _signal(picture: Picture) -> Text:
    label = f"{word('signal', picture.lang):<9}"
    if picture.status is None:
        return Text(label + word("restarting", picture.lang))
    signal = picture.status["signal"]
    if not signal["limited"]:
        return Text(label + word("no_limit", picture.lang), style="green")
    source = word(signal["source"], picture.lang)
    return Text(f"{label}{watts(signal['limit_w'], picture.lang)}  ({source})", style="bold yellow")


def _sources(picture: Picture) -> Text:
    lang = picture.lang
    ski = f"{picture.box_ski[:4]} … {picture.box_ski[-4:]}" if picture.box_ski else "–"
    state = word("paired" if picture.box_connected else "gone", lang)
    if picture.beat_s is None:
        beat = word("silent", lang)
    else:
        beat = f"{word('beat', lang)} {picture.beat_s:.0f} s {word('ago', lang)}".strip()
    box = f"{word('eebus', lang):<12} SKI {ski}, {state}, {beat}{_remaining(picture)}"
    return Text(f"  {box}\n  {word('contact', lang):<12} {word(picture.contact, lang)}")


def _remaining(picture: Picture) -> str:
    sources: list[Json] = [] if picture.status is None else picture.status["sources"]
    left = [s["remaining_s"] for s in sources if s["source"] == "eebus" and s["remaining_s"]]
    return f", {word('left', picture.lang)} {left[0]:.0f} s" if left else ""


def _budget(picture: Picture) -> Text:
    lang = picture.lang
    drawn_w = 0 if picture.truth is None else picture.truth["steuve_w"]
    budget_w = None if picture.status is None else picture.status["budget_w"]
    room_w = ROOM_WITHOUT_LIMIT_W if budget_w is None else budget_w
    share = drawn_w / room_w if room_w else float(drawn_w > 0)
    most = "–" if budget_w is None else watts(budget_w, lang)
    style = "red" if budget_w is not None and drawn_w > budget_w else "cyan"
    line = f"{word('budget', lang):<9}{bar(share, BAR)} {watts(drawn_w, lang)} / {most}"
    return Text(line, style=style)


def _loads(picture: Picture) -> Table:
    lang = picture.lang
    table = Table(box=None, pad_edge=False, padding=(0, 1))
    table.add_column(word("device", lang), no_wrap=True, width=NAME_WIDTH)
    table.add_column(word("setpoint", lang), justify="right", no_wrap=True, width=WATTS_WIDTH)
    table.add_column(word("measured", lang), justify="right", no_wrap=True, width=WATTS_WIDTH)
    table.add_column("", no_wrap=True, width=SMALL_BAR)
    table.add_column(word("reason", lang), no_wrap=True, width=REASON_WIDTH)
    drawn: dict[str, Json] = {} if picture.truth is None else picture.truth["loads"]
    loads: list[Json] = [] if picture.status is None else picture.status["steuve"]
    for load in loads:
        power_w = drawn.get(load["id"], {}).get("power_w", load["power_w"])
        given_w = load["setpoint_w"]
        table.add_row(
            load["name"] or load["id"],
            word("free", lang) if given_w is None else watts(given_w, lang),
            watts(power_w, lang),
            bar((power_w or 0) / load["rated_w"], SMALL_BAR),
            reason_of(load, language(lang)),
        )
    return table


def _site(picture: Picture) -> Text:
    truth, lang = picture.truth, picture.lang
    if truth is None:
        return Text("")
    shown = (("house", "house_w"), ("sun", "pv_w"), ("grid", "grid_w"), ("nwlb", "nwlb_w"))
    return Text(" · ".join(f"{word(name, lang)} {watts(truth[key], lang)}" for name, key in shown))


def _alarms(picture: Picture) -> list[str]:
    alarms: list[Json] = [] if picture.status is None else picture.status["alarms"]
    return [
        f"{word('alarm', picture.lang)} {a['code']} {a['subject']}: "
        f"{alarm_text(a['code'], language(picture.lang))}"
        for a in alarms[:3]
    ]


def _keys(picture: Picture) -> Text:
    text = Text()
    for key, what in KEYS:
        text.append(f"[{key}] ", style="bold")
        text.append(f"{word(what, picture.lang)}  ")
    return text
