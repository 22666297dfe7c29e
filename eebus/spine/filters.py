"""Filters from and to EEBUS JSON (SPINE 5.3.4; spine.md 1.4).

Nothing is ignored in a filter: what is not understood would select more than was meant, so it is
refused with error 8.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Literal, TypeAlias

from eebus.spine.entries import is_empty
from eebus.spine.raw import members, objects
from eebus.spine.restricted import Filter
from eebus.wire.codec import from_eebus, to_eebus
from eebus.wire.errors import SpineError, WireError

if TYPE_CHECKING:
    import msgspec

    from eebus.spine.functions import AnyFunction
    from eebus.wire.ejson import JsonValue

Json: TypeAlias = "JsonValue"

MAX_FILTERS: Final = 2
MAX_SELECTORS: Final = 16
UNSUPPORTED: Final = 8


def parse_filters(function: AnyFunction, value: Json, *, is_read: bool) -> tuple[Filter, ...]:
    """Return the filters of a command.

    Raises:
        SpineError: 8 for anything in a filter that is not supported for ``function``.
    """
    try:
        raw = objects(value)
        if len(raw) > MAX_FILTERS:
            raise SpineError("more than two filters", error_number=UNSUPPORTED)
        found = tuple(_filter(function, one) for one in raw)
    except WireError as error:
        raise SpineError(f"filter: {error}", error_number=UNSUPPORTED) from None
    if is_read and len(found) > 1:
        raise SpineError("two filters in a read", error_number=UNSUPPORTED)
    return found


def _filter(function: AnyFunction, value: Json) -> Filter:
    control: Literal["delete", "partial"] | None = None
    selectors: list[msgspec.Struct] = []
    elements: msgspec.Struct | None = None
    for name, content in members(value):
        if name == "filterId":
            continue
        if name == "cmdControl":
            control = _control(content)
        elif name == function.selectors_name and function.selectors is not None:
            selectors.append(_known(content, function.selectors))
        elif name == function.elements_name and function.elements is not None:
            elements = _known(content, function.elements)
        else:
            raise SpineError(f"filter element {name}"[:80], error_number=UNSUPPORTED)
    if control is None or len(selectors) > MAX_SELECTORS:
        raise SpineError("filter without control", error_number=UNSUPPORTED)
    if control == "partial":  # an empty restriction restricts nothing
        selectors = [one for one in selectors if not is_empty(one)]
        elements = None if elements is None or is_empty(elements) else elements
    elif any(is_empty(one) for one in selectors):
        raise SpineError("empty selectors in a delete filter", error_number=UNSUPPORTED)
    return Filter(control, tuple(selectors), elements)


def _control(value: Json) -> Literal["delete", "partial"]:
    names = {name for name, _ in members(value)}
    if names == {"delete"}:
        return "delete"
    if names == {"partial"}:
        return "partial"
    raise SpineError("one of delete and partial is needed", error_number=UNSUPPORTED)


def _known(value: Json, as_type: type[msgspec.Struct]) -> msgspec.Struct:
    """Read selectors or elements; what the model does not know at any depth is refused."""
    found = from_eebus(value, as_type)
    if sorted(_names(value)) != sorted(_names(to_eebus(found))):
        raise SpineError("unknown element in a filter", error_number=UNSUPPORTED)
    return found


def _names(value: Json) -> list[str]:
    """Return all member names at all depths."""
    if isinstance(value, list):
        return [name for item in value for name in _names(item)]
    if isinstance(value, dict):
        return [*value, *(name for item in value.values() for name in _names(item))]
    return []


def encode_filter(function: AnyFunction, one: Filter) -> Json:
    """Return the element for a filter."""
    parts: list[Json] = [{"cmdControl": [{one.control: []}]}]
    parts += [{function.selectors_name: to_eebus(selector)} for selector in one.selectors]
    if one.elements is not None:
        parts.append({function.elements_name: to_eebus(one.elements)})
    return parts
