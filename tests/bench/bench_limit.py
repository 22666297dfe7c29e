"""One limit through the whole service: to its answer, and to the last of n wallboxes.

``ems run`` with its state file and journal, a control box of our own stack and the wallboxes are
three processes. The clock starts when the box has written the frame to its socket and stops when
the first octets of the result, or the register write, arrive at theirs. In the same rounds a bare
burst of as many pymodbus writes goes to the same wallboxes, from this process.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

from tests.bench import machine
from tests.bench.burst import BareBurst
from tests.bench.figures import Figure, ratio, spread
from tests.bench.garage import Garage, wait_until
from tests.bench.service import (
    free_port,
    own_box,
    pair,
    running,
    ski_in,
    write_plant,
)
from tests.kit.programs import Ems, Program

NAME = "limit"
SIZES = (1, 16, 64)
FROM_W, STEP_W = 10_500, 20  # per wallbox: every round is a decrease of 29 mA for each of them
WARM_UP = 10
SETTLE_S = 0.08
STATE_BYTES = 2_000


def measure(folder: Path, *, quick: bool) -> list[Figure]:
    rounds = 40 if quick else 250
    figures: list[Figure] = []
    for size in SIZES:
        figures += _with(folder / f"limit{size}", size, rounds)
    disk = machine.durable_writes(folder, STATE_BYTES, rounds)
    return [*figures, spread(NAME, "bare durable write of 2 kB, for comparison", disk)]


def _with(folder: Path, size: int, rounds: int) -> list[Figure]:
    port = free_port()
    with Garage(size) as garage:
        config = write_plant(folder, list(garage.ports), port, contact="closed")
        box_ski = ski_in(folder / "box")
        with running(config) as ems:
            status = ems.wait_status(lambda status: status["eebus"] and status["eebus"]["port"])
            with own_box(folder / "box", status["eebus"]["ski"]) as box:
                pair(ems, box, box_ski, port)
                return _rounds(ems, box, garage, rounds)


def _rounds(ems: Ems, box: Program, garage: Garage, rounds: int) -> list[Figure]:
    size = len(garage.ports)
    ems.wait_status(lambda status: all(load["online"] for load in status["steuve"]))
    answers, arrivals, bare = [], [], []
    with BareBurst(garage) as burst:
        for number, limit_w in enumerate(_limits(size, rounds)):
            answered, arrived = _one_limit(box, garage, limit_w)
            time.sleep(SETTLE_S)  # the burst meets caches and processors as idle as the limit did
            taken = burst.write(number + 1)
            if number >= WARM_UP:
                answers.append(answered)
                arrivals.append(arrived)
                bare.append(taken)
    last = f"last of {size}" if size > 1 else "1"
    to_answer = spread(NAME, f"limit → result, {size} wallboxes, disk included", answers)
    to_last = spread(NAME, f"limit → register write at {last}", arrivals)
    burst_only = spread(NAME, f"bare burst of {size} pymodbus writes", bare)
    aim = 2.0 if size == max(SIZES) else None
    return [
        to_answer,
        to_last,
        burst_only,
        ratio(f"{to_last.what} / bare", to_last, burst_only, aim=aim),
    ]


def _limits(size: int, rounds: int) -> Iterator[int]:
    for number in range(rounds + WARM_UP):
        yield size * (FROM_W - STEP_W * number)


def _one_limit(box: Program, garage: Garage, limit_w: int) -> tuple[float, float]:
    """Seconds from the frame of the write to the one of its result, and to the last wallbox."""
    before = list(garage.limits_ma)
    mark = box.mark()
    box.send(f"limit {limit_w}")
    answer = box.wait("answer", after=mark)
    assert answer["error_number"] == 0, answer
    time.sleep(
        SETTLE_S
    )  # nobody looks while the service works; read-backs and journal come to rest
    wait_until(
        lambda: all(now != was for now, was in zip(garage.limits_ma, before, strict=True)),
        f"every wallbox got its share of {limit_w} W",
    )
    frame_s = answer["frame_out_s"]
    return answer["frame_in_s"] - frame_s, max(garage.limit_at) - frame_s
