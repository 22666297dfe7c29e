"""The data points of an LPC controllable system: what is published, what a write means.

Pure. Values are exact; what cannot be read is refused and never means "no limit" or "no end".
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, cast

from msgspec.structs import replace as changed

from eebus.spine.model.common_data_types import ScaledNumber
from eebus.spine.model.device_configuration import (
    DeviceConfigurationKeyValueData,
    DeviceConfigurationKeyValueDescriptionData,
    DeviceConfigurationKeyValueDescriptionListData,
    DeviceConfigurationKeyValueListData,
    DeviceConfigurationKeyValueValue,
)
from eebus.spine.model.electrical_connection import (
    ElectricalConnectionCharacteristicData,
    ElectricalConnectionCharacteristicListData,
)
from eebus.spine.model.load_control import (
    LoadControlLimitData,
    LoadControlLimitDescriptionData,
    LoadControlLimitDescriptionListData,
    LoadControlLimitListData,
)
from eebus.usecases.limit_values import KEEP, FailsafeWrite, LimitWrite
from eebus.wire.errors import WireError
from eebus.wire.scaled import from_decimal, to_decimal
from eebus.wire.times import format_duration, is_duration, parse_duration

if TYPE_CHECKING:
    from collections.abc import Sequence
    from decimal import Decimal

    from eebus.spine.guards import Write
    from eebus.usecases.limit_values import Duration, Failsafe, Profile

LIMIT_ID: Final = 0
FAILSAFE_KEY: Final = 0
DURATION_KEY: Final = 1
DURATION_NAME: Final = "failsafeDurationMinimum"
MEASUREMENT_ID: Final = 1_000_000
"""Mandatory link without a measurand: a high number nothing else uses (guide L 3.4)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """What a message carried; ``None``: absent or unreadable, never shown as 0 (H-77)."""

    value_w: Decimal | None = None
    duration_s: float | None = None
    active: bool | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LimitRequest:
    """A readable limit write: for the machine, for the store, for the record."""

    write: LimitWrite
    entry: LoadControlLimitData
    sent: Sent


@dataclass(frozen=True, slots=True, kw_only=True)
class FailsafeRequest:
    """A readable failsafe write and the entries as they would be stored."""

    write: FailsafeWrite
    entries: dict[int, DeviceConfigurationKeyValueData]

    @property
    def sent(self) -> Sent:
        return Sent(value_w=self.write.limit_w, duration_s=self.write.duration_s)


def limit_description(profile: Profile) -> LoadControlLimitDescriptionListData:
    """What an energy guard recognises the limit by (LPC-011, LPC-012)."""
    return LoadControlLimitDescriptionListData(
        load_control_limit_description_data=(
            LoadControlLimitDescriptionData(
                limit_id=LIMIT_ID,
                limit_type="signDependentAbsValueLimit",
                limit_category="obligation",
                limit_direction=profile.direction,
                measurement_id=MEASUREMENT_ID,
                unit="W",
                scope_type="activePowerLimit",
            ),
        )
    )


def first_limit(value_w: Decimal) -> LoadControlLimitData:
    """The inactive limit before any write: published with a value from the start."""
    return LoadControlLimitData(limit_id=LIMIT_ID, is_limit_active=False, value=scaled(value_w))


def limit_list(
    entry: LoadControlLimitData, *, active: bool, timed: bool
) -> LoadControlLimitListData:
    """The limit as published: value as written, activation as the state says (LPC-009)."""
    published = changed(
        entry,
        limit_id=LIMIT_ID,
        is_limit_changeable=True,
        is_limit_active=active,
        time_period=entry.time_period if timed else None,
        value=_with_scale(entry.value),
    )
    return LoadControlLimitListData(load_control_limit_data=(published,))


