"""What the story tells on standard output: lines for people, or one JSON document."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Final

from ems.demo.runner import timeline
from ems.demo.words import watts

if TYPE_CHECKING:
    from pathlib import Path

    from ems.demo.judge import Step
    from ems.demo.options import DemoOptions
    from ems.demo.runner import Played
    from ems.demo.stage import Stage
    from ems.demo.story import Row
    from ems.demo.trace import Json

#: key -> German, English
TEXTS: Final = {
    "unknown": ("Die Geschichte {name} gibt es nicht.", "There is no story {name}."),
    "known": ("Es gibt: {known}.", "There is: {known}."),
    "used": (
        "{folder} ist nicht leer; eine Geschichte beginnt ohne Schlüssel und Partner.",
        "{folder} is not empty; a story begins without key and peers.",
    ),
    "empty": ("Einen leeren oder neuen Ordner angeben.", "Give an empty or a new folder."),
    "again": (
        "Die Protokolle in {folder} nennen den Grund.",
        "The logs in {folder} tell why.",
    ),
    "held": ("Jede Zeile der Geschichte hat gehalten.", "Every row of the story held."),
    "broken_one": ("Eine Zeile hat nicht gehalten.", "One row did not hold."),
    "broken": ("{count} Zeilen haben nicht gehalten.", "{count} rows did not hold."),
    "logs": ("Protokolle liegen in {folder}", "Logs are in {folder}"),
    "failed": ("Die Demo ist gescheitert: {why}", "The demo failed: {why}"),
    "no_limit": ("kein Limit", "no limit"),
}


class Report:
    """Speaks German or English to people, JSON to programs."""

    def __init__(self, options: DemoOptions) -> None:
        self._options = options
        self._german = options.language == "de"

    def row(self, row: Row) -> None:
        """A row begins."""
        if self._options.as_json:
            return
        text = row.text_de if self._german else row.text_en
        self._print(f"{row.at_s:>6.0f} s  {self._limit(row.limit_w):>12}  {text}")

    def played(self, played: Played, stage: Stage) -> None:
        """The story is over."""
        if self._options.as_json:
            kept = {} if played.held else {"logs": str(stage.options.folder)}
            document: Json = {
                "ok": played.held,
                "data": {**data_of(played, stage), **kept},
                "warnings": list(played.troubles),
            }
            self._print(json.dumps(document, ensure_ascii=False))
            return
        self._print("")
        for step in played.steps:
            self._print(self._verdict(step))
        broken = sum(not step.ok for step in played.steps)
        key = "held" if not broken else "broken_one" if broken == 1 else "broken"
        self._print(self._text(key, count=broken))

    def unknown_story(self, name: str, known: list[str]) -> None:
        """There is no such story."""
        hint = self._text("known", known=", ".join(known))
        self._error("E-USE-009", self._text("unknown", name=name), hint)

    def used_folder(self, folder: Path) -> None:
        """The folder to keep things in holds something already."""
        self._error("E-USE-011", self._text("used", folder=folder), self._text("empty"))

    def failed(self, why: str, folder: Path) -> None:
        """A program of the demo failed; its log is in ``folder``."""
        hint = self._text("again", folder=folder)
        self._error("E-DEMO-001", self._text("failed", why=why), hint)

    def logs_kept(self, folder: Path) -> None:
        """Where to look when a row did not hold; the JSON document says so itself."""
        if not self._options.as_json:
            sys.stderr.write(self._text("logs", folder=folder) + "\n")

    def _verdict(self, step: Step) -> str:
        mark = "✓" if step.ok else "✗"
        took = "" if step.reached_s is None else f"{step.reached_s:.0f} s"
        line = f"{mark} {step.at_s:>6.0f} s  {self._limit(step.limit_w):>12}  {step.name:<16}"
        return f"{line} {took or step.why}"

    def _limit(self, limit_w: int | None) -> str:
        if limit_w is None:
            return self._text("no_limit")
        return watts(limit_w, self._options.language)

    def _text(self, key: str, **values: object) -> str:
        german, english = TEXTS[key]
        return (german if self._german else english).format(**values)

    def _error(self, code: str, message: str, hint: str) -> None:
        if self._options.as_json:
            document = {"ok": False, "error": {"code": code, "message": message, "hint": hint}}
            sys.stderr.write(json.dumps(document, ensure_ascii=False) + "\n")
        else:
            sys.stderr.write(f"{code}: {message}\n  → {hint}\n")

    def _print(self, line: str) -> None:
        sys.stdout.write(line + "\n")
        sys.stdout.flush()


def data_of(played: Played, stage: Stage) -> Json:
    """``data`` of the runner (first-plant.md 3)."""
    return {
        "scenario": played.story.name,
        "speed": stage.clock.speed,
        "seed": stage.options.seed,
        "programs": [{"name": name, "pid": pid} for name, pid in stage.programs],
        "steps": [step.as_json() for step in played.steps],
        "timeline": timeline(played.trace, played.story),
    }
