"""Truth table of spine.md 4.3 and merge of 4.5."""

from __future__ import annotations

import pytest

from eebus.spine.model.common_data_types import (
    ScaledNumber,
    ScaledNumberElements,
    TimePeriod,
    TimePeriodElements,
)
from eebus.spine.model.device_configuration import (
    DEVICE_CONFIGURATION_KEY_VALUE_LIST_DATA as KEY_VALUES,
)
from eebus.spine.model.device_configuration import (
    DeviceConfigurationKeyValueData,
    DeviceConfigurationKeyValueListData,
    DeviceConfigurationKeyValueValue,
)
from eebus.spine.model.device_diagnosis import (
    DEVICE_DIAGNOSIS_HEARTBEAT_DATA as HEARTBEAT,
)
from eebus.spine.model.device_diagnosis import (
    DeviceDiagnosisHeartbeatData,
    DeviceDiagnosisHeartbeatDataElements,
)
from eebus.spine.model.load_control import (
    LOAD_CONTROL_LIMIT_LIST_DATA as LIMITS,
)
from eebus.spine.model.load_control import (
    LoadControlLimitDataElements,
)
from eebus.spine.model.smart_energy_management_ps import (
    SMART_ENERGY_MANAGEMENT_PS_DATA,
    SmartEnergyManagementPsAlternatives,
    SmartEnergyManagementPsData,
)
from eebus.spine.restricted import PARTIAL, Filter, merge
from tests.unit.eebus.spine.lists import (
    STORED,
    TAG,
    chosen,
    error_of,
    limit,
    limits,
    scaled,
)

# --- 4.3: write and notify ---


def test_full_exchange_replaces_the_content() -> None:
    assert merge(LIMITS, STORED, limits(limit(5))) == limits(limit(5))


def test_partial_without_selectors_merges_the_entry_with_the_same_identity() -> None:
    merged = merge(LIMITS, STORED, limits(limit(0, is_limit_active=True)), (PARTIAL,))

    assert merged == limits(
        limit(0, is_limit_changeable=True, is_limit_active=True, value=scaled(42, 2)),
        STORED.load_control_limit_data[1],  # type: ignore[index]  # given above
    )


def test_partial_without_selectors_appends_an_unknown_identity() -> None:
    merged = merge(LIMITS, limits(limit(0)), limits(limit(3, value=scaled(1))), (PARTIAL,))

    assert merged == limits(limit(0), limit(3, value=scaled(1)))


def test_partial_without_identifiers_applies_to_all_entries() -> None:
    merged = merge(
        LIMITS, limits(limit(0), limit(1)), limits(limit(None, is_limit_active=True)), (PARTIAL,)
    )

    assert merged == limits(limit(0, is_limit_active=True), limit(1, is_limit_active=True))


def test_partial_on_nothing_creates_what_it_carries() -> None:
    assert merge(LIMITS, None, limits(limit(3)), (PARTIAL,)) == limits(limit(3))


def test_partial_with_selectors_changes_every_match_and_appends_nothing() -> None:
    partial = Filter("partial", (chosen(1),))

    merged = merge(
        LIMITS, limits(limit(0), limit(1)), limits(limit(None, value=scaled(9))), (partial,)
    )

    assert merged == limits(limit(0), limit(1, value=scaled(9)))


def test_repeated_selectors_are_alternatives() -> None:
    partial = Filter("partial", (chosen(0), chosen(2)))

    merged = merge(
        LIMITS,
        limits(limit(0), limit(1), limit(2)),
        limits(limit(None, is_limit_active=True)),
        (partial,),
    )

    assert merged == limits(
        limit(0, is_limit_active=True), limit(1), limit(2, is_limit_active=True)
    )


def test_partial_selectors_that_match_nothing_are_rejected() -> None:
    partial = Filter("partial", (chosen(9),))

    assert error_of(LIMITS, STORED, limits(limit(None, value=scaled(9))), partial) == 7


def test_identifiers_that_contradict_the_selectors_are_rejected() -> None:
    partial = Filter("partial", (chosen(1),))

    assert error_of(LIMITS, STORED, limits(limit(0, value=scaled(9))), partial) == 7


def test_delete_with_selectors_removes_matching_entries() -> None:
    delete = Filter("delete", (chosen(0),))

    assert merge(LIMITS, limits(limit(0), limit(1)), None, (delete,)) == limits(limit(1))


def test_delete_that_matches_nothing_is_a_success() -> None:
    assert merge(LIMITS, STORED, None, (Filter("delete", (chosen(9),)),)) == STORED


def test_delete_with_elements_removes_them_in_all_entries() -> None:
    delete = Filter("delete", (), LoadControlLimitDataElements(value=ScaledNumberElements()))

    merged = merge(
        LIMITS, limits(limit(0, value=scaled(1)), limit(1, value=scaled(2))), None, (delete,)
    )

    assert merged == limits(limit(0), limit(1))


@pytest.mark.parametrize(
    "period",
    [TimePeriodElements(), TimePeriodElements(start_time=TAG, end_time=TAG)],
    ids=["eebus-go spelling", "each child"],
)
def test_delete_with_selectors_and_elements_removes_elements_of_matches(
    period: TimePeriodElements,
) -> None:
    delete = Filter("delete", (chosen(1),), LoadControlLimitDataElements(time_period=period))

    merged = merge(LIMITS, STORED, None, (delete,))

    assert merged.load_control_limit_data == (
        limit(0, is_limit_changeable=True, is_limit_active=False, value=scaled(42, 2)),
        limit(1, is_limit_changeable=True, is_limit_active=True, value=scaled(7)),
    )


