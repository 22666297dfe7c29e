"""Runs a story file against the pure core and its simulated plant; checks every row by physics."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ems.control.grid_limit import Limited
from tests.kit.plant import Site, first_site

FOLDER = Path(__file__).parents[1] / "scenario" / "core"


@dataclass
class Second:
    """What held at one second: physics, and what the core showed."""

    t: float
    steuve_w: float
    nwlb_w: float
    fast_w: float
    caps_w: int | None
    limit_w: int | None
    source: str
    free: bool


def perform(site: Site, order: str) -> None:
    """One order of a story, for example ``lpc limited 4200 until 1360``."""
    word, *rest = order.split()
    match word:
        case "lpc":
            limit_w = int(rest[1]) if len(rest) > 1 else None
            ends = float(rest[3]) if len(rest) > 3 else None
            site.lpc(rest[0], limit_w, expires_at=ends)
        case "contact":
            site.contact(rest[0])
        case "kettle":
            site.kettle = rest[0] == "on"
        case "sun":
            site.sun_w = float(rest[0])
        case "kill":
            site.kill()
        case "restart":
            site.start(site.saved)
        case "fault":
            setattr(site.devices[rest[0]], rest[1], rest[2] == "on")
        case "meter":
            site.grid_silent = rest[0] == "silent"
        case _:
            raise ValueError(order)


def play(story: dict[str, Any], site: Site) -> dict[int, list[Second]]:
    """Seconds of each row, by its position."""
    rows = story["row"]
    seconds: dict[int, list[Second]] = {}
    for number, row in enumerate(rows):
        for order in row.get("do", []):
            perform(site, order)
        end_s = rows[number + 1]["at_s"] if number + 1 < len(rows) else story["end_s"]
        seconds[number] = []
        while site.now < end_s:
            site.run(site.now + 1.0)
            seconds[number].append(_look(site))
    return seconds


def _look(site: Site) -> Second:
    decision = site.core.decision
    limit = decision.effective
    slow = site.devices.get("heatpump")
    return Second(
        t=site.now,
        steuve_w=site.steuve_w,
        nwlb_w=site.nwlb_w,
        fast_w=site.steuve_w - (slow.power_w if slow else 0.0),
        caps_w=site.setpoint_sum_w(),
        limit_w=limit.power_w if isinstance(limit, Limited) else None,
        source=limit.source.value if isinstance(limit, Limited) else "none",
        free=all(view.setpoint is None for view in decision.loads),
    )


def faults(story: dict[str, Any], seconds: dict[int, list[Second]]) -> list[str]:
    """Everything that did not hold, in words; empty: the story passed."""
    found: list[str] = []
    for number, row in enumerate(story["row"]):
        if row.get("do") == ["kill"]:
            continue
        before = seconds[number - 1][-1] if number else None
        found += [f"row {row['at_s']}: {why}" for why in _row_faults(row, seconds[number], before)]
    return found


def _row_faults(row: dict[str, Any], seconds: list[Second], before: Second | None) -> list[str]:
    checks = (_effective, _capped, _comply, _at_least, _free)
    found = [why for check in checks for why in check(row, seconds)]
    if "steady_w" in row and before is not None:
        off_w = max(abs(second.steuve_w - before.steuve_w) for second in seconds)
        found += [f"moved by {off_w:.0f} W"] if off_w > row["steady_w"] else []
    return found


def _effective(row: dict[str, Any], seconds: list[Second]) -> list[str]:
    wanted = (row.get("limit_w"), row.get("source", "none"))
    wrong = [second for second in seconds if (second.limit_w, second.source) != wanted]
    return [f"{s.t:.0f} s: in force is {s.limit_w} {s.source}" for s in wrong[:1]]


def _capped(row: dict[str, Any], seconds: list[Second]) -> list[str]:
    if not row.get("capped"):
        return []
    wrong = [s for s in seconds if s.caps_w is None or s.caps_w > row["limit_w"]]
    return [f"{s.t:.0f} s: set-points of {s.caps_w} W" for s in wrong[:1]]


def _comply(row: dict[str, Any], seconds: list[Second]) -> list[str]:
    if "comply" not in row:
        return []
    most_w = row["limit_w"] + max(100, row["limit_w"] * 0.02)
    graces = {f"{row['comply']}_w": row.get("grace_s", 10)}
    if "fast_grace_s" in row:
        graces["fast_w"] = row["fast_grace_s"]
    return [
        f"{second.t:.0f} s: {name} is {getattr(second, name):.0f}"
        for name, grace_s in graces.items()
        for second in seconds
        if second.t > row["at_s"] + grace_s and getattr(second, name) > most_w
    ][:1]


def _at_least(row: dict[str, Any], seconds: list[Second]) -> list[str]:
    check = row.get("at_least")
    if check is None:
        return []
    late = [s for s in seconds if s.t >= row["at_s"] + check["within_s"]]
    low = [s for s in late if s.steuve_w < check["power_w"]]
    return [f"{s.t:.0f} s: only {s.steuve_w:.0f} W" for s in low[:1]]


def _free(row: dict[str, Any], seconds: list[Second]) -> list[str]:
    if "free_within_s" not in row:
        return []
    late = [s for s in seconds if s.t >= row["at_s"] + row["free_within_s"] and not s.free]
    return [f"{s.t:.0f} s: a load is still capped" for s in late[:1]]


def load(name: str) -> dict[str, Any]:
    """A story of this folder."""
    return tomllib.loads((FOLDER / f"{name}.toml").read_text("utf-8"))


def run(name: str, *, seed: int, escalation: bool = True) -> tuple[list[str], Site]:
    """Play the story of that name; gives what did not hold, and the plant."""
    return play_through(load(name), seed=seed, escalation=escalation)


def play_through(
    story: dict[str, Any], *, seed: int, escalation: bool = True
) -> tuple[list[str], Site]:
    """Play a story; gives what did not hold, and the plant."""
    site = first_site(seed, escalation=escalation, now=float(story["start_s"]))
    return faults(story, play(story, site)), site
