"""P_min to the watt: worked examples of the guideline (G, P) and edge cases (E)."""

from __future__ import annotations

import dataclasses
import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.api import LoadKind
from ems.control.gzf import (
    BK6_22_300,
    ControlMode,
    DirectHeatRule,
    LegacyStatus,
    SteuVe,
    group,
    pmin,
    pmin_direct,
)

DAY = datetime.date(2026, 1, 15)
HP, AC, CP, ST = LoadKind.HEATPUMP, LoadKind.COOLING, LoadKind.WALLBOX, LoadKind.BATTERY


def devices(*kw: tuple[LoadKind, float], control: ControlMode = ControlMode.EMS) -> list[SteuVe]:
    return [
        SteuVe(id=f"d{n}", kind=kind, rated_w=round(power * 1000), control=control)
        for n, (kind, power) in enumerate(kw)
    ]


def times(n: int, kind: LoadKind, power: float) -> tuple[tuple[LoadKind, float], ...]:
    return ((kind, power),) * n


EMS_CASES = {
    "P1": (((CP, 11.0),), 1, 4_200),
    "P4": (times(2, CP, 11), 2, 7_560),
    "P5": (times(23, CP, 11), 23, 45_780),
    "P6": (((HP, 6.0), *times(2, CP, 11)), 3, 10_500),
    "P7": (((HP, 6.0), (AC, 4.0), (AC, 2.0), *times(4, CP, 11)), 6, 16_800),
    "P8": (((HP, 30.0), *times(4, CP, 22)), 5, 22_920),
    "P9": (((HP, 6.0), (HP, 9.0), *times(3, AC, 4), *times(4, CP, 11)), 6, 18_600),
    "E1": (((CP, 11.0),), 1, 4_200),
    "E2": (((CP, 4.2),), 0, None),
    "E3": (((CP, 4.201),), 1, 4_200),
    "E4": (((HP, 11.0),), 1, 4_200),
    "E5": (((HP, 11.001),), 1, 4_400),
    "E6": (((HP, 20.0), (CP, 11.0)), 2, 11_360),
    "E7": (((HP, 20.0), (AC, 15.0), (CP, 11.0)), 3, 14_300),
    "E8": (times(3, HP, 5), 1, 6_000),
    "E9": (((HP, 20.0), (HP, 5.0)), 1, 10_000),
    "E10": (times(2, HP, 3), 1, 4_200),
    "E11": (times(2, HP, 2.1), 0, None),
    "E12": (((HP, 6.0), (AC, 12.0), (CP, 11.0)), 3, 11_100),
    "E13": (((HP, 30.0),), 1, 12_000),
    "E14": (((AC, 12.0),), 1, 4_800),
    "E15": (((HP, 20.0), (AC, 5.0)), 2, 11_360),
    "E17": (((ST, 10.0), (CP, 11.0)), 2, 7_560),
    "E18": (((ST, 4.0), (CP, 11.0)), 1, 4_200),
    "E20": (((CP, 11.0), (CP, 3.7)), 1, 4_200),
    "E21": (((HP, 12.0), (AC, 3.0)), 1, 4_800),
    "E22": (((HP, 14.0), (CP, 11.0)), 2, 8_960),
    "E23": (((HP, 9.0), (CP, 11.0), (ST, 10.0)), 3, 10_500),
    "E24": (((HP, 20.0), (CP, 11.0), (ST, 10.0)), 3, 14_300),
    "E25": (((HP, 9.0), (AC, 5.0), (CP, 11.0), (ST, 10.0)), 4, 13_020),
    "E26": (((HP, 11.0), (AC, 11.0), (CP, 11.0)), 3, 10_500),
    "E27": (((HP, 11.5), (AC, 11.5), (CP, 11.0)), 3, 10_900),
    "E28": (times(8, CP, 11), 8, 18_900),
    "E29": (times(9, CP, 11), 9, 19_320),
    "E30": (((HP, 30.0), *times(9, CP, 11)), 10, 29_010),
    "E31": (times(4, AC, 2), 1, 4_200),
    "E32": (((AC, 2.0), (HP, 6.0)), 1, 4_200),
    "E37": (((CP, 11.0), (HP, 2.5), (HP, 2.5), (AC, 4.0), (AC, 1.0)), 3, 10_500),
    "first plant": ((*times(3, CP, 11), (HP, 6.0), (ST, 5.0)), 5, 15_120),
}


