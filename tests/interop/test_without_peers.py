"""What happens where the foreign programs or the right to make namespaces are missing."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

from tests.kit.programs import ROOT


def _run(ci: str, *, peers: Path, path: str) -> tuple[int, str]:
    words = [
        "-m",
        "pytest",
        "-m",
        "interop",
        "tests/interop",
        "-p",
        "no:cacheprovider",
        "-q",
        "-rs",
    ]
    words += ["--ignore", "tests/interop/test_namespaces.py"]  # needs no foreign program
    done = subprocess.run(
        [sys.executable, *words],
        cwd=ROOT,
        env={**os.environ, "CI": ci, "EMS_PEERS": str(peers), "PATH": path},
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    return done.returncode, done.stdout


def _counts(output: str) -> dict[str, int]:
    last = output.strip().splitlines()[-1]
    return {word: int(number) for number, word in re.findall(r"(\d+) (\w+)", last)}


def test_missing_peers_are_a_visible_skip_outside_ci(tmp_path: Path) -> None:
    code, output = _run("", peers=tmp_path, path=os.environ["PATH"])

    counts = _counts(output)
    assert code == 0, output
    assert counts["skipped"] >= 20
    assert "passed" not in counts
    assert "peer-current is not built: run make peers" in output


def test_missing_peers_fail_every_interop_test_in_ci(tmp_path: Path) -> None:
    code, output = _run("true", peers=tmp_path, path=os.environ["PATH"])

    counts = _counts(output)
    assert code == 1, output
    assert counts.get("failed", 0) + counts.get("errors", 0) >= 20
    assert "skipped" not in counts
    assert "passed" not in counts
    assert "an interop test must run: " in output


def test_missing_right_to_make_namespaces_fails_in_ci(tmp_path: Path) -> None:
    peers = tmp_path / "peers"
    peers.mkdir()
    for name in ("peer-current", "peer-deployed", "steuerbox", "heat_pump"):
        (peers / name).write_text("#!/bin/false\n")
        (peers / name).chmod(0o755)
    without_ip = tmp_path / "empty"
    without_ip.mkdir()

    code, output = _run("true", peers=peers, path=str(without_ip))

    counts = _counts(output)
    assert code == 1, output
    assert "skipped" not in counts
    assert "passed" not in counts
    assert "ip (iproute2) is missing" in output or "need root" in output
