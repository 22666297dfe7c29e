"""Run the official test cases and write ``docs/conformance.md``.

``make conformance`` collects the tests that carry an id of ``protocol/conformance-cases.json``,
runs them, prints a table and exits with 1 when a case that applies to this product has no test
that passes, or has one that fails. What applies is told by :data:`DECLARED`, our answers to the
manufacturer's parameter sheet. The page holds no date and no machine: same code, same page.
"""

from __future__ import annotations

import json
import sys
from collections import Counter
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

ROOT = Path(__file__).resolve().parent.parent
CASES = ROOT / "protocol" / "conformance-cases.json"
PAGE = ROOT / "docs" / "conformance.md"
TESTS = ("tests/conformance", "tests/unit/eebus")

PLAYED = {("SHIP", "Any"), ("SPINE", "Any"), ("SPINE", "CS"), ("SPINE", "EG"), ("LPC", "CS")}
"""Who we are: a device, the controllable system of LPC, and (in the simulator) its energy guard."""

DECLARED: dict[str, tuple[bool, str]] = {
    "PAR_shipSvc=yes": (True, "the service is announced by mDNS"),
    "PAR_initiateClose=yes": (True, "connections are ended by connectionClose"),
    "PAR_queryAccessMethods=yes": (True, "we ask for the partner's access methods"),
    "PAR_queryAccessMethods=no": (
        False,
        "we do ask for access methods; TC_SHIP_AMDATA_002 applies",
    ),
    "PAR_clientDetailedDiscoverySupported=yes": (True, "we read the partner's discovery"),
    "PAR_clientSubscriptionSupported=yes": (True, "we subscribe to the partner's heartbeat"),
    "PAR_initialTimeoutSupported=yes": (True, "a silent partner is asked again after 30 s"),
    "CS type CEM? = yes": (True, "the product is a customer energy manager"),
    "CS type CEM? = no": (False, "the product is a customer energy manager"),
    "CS type CEM? = no and C3 = yes": (False, "the product is a customer energy manager"),
    "CS type CEM? = yes and B3 = yes": (
        False,
        "B3 = no: nothing a tester could operate provokes a permitted refusal",
    ),
    "D1 = yes": (False, "D1 = no: every 64-bit value is stored as written, nothing is lowered"),
    "D2 = yes": (True, "unlimited/autonomous is implemented"),
    "D3 = yes": (True, "failsafe values are stored persistently"),
    "E2 black start = yes": (True, "the service starts again by itself"),
    "M1/N1 = yes": (
        True,
        "the power is measured, of the simulated first plant; without a limit its devices keep it",
    ),
}


class Verdict(Enum):
    """What became of one case."""

    PASSED = "passed"
    FAILED = "failed"
    MISSING = "no test"
    SKIPPED = "skipped"
    NOT_APPLICABLE = "not applicable"


@dataclass(frozen=True, kw_only=True)
class Case:
    """One official case that concerns a role we play; ``applies`` with its ``reason``."""

    id: str
    specification: str
    title: str
    obligation: str
    condition: str
    applies: bool
    reason: str


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """A case with what its tests said; ``files`` are the test files, in order."""

    case: Case
    verdict: Verdict
    tests: int
    files: tuple[str, ...]

    @property
    def is_wanted(self) -> bool:
        """Whether the run may count as good with this outcome."""
        return self.verdict in (Verdict.PASSED, Verdict.NOT_APPLICABLE)


