"""NWLB, budget by attribution, and the credit that grows late and goes at once."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from drivers.api import Capability, ControlUnit, LoadKind, Measurement
from ems.control.budget import Credit, budget, nwlb
from ems.control.exposure import Exposure
from ems.control.plant import Attribution, ControlTimings, Load
from ems.control.sources import Sources

LAST, PRO, FIRST, TOTAL = (
    Attribution.STEUVE_LAST,
    Attribution.PRO_RATA,
    Attribution.STEUVE_FIRST,
    Attribution.GCP_TOTAL,
)
DOCUMENT = yaml.safe_load(Path(__file__).with_name("allocation_cases.yaml").read_text("utf-8"))
CASES = {case["id"]: case for case in DOCUMENT["cases"]}
HOUSE_W, LIMIT_W = 3_000, 4_200

# 14a.md 1.3.2, floored: own generation; budget by STEUVE_LAST, PRO_RATA, STEUVE_FIRST, GCP_TOTAL
TABLE = [
    (0, (4_200, 4_200, 4_200, 1_200)),
    (2_000, (4_200, 5_493, 6_200, 3_200)),
    (5_000, (6_200, 7_812, 9_200, 6_200)),
    (12_000, (13_200, 14_093, 16_200, 13_200)),
]


@pytest.mark.rule("R-14A-13")
@pytest.mark.parametrize(("generation_w", "expected"), TABLE)
def test_the_budget_follows_the_table_of_attributions(
    generation_w: int, expected: tuple[int, int, int, int]
) -> None:
    residual_w = HOUSE_W - generation_w

    got = tuple(budget(a, LIMIT_W, residual_w, generation_w) for a in (LAST, PRO, FIRST, TOTAL))

    assert got == expected


@pytest.mark.rule("R-14A-13")
@pytest.mark.parametrize("attribution", list(Attribution))
@pytest.mark.parametrize("generation_w", [0, 2_000, 5_000, 12_000])
def test_drawing_the_whole_budget_is_exactly_the_limit(
    attribution: Attribution, generation_w: int
) -> None:
    residual_w = HOUSE_W - generation_w
    steuve_w = budget(attribution, LIMIT_W, residual_w, generation_w)

    caused_w = nwlb(attribution, residual_w + steuve_w, steuve_w, generation_w)

    assert LIMIT_W - 2 <= caused_w <= LIMIT_W + 1


def test_case_e01_budgets() -> None:
    rows = CASES["E01"]["given"]["rows"]

    got = [budget(LAST, r["p_lim"], r["p_grid"] - r["p_steuve"]) for r in rows]

    assert got == CASES["E01"]["expect"]["budget_w"]


def test_case_e03_ceilings() -> None:
    from ems.control.decision import SourceView
    from ems.control.grid_limit import UNLIMITED, Limited, Source

    got = []
    for row in CASES["E03"]["given"]["rows"]:
        views = tuple(
            SourceView(
                source=Source.EEBUS,
                limit=Limited(one["w"], Source.EEBUS) if one["active"] else UNLIMITED,
                state="",
                since=0.0,
            )
            for one in row
        )
        limit = Sources.effective(views)
        got.append(limit.power_w if isinstance(limit, Limited) else None)

    assert got == CASES["E03"]["expect"]["ceiling_w"]


def load() -> Exposure:
    one = Load(
        load_id="cp", name="", kind=LoadKind.WALLBOX, rated_w=11_000,
        capability=Capability(control=ControlUnit.CURRENT),
    )  # fmt: skip
    exposure = Exposure(one, ControlTimings(), 0.0)
    exposure.found(one.capability)
    exposure.order(0, 0.0)
    exposure.written(0, 0.0)
    exposure.measured(Measurement(power_w=0), 0.0)
    return exposure


def feed(credit: Credit, residual_w: int, begin: int, end: int, exposure: Exposure) -> None:
    """One reading of meter and load per second, the load drawing nothing."""
    for second in range(begin, end):
        exposure.measured(Measurement(power_w=0), float(second))
        credit.grid_measured(residual_w, float(second))
        credit.update([exposure], 4_200, float(second))


@pytest.mark.rule("R-14A-15")
def test_credit_grows_after_thirty_seconds_and_goes_at_once() -> None:  # F14 of the cases
    credit, exposure = Credit(LAST, ControlTimings()), load()

    feed(credit, -3_000, 0, 30, exposure)
    assert credit.extra_w == 0
    feed(credit, -3_000, 30, 60, exposure)
    assert credit.extra_w == 3_000
    feed(credit, 500, 60, 61, exposure)
    assert credit.extra_w == 0
    feed(credit, -3_000, 61, 91, exposure)
    assert credit.extra_w == 0
    feed(credit, -3_000, 91, 102, exposure)

    assert credit.extra_w == 3_000


@pytest.mark.field("F-30")
@pytest.mark.rule("R-14A-18")
def test_case_e02_a_stale_meter_gives_no_credit() -> None:
    credit, exposure = Credit(LAST, ControlTimings()), load()
    feed(credit, -9_000, 0, 40, exposure)
    assert credit.extra_w == 9_000

    credit.update([exposure], 4_200, 49.5)

    assert credit.extra_w == 0
    assert credit.grid_w(49.5) is None


def test_a_stale_meter_starts_its_hold_anew() -> None:
    credit, exposure = Credit(LAST, ControlTimings()), load()
    feed(credit, -9_000, 0, 40, exposure)
    credit.update([exposure], 4_200, 60.0)

    feed(credit, -9_000, 61, 90, exposure)

    assert credit.extra_w == 0


def test_a_load_that_ramps_up_does_not_take_its_own_credit() -> None:
    credit, exposure = Credit(LAST, ControlTimings()), load()
    feed(credit, -6_000, 0, 40, exposure)
    exposure.order(6_000, 40.0)

    for second, drawn_w in [(41, 2_000), (42, 4_140), (43, 4_140)]:  # the meter sees it first
        credit.grid_measured(-6_000 + drawn_w, float(second))
        credit.update([exposure], 4_200, float(second))
        assert credit.extra_w == 6_000
    exposure.measured(Measurement(power_w=4_140), 43.5)
    credit.update([exposure], 4_200, 43.5)

    assert credit.extra_w == 6_000


def test_an_unmeasured_load_never_creates_surplus() -> None:
    credit = Credit(LAST, ControlTimings())
    one = Load(
        load_id="hp", name="", kind=LoadKind.HEATPUMP, rated_w=6_000,
        capability=Capability(control=ControlUnit.LEVELS, levels_w=(0, 6_000)),
    )  # fmt: skip
    exposure = Exposure(one, ControlTimings(), 0.0)
    exposure.found(one.capability)

    for second in range(60):
        credit.grid_measured(500, float(second))
        credit.update([exposure], 4_200, float(second))

    assert credit.extra_w == 0


def test_a_total_limit_shrinks_with_the_household_at_once() -> None:
    credit, exposure = Credit(TOTAL, ControlTimings()), load()

    feed(credit, 3_000, 0, 1, exposure)

    assert credit.extra_w <= -3_000


def test_absurd_readings_are_no_readings() -> None:
    credit = Credit(LAST, ControlTimings())

    credit.grid_measured(50_000_000, 1.0)
    credit.generation_measured(-5, 1.0)

    assert credit.grid_w(1.0) is None
    assert credit.generation_w(1.0) is None


def test_without_a_reading_of_generation_the_careful_rule_counts() -> None:
    assert budget(FIRST, 4_200, 3_000) == 4_200
    assert budget(PRO, 4_200, -1_000) == 5_200
    assert nwlb(FIRST, 5_000, 4_000) == 4_000
    assert nwlb(PRO, -500, 4_000, 6_000) == 0


def test_a_meter_that_is_lost_takes_the_credit_at_once() -> None:
    credit, exposure = Credit(LAST, ControlTimings()), load()
    feed(credit, -3_000, 0, 40, exposure)

    credit.grid_lost()
    credit.update([exposure], 4_200, 40.0)

    assert credit.extra_w == 0


def test_a_share_of_generation_is_held_anew_for_another_ceiling() -> None:
    credit, exposure = Credit(PRO, ControlTimings()), load()
    for second in range(40):
        exposure.measured(Measurement(power_w=0), float(second))
        credit.grid_measured(1_000, float(second))
        credit.generation_measured(2_000, float(second))
        credit.update([exposure], 4_200, float(second))
    assert credit.extra_w == budget(PRO, 4_200, 1_000, 2_000) - 4_200

    credit.update([exposure], 0, 40.0)

    assert credit.extra_w == 0


def test_absurd_generation_is_no_reading() -> None:
    credit = Credit(FIRST, ControlTimings())
    for power_w in (-1, 10_000_001):
        credit.generation_measured(power_w, 1.0)

    assert credit.generation_w(1.0) is None
