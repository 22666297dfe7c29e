"""What the terminal can show and which language its user reads."""

from __future__ import annotations

import codecs
import os
import sys
from typing import TYPE_CHECKING, Final, TextIO

from ems.cli import texts

if TYPE_CHECKING:
    from collections.abc import Mapping

FALLBACK: Final = "ems-ascii"
PLAIN_LOCALES: Final = ("C", "POSIX", "EN")

#: what stands for a character on a terminal that cannot show it
ASCII: Final[dict[str, str]] = {
    "✓": "+", "✗": "x", "·": ".", "…": "...", "–": "-", "—": "-", "−": "-", "→": "->",
    "█": "#", "░": ".", "≥": ">=", "≤": "<=", "×": "x", "Σ": "sum ", "§": "Par. ",
    "ä": "ae", "ö": "oe", "ü": "ue", "Ä": "Ae", "Ö": "Oe", "Ü": "Ue", "ß": "ss",
    "„": '"', "“": '"', "”": '"', "’": "'", "°": " deg", "\u00a0": " ",
}  # fmt: skip


def prepare() -> None:
    """Make both outputs able to take every character: what does not fit gets its ASCII twin."""
    codecs.register_error(FALLBACK, _stand_in)
    for stream in (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is not None:
            encoding = "ascii" if _told_plain(os.environ, stream) else None
            reconfigure(encoding=encoding, errors=FALLBACK)


def is_ascii(stream: TextIO) -> bool:
    """Whether ``stream`` cannot show more than ASCII or Latin letters."""
    return "utf" not in (stream.encoding or "").lower()


def language(told: str, environ: Mapping[str, str]) -> int:
    """Index of the language: ``--lang``, ``$EMS_LANG``, else the locale; German without any."""
    names = (told, environ.get("EMS_LANG"), *(environ.get(key) for key in _LOCALES))
    name = next((name for name in names if name), "")
    plain = name.replace(".", "_").partition("_")[0].upper() in PLAIN_LOCALES
    return texts.EN if plain else texts.language(name)


_LOCALES: Final = ("LC_ALL", "LC_MESSAGES", "LANG")


def _told_plain(environ: Mapping[str, str], stream: TextIO) -> bool:
    """``LC_ALL=C`` on a terminal asks for ASCII, although Python would write UTF-8."""
    return environ.get("LC_ALL", "").upper() in ("C", "POSIX") and stream.isatty()


def _stand_in(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    unfit = error.object[error.start : error.end]
    return "".join(ASCII.get(character, "?") for character in unfit), error.end
