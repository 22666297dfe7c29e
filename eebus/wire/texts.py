"""Texts of peers, made fit for logs, records and screens.

What a peer says about itself may be as long as a message and hold line breaks or characters that
turn the reading direction: nothing of that may forge a second log line.
"""

from __future__ import annotations

import unicodedata
from typing import Final

MAX_SHOWN: Final = 80
_UNPRINTABLE: Final = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})


def is_printable(text: str) -> bool:
    """Whether ``text`` holds no control, format or line separator characters (SRIP-220)."""
    return not any(unicodedata.category(char) in _UNPRINTABLE for char in text)


def shown(text: str, limit: int = MAX_SHOWN) -> str:
    """``text`` on one line, at most ``limit`` characters."""
    return "".join(char if is_printable(char) else "?" for char in text[:limit])
