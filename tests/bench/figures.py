"""Figures of one run and the table that shows them."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """One line of the table.

    Attributes:
        bench: name that ``python -m tests.bench NAME`` takes.
        what: what was measured.
        unit: of ``p50`` and ``p99``; ``ratio`` compares two figures of the same run.
        p50, p99: ``p99`` is ``None`` where one value says it all.
        n: how many values stand behind it.
        aim: upper bound wanted for ``p50``; a wish, never a gate.
        note: why there is no figure, or what to know about it.
    """

    bench: str
    what: str
    unit: str
    p50: float | None
    p99: float | None = None
    n: int = 1
    aim: float | None = None
    note: str = ""

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


def spread(
    bench: str, what: str, seconds: Sequence[float], *, unit: str = "ms", aim: float | None = None
) -> Figure:
    """Median and 99th percentile of times given in seconds; below 100 values p99 is the maximum."""
    factor = {"s": 1.0, "ms": 1e3, "µs": 1e6}[unit]
    ordered = sorted(seconds)
    return Figure(
        bench=bench,
        what=what,
        unit=unit,
        p50=statistics.median(ordered) * factor,
        p99=ordered[min(len(ordered) - 1, math.ceil(len(ordered) * 0.99) - 1)] * factor,
        n=len(ordered),
        aim=aim,
    )


def ratio(what: str, ours: Figure, other: Figure, *, aim: float | None = None) -> Figure:
    """``ours`` by ``other``, percentile by percentile."""

    def divided(above: float | None, below: float | None) -> float | None:
        return above / below if above is not None and below else None

    return Figure(
        bench=ours.bench,
        what=what,
        unit="ratio",
        p50=divided(ours.p50, other.p50),
        p99=divided(ours.p99, other.p99),
        n=min(ours.n, other.n),
        aim=aim,
    )


def missing(bench: str, what: str, why: str) -> Figure:
    """A figure that could not be taken here, said in the open."""
    return Figure(bench=bench, what=what, unit="", p50=None, n=0, note=f"not measured: {why}")


def table(figures: Sequence[Figure]) -> str:
    """A Markdown table."""
    rows = [("benchmark", "figure", "p50", "p99", "n", "aim")]
    rows += [
        (
            figure.bench,
            figure.what + (f" ({figure.note})" if figure.note else ""),
            _shown(figure.p50, figure.unit),
            _shown(figure.p99, figure.unit),
            str(figure.n),
            _aim(figure),
        )
        for figure in figures
    ]
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = [
        "| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) + " |"
        for row in rows
    ]
    lines.insert(1, "|" + "|".join("-" * (width + 2) for width in widths) + "|")
    return "\n".join(lines)


def _shown(value: float | None, unit: str) -> str:
    if value is None:
        return "–"
    digits = 0 if value >= 100 else 1 if value >= 10 else 2 if value >= 0.1 else 3
    return f"{value:.{digits}f} {'×' if unit == 'ratio' else unit}".rstrip()


def _aim(figure: Figure) -> str:
    if figure.aim is None:
        return ""
    verdict = "" if figure.p50 is None else "reached" if figure.p50 <= figure.aim else "missed"
    return f"≤ {figure.aim:g}: {verdict}"
