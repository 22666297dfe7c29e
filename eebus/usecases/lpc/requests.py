"""What an energy guard writes and how it recognises data points; pure.

Data points are found by what their description says, never by number (H-38).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

from msgspec.structs import replace as changed

from eebus.spine.model.common_data_types import (
    ElementTag,
    ScaledNumber,
    TimePeriod,
    TimePeriodElements,
)
from eebus.spine.model.device_configuration import (
    DEVICE_CONFIGURATION_KEY_VALUE_DESCRIPTION_LIST_DATA,
    DEVICE_CONFIGURATION_KEY_VALUE_LIST_DATA,
    DeviceConfigurationKeyValueData,
    DeviceConfigurationKeyValueListData,
    DeviceConfigurationKeyValueValue,
)
from eebus.spine.model.electrical_connection import ELECTRICAL_CONNECTION_CHARACTERISTIC_LIST_DATA
from eebus.spine.model.load_control import (
    LOAD_CONTROL_LIMIT_DESCRIPTION_LIST_DATA,
    LOAD_CONTROL_LIMIT_LIST_DATA,
    LoadControlLimitData,
    LoadControlLimitDataElements,
    LoadControlLimitListData,
    LoadControlLimitListDataSelectors,
)
from eebus.spine.restricted import PARTIAL, Filter
from eebus.usecases.lpc.points import DURATION_NAME, scaled, watts
from eebus.wire.errors import WireError
from eebus.wire.times import format_duration, parse_duration

if TYPE_CHECKING:
    from eebus.spine.addresses import FeatureAddress
    from eebus.spine.remote import RemoteDevice
    from eebus.usecases.limit_values import Profile

FALLBACK_W: Final = Decimal(4_200)
"""Value of a deactivated limit where the partner tells none: valid and above zero (MSG_16)."""
NOMINAL_MAXIMA: Final = ("contractualConsumptionNominalMax", "powerConsumptionNominalMax")


@dataclass(frozen=True, slots=True, kw_only=True)
class Limit:
    """A limit as wanted [W]; ``duration_s`` ``None``: until changed. Any value may be written."""

    active: bool
    value_w: Decimal
    duration_s: float | None = None


@dataclass(frozen=True, slots=True)
class Target:
    """What the controllable system should hold, and since when."""

    limit: Limit
    expires_at: float | None = None

    def at(self, now: float) -> Limit:
        """The limit to write now: the rest of its time, or inactive after its end."""
        if self.expires_at is None:
            return self.limit
        if now >= self.expires_at:
            return replace(self.limit, active=False, duration_s=None)
        return replace(self.limit, duration_s=round(self.expires_at - now, 3))


@dataclass(frozen=True, slots=True)
class Message:
    """Data and filters of a write."""

    data: Any
    filters: tuple[Filter, ...]


def limit_id(remote: RemoteDevice, server: FeatureAddress, profile: Profile) -> int | None:
    """Number of the limit of ``profile`` at the peer; ``None``: not described (yet)."""
    told = remote.data(server, LOAD_CONTROL_LIMIT_DESCRIPTION_LIST_DATA)
    for each in (told.load_control_limit_description_data or ()) if told else ():
        if (
            each.limit_type == "signDependentAbsValueLimit"
            and each.limit_category in {"obligation", None}
            and each.limit_direction == profile.direction
            and each.scope_type == "activePowerLimit"
        ):
            return each.limit_id
    return None


def limit_entry(
    remote: RemoteDevice, server: FeatureAddress, number: int
) -> LoadControlLimitData | None:
    """The limit as the peer told it last."""
    told = remote.data(server, LOAD_CONTROL_LIMIT_LIST_DATA)
    entries = (told.load_control_limit_data or ()) if told else ()
    return next((each for each in entries if each.limit_id == number), None)


def differs(entry: LoadControlLimitData, wanted: Limit) -> bool:
    """Whether the peer holds something else than ``wanted``."""
    if bool(entry.is_limit_active) != wanted.active:
        return True
    return wanted.active and readable_watts(entry.value) != wanted.value_w


def readable_watts(value: ScaledNumber | None) -> Decimal | None:
    """Like :func:`watts`; what nobody can mean counts as not told."""
    try:
        return watts(value)
    except WireError:
        return None


def key_ids(
    remote: RemoteDevice, server: FeatureAddress, profile: Profile
) -> tuple[int | None, int | None]:
    """Numbers of failsafe limit and failsafe duration at the peer."""
    told = remote.data(server, DEVICE_CONFIGURATION_KEY_VALUE_DESCRIPTION_LIST_DATA)
    entries = (told.device_configuration_key_value_description_data or ()) if told else ()
    names = {each.key_name: each.key_id for each in entries}
    return names.get(profile.failsafe_key), names.get(DURATION_NAME)


def failsafe_values(
    remote: RemoteDevice, server: FeatureAddress, profile: Profile
) -> tuple[Decimal | None, float | None]:
    """Failsafe limit [W] and duration [s] as the peer told them."""
    told = remote.data(server, DEVICE_CONFIGURATION_KEY_VALUE_LIST_DATA)
    entries = (told.device_configuration_key_value_data or ()) if told else ()
    values = {each.key_id: each.value for each in entries if each.value is not None}
    limit_key, duration_key = key_ids(remote, server, profile)
    limit, duration = values.get(limit_key), values.get(duration_key)
    return (
        readable_watts(limit.scaled_number) if limit else None,
        _readable_seconds(duration.duration) if duration and duration.duration else None,
    )


def nominal_maximum(
    remote: RemoteDevice, server: FeatureAddress
) -> tuple[str, Decimal | None] | None:
    """Kind and value [W] of the nominal maximum; ``None``: not told."""
    told = remote.data(server, ELECTRICAL_CONNECTION_CHARACTERISTIC_LIST_DATA)
    entries = (told.electrical_connection_characteristic_data or ()) if told else ()
    for each in entries:
        if each.characteristic_type in NOMINAL_MAXIMA:
            return each.characteristic_type, readable_watts(each.value)
    return None


def limit_message(
    number: int, limit: Limit, told: LoadControlLimitListData | None, *, partial: bool
) -> Message:
    """A limit write. Without duration an old one is deleted in the same command, always.

    ``partial`` false: the peer takes whole lists only, so everything it told goes back with it.
    """
    period = None
    if limit.duration_s is not None:
        period = TimePeriod(end_time=format_duration(limit.duration_s))
    entry = LoadControlLimitData(
        limit_id=number,
        is_limit_active=limit.active,
        time_period=period,
        value=scaled(limit.value_w),
    )
    if partial:
        filters = (PARTIAL,) if period else (_without_period(number), PARTIAL)
        return Message(LoadControlLimitListData(load_control_limit_data=(entry,)), filters)
    others = (told.load_control_limit_data or ()) if told else ()
    kept = [
        changed(entry, is_limit_changeable=each.is_limit_changeable)
        if each.limit_id == number
        else each
        for each in others
    ]
    return Message(LoadControlLimitListData(load_control_limit_data=tuple(kept or [entry])), ())


def failsafe_message(
    limit: tuple[int, Decimal] | None, duration: tuple[int, float] | None
) -> Message:
    """A write of one or both failsafe keys, each as (number, value)."""
    entries: list[DeviceConfigurationKeyValueData] = []
    if limit is not None:
        value = DeviceConfigurationKeyValueValue(scaled_number=scaled(limit[1]))
        entries.append(DeviceConfigurationKeyValueData(key_id=limit[0], value=value))
    if duration is not None:
        value = DeviceConfigurationKeyValueValue(duration=format_duration(duration[1]))
        entries.append(DeviceConfigurationKeyValueData(key_id=duration[0], value=value))
    data = DeviceConfigurationKeyValueListData(device_configuration_key_value_data=tuple(entries))
    return Message(data, (PARTIAL,))


def _without_period(number: int) -> Filter:
    return Filter(
        "delete",
        selectors=(LoadControlLimitListDataSelectors(limit_id=number),),
        elements=LoadControlLimitDataElements(
            time_period=TimePeriodElements(end_time=ElementTag())
        ),
    )


def _readable_seconds(text: str) -> float | None:
    try:
        return float(parse_duration(text))
    except WireError:
        return None
