"""A state folder has one service; a dead one leaves nothing that would lock the next out."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from ems.runtime.alone import LOCK_FILE, AlreadyRunningError, Claim


def test_the_second_claim_of_a_folder_is_refused_until_the_first_is_released(
    tmp_path: Path,
) -> None:
    folder = tmp_path / "made" / "here"
    first = Claim(folder)

    with pytest.raises(AlreadyRunningError, match="another service runs with"):
        Claim(folder)
    first.release()
    first.release()

    Claim(folder).release()


def test_a_killed_process_keeps_no_claim(tmp_path: Path) -> None:
    program = (
        "import sys, pathlib, time\nfrom ems.runtime.alone import Claim\n"
        "claim = Claim(pathlib.Path(sys.argv[1]))\nprint('mine', flush=True)\ntime.sleep(60)\n"
    )
    other = subprocess.Popen(
        [sys.executable, "-c", program, str(tmp_path)], stdout=subprocess.PIPE, text=True
    )
    assert other.stdout is not None
    assert other.stdout.readline() == "mine\n"
    with pytest.raises(AlreadyRunningError):
        Claim(tmp_path)

    other.kill()
    other.wait()
    other.stdout.close()

    assert (tmp_path / LOCK_FILE).exists()
    Claim(tmp_path).release()


def test_a_folder_that_cannot_be_made_or_locked_is_served_nevertheless(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder")

    Claim(tmp_path / "file" / "state").release()
