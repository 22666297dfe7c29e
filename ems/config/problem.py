"""A problem of a configuration, with its words in both languages."""

from __future__ import annotations

import difflib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from ems.config.catalogue import ENTRIES, SUGGEST, SYSTEM_DE

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

Language = Literal["de", "en"]
MAX_SHOWN = 80  # characters of a foreign value repeated in a message


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """One finding.

    Attributes:
        code: ``E-CFG-…`` refuses the configuration, ``W-CFG-…`` is a warning.
        key: dotted key, for example ``steuve.garage.rated_w``; empty for the whole file.
        line: line in the file, counted from 1; ``None``: not known.
        params: what the texts of the catalogue are filled with; a problem in it is told in full.
        guess, allowed: what was probably meant, and what would be possible.
    """

    code: str
    key: str = ""
    line: int | None = None
    params: Mapping[str, str | Problem] = field(default_factory=dict[str, "str | Problem"])
    guess: str = ""
    allowed: tuple[str, ...] = ()

    @property
    def fatal(self) -> bool:
        """Whether the configuration cannot be used."""
        return self.code.startswith("E-")

    def message(self, language: Language = "de") -> str:
        """The cause, one sentence."""
        entry = ENTRIES[self.code]
        text = entry.cause_de if language == "de" else entry.cause_en
        return text.format_map(self._filled(language))

    def hint(self, language: Language = "de") -> str:
        """What to do, one sentence."""
        entry = ENTRIES[self.code]
        text = entry.action_de if language == "de" else entry.action_en
        return text.format_map(self._filled(language))

    def text(self, language: Language = "de") -> str:
        """Code, line, cause and action on one line."""
        where = "" if self.line is None else f"{_LINE[language]} {self.line}: "
        return f"{self.code} {where}{self.message(language)} – {self.hint(language)}"

    def _filled(self, language: Language) -> dict[str, str]:
        guessed, listed = SUGGEST[language]
        suggestion = (
            guessed.format(guess=self.guess)
            if self.guess
            else listed.format(allowed=", ".join(self.allowed) or "–")
        )
        told = {name: _told(value, language) for name, value in self.params.items()}
        return {"key": self.key, "suggestion": suggestion, **told}


def _told(value: str | Problem, language: Language) -> str:
    if isinstance(value, Problem):
        return value.text(language)
    return SYSTEM_DE.get(value, value) if language == "de" else value


_LINE: dict[Language, str] = {"de": "Zeile", "en": "line"}


class ConfigError(Exception):
    """The configuration cannot be used; fatal at start.

    ``code``, ``message``, ``hint`` and ``line`` are those of the first of ``problems``.
    """

    def __init__(self, problems: Iterable[Problem], language: Language = "de") -> None:
        """Collect ``problems`` (at least one); texts are in ``language``."""
        self.problems = tuple(problems)
        self.language: Language = language
        super().__init__("\n".join(problem.text(language) for problem in self.problems))

    @property
    def code(self) -> str:
        return self.problems[0].code

    @property
    def message(self) -> str:
        return self.problems[0].message(self.language)

    @property
    def hint(self) -> str:
        return self.problems[0].hint(self.language)

    @property
    def line(self) -> int | None:
        return self.problems[0].line


def guess_of(word: str, allowed: Iterable[str]) -> str:
    """The allowed word that looks most like ``word``; empty when none does."""
    near = difflib.get_close_matches(word.lower(), list(allowed), n=1, cutoff=0.6)
    return near[0] if near else ""


def shown(value: object) -> str:
    """``value`` for a message: bounded, on one line."""
    text = " ".join(repr(value).split())
    return text if len(text) <= MAX_SHOWN else text[: MAX_SHOWN - 1] + "…"
