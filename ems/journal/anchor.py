"""The newest record, written down a second time outside the database.

``records.head`` lets ``verify`` notice that records were cut off at the end together with the
database's own note of its head. It is written after each commit, so it never runs ahead; it may lag
behind by what was committed last before a power cut.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

SUFFIX = ".head"
MAX_BYTES = 200
HASH_DIGITS = 64


def anchor_path(journal: Path) -> Path:
    """Where the anchor of ``journal`` lies: beside it."""
    return journal.with_name(journal.name + SUFFIX)


def read_anchor(journal: Path) -> tuple[int, str] | None:
    """Sequence number and hash; ``None``: there is none, or it is torn."""
    try:
        with anchor_path(journal).open("rb") as file:
            words = file.read(MAX_BYTES).decode("ascii", "replace").split()
    except OSError:
        return None
    if len(words) != 2 or not words[0].isdigit() or len(words[1]) != HASH_DIGITS:  # noqa: PLR2004
        return None
    return int(words[0]), words[1]


def write_anchor(journal: Path, seq: int, digest: str) -> None:
    """Replace the anchor. Not synced: a lagging anchor is still right, and the disk has peace.

    Raises:
        OSError: the disk refuses.
    """
    path = anchor_path(journal)
    temporary = path.with_name(path.name + ".tmp")
    temporary.write_text(f"{seq} {digest}\n", encoding="ascii")
    os.replace(temporary, path)
