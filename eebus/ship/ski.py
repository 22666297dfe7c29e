"""Subject key identifiers: the name of a SHIP node (SHIP 12.2; ship.md 1.4).

Kept as 40 lower-case hex digits, shown as ten groups of four. As unsigned numbers they compare like
their texts.
"""

from __future__ import annotations

import re
from typing import Final, NewType

from eebus.wire.errors import WireError

Ski = NewType("Ski", str)

SKI_DIGITS: Final = 40
_PREFIX: Final = re.compile(r"^\s*(?:SHIP\s*;)?\s*(?:SKI\s*:?)?", re.IGNORECASE)
_DECORATION: Final = re.compile(r"[\s:.\-]")
_SKI: Final = re.compile(r"[0-9a-f]{40}")


def parse_ski(text: str) -> Ski:
    """SKI as people type, scan and paste it: blanks, ``-``, ``:``, ``.``, ``SKI:`` in front.

    Raises:
        WireError: what remains is not 40 hex digits.
    """
    digits = _DECORATION.sub("", _PREFIX.sub("", text)).lower()
    if not _SKI.fullmatch(digits):
        raise WireError(f"a SKI has {SKI_DIGITS} hex digits, this has {len(digits)} characters")
    return Ski(digits)


def format_ski(ski: Ski) -> str:
    """Ten groups of four, as printed on labels."""
    return " ".join(ski[start : start + 4] for start in range(0, SKI_DIGITS, 4))


def is_larger(ours: Ski, theirs: Ski) -> bool:
    """Whether ``ours`` is the larger number (SHIP 12.2.2: it decides about double connections)."""
    return ours > theirs


def differing_digits(one: Ski, other: Ski) -> int:
    """How many digits differ: one or two look like a slip of the hand."""
    return sum(a != b for a, b in zip(one, other, strict=True))
