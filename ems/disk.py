"""Write a small file so that a power cut leaves the old content or the new, never a mixture."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

PRIVATE = 0o600


def write_durably(path: Path, content: bytes, *, mode: int = 0o640) -> None:
    """Replace ``path`` by ``content``: temporary file, fsync, rename, fsync of the folder.

    Returns when the new content survives a power cut.

    Raises:
        OSError: the disk refuses; ``path`` then still holds what it held.
    """
    temporary = path.with_name(path.name + ".tmp")
    write_synced(temporary, content, mode=mode)
    os.replace(temporary, path)
    sync_folder(path.parent)


def write_synced(path: Path, content: bytes, *, mode: int) -> None:
    """Write ``content`` to ``path`` (truncated before) and fsync it."""
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, mode)
    try:
        view = memoryview(content)
        while view:
            view = view[os.write(handle, view) :]
        os.fsync(handle)
    finally:
        os.close(handle)


def sync_folder(folder: Path) -> None:
    """Make names in ``folder`` durable: a rename alone may be lost in a power cut."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
