"""Every benchmark, or those named, as one table (docs/benchmarks.md).

    .venv/bin/python -m tests.bench [NAME…] [--quick] [--json]

Names: ``allocation``, ``core``, ``start``, ``idle``, ``drivers``, ``limit``, ``link``. Traffic
stays on 127.0.0.1 or in network namespaces that a run makes and removes. Nothing here judges:
figures depend on the machine, ratios of one run say more.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import time
from pathlib import Path

from tests.bench import (
    bench_allocation,
    bench_core,
    bench_drivers,
    bench_idle,
    bench_limit,
    bench_link,
    bench_start,
    machine,
)
from tests.bench.figures import Figure, missing, table

BENCHES = {
    bench.NAME: bench.measure
    for bench in (
        bench_allocation,
        bench_core,
        bench_start,
        bench_idle,
        bench_drivers,
        bench_limit,
        bench_link,
    )
}


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", choices=[*BENCHES, []])
    parser.add_argument("--quick", action="store_true", help="fewer rounds, rougher figures")
    parser.add_argument("--json", action="store_true", help="one JSON document instead of a table")
    options = parser.parse_args()
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)  # an installed service has its byte code
    figures: list[Figure] = []
    failed = False
    with tempfile.TemporaryDirectory(prefix="ems-bench-") as folder:
        described = machine.described(Path(folder))
        for name in options.names or BENCHES:
            began = time.monotonic()
            try:
                figures += BENCHES[name](Path(folder), quick=options.quick)
            except Exception as error:  # noqa: BLE001  # one that fails takes no other along
                failed = True
                why = (str(error).splitlines() or [""])[0]
                figures.append(missing(name, "all", f"{type(error).__name__}: {why}"))
            sys.stderr.write(f"{name}: {time.monotonic() - began:.0f} s\n")
    if options.json:
        found = [figure.as_json() for figure in figures]
        sys.stdout.write(json.dumps({"machine": described, "figures": found}, indent=1) + "\n")
    else:
        sys.stdout.write(f"{described}\n\n{table(figures)}\n")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