def with_rest(
    stored: LoadControlLimitListData, left_s: float | None, duration_s: float | None
) -> LoadControlLimitListData:
    """What a reader is shown: a duration counts from its reception, so what is left of it [s].

    As written while less than a second is gone; ``left_s`` ``None``: no duration is running.
    """
    if left_s is None or duration_s is None or math.ceil(left_s) >= duration_s:
        return stored
    end = format_duration(max(left_s, 0.0))
    return changed(
        stored,
        load_control_limit_data=tuple(
            changed(entry, time_period=changed(entry.time_period, end_time=end))
            if entry.time_period is not None
            else entry
            for entry in stored.load_control_limit_data or ()
        ),
    )


def key_descriptions(profile: Profile) -> DeviceConfigurationKeyValueDescriptionListData:
    """The two failsafe keys; the duration is one data point for LPC and LPP (LPC-TS-041)."""
    return DeviceConfigurationKeyValueDescriptionListData(
        device_configuration_key_value_description_data=(
            DeviceConfigurationKeyValueDescriptionData(
                key_id=FAILSAFE_KEY,
                key_name=profile.failsafe_key,
                value_type="scaledNumber",
                unit="W",
            ),
            DeviceConfigurationKeyValueDescriptionData(
                key_id=DURATION_KEY, key_name=DURATION_NAME, value_type="duration"
            ),
        )
    )


def key_entries(failsafe: Failsafe) -> dict[int, DeviceConfigurationKeyValueData]:
    """Entries for failsafe values that did not come as a write."""
    return {
        FAILSAFE_KEY: _key(
            FAILSAFE_KEY, DeviceConfigurationKeyValueValue(scaled_number=scaled(failsafe.limit_w))
        ),
        DURATION_KEY: _key(
            DURATION_KEY,
            DeviceConfigurationKeyValueValue(duration=format_duration(failsafe.duration_s)),
        ),
    }


def key_list(
    entries: dict[int, DeviceConfigurationKeyValueData],
) -> DeviceConfigurationKeyValueListData:
    """Both keys as published."""
    return DeviceConfigurationKeyValueListData(
        device_configuration_key_value_data=(entries[FAILSAFE_KEY], entries[DURATION_KEY])
    )


def characteristics(
    profile: Profile, contract_max_w: Decimal | None
) -> ElectricalConnectionCharacteristicListData:
    """Contractual nominal maximum of an energy manager (LPC-042); not known: an empty list."""
    if contract_max_w is None:
        return ElectricalConnectionCharacteristicListData(
            electrical_connection_characteristic_data=()
        )
    return ElectricalConnectionCharacteristicListData(
        electrical_connection_characteristic_data=(
            ElectricalConnectionCharacteristicData(
                electrical_connection_id=0,
                parameter_id=0,
                characteristic_id=0,
                characteristic_context="entity",
                characteristic_type=profile.contract_type,
                value=scaled(contract_max_w),
                unit="W",
            ),
        )
    )


def scaled(value: Decimal) -> ScaledNumber:
    """Exact, with scale 0 for whole watts; number and scale are always both sent."""
    number, scale = from_decimal(value)
    return ScaledNumber(number=number, scale=scale)


def watts(value: ScaledNumber | None) -> Decimal | None:
    """Exact value; ``None``: there is none.

    Raises:
        WireError: beyond what anybody can mean.
    """
    if value is None or value.number is None:
        return None
    return to_decimal(value.number, value.scale)


def read_limit(write: Write) -> LimitRequest:
    """What a write to the limit list means.

    Raises:
        WireError: it cannot be read, or it is not about our limit alone.
    """
    merged = cast("LoadControlLimitListData", write.merged).load_control_limit_data or ()
    sent = _sent_entry(write)
    entry = next((entry for entry in merged if entry.limit_id == LIMIT_ID), None)
    if entry is None or len(merged) > 1:
        raise WireError("a write is about the described limit, and complete")
    value_w = watts(entry.value)
    if value_w is None:
        raise WireError("limit without a readable value")
    if entry.is_limit_active is None:
        raise WireError("limit without isLimitActive")
    duration = _duration(sent, entry)
    return LimitRequest(
        write=LimitWrite(value_w=value_w, active=entry.is_limit_active, duration_s=duration),
        entry=entry,
        sent=Sent(
            value_w=value_w if sent and sent.value is not None else None,
            duration_s=duration if isinstance(duration, float) else None,
            active=sent.is_limit_active if sent else None,
        ),
    )