@pytest.mark.rule("R-14A-06")
@pytest.mark.parametrize("case", EMS_CASES.values(), ids=EMS_CASES.keys())
def test_ems_control_owes_exactly(
    case: tuple[tuple[tuple[LoadKind, float], ...], int, int | None],
) -> None:
    installed, n, owed_w = case

    result = pmin(devices(*installed), date=DAY)

    assert (result.n, result.pmin_14a_w) == (n, owed_w)


GROUPING = {
    "G1": (times(4, AC, 2), [8_000]),
    "G2": (((AC, 2.0), (HP, 6.0)), [6_000]),
    "G3": (times(8, CP, 11), [11_000] * 8),
    "G4": (times(2, HP, 3), [6_000]),
    "G5": (((HP, 3.0), (AC, 3.0), (CP, 3.0), (CP, 3.0), (ST, 4.2)), []),
}


@pytest.mark.rule("R-14A-01")
@pytest.mark.rule("R-14A-02")
@pytest.mark.rule("R-14A-03")
@pytest.mark.parametrize("case", GROUPING.values(), ids=GROUPING.keys())
def test_devices_are_grouped_as_the_guideline_says(
    case: tuple[tuple[tuple[LoadKind, float], ...], list[int]],
) -> None:
    installed, powers_w = case

    groups = group(devices(*installed), date=DAY, control=ControlMode.EMS)

    assert [one.rated_w for one in groups] == powers_w


DIRECT = {
    "P1": (((CP, 11.0),), DirectHeatRule.PER_CLASS, [4_200]),
    "P1, one rule for heat": (((CP, 11.0),), DirectHeatRule.SUM, [4_200]),
    "P2": (((HP, 20.0),), DirectHeatRule.PER_CLASS, [8_000]),
    "P3": (((HP, 20.0), (AC, 5.0)), DirectHeatRule.SUM, [10_000]),
    "E4": (((HP, 11.0),), DirectHeatRule.PER_CLASS, [4_200]),
    "E5": (((HP, 11.001),), DirectHeatRule.PER_CLASS, [4_400]),
    "E16": (((HP, 20.0), (AC, 5.0)), DirectHeatRule.PER_CLASS, [8_000, 4_200]),
    "E19": (((ST, 50.0),), DirectHeatRule.PER_CLASS, [4_200]),
    "E33": (((HP, 19.7),), DirectHeatRule.PER_CLASS, [7_880]),
    "22 kW charge point": (((CP, 22.0),), DirectHeatRule.PER_CLASS, [4_200]),
}


@pytest.mark.rule("R-14A-07")
@pytest.mark.parametrize("case", DIRECT.values(), ids=DIRECT.keys())
def test_direct_control_owes_each_steuve(
    case: tuple[tuple[tuple[LoadKind, float], ...], DirectHeatRule, list[int]],
) -> None:
    installed, heat_rule, owed_w = case

    result = pmin_direct(
        devices(*installed, control=ControlMode.DIRECT), date=DAY, heat_rule=heat_rule
    )

    assert list(result.values()) == owed_w


@pytest.mark.rule("R-14A-05")
def test_an_old_heat_pump_without_contract_is_household_load() -> None:  # E34
    old = SteuVe(id="hp", kind=HP, rated_w=12_000, commissioned=datetime.date(2019, 5, 1))
    new = SteuVe(id="cp", kind=CP, rated_w=11_000, commissioned=datetime.date(2025, 5, 1))

    result = pmin([old, new], date=DAY)

    assert (result.n, result.pmin_14a_w) == (1, 4_200)


@pytest.mark.rule("R-14A-05")
@pytest.mark.parametrize(
    ("day", "expected"),
    [(datetime.date(2028, 12, 31), (1, 4_200)), (datetime.date(2029, 1, 1), (2, 8_160))],
)
def test_a_reduced_fee_heat_pump_joins_on_new_years_day_2029(
    day: datetime.date, expected: tuple[int, int]
) -> None:  # E35
    old = SteuVe(id="hp", kind=HP, rated_w=12_000, legacy=LegacyStatus.LEGACY_REDUCED_FEE)
    new = SteuVe(id="cp", kind=CP, rated_w=11_000)

    result = pmin([old, new], date=day)

    assert (result.n, result.pmin_14a_w) == expected


@pytest.mark.rule("R-14A-11")
def test_mixed_control_counts_each_path_on_its_own() -> None:  # E36
    plant = [
        SteuVe(id="cp", kind=CP, rated_w=11_000, control=ControlMode.DIRECT),
        SteuVe(id="hp", kind=HP, rated_w=9_000),
        SteuVe(id="st", kind=ST, rated_w=10_000),
    ]

    assert pmin(plant, date=DAY).pmin_14a_w == 7_560
    assert pmin_direct(plant, date=DAY) == {("cp",): 4_200}


