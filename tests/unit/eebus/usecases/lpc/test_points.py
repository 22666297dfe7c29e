"""Data points of the controllable system, and what writes to them mean."""

from __future__ import annotations

from decimal import Decimal

import pytest

from eebus.spine.addresses import FeatureAddress
from eebus.spine.guards import Write
from eebus.spine.model.common_data_types import ScaledNumber, TimePeriod
from eebus.spine.model.load_control import (
    LOAD_CONTROL_LIMIT_LIST_DATA,
    LoadControlLimitData,
    LoadControlLimitListData,
)
from eebus.spine.restricted import PARTIAL
from eebus.usecases.limit_values import KEEP, LPC, LPP, Failsafe
from eebus.usecases.lpc import points
from eebus.wire.errors import WireError

PLACE = FeatureAddress("d:_n:EMS_1", (1,), 2)
STORED = LoadControlLimitData(
    limit_id=0,
    is_limit_changeable=True,
    is_limit_active=False,
    value=ScaledNumber(number=5, scale=3),
)


def limit_write(
    merged: LoadControlLimitData | None, sent: LoadControlLimitData | None = None
) -> Write:
    def listed(entry: LoadControlLimitData | None) -> LoadControlLimitListData:
        entries = None if entry is None else (entry,)
        return LoadControlLimitListData(load_control_limit_data=entries)

    return Write(
        peer="b" * 40,
        client=PLACE,
        server=PLACE,
        function=LOAD_CONTROL_LIMIT_LIST_DATA,
        cmd_data=None if sent is None else listed(sent),
        filters=(PARTIAL,),
        stored=listed(STORED),
        merged=listed(merged),
        msg_counter=1,
    )


def test_a_limit_is_read_exactly_and_its_record_shows_what_was_sent() -> None:
    sent = LoadControlLimitData(limit_id=0, is_limit_active=True)
    merged = LoadControlLimitData(limit_id=0, is_limit_active=True, value=STORED.value)

    request = points.read_limit(limit_write(merged, sent))

    assert (request.write.value_w, request.write.active) == (Decimal(5_000), True)
    assert request.sent == points.Sent(active=True)


@pytest.mark.parametrize(
    ("sent", "merged", "duration"),
    [
        (None, None, None),
        (None, TimePeriod(end_time="PT1M"), KEEP),
        (TimePeriod(end_time="P1DT1S"), TimePeriod(end_time="P1DT1S"), 86_401.0),
        (TimePeriod(), TimePeriod(end_time="PT1M"), KEEP),
        (TimePeriod(start_time="PT5S"), TimePeriod(start_time="PT5S"), None),
    ],
)
def test_a_duration_is_new_kept_or_none(
    sent: TimePeriod | None, merged: TimePeriod | None, duration: object
) -> None:
    entry = LoadControlLimitData(limit_id=0, time_period=sent)
    stored = LoadControlLimitData(
        limit_id=0, is_limit_active=True, value=STORED.value, time_period=merged
    )

    assert points.read_limit(limit_write(stored, entry)).write.duration_s == duration


@pytest.mark.parametrize(
    "merged",
    [
        None,
        LoadControlLimitData(limit_id=3, is_limit_active=True, value=STORED.value),
        LoadControlLimitData(limit_id=0, is_limit_active=True),
        LoadControlLimitData(limit_id=0, value=STORED.value),
        LoadControlLimitData(
            limit_id=0, is_limit_active=True, value=ScaledNumber(number=1, scale=40)
        ),
    ],
)
def test_what_is_not_complete_is_no_limit(merged: LoadControlLimitData | None) -> None:
    with pytest.raises(WireError):
        points.read_limit(limit_write(merged))


def test_the_published_limit_follows_the_state_and_keeps_value_and_scale() -> None:
    entry = LoadControlLimitData(
        limit_id=0,
        is_limit_active=False,
        time_period=TimePeriod(end_time="PT1M"),
        value=ScaledNumber(number=5),
    )

    (active,) = points.limit_list(entry, active=True, timed=True).load_control_limit_data or ()
    (idle,) = points.limit_list(entry, active=False, timed=False).load_control_limit_data or ()

    assert (active.is_limit_active, active.is_limit_changeable) == (True, True)
    assert active.time_period == TimePeriod(end_time="PT1M")
    assert active.value == ScaledNumber(number=5, scale=0)
    assert (idle.is_limit_active, idle.time_period) == (False, None)


@pytest.mark.parametrize(
    ("left_s", "duration_s", "text"),
    [
        (300.0, 300.0, "PT5M"),
        (299.5, 300.0, "PT5M"),
        (299.0, 300.0, "PT299S"),
        (0.1, 300.0, "PT1S"),
        (-1.0, 300.0, "PT0S"),
        (None, 300.0, "PT5M"),
        (1e50, 1e50, "PT5M"),
    ],
)
def test_a_running_duration_is_shown_by_what_is_left_rounded_up(
    left_s: float | None, duration_s: float, text: str
) -> None:
    entry = LoadControlLimitData(
        limit_id=0, is_limit_active=True, time_period=TimePeriod(end_time="PT5M"),
        value=ScaledNumber(number=5, scale=0),
    )  # fmt: skip
    stored = points.limit_list(entry, active=True, timed=True)

    (shown,) = points.with_rest(stored, left_s, duration_s).load_control_limit_data or ()

    assert shown.time_period == TimePeriod(end_time=text)


def test_consumption_and_production_differ_by_their_profile_only() -> None:
    (lpc,) = points.limit_description(LPC).load_control_limit_description_data or ()
    (lpp,) = points.limit_description(LPP).load_control_limit_description_data or ()
    keys = points.key_descriptions(LPP).device_configuration_key_value_description_data or ()

    assert (lpc.limit_direction, lpp.limit_direction) == ("consume", "produce")
    assert keys[0].key_name == "failsafeProductionActivePowerLimit"


def test_failsafe_values_are_published_exactly() -> None:
    entries = points.key_entries(Failsafe(limit_w=Decimal("4200.5"), duration_s=7_200.0))

    limit, duration = entries[points.FAILSAFE_KEY].value, entries[points.DURATION_KEY].value
    assert limit is not None
    assert limit.scaled_number == ScaledNumber(number=42_005, scale=-1)
    assert duration is not None
    assert duration.duration == "PT7200S"


@pytest.mark.parametrize("text", ["2026-01-01T00:00:00Z", "-PT1S", "", "60"])
def test_a_validity_is_a_duration_that_is_not_negative(text: str) -> None:
    with pytest.raises(WireError):
        points.parse_seconds(text)
