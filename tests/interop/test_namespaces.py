"""The network namespaces of the interop tests leave nothing behind."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.kit.netns import ETC, Hosts, remove_stale
from tests.kit.programs import ROOT

PEERS = ()
pytestmark = pytest.mark.interop


def test_namespaces_are_removed_when_the_test_inside_fails() -> None:
    hosts = Hosts()

    def fail_inside() -> None:
        with hosts:
            assert _exists(hosts.box)
            assert _exists(hosts.ems)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fail_inside()

    assert not _exists(hosts.box)
    assert not _exists(hosts.ems)
    assert not (ETC / hosts.box).exists()


def test_namespaces_and_programs_of_a_killed_run_are_removed_by_the_next() -> None:
    script = (
        "import subprocess, os, signal\n"
        "from tests.kit.netns import Hosts\n"
        "hosts = Hosts().__enter__()\n"
        "left = subprocess.Popen(hosts.on(hosts.box) + ['sleep', '300'], "
        "stdout=-3, stderr=-3, start_new_session=True)  # else our pipes stay open\n"
        "print(hosts.box, left.pid, flush=True)\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    with Hosts() as alive:
        killed = subprocess.run(
            [sys.executable, "-c", script],
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
        )
        box, left = killed.stdout.split()
        assert _exists(box)

        removed = remove_stale()

        assert box in removed
        assert not _exists(box)
        assert not _is_alive(int(left))
        assert _exists(alive.box), "a run that is under way keeps its own"


def _exists(name: str) -> bool:
    return Path("/run/netns", name).exists()


def _is_alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except OSError:
        return False
    return state != "Z"
