"""Files that survive a power cut: temp, fsync, rename, fsync of the folder (reliability 10)."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

SECRET_MODE: Final = 0o600
FOLDER_MODE: Final = 0o700


def write_durably(path: Path, data: bytes, *, mode: int = SECRET_MODE) -> None:
    """Replace ``path`` by ``data`` so that a power cut leaves the old or the new content."""
    temporary = path.with_name(f".{path.name}.new")
    write_synced(temporary, data, mode=mode)
    temporary.replace(path)
    sync_folder(path.parent)


def write_generations(path: Path, data: bytes, *, mode: int = SECRET_MODE) -> None:
    """Like ``write_durably``, but the content before stays in ``previous(path)``."""
    temporary = path.with_name(f".{path.name}.new")
    write_synced(temporary, data, mode=mode)
    if path.exists():
        kept = path.with_name(f".{path.name}.old")
        kept.unlink(missing_ok=True)
        kept.hardlink_to(path)  # ``path`` itself is never missing in between
        kept.replace(previous(path))
    temporary.replace(path)
    sync_folder(path.parent)


def previous(path: Path) -> Path:
    """Name of the generation before."""
    return path.with_name(f"{path.name}.1")


def create_exclusively(path: Path, temporary: Path) -> None:
    """Give the synced file ``temporary`` the name ``path``; ``FileExistsError`` if it is taken."""
    path.hardlink_to(temporary)
    sync_folder(path.parent)


def set_aside(path: Path) -> Path | None:
    """Rename a damaged file to ``….damaged-N``; returns the new name, ``None`` if it is absent."""
    if not path.exists():
        return None
    number = 1
    while (target := path.with_name(f"{path.name}.damaged-{number}")).exists():
        number += 1
    path.rename(target)
    sync_folder(path.parent)
    return target


def write_synced(path: Path, data: bytes, *, mode: int) -> None:
    """Write a new file with ``mode`` from its first moment on and flush it to the disk."""
    path.unlink(missing_ok=True)
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)
    with os.fdopen(handle, "wb") as stream:
        stream.write(data)
        stream.flush()
        os.fsync(stream.fileno())


def sync_folder(folder: Path) -> None:
    """Make renames in ``folder`` durable."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
