"""Memory and processor time of the idle service: first plant, site simulator, one paired box."""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path

from ems.demo.plant_toml import PlantOptions, plant_toml
from tests.bench.figures import Figure
from tests.bench.garage import wait_until
from tests.bench.service import free_port, own_box, pair, running, ski_in
from tests.kit.programs import Program

NAME = "idle"
AIM_MB = 75.0
SETTLE_S = 10.0
TICKS = os.sysconf("SC_CLK_TCK")


def measure(folder: Path, *, quick: bool) -> list[Figure]:
    seconds = 10.0 if quick else 60.0
    here = folder / "idle"
    here.mkdir()
    port = free_port()
    with _site(here, port) as site:
        with running(here / "ems.toml") as ems:
            status = ems.wait_status(lambda status: status["eebus"] and status["eebus"]["port"])
            with own_box(here / "box", status["eebus"]["ski"]) as box:
                pair(ems, box, ski_in(here / "box"), port)
                ems.wait_status(lambda status: all(load["online"] for load in status["steuve"]))
                time.sleep(SETTLE_S)  # preparation of the devices, first heartbeats
                used, began = _cpu_s(ems.pid), time.monotonic()
                time.sleep(seconds)
                share = (_cpu_s(ems.pid) - used) / (time.monotonic() - began)
                rss_mb, peak_mb = _memory_mb(ems.pid)
        site.send("quit")
    about = "first plant: 5 devices, meter, paired box"
    return [
        Figure(bench=NAME, what=f"RSS, {about}", unit="MB", p50=rss_mb, aim=AIM_MB),
        Figure(bench=NAME, what="highest RSS until then", unit="MB", p50=peak_mb),
        Figure(bench=NAME, what=f"processor over {seconds:.0f} s", unit="%", p50=100 * share),
    ]


def _site(folder: Path, eebus_port: int) -> Program:
    """The simulated devices; afterwards the configuration names their ports."""
    config, ports_file = folder / "ems.toml", folder / "ports.json"
    (folder / "contact").write_text("closed\n", encoding="utf-8")
    config.write_text(plant_toml(PlantOptions(eebus_port=eebus_port)), encoding="utf-8")
    words = [sys.executable, "-m", "ems.cli.main", "sim", "site", "--config", str(config)]
    site = Program([*words, "--ports-out", str(ports_file), "--json"], log=folder / "site.log")
    wait_until(ports_file.exists, "the site opens its ports")
    ports = json.loads(ports_file.read_text(encoding="utf-8"))
    config.write_text(
        plant_toml(PlantOptions(eebus_port=eebus_port, ports=ports)), encoding="utf-8"
    )
    return site


def _cpu_s(pid: int) -> float:
    """User and system time of the process [s]."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def _memory_mb(pid: int) -> tuple[float, float]:
    """VmRSS and VmHWM [MB, 10⁶ B]."""
    found = {}
    for line in Path(f"/proc/{pid}/status").read_text(encoding="ascii").splitlines():
        name, _, rest = line.partition(":")
        if name in ("VmRSS", "VmHWM"):
            found[name] = int(rest.split()[0]) * 1024 / 1e6
    return found["VmRSS"], found["VmHWM"]
