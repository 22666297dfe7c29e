"""A file written durably holds the old content or the new, never a mixture."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from ems import disk
from ems.disk import write_durably


def test_content_replaces_content(tmp_path: Path) -> None:
    path = tmp_path / "file"
    write_durably(path, b"old")

    write_durably(path, b"new", mode=0o600)

    assert path.read_bytes() == b"new"
    assert [one.name for one in tmp_path.iterdir()] == ["file"]


def test_file_and_folder_are_synced_before_it_returns(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps: list[str] = []
    real_fsync, real_replace = os.fsync, os.replace

    def fsync(handle: int) -> None:
        steps.append("sync folder" if os.path.isdir(f"/proc/self/fd/{handle}") else "sync file")
        real_fsync(handle)

    def replace(source: Path, target: Path) -> None:
        steps.append("rename")
        real_replace(source, target)

    monkeypatch.setattr(disk.os, "fsync", fsync)
    monkeypatch.setattr(disk.os, "replace", replace)

    write_durably(tmp_path / "file", b"new")

    assert steps == ["sync file", "rename", "sync folder"]


def test_a_disk_that_writes_little_by_little_still_gets_everything(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = os.write
    monkeypatch.setattr(disk.os, "write", lambda handle, view: real(handle, view[:3]))

    write_durably(tmp_path / "file", b"0123456789")

    assert (tmp_path / "file").read_bytes() == b"0123456789"


def test_a_failure_leaves_the_old_content(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "file"
    write_durably(path, b"old")

    def fails(_handle: int) -> None:
        raise OSError("no space left")

    monkeypatch.setattr(disk.os, "fsync", fails)
    with pytest.raises(OSError, match="no space left"):
        write_durably(path, b"new")

    assert path.read_bytes() == b"old"