def test_element_whose_last_child_was_deleted_is_absent() -> None:
    stored = limits(limit(0, time_period=TimePeriod(end_time="PT2H")))
    elements = LoadControlLimitDataElements(time_period=TimePeriodElements(end_time=TAG))

    assert merge(LIMITS, stored, None, (Filter("delete", (chosen(0),), elements),)) == limits(
        limit(0)
    )


def test_delete_that_selects_nothing_never_clears_all() -> None:
    assert error_of(LIMITS, STORED, None, Filter("delete")) == 7
    assert error_of(LIMITS, STORED, None, Filter("delete", (), LoadControlLimitDataElements())) == 7


def test_identifiers_cannot_be_deleted() -> None:
    delete = Filter("delete", (), LoadControlLimitDataElements(limit_id=TAG))

    assert error_of(LIMITS, STORED, None, delete) == 7


@pytest.mark.parametrize("delete_first", [True, False])
def test_delete_runs_before_partial_whatever_the_order_on_the_wire(*, delete_first: bool) -> None:
    elements = LoadControlLimitDataElements(time_period=TimePeriodElements(end_time=TAG))
    delete = Filter("delete", (chosen(0),), elements)
    stored = limits(limit(0, time_period=TimePeriod(end_time="PT2H"), value=scaled(1)))
    incoming = limits(limit(0, time_period=TimePeriod(end_time="PT1H")))

    filters = (delete, PARTIAL) if delete_first else (PARTIAL, delete)

    assert merge(LIMITS, stored, incoming, filters) == limits(
        limit(0, time_period=TimePeriod(end_time="PT1H"), value=scaled(1))
    )


def test_elements_in_a_partial_write_are_not_supported() -> None:
    partial = Filter("partial", (), LoadControlLimitDataElements(value=ScaledNumberElements()))

    assert error_of(LIMITS, STORED, limits(limit(0)), partial) == 8


def test_two_filters_of_one_kind_are_not_supported() -> None:
    assert error_of(LIMITS, STORED, limits(limit(0)), PARTIAL, PARTIAL) == 8


def test_failed_operation_changes_nothing() -> None:
    delete = Filter("delete", (chosen(0),))
    partial = Filter("partial", (chosen(0),))  # gone after the delete step

    assert error_of(LIMITS, STORED, limits(limit(None, value=scaled(1))), delete, partial) == 7
    assert len(STORED.load_control_limit_data or ()) == 2


def test_function_without_list_is_merged_element_by_element() -> None:
    stored = DeviceDiagnosisHeartbeatData(heartbeat_counter=1, heartbeat_timeout="PT60S")

    merged = merge(HEARTBEAT, stored, DeviceDiagnosisHeartbeatData(heartbeat_counter=2), (PARTIAL,))

    assert merged == DeviceDiagnosisHeartbeatData(heartbeat_counter=2, heartbeat_timeout="PT60S")


def test_delete_elements_of_a_function_without_list() -> None:
    stored = DeviceDiagnosisHeartbeatData(heartbeat_counter=1, heartbeat_timeout="PT60S")
    delete = Filter("delete", (), DeviceDiagnosisHeartbeatDataElements(heartbeat_counter=TAG))

    assert merge(HEARTBEAT, stored, None, (delete,)) == DeviceDiagnosisHeartbeatData(
        heartbeat_timeout="PT60S"
    )


@pytest.mark.rule("H-33")
def test_partial_write_of_a_composite_keeps_what_it_does_not_name() -> None:
    stored = SmartEnergyManagementPsData(alternatives=(SmartEnergyManagementPsAlternatives(),))

    merged = merge(
        SMART_ENERGY_MANAGEMENT_PS_DATA, stored, SmartEnergyManagementPsData(), (PARTIAL,)
    )

    assert merged == stored


# --- 4.5: merge of one entry ---


@pytest.mark.parametrize(
    ("incoming", "expected"),
    [
        (scaled(9, 1), scaled(9, 1)),
        (scaled(9, None), scaled(9, 2)),
        (scaled(None, 1), scaled(42, 1)),
        (scaled(None, None), scaled(42, 2)),
    ],
    ids=["both", "number only", "scale only", "empty"],
)
@pytest.mark.rule("H-61")
def test_scaled_number_is_merged_child_by_child(
    incoming: ScaledNumber, expected: ScaledNumber
) -> None:
    merged = merge(
        LIMITS, limits(limit(0, value=scaled(42, 2))), limits(limit(0, value=incoming)), (PARTIAL,)
    )

    assert merged == limits(limit(0, value=expected))


def test_partial_without_time_period_keeps_the_old_validity() -> None:
    merged = merge(LIMITS, STORED, limits(limit(1, value=scaled(8))), (PARTIAL,))

    assert merged.load_control_limit_data is not None
    assert merged.load_control_limit_data[1].time_period == TimePeriod(
        start_time="PT0S", end_time="PT2H"
    )


def test_empty_complex_element_changes_nothing() -> None:
    stored = limits(limit(0, value=scaled(42, 2)))

    assert merge(LIMITS, stored, limits(limit(0, time_period=TimePeriod())), (PARTIAL,)) == stored


def test_value_of_another_kind_replaces_the_whole_value() -> None:
    def key(value: DeviceConfigurationKeyValueValue) -> DeviceConfigurationKeyValueListData:
        return DeviceConfigurationKeyValueListData(
            device_configuration_key_value_data=(
                DeviceConfigurationKeyValueData(key_id=0, value=value),
            )
        )

    stored = key(DeviceConfigurationKeyValueValue(duration="PT2H"))
    incoming = key(DeviceConfigurationKeyValueValue(scaled_number=scaled(1)))

    assert merge(KEY_VALUES, stored, incoming, (PARTIAL,)) == incoming
