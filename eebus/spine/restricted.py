"""Restricted function exchange (SPINE 5.3.4): filters, merge and selection. Pure.

``merge`` follows the truth table of spine.md 4.3: delete first, then partial, as one operation that
either happens completely or raises. ``merge_write`` adds what a server asks of remote writes:
identifiers in every entry, write check flags, lists whose entries only the server decides about.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal, TypeAlias, TypeVar

import msgspec

from eebus.spine.entries import Entry, deep_merge, is_empty, matches, pick_elements, present
from eebus.spine.entries import remove_elements as without
from eebus.wire.errors import SpineError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from eebus.spine.function import Function
    from eebus.spine.functions import AnyFunction

D = TypeVar("D", bound=msgspec.Struct)
Identity: TypeAlias = tuple[object, ...]

REJECTED: Final = 7
UNSUPPORTED: Final = 8

# The server decides which limits and keys exist (spine.md 4.3, project rule).
FIXED_LISTS: Final = frozenset({"LoadControl", "DeviceConfiguration"})


@dataclass(frozen=True, slots=True)
class Filter:
    """One filter of a command: what it does, to which entries, to which of their elements.

    ``selectors`` are alternatives (OR); the elements inside one are combined with AND.
    """

    control: Literal["delete", "partial"]
    selectors: tuple[msgspec.Struct, ...] = ()
    elements: msgspec.Struct | None = None


PARTIAL: Final = Filter("partial")


def merge(
    function: Function[D], stored: D | None, incoming: D | None, filters: Sequence[Filter] = ()
) -> D:
    """Return the function's data after a write, notify or restricted reply.

    Args:
        function: what is exchanged.
        stored: data held now; ``None`` if nothing was exchanged yet.
        incoming: the data element of the command; ``None`` in a pure delete.
        filters: the filters of the command, in any order.

    Raises:
        SpineError: 1, 7 or 8 (spine.md 4.3); ``stored`` stays what it is.
    """
    delete, partial = _in_order(filters)
    if delete is None and partial is None:
        if incoming is None:
            raise SpineError("a full exchange needs data")
        return incoming
    data = function.data() if stored is None else stored
    if delete is not None:
        data = _delete(function, data, delete)
    if partial is not None:
        if incoming is None:
            raise SpineError("a partial filter needs data")
        data = _lay_over(function, data, incoming, partial)
    return data


def merge_write(
    function: Function[D], stored: D | None, incoming: D | None, filters: Sequence[Filter] = ()
) -> D:
    """Return the data after a *remote write*, write check flags kept as stored.

    Raises:
        SpineError: as :func:`merge`; 7 also for entries without identifiers, for new or deleted
            entries of a fixed list and for entries whose stored write check flag is not true.
    """
    if function.items and incoming is not None and not any(f.selectors for f in _partials(filters)):
        _demand_identifiers(function, incoming)
    _demand_content(function, incoming, filters)
    merged = merge(function, stored, incoming, filters)
    if not function.items or not function.keys:
        return merged
    old = {identity(function, entry): entry for entry in entries(function, stored)}
    new = {identity(function, entry): entry for entry in entries(function, merged)}
    if function.feature in FIXED_LISTS:
        new = _keep_list(new, old, is_full=not filters)
    if function.write_check:
        addressed = (
            {identity(function, entry) for entry in entries(function, incoming)}
            if filters
            else set[Identity]()
        )
        new = _check_flags(function, new, old, addressed)
    return with_entries(function, merged, new.values())


def select(function: Function[D], stored: D, restriction: Filter) -> D:
    """Return what a restricted read asks for (spine.md 4.4).

    Raises:
        SpineError: 8 for a delete filter, or a selector that does not exist here.
    """
    if restriction.control == "delete":
        raise SpineError("a delete filter in a read", error_number=UNSUPPORTED)
    elements = restriction.elements
    if not function.items:
        if restriction.selectors:
            raise SpineError("selectors are not supported here", error_number=UNSUPPORTED)
        return stored if elements is None else pick_elements(stored, elements)
    chosen = [e for e in entries(function, stored) if matches(e, restriction.selectors)]
    if elements is not None:
        chosen = [pick_elements(entry, elements, function.identifiers) for entry in chosen]
    return with_entries(function, stored, chosen)


def entries(function: AnyFunction, data: msgspec.Struct | None) -> tuple[Entry, ...]:
    """Return the entries of a list function; none if it is no list or holds nothing."""
    if data is None or not function.items:
        return ()
    return getattr(data, function.items) or ()


def with_entries(function: Function[D], data: D, items: Iterable[Entry]) -> D:
    """Return ``data`` with these entries; an empty list counts as absent."""
    return msgspec.structs.replace(data, **{function.items: tuple(items) or None})


def identity(function: AnyFunction, entry: msgspec.Struct) -> Identity:
    """Return the identifiers of an entry; a missing value type of a measurement means ``value``."""
    values = [getattr(entry, name) for name in function.identifiers]
    if "value_type" in function.sub_keys and function.name.startswith("measurement"):
        place = function.identifiers.index("value_type")
        values[place] = values[place] or "value"
    return tuple(values)


# --- filters ---


def check_write_filters(function: AnyFunction, filters: Sequence[Filter]) -> None:
    """Refuse combinations that are not supported, before anybody looks at the data.

    Raises:
        SpineError: 8.
    """
    _, partial = _in_order(filters)
    if partial is not None:
        _check_partial(function, partial)


def _check_partial(function: AnyFunction, partial: Filter) -> None:
    if partial.elements is not None and not is_empty(partial.elements):
        raise SpineError("elements in a partial filter", error_number=UNSUPPORTED)
    if partial.selectors and not function.items:
        raise SpineError("selectors are not supported here", error_number=UNSUPPORTED)


def _in_order(filters: Sequence[Filter]) -> tuple[Filter | None, Filter | None]:
    deletes = [one for one in filters if one.control == "delete"]
    partials = _partials(filters)
    if len(deletes) > 1 or len(partials) > 1:
        raise SpineError("two filters of one kind", error_number=UNSUPPORTED)
    return deletes[0] if deletes else None, partials[0] if partials else None


def _partials(filters: Sequence[Filter]) -> list[Filter]:
    return [one for one in filters if one.control == "partial"]


def _delete(function: Function[D], data: D, delete: Filter) -> D:
    elements = delete.elements
    if is_empty(elements) if elements is not None else not delete.selectors:
        raise SpineError("a delete filter that selects nothing", error_number=REJECTED)
    if elements is not None and any(name in present(elements) for name in function.identifiers):
        raise SpineError("identifiers cannot be deleted", error_number=REJECTED)
    if not function.items:
        if delete.selectors or elements is None:
            raise SpineError("selectors are not supported here", error_number=UNSUPPORTED)
        return without(data, elements)
    kept: list[Entry] = []
    for entry in entries(function, data):
        if not matches(entry, delete.selectors):
            kept.append(entry)
        elif elements is not None:
            kept.append(without(entry, elements))
    return with_entries(function, data, kept)


def _lay_over(function: Function[D], data: D, incoming: D, partial: Filter) -> D:
    _check_partial(function, partial)
    if not function.items:
        return deep_merge(data, incoming)
    if partial.selectors:
        return _overlay_selected(function, data, incoming, partial.selectors)
    if not function.keys:
        return incoming if entries(function, incoming) else data
    return _overlay_by_identity(function, data, incoming)


def _overlay_selected(
    function: Function[D], data: D, incoming: D, selectors: tuple[msgspec.Struct, ...]
) -> D:
    items = entries(function, incoming)
    if len(items) != 1:
        raise SpineError("selectors need exactly one data entry", error_number=REJECTED)
    chosen = [matches(entry, selectors) for entry in entries(function, data)]
    if not any(chosen):
        raise SpineError("the selectors match nothing", error_number=REJECTED)
    result = [
        _merge_same(function, entry, items[0]) if is_chosen else entry
        for entry, is_chosen in zip(entries(function, data), chosen, strict=True)
    ]
    return with_entries(function, data, result)


def _merge_same(function: AnyFunction, stored: Entry, incoming: Entry) -> Entry:
    """Merge unless the incoming identifiers contradict those of the selected entry."""
    for name in function.identifiers:
        given = getattr(incoming, name)
        if given is not None and given != getattr(stored, name):
            raise SpineError("identifiers contradict the selectors", error_number=REJECTED)
    return deep_merge(stored, incoming)


def _overlay_by_identity(function: Function[D], data: D, incoming: D) -> D:
    result = list(entries(function, data))
    for entry in entries(function, incoming):
        if all(getattr(entry, name) is None for name in function.identifiers):
            result = [deep_merge(stored, entry) for stored in result]
            continue
        place = _place_of(function, result, entry)
        if place is None:
            result.append(entry)
        else:
            known = {name: getattr(result[place], name) for name in function.identifiers}
            result[place] = msgspec.structs.replace(deep_merge(result[place], entry), **known)
    return with_entries(function, data, result)


def _place_of(function: AnyFunction, items: list[Entry], entry: Entry) -> int | None:
    """Index of the stored entry an incoming one means (spine.md 4.6); ``None``: a new one."""
    wanted = identity(function, entry)
    for place, stored in enumerate(items):
        if identity(function, stored) == wanted:
            return place
    if all(getattr(entry, name) is not None for name in function.identifiers):
        return None
    alike = [
        place
        for place, stored in enumerate(items)
        if all(
            given is None or given == held
            for given, held in zip(_raw(function, entry), _raw(function, stored), strict=True)
        )
    ]
    return alike[0] if len(alike) == 1 else None


def _raw(function: AnyFunction, entry: Entry) -> Identity:
    return tuple(getattr(entry, name) for name in function.identifiers)


# --- remote writes ---


def _demand_identifiers(function: AnyFunction, incoming: msgspec.Struct) -> None:
    """Without a primary identifier an entry would mean all entries: refused (K-12, guide U 3.1)."""
    for entry in entries(function, incoming):
        if any(getattr(entry, name) is None for name in function.keys):
            raise SpineError("an entry without its identifiers", error_number=REJECTED)


def _demand_content(
    function: AnyFunction, incoming: msgspec.Struct | None, filters: Sequence[Filter]
) -> None:
    """Refuse a write that says nothing (H-44); a fixed list cannot be cleared either."""
    if any(one.control == "delete" for one in filters) or entries(function, incoming):
        return
    if function.items and (filters or function.feature in FIXED_LISTS):
        raise SpineError("an empty write")


def _keep_list(
    new: dict[Identity, Entry], old: dict[Identity, Entry], *, is_full: bool
) -> dict[Identity, Entry]:
    """Refuse new and deleted entries; a full write keeps the entries it does not mention."""
    if new.keys() - old.keys():
        raise SpineError("no such entry", error_number=REJECTED)
    if not is_full and old.keys() - new.keys():
        raise SpineError("entries of this list cannot be deleted", error_number=REJECTED)
    return {key: new.get(key, entry) for key, entry in old.items()}


def _check_flags(
    function: AnyFunction,
    new: dict[Identity, Entry],
    old: dict[Identity, Entry],
    addressed: set[Identity],
) -> dict[Identity, Entry]:
    """Restore the server's flags; refuse when an entry that is not changeable is touched."""
    flag = function.write_check
    checked: dict[Identity, Entry] = {}
    for key, entry in new.items():
        stored = old.get(key)
        allowed = None if stored is None else getattr(stored, flag)
        checked[key] = msgspec.structs.replace(entry, **{flag: allowed})
        is_touched = key in addressed or checked[key] != stored
        if stored is not None and is_touched and allowed is not True:
            raise SpineError("this entry is not changeable", error_number=REJECTED)
    gone = old.keys() - new.keys()
    if any(getattr(old[key], flag) is not True for key in gone):
        raise SpineError("this entry is not changeable", error_number=REJECTED)
    return checked