def read_failsafe(write: Write) -> FailsafeRequest:
    """What a write to the failsafe keys means; only keys that were sent count.

    Raises:
        WireError: it cannot be read, or it names keys we do not have.
    """
    merged = cast("DeviceConfigurationKeyValueListData", write.merged)
    sent = cast("DeviceConfigurationKeyValueListData | None", write.cmd_data)
    sent_entries = (sent.device_configuration_key_value_data or ()) if sent else ()
    ids = [entry.key_id for entry in sent_entries]
    if not ids or len(set(ids)) != len(ids) or not set(ids) <= {FAILSAFE_KEY, DURATION_KEY}:
        raise WireError("a write names one or both of the described keys, each once")
    stored = {entry.key_id: entry for entry in merged.device_configuration_key_value_data or ()}
    entries: dict[int, DeviceConfigurationKeyValueData] = {}
    limit_w: Decimal | None = None
    duration_s: float | None = None
    for key_id in (FAILSAFE_KEY, DURATION_KEY):
        if key_id not in ids:
            continue
        value = stored[key_id].value if key_id in stored else None
        if key_id == FAILSAFE_KEY:
            limit_w = _key_watts(value)
            entries[key_id] = _key(
                key_id, DeviceConfigurationKeyValueValue(scaled_number=_key_number(value))
            )
        else:
            duration_s = _key_duration(value)
            entries[key_id] = _key(key_id, value or DeviceConfigurationKeyValueValue())
    return FailsafeRequest(
        write=FailsafeWrite(limit_w=limit_w, duration_s=duration_s), entries=entries
    )


def parse_seconds(text: str) -> float:
    """Seconds of a relative, not negative duration.

    Raises:
        WireError: absolute times are refused (LPC 3.1.8.2), negative ones are no value.
    """
    if not is_duration(text):
        raise WireError("a validity is a duration, not a point in time")
    seconds = parse_duration(text)
    if seconds < 0:
        raise WireError("negative duration")
    return float(seconds)


def _sent_entry(write: Write) -> LoadControlLimitData | None:
    """The entry the message carried; ``None``: a pure delete."""
    sent = cast("LoadControlLimitListData | None", write.cmd_data)
    entries: Sequence[LoadControlLimitData] = (sent.load_control_limit_data or ()) if sent else ()
    if len(entries) > 1:
        raise WireError("more than one entry for one limit")
    return entries[0] if entries else None


def _duration(sent: LoadControlLimitData | None, merged: LoadControlLimitData) -> Duration:
    """Newly sent, deleted (``None``), or kept as stored."""
    if sent is not None and sent.time_period is not None and sent.time_period.end_time is not None:
        return parse_seconds(sent.time_period.end_time)
    if merged.time_period is None or merged.time_period.end_time is None:
        return None
    return KEEP


def _key(key_id: int, value: DeviceConfigurationKeyValueValue) -> DeviceConfigurationKeyValueData:
    return DeviceConfigurationKeyValueData(key_id=key_id, value=value, is_value_changeable=True)


def _key_number(value: DeviceConfigurationKeyValueValue | None) -> ScaledNumber | None:
    return _with_scale(value.scaled_number) if value is not None else None


def _key_watts(value: DeviceConfigurationKeyValueValue | None) -> Decimal:
    limit_w = watts(value.scaled_number) if value is not None else None
    if limit_w is None:
        raise WireError("failsafe limit without a readable value")
    return limit_w


def _key_duration(value: DeviceConfigurationKeyValueValue | None) -> float:
    if value is None or value.duration is None:
        raise WireError("failsafe duration without a readable value")
    return float(parse_duration(value.duration))


def _with_scale(value: ScaledNumber | None) -> ScaledNumber | None:
    if value is None or value.scale is not None:
        return value
    return changed(value, scale=0)
