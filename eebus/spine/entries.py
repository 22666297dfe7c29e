"""Work on one entry of a function: deep merge, removal and picking of elements (SPINE 5.3.4).

Pure. An absent element is ``None``. Entries are never changed, each function returns a new one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, TypeAlias, TypeVar

import msgspec

from eebus.wire.errors import SpineError, WireError
from eebus.wire.times import is_duration, parse_datetime

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from datetime import datetime

E = TypeVar("E", bound=msgspec.Struct)
Entry: TypeAlias = Any  # a struct of the model; only the function row knows its fields

# Exactly one child at a time, the schema just does not say so (spine.md 6.3).
CHOICES: Final = frozenset({"DeviceConfigurationKeyValueValue"})


def present(struct: msgspec.Struct) -> dict[str, Any]:
    """Return the elements that are there, by field name, in wire order."""
    found = ((name, getattr(struct, name)) for name in struct.__struct_fields__)
    return {name: value for name, value in found if value is not None}


def is_empty(struct: msgspec.Struct) -> bool:
    """Tell whether a struct that could have elements has none; a tag is never empty."""
    return bool(struct.__struct_fields__) and not present(struct)


def deep_merge(stored: E, incoming: E) -> E:
    """Return ``stored`` with every element of ``incoming`` laid over it (spine.md 4.5).

    Absent elements stay, simple ones and lists are replaced, complex ones are merged child by
    child; an empty complex element changes nothing.
    """
    if type(incoming).__name__ in CHOICES and present(incoming).keys() != present(stored).keys():
        return stored if is_empty(incoming) else incoming
    changes: dict[str, Any] = {}
    for name, new in present(incoming).items():
        old = getattr(stored, name)
        if isinstance(new, msgspec.Struct):
            if is_empty(new):
                continue
            changes[name] = deep_merge(old, new) if isinstance(old, type(new)) else new
        else:
            changes[name] = new
    return msgspec.structs.replace(stored, **changes) if changes else stored


def remove_elements(entry: E, elements: msgspec.Struct) -> E:
    """Return ``entry`` without what ``elements`` names; a child left empty is gone as well."""
    changes: dict[str, Any] = {}
    for name, wanted in present(elements).items():
        value = getattr(entry, name, None)
        if value is None:
            continue
        if not present(wanted):
            changes[name] = None
        elif isinstance(value, msgspec.Struct):
            left = remove_elements(value, wanted)
            changes[name] = None if is_empty(left) else left
        elif _is_list(value):
            changes[name] = tuple(_each(remove_elements, value, wanted))
    return msgspec.structs.replace(entry, **changes) if changes else entry


def pick_elements(entry: E, elements: msgspec.Struct, always: tuple[str, ...] = ()) -> E:
    """Return only what ``elements`` names, and the identifiers ``always``."""
    picked = {name: getattr(entry, name) for name in always}
    for name, wanted in present(elements).items():
        value = getattr(entry, name, None)
        if value is None or not present(wanted):
            picked[name] = value
        elif isinstance(value, msgspec.Struct):
            picked[name] = pick_elements(value, wanted)
        elif _is_list(value):
            picked[name] = tuple(_each(pick_elements, value, wanted))
    known = {name: value for name, value in picked.items() if name in entry.__struct_fields__}
    return type(entry)(**known)


def _is_list(value: Entry) -> bool:
    return isinstance(value, tuple)


def _each(
    work: Callable[[Entry, msgspec.Struct], Entry], items: Iterable[Entry], wanted: msgspec.Struct
) -> list[Entry]:
    return [work(item, wanted) if isinstance(item, msgspec.Struct) else item for item in items]


def matches(entry: msgspec.Struct, selectors: tuple[msgspec.Struct, ...]) -> bool:
    """Tell whether one of the alternatives selects ``entry``; no alternative selects every entry.

    Raises:
        SpineError: 8, a selector this entry type has no element for.
    """
    return not selectors or any(_matches_all(entry, one) for one in selectors)


def _matches_all(entry: msgspec.Struct, selector: msgspec.Struct) -> bool:
    return all(_matches_one(entry, name, wanted) for name, wanted in present(selector).items())


def _matches_one(entry: msgspec.Struct, name: str, wanted: object) -> bool:
    if name == "timestamp_interval" and "timestamp" in entry.__struct_fields__:
        return _is_inside(getattr(entry, "timestamp"), wanted)  # noqa: B009  # untyped by nature
    if name not in entry.__struct_fields__:
        raise SpineError(f"selector {name} is not supported", error_number=8)
    return bool(getattr(entry, name) == wanted)


def _is_inside(timestamp: str | None, interval: object) -> bool:
    ends: list[str | None] = [getattr(interval, name, None) for name in ("start_time", "end_time")]
    start, end = (None if text is None else _moment(text) for text in ends)
    if timestamp is None:
        return False
    moment = _moment(timestamp)
    return (start is None or start <= moment) and (end is None or moment <= end)


def _moment(text: str) -> datetime:
    if is_duration(text):
        raise SpineError("a relative timestampInterval is not supported", error_number=8)
    try:
        return parse_datetime(text)
    except WireError as error:
        raise SpineError(f"timestampInterval: {error}", error_number=8) from None
