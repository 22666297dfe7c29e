"""What a write means: merges, durations, numbers, full lists, things that cannot be read."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest

from eebus.spine.model.common_data_types import ScaledNumber, TimePeriod
from eebus.spine.model.device_configuration import (
    DEVICE_CONFIGURATION_KEY_VALUE_LIST_DATA,
    DeviceConfigurationKeyValueData,
    DeviceConfigurationKeyValueListData,
    DeviceConfigurationKeyValueValue,
)
from eebus.spine.model.load_control import (
    LOAD_CONTROL_LIMIT_DESCRIPTION_LIST_DATA,
    LOAD_CONTROL_LIMIT_LIST_DATA,
    LoadControlLimitData,
    LoadControlLimitListData,
    LoadControlLimitListDataSelectors,
)
from eebus.spine.restricted import PARTIAL, Filter
from eebus.usecases.lpc.events import WriteJudged
from tests.conformance.lpc.bench import (
    APCL_03,
    NO_PERIOD,
    Bench,
    in_controlled,
    in_init,
    in_limited,
)


def full(bench: Bench, *entries: LoadControlLimitData) -> int:
    """A write without filter: the whole list."""
    data = LoadControlLimitListData(load_control_limit_data=entries)
    return bench.write("LoadControl", LOAD_CONTROL_LIMIT_LIST_DATA, data)


def partial(bench: Bench, *entries: LoadControlLimitData) -> int:
    data = LoadControlLimitListData(load_control_limit_data=entries)
    return bench.write("LoadControl", LOAD_CONTROL_LIMIT_LIST_DATA, data, (PARTIAL,))


def judged(bench: Bench) -> WriteJudged:
    return next(e for e in reversed(bench.events) if isinstance(e, WriteJudged))


@pytest.mark.rule("LPC-004")
@pytest.mark.field("F-04")
def test_a_limit_without_duration_holds_until_it_is_changed() -> None:
    bench = in_limited()

    bench.wait(86_400.0)

    assert bench.state == "limited"
    assert bench.applied_w == APCL_03


@pytest.mark.rule("LPC-004")
@pytest.mark.field("H-42")
def test_an_open_limit_after_a_timed_one_does_not_inherit_its_end() -> None:
    bench = in_limited("PT15M")

    assert bench.limit(APCL_03, active=True, period=NO_PERIOD) == 0
    bench.wait(16 * 60.0)

    assert bench.state == "limited"
    assert bench.told().time_period is None


def test_a_new_value_alone_keeps_the_running_duration() -> None:
    bench = in_limited("PT5M")
    bench.wait(200.0)

    assert bench.limit(3_000) == 0
    bench.wait(99.0)
    assert bench.applied_w == 3_000
    bench.wait(1.0)

    assert bench.state == "unlimited_controlled"


def test_a_new_duration_alone_counts_from_its_own_reception() -> None:
    bench = in_limited("PT5M")
    bench.wait(200.0)

    assert bench.limit(period="PT5M") == 0
    bench.wait(299.0)
    assert bench.state == "limited"
    bench.wait(1.0)

    assert bench.state == "unlimited_controlled"


def test_a_duration_stored_while_inactive_starts_when_the_limit_is_activated() -> None:
    bench = in_controlled()
    assert bench.limit(period="PT1M") == 0
    bench.wait(300.0)

    assert bench.limit(active=True) == 0
    bench.wait(59.0)
    assert bench.state == "limited"
    bench.wait(1.0)

    assert bench.state == "unlimited_controlled"


@pytest.mark.rule("LPC-L-2.2")
@pytest.mark.parametrize("period", ["PT0S", "P0D"])
def test_a_duration_of_zero_means_off_now(period: str) -> None:
    bench = in_limited()

    assert bench.limit(3_000, active=True, period=period) == 0

    assert bench.state == "unlimited_controlled"
    assert bench.told().is_limit_active is False
    assert bench.told().time_period is None


@pytest.mark.rule("LPC-004")
def test_who_reads_a_running_limit_is_told_what_is_left_of_it() -> None:
    bench = in_limited("PT5M")
    assert bench.told().time_period == TimePeriod(end_time="PT5M")
    bench.beats = True

    bench.wait(60.4)

    assert bench.told().time_period == TimePeriod(end_time="PT240S")
    assert bench.limit(3_000) == 0  # the value alone: the duration runs on
    assert bench.told().time_period == TimePeriod(end_time="PT240S")
    bench.wait(239.6)
    assert bench.state == "unlimited_controlled"


@pytest.mark.field("F-22")
@pytest.mark.field("H-12")
@pytest.mark.field("H-77")
@pytest.mark.parametrize(
    "period", ["2026-01-01T12:00:00Z", "-PT5M", "PT", "P", "P1M", "soon", "PT1e3S"]
)
def test_an_end_that_is_no_duration_is_refused_and_never_means_no_end(period: str) -> None:
    bench = in_limited("PT5M")

    assert bench.limit(3_000, active=True, period=period) == 7

    assert bench.applied_w == APCL_03
    assert bench.told().time_period == TimePeriod(end_time="PT5M")
    assert (judged(bench).value_w, judged(bench).error_number) == (None, 7)


@pytest.mark.field("F-22")
@pytest.mark.parametrize("days", [-1, 1])
def test_a_jump_of_the_wall_clock_neither_ends_nor_prolongs_a_limit(days: int) -> None:
    bench = in_limited("PT5M")
    bench.wall_shift = timedelta(days=days)

    bench.wait(299.0)
    assert bench.state == "limited"
    bench.wait(1.0)

    assert bench.state == "unlimited_controlled"


@pytest.mark.field("F-20")
@pytest.mark.parametrize(
    ("number", "scale", "watts"),
    [
        (65_536, 0, "65536"),
        (10_000_000, 0, "10000000"),
        (1_000, 4, "10000000"),
        (42_017, -1, "4201.7"),
        (42_017_531, -4, "4201.7531"),
        (0, 0, "0"),
    ],
)
def test_limits_up_to_ten_megawatts_and_scales_of_four_are_exact(
    number: int, scale: int, watts: str
) -> None:
    bench = in_controlled()
    entry = LoadControlLimitData(
        limit_id=0, is_limit_active=True, value=ScaledNumber(number=number, scale=scale)
    )

    assert partial(bench, entry) == 0

    assert bench.applied_w == Decimal(watts)
    assert bench.told().value == ScaledNumber(number=number, scale=scale)


@pytest.mark.field("F-11")
@pytest.mark.invariant("I-04")
def test_zero_watts_is_a_limit_of_zero_watts() -> None:
    bench = in_controlled()

    assert bench.limit(0, active=True, period=NO_PERIOD) == 0

    assert bench.state == "limited"
    assert bench.applied_w == 0
    assert bench.told().is_limit_active is True


@pytest.mark.rule("TC_SPINE_RTS_005")
def test_a_number_without_scale_keeps_the_stored_scale() -> None:
    bench = in_controlled()
    bench.limit(Decimal(4_200), active=True, scale=2)
    entry = LoadControlLimitData(limit_id=0, value=ScaledNumber(number=33))

    assert partial(bench, entry) == 0

    assert bench.applied_w == 3_300


@pytest.mark.parametrize(
    "value",
    [
        ScaledNumber(number=1, scale=19),
        ScaledNumber(number=2**63, scale=0),
        ScaledNumber(number=1, scale=-19),
    ],
)
def test_a_number_nobody_can_mean_is_refused_and_changes_nothing(value: ScaledNumber) -> None:
    bench = in_limited()

    assert partial(bench, LoadControlLimitData(limit_id=0, value=value)) == 7

    assert bench.applied_w == APCL_03


@pytest.mark.invariant("I-03")
def test_what_cannot_be_read_proves_nothing_and_leaves_init() -> None:
    bench = in_init()
    bench.beat()

    assert bench.limit(3_000, active=True, period="2026-01-01T12:00:00Z") == 7

    assert bench.state == "init"
    assert bench.applied_w == 4_200


@pytest.mark.rule("LPC-TS-002")
def test_every_subset_of_a_write_is_taken() -> None:
    bench = in_controlled()

    assert bench.limit(5_000) == 0
    assert bench.applied_w is None
    assert bench.limit(active=True) == 0
    assert bench.applied_w == 5_000
    assert bench.limit(period="PT10M") == 0
    assert bench.limit(period=NO_PERIOD) == 0
    assert bench.told().time_period is None
    assert bench.limit(6_000, period="PT10M") == 0
    assert bench.limit(active=True, period=NO_PERIOD) == 0
    assert bench.applied_w == 6_000
    assert bench.limit(active=False) == 0
    assert bench.state == "unlimited_controlled"
    assert bench.told_w() == 6_000


def test_a_pure_delete_makes_a_timed_limit_open() -> None:
    bench = in_limited("PT5M")
    delete = Filter(
        "delete",
        selectors=(LoadControlLimitListDataSelectors(limit_id=0),),
        elements=_period_elements(),
    )

    assert bench.write("LoadControl", LOAD_CONTROL_LIMIT_LIST_DATA, None, (delete,)) == 0
    bench.wait(600.0)

    assert bench.state == "limited"
    assert bench.told().time_period is None


def _period_elements() -> object:
    """The spelling of eebus-go: the whole ``timePeriod``."""
    from eebus.spine.model.common_data_types import TimePeriodElements
    from eebus.spine.model.load_control import LoadControlLimitDataElements

    return LoadControlLimitDataElements(time_period=TimePeriodElements())


def test_a_full_write_replaces_the_entry_and_cannot_lock_the_limit() -> None:
    bench = in_limited("PT5M")
    entry = LoadControlLimitData(
        limit_id=0,
        is_limit_changeable=False,
        is_limit_active=True,
        value=ScaledNumber(number=3_000),
    )

    assert full(bench, entry) == 0

    assert bench.told().is_limit_changeable is True
    assert bench.told().time_period is None
    assert bench.told().value == ScaledNumber(number=3_000, scale=0)
    assert bench.limit(4_000) == 0


@pytest.mark.invariant("I-03")
@pytest.mark.parametrize(
    "entry",
    [
        LoadControlLimitData(limit_id=0, value=ScaledNumber(number=1, scale=0)),
        LoadControlLimitData(limit_id=0, is_limit_active=False),
        LoadControlLimitData(limit_id=7, is_limit_active=False, value=ScaledNumber(number=1)),
        LoadControlLimitData(is_limit_active=False, value=ScaledNumber(number=1)),
    ],
)
def test_an_incomplete_full_write_is_refused_and_frees_nothing(
    entry: LoadControlLimitData,
) -> None:
    bench = in_limited()

    assert full(bench, entry) == 7

    assert bench.applied_w == APCL_03
    assert bench.told().is_limit_active is True


@pytest.mark.parametrize("limit_id", [1, 7, None])
def test_a_partial_write_for_another_limit_is_refused(limit_id: int | None) -> None:
    bench = in_limited()

    assert bench.limit(3_000, active=False, limit_id=limit_id) == 7

    assert bench.applied_w == APCL_03


def test_two_entries_for_one_limit_are_refused() -> None:
    bench = in_limited()
    first = LoadControlLimitData(limit_id=0, is_limit_active=False)
    second = LoadControlLimitData(limit_id=0, value=ScaledNumber(number=1, scale=0))

    assert partial(bench, first, second) == 7

    assert bench.applied_w == APCL_03


def test_both_failsafe_values_in_one_write_are_taken_together_or_not_at_all() -> None:
    bench = in_controlled()

    assert bench.failsafe(3_000, "PT3H") == 0
    assert bench.told_failsafe() == (Decimal(3_000), "PT3H")
    assert bench.failsafe(5_000, "PT1H") == 7
    assert bench.told_failsafe() == (Decimal(3_000), "PT3H")
    assert bench.failsafe(-1, "PT4H") == 7
    assert bench.told_failsafe() == (Decimal(3_000), "PT3H")


@pytest.mark.parametrize(
    "entry",
    [
        DeviceConfigurationKeyValueData(
            key_id=0, value=DeviceConfigurationKeyValueValue(duration="PT3H")
        ),
        DeviceConfigurationKeyValueData(
            key_id=1, value=DeviceConfigurationKeyValueValue(duration="P1Y")
        ),
        DeviceConfigurationKeyValueData(
            key_id=1,
            value=DeviceConfigurationKeyValueValue(scaled_number=ScaledNumber(number=7_200)),
        ),
        DeviceConfigurationKeyValueData(
            key_id=9, value=DeviceConfigurationKeyValueValue(duration="PT3H")
        ),
    ],
)
def test_a_failsafe_write_of_the_wrong_kind_is_refused(
    entry: DeviceConfigurationKeyValueData,
) -> None:
    bench = in_controlled()
    data = DeviceConfigurationKeyValueListData(device_configuration_key_value_data=(entry,))

    number = bench.write(
        "DeviceConfiguration", DEVICE_CONFIGURATION_KEY_VALUE_LIST_DATA, data, (PARTIAL,)
    )

    assert number == 7
    assert bench.told_failsafe() == (Decimal(4_200), "PT7200S")


@pytest.mark.rule("LPC-011")
@pytest.mark.rule("LPC-012")
def test_the_limit_is_described_and_linked_to_a_measurement_nobody_has() -> None:
    bench = in_init()

    data = bench.read("LoadControl", LOAD_CONTROL_LIMIT_DESCRIPTION_LIST_DATA)

    (entry,) = data.load_control_limit_description_data
    assert (entry.limit_type, entry.limit_category) == ("signDependentAbsValueLimit", "obligation")
    assert (entry.limit_direction, entry.scope_type) == ("consume", "activePowerLimit")
    assert (entry.unit, entry.measurement_id) == ("W", 1_000_000)