@dataclass(eq=False)  # pytest keeps its plugins in sets
class Recorder:
    """A pytest plugin: keeps the tests that carry an official id, and what became of each."""

    known: frozenset[str]
    carried: dict[str, set[str]] = field(default_factory=dict[str, "set[str]"])
    results: dict[str, str] = field(default_factory=dict[str, str])

    def pytest_collection_modifyitems(
        self, config: pytest.Config, items: list[pytest.Item]
    ) -> None:
        """Drop what proves no official case."""
        kept: list[pytest.Item] = []
        dropped: list[pytest.Item] = []
        for item in items:
            ids = {str(mark.args[0]) for mark in item.iter_markers("rule") if mark.args}
            ids &= self.known
            for rule in ids:
                self.carried.setdefault(rule, set()).add(item.nodeid)
            (kept if ids else dropped).append(item)
        items[:] = kept
        config.hook.pytest_deselected(items=dropped)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Remember the worst of set-up, call and tear-down."""
        before = self.results.get(report.nodeid, "passed")
        if report.outcome != "passed" and before != "failed":
            self.results[report.nodeid] = report.outcome
        else:
            self.results.setdefault(report.nodeid, before)


def load_cases(path: Path = CASES) -> tuple[list[Case], Counter[str]]:
    """The cases of the roles we play, and how many wait per specification and actor."""
    cases: list[Case] = []
    waiting: Counter[str] = Counter()
    for raw in json.loads(path.read_text(encoding="utf-8"))["cases"]:
        if (raw["protocol"], raw["actor"]) not in PLAYED:
            waiting[f"{raw['protocol']} {raw['actor']}"] += 1
            continue
        applies, reason = True, ""
        if raw["condition_key"] is not None:
            applies, reason = DECLARED[raw["condition_key"]]
        cases.append(
            Case(
                id=raw["id"],
                specification=raw["protocol"],
                title=raw["title"],
                obligation=raw["obligation"],
                condition=raw["condition_key"] or "",
                applies=applies,
                reason=reason,
            )
        )
    return cases, waiting


def judge(case: Case, carried: Mapping[str, Iterable[str]], results: Mapping[str, str]) -> Outcome:
    """What the tests that carry the id of ``case`` say about it."""
    nodes = sorted(carried.get(case.id, ()))
    said = {results.get(node, "skipped") for node in nodes}
    if "failed" in said:
        verdict = Verdict.FAILED
    elif not case.applies:
        verdict = Verdict.NOT_APPLICABLE
    elif not nodes:
        verdict = Verdict.MISSING
    else:
        verdict = Verdict.PASSED if "passed" in said else Verdict.SKIPPED
    files = tuple(dict.fromkeys(node.partition("::")[0] for node in nodes))
    return Outcome(case=case, verdict=verdict, tests=len(nodes), files=files)


def summary(outcomes: Sequence[Outcome]) -> list[tuple[str, int, int, int, int, int]]:
    """Per specification: cases, applicable, passed, failed or unproven, not applicable."""
    rows: list[tuple[str, int, int, int, int, int]] = []
    for name in dict.fromkeys(outcome.case.specification for outcome in outcomes):
        mine = [outcome for outcome in outcomes if outcome.case.specification == name]
        verdicts = Counter(outcome.verdict for outcome in mine)
        out = verdicts[Verdict.NOT_APPLICABLE]
        passed = verdicts[Verdict.PASSED]
        rows.append((name, len(mine), len(mine) - out, passed, len(mine) - out - passed, out))
    return rows


def page(outcomes: Sequence[Outcome], waiting: Mapping[str, int]) -> str:
    """The text of ``docs/conformance.md``."""
    lines = [
        "# Conformance",
        "",
        "Made by `make conformance` from `protocol/conformance-cases.json` and the tests that",
        "carry the official ids; do not edit. `make test` runs the same tests.",
        "",
        "| Specification | Cases | Applicable | Passed | Failed or unproven | Not applicable |",
        "|---|---:|---:|---:|---:|---:|",
        *(f"| {' | '.join(str(cell) for cell in row)} |" for row in summary(outcomes)),
        "",
        "Four SPINE cases ask for an energy guard: they meet the one of the control-box simulator.",
        "",
        "## Not applicable",
        "",
        "| Case | Reason | Tests all the same |",
        "|---|---|---:|",
        *(
            f"| {outcome.case.id} | {outcome.case.reason} | {_all_the_same(outcome)} |"
            for outcome in outcomes
            if not outcome.case.applies
        ),
        "",
        "## Declared",
        "",
        "What makes conditional cases apply:",
        "",
        "| Condition | Our answer | Cases |",
        "|---|---|---:|",
        *_declared(outcomes),
        "",
        "## Next",
        "",
        "Cases of actors that are not built yet:",
        "",
        "| Actor | Cases |",
        "|---|---:|",
        *(f"| {actor} | {count} |" for actor, count in waiting.items()),
    ]
    for name in dict.fromkeys(outcome.case.specification for outcome in outcomes):
        lines += ["", f"## {name}", "", *_case_table(outcomes, name)]
    return "\n".join(lines) + "\n"


def _all_the_same(outcome: Outcome) -> str:
    """Tests of a case that does not apply: they run, and one that fails would fail the report."""
    if not outcome.tests:
        return "0"
    return f"{outcome.tests}, {'failed' if outcome.verdict is Verdict.FAILED else 'passed'}"


def _declared(outcomes: Sequence[Outcome]) -> list[str]:
    """The conditions we meet, with our answers."""
    met = Counter((one.case.condition, one.case.reason) for one in outcomes if one.case.applies)
    return [f"| {key} | {reason} | {n} |" for (key, reason), n in met.items() if key]


def _case_table(outcomes: Sequence[Outcome], name: str) -> list[str]:
    lines = [
        "| Case | Title | Obligation | Verdict | Tests | Where |",
        "|---|---|---|---|---:|---|",
    ]
    for outcome in outcomes:
        case = outcome.case
        if case.specification == name:
            where = ", ".join(f"`{file.removeprefix('tests/')}`" for file in outcome.files)
            cells = (case.id, case.title, case.obligation, outcome.verdict.value, outcome.tests)
            lines.append(f"| {' | '.join(str(cell) for cell in cells)} | {where} |")
    return lines


def main() -> int:
    """Run, print, write; the exit code."""
    cases, waiting = load_cases()
    recorder = Recorder(frozenset(case.id for case in cases))
    options = ["-q", "--no-header", "-p", "no:cacheprovider", f"--rootdir={ROOT}"]
    code = pytest.main([*options, *(str(ROOT / folder) for folder in TESTS)], plugins=[recorder])
    if code not in (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED):
        print("the tests could not be run; docs/conformance.md stays as it was")
        return int(code)
    outcomes = [judge(case, recorder.carried, recorder.results) for case in cases]
    PAGE.write_text(page(outcomes, waiting), encoding="utf-8")
    print(f"\n{'':8}{'cases':>8}{'applicable':>12}{'passed':>8}{'open':>6}{'n. a.':>7}")
    for name, total, applicable, passed, unproven, out in summary(outcomes):
        print(f"{name:8}{total:>8}{applicable:>12}{passed:>8}{unproven:>6}{out:>7}")
    print(f"next: {sum(waiting.values())} cases of actors that are not built yet")
    for outcome in outcomes:
        if not outcome.case.applies:
            print(f"n. a. {outcome.case.id}: {outcome.case.reason}")
        if not outcome.is_wanted:
            print(f"NOT PROVEN {outcome.case.id} ({outcome.verdict.value}): {outcome.case.title}")
    return 0 if all(outcome.is_wanted for outcome in outcomes) else 1


if __name__ == "__main__":
    sys.exit(main())
