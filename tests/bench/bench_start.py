"""Process start → contact obeyed, and → SHIP port open.

The contact stands open already. Obeyed is when the first register write with less than the
maximum arrives at a simulated wallbox; the port is looked up in the kernel's table, not dialled.
"""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

from ems.cli.client import Client
from ems.cli.errors import CliError
from tests.bench.figures import Figure, spread
from tests.bench.garage import Garage, wait_until
from tests.bench.service import free_port, running, write_plant
from tests.kit.programs import ROOT, Ems

NAME = "start"
MAX_MA = 16_000
LISTENING = "0A"


def measure(folder: Path, *, quick: bool) -> list[Figure]:
    starts = 5 if quick else 25
    compiled = [sys.executable, "-m", "compileall", "-q", "eebus", "drivers", "ems"]
    subprocess.run(compiled, cwd=ROOT, check=True)
    found: dict[str, list[float]] = {"contact": [], "socket": [], "port": []}
    for number in range(starts + 1):
        taken = _one_start(folder / f"start{number}")
        if number:  # the first one only warms the cache of files
            for name, seconds in taken.items():
                found[name].append(seconds)
    return [
        spread(
            NAME, "process start → contact obeyed at a wallbox", found["contact"], unit="s", aim=0.5
        ),
        spread(NAME, "process start → service tells the limit", found["socket"], unit="s"),
        spread(NAME, "process start → SHIP port open", found["port"], unit="s"),
    ]


def _one_start(folder: Path) -> dict[str, float]:
    port = free_port()
    with Garage(1) as garage:
        config = write_plant(folder, list(garage.ports), port, contact="open")
        began = time.monotonic()
        with running(config) as ems:
            seen: dict[str, float] = {}

            def look() -> bool:
                if "contact" not in seen and garage.limit_at[0]:
                    assert 0 < garage.limits_ma[0] < MAX_MA, garage.limits_ma[0]
                    seen["contact"] = garage.limit_at[0] - began
                if "port" not in seen and _listens(port):
                    seen["port"] = time.monotonic() - began
                if "socket" not in seen and _tells_limit(ems):
                    seen["socket"] = time.monotonic() - began
                time.sleep(0.002)
                return len(seen) == 3

            wait_until(look, "the service is up")
            return seen


def _tells_limit(ems: Ems) -> bool:
    if not ems.socket.exists():
        return False
    try:
        shown = Client([ems.socket], timeout_s=1.0).call("limit.show", {})
    except CliError:
        return False
    return bool(shown["signal"]["limit_w"] is not None)


def _listens(port: int) -> bool:
    wanted = f":{port:04X}"
    for line in Path("/proc/net/tcp").read_text(encoding="ascii").splitlines()[1:]:
        fields = line.split()
        if fields[1].endswith(wanted) and fields[3] == LISTENING:
            return True
    return False
