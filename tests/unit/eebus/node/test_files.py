from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from eebus.node import files


def test_secret_is_never_readable_by_others(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        files.write_durably(tmp_path / "key", b"secret")
    finally:
        os.umask(before)

    assert stat.S_IMODE((tmp_path / "key").stat().st_mode) == 0o600


def test_generation_before_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "trust.json"
    for content in (b"one", b"two", b"three"):
        files.write_generations(path, content)

    assert path.read_bytes() == b"three"
    assert files.previous(path).read_bytes() == b"two"
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["trust.json", "trust.json.1"]


def test_data_is_on_the_disk_before_it_gets_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps: list[str] = []
    real_fsync, real_replace = os.fsync, Path.replace
    monkeypatch.setattr(os, "fsync", lambda fd: (steps.append("fsync"), real_fsync(fd))[1])
    monkeypatch.setattr(
        Path, "replace", lambda self, to: (steps.append("rename"), real_replace(self, to))[1]
    )

    files.write_durably(tmp_path / "file", b"data")

    assert steps == ["fsync", "rename", "fsync"]


def test_a_taken_name_is_never_overwritten(tmp_path: Path) -> None:
    (tmp_path / "key").write_bytes(b"old")
    (tmp_path / "new").write_bytes(b"new")

    with pytest.raises(FileExistsError):
        files.create_exclusively(tmp_path / "key", tmp_path / "new")

    assert (tmp_path / "key").read_bytes() == b"old"


def test_damaged_files_are_renamed_and_none_is_lost(tmp_path: Path) -> None:
    for content in (b"first", b"second"):
        (tmp_path / "trust.json").write_bytes(content)
        files.set_aside(tmp_path / "trust.json")

    assert (tmp_path / "trust.json.damaged-1").read_bytes() == b"first"
    assert (tmp_path / "trust.json.damaged-2").read_bytes() == b"second"
    assert files.set_aside(tmp_path / "trust.json") is None