@pytest.mark.parametrize(
    ("commissioned", "n"), [(datetime.date(2023, 12, 31), 0), (datetime.date(2024, 1, 1), 1)]
)
def test_the_new_rules_begin_with_2024(commissioned: datetime.date, n: int) -> None:
    one = SteuVe(id="cp", kind=CP, rated_w=11_000, commissioned=commissioned)

    assert pmin([one], date=DAY).n == n


@pytest.mark.parametrize(
    ("legacy", "n"),
    [
        (LegacyStatus.MANDATORY, 1),
        (LegacyStatus.VOLUNTARY, 1),
        (LegacyStatus.EXEMPT, 0),
        (LegacyStatus.OUT_OF_SCOPE, 0),
        (LegacyStatus.NIGHT_STORAGE, 0),
        (LegacyStatus.LEGACY_NON_STEUVE, 0),
    ],
)
def test_each_regime_counts_or_not(legacy: LegacyStatus, n: int) -> None:
    assert pmin([SteuVe(id="x", kind=HP, rated_w=9_000, legacy=legacy)], date=DAY).n == n


@pytest.mark.rule("R-14A-08")
def test_other_numbers_give_another_result_and_name_their_version() -> None:
    other = dataclasses.replace(BK6_22_300, version="test/1", gzf=((2, 90), (9, 40)))

    result = pmin(devices((CP, 11), (CP, 11)), date=DAY, rules=other)

    assert result.pmin_14a_w == 4_200 + 3_780
    assert result.gzf == "0.90"
    assert result.rules_version == "test/1"


FLAT_W = {
    1: 4_200, 2: 7_560, 3: 10_500, 4: 13_020, 5: 15_120, 6: 16_800, 7: 18_060, 8: 18_900, 9: 19_320,
    10: 21_210, 11: 23_100, 12: 24_990, 15: 30_660, 20: 40_110, 23: 45_780, 30: 59_010, 50: 96_810,
    64: 123_270,
}  # fmt: skip


@pytest.mark.parametrize(("n", "owed_w"), FLAT_W.items())
def test_equal_charge_points_follow_the_table(n: int, owed_w: int) -> None:
    assert pmin(devices(*times(n, CP, 11)), date=DAY).pmin_14a_w == owed_w


def test_from_nine_on_each_further_one_adds_the_same() -> None:
    for n in range(9, 100):
        more_w = pmin(devices(*times(n + 1, CP, 11)), date=DAY).pmin_14a_w or 0
        assert more_w - (pmin(devices(*times(n, CP, 11)), date=DAY).pmin_14a_w or 0) == 1_890


installations = st.lists(
    st.tuples(st.sampled_from([HP, AC, CP, ST]), st.integers(100, 60_000)), max_size=14
)


def plant_of(items: list[tuple[LoadKind, int]]) -> list[SteuVe]:
    return [SteuVe(id=f"d{n}", kind=k, rated_w=w) for n, (k, w) in enumerate(items)]


@given(installations, st.tuples(st.sampled_from([HP, AC, CP, ST]), st.integers(100, 60_000)))
def test_adding_a_device_never_lowers_what_is_owed(
    items: list[tuple[LoadKind, int]], extra: tuple[LoadKind, int]
) -> None:
    before = pmin(plant_of(items), date=DAY)
    after = pmin(plant_of([*items, extra]), date=DAY)

    assert (after.pmin_14a_w or 0) >= (before.pmin_14a_w or 0)
    assert before.n == 0 or (before.pmin_14a_w or 0) >= 4_200


@given(installations.filter(bool), st.data())
def test_raising_a_power_never_lowers_what_is_owed(
    items: list[tuple[LoadKind, int]], data: st.DataObject
) -> None:
    chosen = data.draw(st.integers(0, len(items) - 1))
    more_w = data.draw(st.integers(0, 20_000))
    raised = [(k, w + more_w if n == chosen else w) for n, (k, w) in enumerate(items)]

    before, after = pmin(plant_of(items), date=DAY), pmin(plant_of(raised), date=DAY)

    assert (after.pmin_14a_w or 0) >= (before.pmin_14a_w or 0)


@given(installations, st.randoms(use_true_random=False))
def test_the_order_of_devices_does_not_matter(
    items: list[tuple[LoadKind, int]], chance: object
) -> None:
    shuffled = list(items)
    chance.shuffle(shuffled)  # type: ignore[attr-defined]  # hypothesis gives a Random

    assert pmin(plant_of(items), date=DAY).pmin_14a_w == (
        pmin(plant_of(shuffled), date=DAY).pmin_14a_w
    )
