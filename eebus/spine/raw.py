"""EEBUS JSON where no type is known yet: the members of an object, the objects of a list.

Tolerant in the same way as :mod:`eebus.wire.codec`; needed for commands and filters, whose element
names choose the type.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

from eebus.wire.errors import WireError

if TYPE_CHECKING:
    from eebus.wire.ejson import JsonValue

Json: TypeAlias = "JsonValue"


def members(value: Json) -> list[tuple[str, Json]]:
    """Return name and value of each member, in order, repeated names included.

    Raises:
        WireError: ``value`` is neither an object nor an array of objects.
    """
    if isinstance(value, dict):
        return list(value.items())
    if not isinstance(value, list):
        raise WireError("an object was expected")
    found: list[tuple[str, Json]] = []
    for item in value:
        if not isinstance(item, dict):
            raise WireError("an object was expected")
        found.extend(item.items())
    return found


def objects(value: Json) -> list[Json]:
    """Return the entries of a list of objects; absent and ``{}`` mean none.

    Plain objects are one entry each, unless all have one member and no name repeats: then the
    inner brackets of a single entry were forgotten.

    Raises:
        WireError: ``value`` is no list of objects.
    """
    if value is None or value == {}:
        return []
    if not isinstance(value, list):
        raise WireError("a list was expected")
    singles = [item for item in value if isinstance(item, dict) and len(item) == 1]
    names = {name for item in singles for name in item}
    if len(value) > 1 and len(names) == len(singles) == len(value):
        return [value]
    return list(value)
