from __future__ import annotations

import pytest

from eebus.spine.entries import (
    deep_merge,
    is_empty,
    matches,
    pick_elements,
    present,
    remove_elements,
)
from eebus.spine.model.common_data_types import (
    ElementTag,
    ScaledNumber,
    ScaledNumberElements,
    ScaledNumberRange,
    ScaledNumberRangeElements,
    ScaledNumberSet,
    ScaledNumberSetElements,
    TimestampInterval,
)
from eebus.spine.model.electrical_connection import (
    ElectricalConnectionPermittedValueSetData,
    ElectricalConnectionPermittedValueSetDataElements,
)
from eebus.spine.model.measurement import MeasurementData, MeasurementListDataSelectors
from eebus.wire.errors import SpineError

TAG = ElementTag()
SET = ElectricalConnectionPermittedValueSetData(
    electrical_connection_id=0,
    parameter_id=1,
    permitted_value_set=(
        ScaledNumberSet(
            value=(ScaledNumber(number=0, scale=0),),
            range=(
                ScaledNumberRange(
                    min=ScaledNumber(number=6, scale=0), max=ScaledNumber(number=16, scale=0)
                ),
            ),
        ),
    ),
)


def elements(of: ScaledNumberSetElements) -> ElectricalConnectionPermittedValueSetDataElements:
    return ElectricalConnectionPermittedValueSetDataElements(permitted_value_set=of)


def test_zero_and_false_are_present() -> None:
    assert present(ScaledNumber(number=0)) == {"number": 0}
    assert is_empty(ScaledNumber())
    assert not is_empty(TAG)


def test_list_inside_an_entry_is_replaced_as_a_whole() -> None:
    other = ElectricalConnectionPermittedValueSetData(permitted_value_set=(ScaledNumberSet(),))

    merged = deep_merge(SET, other)

    assert merged.permitted_value_set == (ScaledNumberSet(),)
    assert merged.parameter_id == 1


def test_elements_are_removed_inside_lists() -> None:
    lower_end = ScaledNumberRangeElements(min=ScaledNumberElements())

    left = remove_elements(SET, elements(ScaledNumberSetElements(range=lower_end)))

    assert left.permitted_value_set == (
        ScaledNumberSet(
            value=(ScaledNumber(number=0, scale=0),),
            range=(ScaledNumberRange(max=ScaledNumber(number=16, scale=0)),),
        ),
    )


def test_elements_are_picked_inside_lists_and_identifiers_stay() -> None:
    picked = pick_elements(
        SET,
        elements(ScaledNumberSetElements(value=ScaledNumberElements(number=TAG))),
        ("electrical_connection_id", "parameter_id"),
    )

    assert picked == ElectricalConnectionPermittedValueSetData(
        electrical_connection_id=0,
        parameter_id=1,
        permitted_value_set=(ScaledNumberSet(value=(ScaledNumber(number=0),)),),
    )


def test_removing_what_is_not_there_changes_nothing() -> None:
    entry = ElectricalConnectionPermittedValueSetData(parameter_id=1)

    assert remove_elements(entry, elements(ScaledNumberSetElements())) == entry


@pytest.mark.parametrize(
    ("timestamp", "start", "end", "expected"),
    [
        ("2026-01-02T00:00:00Z", "2026-01-01T00:00:00Z", "2026-01-03T00:00:00Z", True),
        ("2026-01-02T00:00:00Z", None, "2026-01-01T00:00:00Z", False),
        ("2026-01-02T01:00:00+01:00", "2026-01-02T00:00:00Z", None, True),
        (None, None, None, False),
    ],
)
def test_timestamp_interval_includes_its_ends(
    timestamp: str | None, start: str | None, end: str | None, *, expected: bool
) -> None:
    interval = TimestampInterval(start_time=start, end_time=end)
    selectors = MeasurementListDataSelectors(timestamp_interval=interval)

    assert matches(MeasurementData(timestamp=timestamp), (selectors,)) is expected


@pytest.mark.parametrize("start", ["PT5M", "yesterday"])
def test_interval_that_cannot_be_evaluated_is_not_supported(start: str) -> None:
    selectors = MeasurementListDataSelectors(timestamp_interval=TimestampInterval(start_time=start))

    with pytest.raises(SpineError) as caught:
        matches(MeasurementData(timestamp="2026-01-02T00:00:00Z"), (selectors,))

    assert caught.value.error_number == 8
