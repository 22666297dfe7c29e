"""Identities of spine.md 4.6, write check of 4.7 and reads of 4.4."""

from __future__ import annotations

import msgspec
import pytest

from eebus.spine.model.common_data_types import (
    ScaledNumberElements,
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
from eebus.spine.model.measurement import (
    MEASUREMENT_LIST_DATA as MEASUREMENTS,
)
from eebus.spine.model.measurement import (
    MeasurementData,
    MeasurementListDataSelectors,
)
from eebus.spine.model.setpoint import SETPOINT_LIST_DATA, SetpointData, SetpointListData
from eebus.spine.restricted import PARTIAL, Filter, merge, merge_write, select
from eebus.wire.errors import SpineError
from tests.unit.eebus.spine.lists import (
    STORED,
    TAG,
    chosen,
    error_of,
    limit,
    limits,
    measured,
    scaled,
    write_error_of,
)

# --- 4.6: sub identifiers ---


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
