"""Truth tables of spine.md 4.3 and 4.4, merge of 4.5, identities of 4.6, write check of 4.7."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from eebus.spine.function import Function
from eebus.spine.model.common_data_types import (
    ElementTag,
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
    LoadControlLimitData,
    LoadControlLimitDataElements,
    LoadControlLimitListData,
    LoadControlLimitListDataSelectors,
)
from eebus.spine.model.measurement import (
    MEASUREMENT_LIST_DATA as MEASUREMENTS,
)
from eebus.spine.model.measurement import (
    MeasurementData,
    MeasurementListData,
    MeasurementListDataSelectors,
)
from eebus.spine.model.setpoint import SETPOINT_LIST_DATA, SetpointData, SetpointListData
from eebus.spine.model.smart_energy_management_ps import (
    SMART_ENERGY_MANAGEMENT_PS_DATA,
    SmartEnergyManagementPsAlternatives,
    SmartEnergyManagementPsData,
)
from eebus.spine.restricted import PARTIAL, Filter, merge, merge_write, select
from eebus.wire.errors import SpineError

TAG = ElementTag()


def limit(limit_id: int | None, **fields: Any) -> LoadControlLimitData:
    return LoadControlLimitData(limit_id=limit_id, **fields)


def limits(*entries: LoadControlLimitData) -> LoadControlLimitListData:
    return LoadControlLimitListData(load_control_limit_data=entries or None)


def scaled(number: int | None, scale: int | None = 0) -> ScaledNumber:
    return ScaledNumber(number=number, scale=scale)


def chosen(limit_id: int) -> LoadControlLimitListDataSelectors:
    return LoadControlLimitListDataSelectors(limit_id=limit_id)


STORED = limits(
    limit(0, is_limit_changeable=True, is_limit_active=False, value=scaled(42, 2)),
    limit(
        1,
        is_limit_changeable=True,
        is_limit_active=True,
        time_period=TimePeriod(start_time="PT0S", end_time="PT2H"),
        value=scaled(7),
    ),
)


def error_of(function: Function[Any], stored: Any, incoming: Any, *filters: Filter) -> int:
    with pytest.raises(SpineError) as caught:
        merge(function, stored, incoming, filters)
    return caught.value.error_number


def write_error_of(stored: Any, incoming: Any, *filters: Filter) -> int:
    with pytest.raises(SpineError) as caught:
        merge_write(LIMITS, stored, incoming, filters)
    return caught.value.error_number


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


# --- 4.6: sub identifiers ---


def measured(*entries: MeasurementData) -> MeasurementListData:
    return MeasurementListData(measurement_data=entries or None)


def test_sub_identifier_takes_part_in_the_identity() -> None:
    stored = measured(
        MeasurementData(measurement_id=0, value_type="value", value=scaled(1)),
        MeasurementData(measurement_id=0, value_type="maxValue", value=scaled(2)),
    )
    incoming = measured(MeasurementData(measurement_id=0, value_type="maxValue", value=scaled(3)))

    merged = merge(MEASUREMENTS, stored, incoming, (PARTIAL,))

    assert [entry.value for entry in merged.measurement_data or ()] == [scaled(1), scaled(3)]


def test_missing_value_type_of_a_measurement_means_value() -> None:
    stored = measured(
        MeasurementData(measurement_id=0, value_type="value", value=scaled(1)),
        MeasurementData(measurement_id=0, value_type="maxValue", value=scaled(2)),
    )

    merged = merge(
        MEASUREMENTS,
        stored,
        measured(MeasurementData(measurement_id=0, value=scaled(5))),
        (PARTIAL,),
    )

    assert merged == measured(
        MeasurementData(measurement_id=0, value_type="value", value=scaled(5)),
        MeasurementData(measurement_id=0, value_type="maxValue", value=scaled(2)),
    )


def test_missing_sub_identifier_means_the_only_entry_with_that_primary_one() -> None:
    stored = measured(MeasurementData(measurement_id=4, value_type="maxValue", value=scaled(1)))

    merged = merge(
        MEASUREMENTS,
        stored,
        measured(MeasurementData(measurement_id=4, value=scaled(5))),
        (PARTIAL,),
    )

    assert merged == measured(
        MeasurementData(measurement_id=4, value_type="maxValue", value=scaled(5))
    )


# --- 4.7 and K-12: remote writes ---


def test_write_keeps_the_write_check_flag_of_the_server() -> None:
    incoming = limits(limit(0, is_limit_changeable=False, is_limit_active=True))

    merged = merge_write(LIMITS, STORED, incoming, (PARTIAL,))

    assert merged.load_control_limit_data is not None
    assert merged.load_control_limit_data[0].is_limit_changeable is True
    assert merged.load_control_limit_data[0].is_limit_active is True


@pytest.mark.parametrize("flag", [False, None])
def test_write_to_an_entry_that_is_not_changeable_is_rejected(flag: bool | None) -> None:
    stored = limits(limit(0, is_limit_changeable=flag, value=scaled(1)))

    assert write_error_of(stored, limits(limit(0, value=scaled(1))), PARTIAL) == 7


def test_one_unchangeable_entry_refuses_the_whole_write() -> None:
    stored = limits(limit(0, is_limit_changeable=True), limit(1, is_limit_changeable=False))

    incoming = limits(limit(0, value=scaled(1)), limit(1, value=scaled(2)))

    assert write_error_of(stored, incoming, PARTIAL) == 7


def test_full_write_may_repeat_an_unchangeable_entry_unchanged() -> None:
    fixed = limit(1, is_limit_changeable=False, value=scaled(7))
    stored = limits(limit(0, is_limit_changeable=True, value=scaled(1)), fixed)

    merged = merge_write(LIMITS, stored, limits(limit(0, value=scaled(2)), fixed))

    assert merged == limits(limit(0, is_limit_changeable=True, value=scaled(2)), fixed)


@pytest.mark.rule("K-12")
def test_write_without_identifier_is_rejected_instead_of_meaning_all() -> None:
    assert write_error_of(STORED, limits(limit(None, value=scaled(0))), PARTIAL) == 7


@pytest.mark.parametrize("filters", [(), (PARTIAL,)])
def test_write_of_an_unknown_limit_is_rejected(filters: tuple[Filter, ...]) -> None:
    assert write_error_of(STORED, limits(limit(9, value=scaled(1))), *filters) == 7


def test_full_write_keeps_limits_it_does_not_mention_and_drops_the_validity() -> None:
    merged = merge_write(LIMITS, STORED, limits(limit(1, is_limit_active=True, value=scaled(9))))

    assert merged == limits(
        limit(0, is_limit_changeable=True, is_limit_active=False, value=scaled(42, 2)),
        limit(1, is_limit_changeable=True, is_limit_active=True, value=scaled(9)),
    )


def test_write_cannot_delete_a_limit() -> None:
    assert write_error_of(STORED, None, Filter("delete", (chosen(0),))) == 7


@pytest.mark.rule("H-44")
@pytest.mark.parametrize("filters", [(), (PARTIAL,)])
def test_empty_write_is_an_error(filters: tuple[Filter, ...]) -> None:
    assert write_error_of(STORED, limits(), *filters) == 1


def test_list_without_fixed_entries_takes_new_ones() -> None:
    stored = SetpointListData(
        setpoint_data=(SetpointData(setpoint_id=0, is_setpoint_changeable=True),)
    )
    incoming = SetpointListData(setpoint_data=(SetpointData(setpoint_id=1, value=scaled(3)),))

    merged = merge_write(SETPOINT_LIST_DATA, stored, incoming, (PARTIAL,))

    assert merged.setpoint_data == (
        SetpointData(setpoint_id=0, is_setpoint_changeable=True),
        SetpointData(setpoint_id=1, value=scaled(3)),
    )


# --- 4.4: restricted read ---


def test_selectors_choose_entries() -> None:
    assert select(LIMITS, STORED, Filter("partial", (chosen(0),))) == limits(
        limit(0, is_limit_changeable=True, is_limit_active=False, value=scaled(42, 2))
    )


def test_elements_choose_children_and_keep_identifiers() -> None:
    elements = LoadControlLimitDataElements(value=ScaledNumberElements(number=TAG))

    assert select(LIMITS, STORED, Filter("partial", (chosen(0),), elements)) == limits(
        limit(0, value=scaled(42, None))
    )


def test_selection_without_match_is_an_empty_list() -> None:
    assert select(LIMITS, STORED, Filter("partial", (chosen(9),))) == limits()


def test_delete_filter_in_a_read_is_not_supported() -> None:
    with pytest.raises(SpineError) as caught:
        select(LIMITS, STORED, Filter("delete", (chosen(0),)))
    assert caught.value.error_number == 8


def test_timestamp_interval_selects_by_time() -> None:
    from eebus.spine.model.common_data_types import TimestampInterval

    stored = measured(
        MeasurementData(measurement_id=0, timestamp="2026-01-01T00:00:00Z"),
        MeasurementData(measurement_id=1, timestamp="2026-01-02T00:00:00Z"),
        MeasurementData(measurement_id=2),
    )
    selectors = MeasurementListDataSelectors(
        timestamp_interval=TimestampInterval(start_time="2026-01-01T12:00:00Z")
    )

    found = select(MEASUREMENTS, stored, Filter("partial", (selectors,)))

    assert [entry.measurement_id for entry in found.measurement_data or ()] == [1]


def test_selector_the_entry_has_no_element_for_is_not_supported() -> None:
    class Odd(msgspec.Struct, frozen=True):
        phase_of_moon: int | None = None

    with pytest.raises(SpineError) as caught:
        select(LIMITS, STORED, Filter("partial", (Odd(phase_of_moon=1),)))
    assert caught.value.error_number == 8


@pytest.mark.parametrize("filters", [(), (PARTIAL,)])
def test_exchange_without_data_is_an_error(filters: tuple[Filter, ...]) -> None:
    with pytest.raises(SpineError) as caught:
        merge(LIMITS, STORED, None, filters)
    assert caught.value.error_number == 1


def test_selectors_need_exactly_one_data_entry() -> None:
    partial = Filter("partial", (chosen(0),))

    assert error_of(LIMITS, STORED, limits(limit(None), limit(None)), partial) == 7


def test_selectors_are_not_defined_for_functions_without_list() -> None:
    data = DeviceDiagnosisHeartbeatData(heartbeat_counter=1)
    for control in ("partial", "delete"):
        one = Filter(control, (chosen(0),))  # type: ignore[arg-type]  # both literals
        assert error_of(HEARTBEAT, data, data, one) == 8
    with pytest.raises(SpineError) as caught:
        select(HEARTBEAT, data, Filter("partial", (chosen(0),)))
    assert caught.value.error_number == 8


def test_elements_of_a_function_without_list_are_picked() -> None:
    data = DeviceDiagnosisHeartbeatData(heartbeat_counter=1, heartbeat_timeout="PT60S")
    elements = DeviceDiagnosisHeartbeatDataElements(heartbeat_timeout=TAG)

    assert select(HEARTBEAT, data, Filter("partial", (), elements)) == (
        DeviceDiagnosisHeartbeatData(heartbeat_timeout="PT60S")
    )


def test_list_whose_entries_have_no_identifiers_is_replaced() -> None:
    from eebus.spine.model.sensing import SENSING_LIST_DATA, SensingData, SensingListData

    stored = SensingListData(sensing_data=(SensingData(state="on"), SensingData(state="off")))
    incoming = SensingListData(sensing_data=(SensingData(state="on"),))

    assert merge(SENSING_LIST_DATA, stored, incoming, (PARTIAL,)) == incoming
    assert merge_write(SENSING_LIST_DATA, stored, incoming) == incoming


def test_unchangeable_setpoint_cannot_be_deleted() -> None:
    from eebus.spine.model.setpoint import SetpointListDataSelectors

    stored = SetpointListData(
        setpoint_data=(SetpointData(setpoint_id=0, is_setpoint_changeable=False),)
    )
    delete = Filter("delete", (SetpointListDataSelectors(setpoint_id=0),))

    with pytest.raises(SpineError) as caught:
        merge_write(SETPOINT_LIST_DATA, stored, None, (delete,))
    assert caught.value.error_number == 7


def test_ambiguous_entry_without_its_sub_identifier_is_new() -> None:
    stored = measured(
        MeasurementData(measurement_id=0, value_type="minValue"),
        MeasurementData(measurement_id=0, value_type="maxValue"),
    )

    merged = merge(MEASUREMENTS, stored, measured(MeasurementData(measurement_id=0)), (PARTIAL,))

    assert len(merged.measurement_data or ()) == 3
