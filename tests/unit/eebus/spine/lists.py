"""Limits, measurements and filters that the tests of the restricted exchange share."""

from __future__ import annotations

from typing import Any

import pytest

from eebus.spine.function import Function
from eebus.spine.model.common_data_types import (
    ElementTag,
    ScaledNumber,
    TimePeriod,
)
from eebus.spine.model.load_control import (
    LOAD_CONTROL_LIMIT_LIST_DATA as LIMITS,
)
from eebus.spine.model.load_control import (
    LoadControlLimitData,
    LoadControlLimitListData,
    LoadControlLimitListDataSelectors,
)
from eebus.spine.model.measurement import (
    MeasurementData,
    MeasurementListData,
)
from eebus.spine.restricted import Filter, merge, merge_write
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


def measured(*entries: MeasurementData) -> MeasurementListData:
    return MeasurementListData(measurement_data=entries or None)
