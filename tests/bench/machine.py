"""Where the figures come from, and what its disk takes."""

from __future__ import annotations

import os
import platform
import subprocess
import time
from pathlib import Path

from ems.disk import write_durably


def described(folder: Path) -> str:
    """Processor, load, Python, file system of ``folder``."""
    load = os.getloadavg()[0]
    return (
        f"{os.cpu_count()} × {_processor()}, load average {load:.1f} at the start, "
        f"{platform.system()} {platform.release()}, Python {platform.python_version()}, "
        f"{_file_system(folder)}"
    )


def durable_writes(folder: Path, size: int, count: int) -> list[float]:
    """Times [s] of bare durable writes of ``size`` bytes: temp, fsync, rename, fsync of folder."""
    target, content, took = folder / "probe", b"x" * size, []
    for _ in range(count):
        began = time.monotonic()
        write_durably(target, content)
        took.append(time.monotonic() - began)
    return took


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()


def _file_system(folder: Path) -> str:
    done = subprocess.run(
        ["df", "--output=fstype", str(folder)], capture_output=True, text=True, check=False
    )
    return f"{(done.stdout.split() or ['unknown'])[-1]} below the state"
