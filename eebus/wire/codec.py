"""msgspec Struct ⇄ EEBUS JSON, directed by the type (SHIP 11; ship.md 4.3, spine.md 1.11).

What a struct may consist of
    * ``int``, ``float``, ``bool``, ``str`` and subclasses of ``str`` (open enumerations);
    * further structs; a struct without fields is a *tag* (``partial``, ``delete``, element tags);
    * ``tuple[X, ...]`` or ``list[X]`` of one of these;
    * ``X | None`` of one of these; ``Any`` (or ``object``, ``JsonValue``): passed through as it is.

    Wire names are msgspec's encode names: ``msgspec.field(name="…")`` or ``rename=`` of the struct.
    Wire order is the order of declaration. ``NewType`` and ``Annotated`` count as what they wrap.

Writing (strict)
    * object → array of one-member objects in wire order; empty object → ``[]``;
    * list of simple → flat array, list of objects → array of arrays, empty list → ``[]``;
    * ``None`` is left out. An empty list is left out only where the field is *not* optional
      (``tuple[X, ...] = ()``): there "absent" and "empty" are one thing.

Reading (tolerant)
    * object: array of objects with one or more members, or a plain object; ``[]`` and ``{}`` are
      empty; any order; unknown elements are skipped whatever their shape; ``null`` is absent;
    * list: array; ``{}`` is empty; a list of objects may come as plain objects (one per entry); if
      every one has exactly one member and no name repeats, they are *one* entry whose brackets were
      forgotten; a single simple value counts as a list of one;
    * the same element twice in one object is a fault, unless the field is a list (it is appended);
    * a leaf of another JSON type is a fault (``1.0`` or ``true`` for an integer, too).

Faults
    ``from_eebus(value, type)`` raises ``WireError`` with the path of the element. With
    ``faults=[]`` an unreadable element that is not required (or a list entry) is dropped instead
    and its path appended: fit for replies and notifies. Whoever judges a write must refuse it when
    ``faults`` is not empty, because a missing ``value`` would mean "unchanged". A missing required
    field always raises.
"""

from __future__ import annotations

import types
from collections.abc import Callable
from functools import cache
from typing import Annotated, Any, NewType, TypeAlias, TypeVar, Union, cast, get_args, get_origin

import msgspec

from eebus.wire.ejson import JsonValue
from eebus.wire.errors import LocalUseError, WireError

T = TypeVar("T")
Annotation: TypeAlias = Any  # whatever may stand behind the colon of a field
Item: TypeAlias = Any  # what a field holds: its annotation says what
Faults: TypeAlias = "list[str] | None"
Reader: TypeAlias = Callable[[JsonValue, Faults], Item]
Writer: TypeAlias = Callable[[Item], JsonValue]


def to_eebus(struct: msgspec.Struct) -> JsonValue:
    """EEBUS form of a struct: the *content* of its element, without the element's own name."""
    return _plan(type(struct)).write(struct)


def from_eebus(value: JsonValue, as_type: type[T], *, faults: Faults = None) -> T:
    """Struct of type ``as_type`` from the content of its element; see the module for ``faults``.

    Raises:
        WireError: the value cannot be read as that type.
    """
    return cast("T", _plan(cast("type[msgspec.Struct]", as_type)).read(value, faults))


def prepare(*structs: type[msgspec.Struct]) -> None:
    """Get ready for structs and all that they hold, so that their first message need not wait."""
    waiting, seen = list(structs), set[type[msgspec.Struct]]()
    while waiting:
        struct = waiting.pop()
        if struct not in seen:
            seen.add(struct)
            waiting += [field.holds for field in _plan(struct).fields if field.holds is not None]


class _Field:
    """How one element is read and written."""

    __slots__ = ("attribute", "holds", "is_list", "name", "omit_empty", "read", "required", "write")

    def __init__(self, info: msgspec.structs.FieldInfo) -> None:
        inner = _without_none(info.type)
        self.attribute = info.name
        self.name = info.encode_name
        self.required = info.required
        entry = _entry_type(inner)
        self.is_list = entry is not None
        self.holds = _struct_or_none(inner if entry is None else _without_none(entry))
        self.omit_empty = self.is_list and inner is _resolved(info.type)
        self.read, self.write = _leaf_or_list(inner)


class _Plan:
    """What the codec knows about one struct type; made once, at its first use."""

    __slots__ = ("fields", "names", "required", "type")

    def __init__(self, struct: type[msgspec.Struct]) -> None:
        self.type = struct
        self.fields = tuple(_Field(info) for info in msgspec.structs.fields(struct))
        self.names = {field.name: field for field in self.fields}
        self.required = frozenset(field.attribute for field in self.fields if field.required)

    def write(self, struct: msgspec.Struct) -> JsonValue:
        members: list[JsonValue] = []
        for field in self.fields:
            value = getattr(struct, field.attribute)
            if value is not None and (value or not field.omit_empty):
                members.append({field.name: field.write(value)})
        return members

    def read(self, value: JsonValue, faults: Faults) -> msgspec.Struct:
        found: dict[str, Item] = {}
        if isinstance(value, list):
            for entry in value:
                if not isinstance(entry, dict):
                    raise WireError(f"an object was expected, not {_kind(entry)}")
                self._members(entry, found, faults)
        elif isinstance(value, dict):
            self._members(value, found, faults)
        else:
            raise WireError(f"an object was expected, not {_kind(value)}")
        if not self.required <= found.keys():
            missing = sorted(self.required - found.keys())
            raise WireError(f"required element missing: {', '.join(missing)}")
        try:
            return self.type(**found)
        except ValueError as error:  # a struct's own __post_init__
            raise WireError(str(error)) from None

    def _members(
        self, members: dict[str, JsonValue], found: dict[str, Item], faults: Faults
    ) -> None:
        for name, value in members.items():
            field = self.names.get(name)
            if field is None or value is None:
                continue
            known_faults = len(faults) if faults is not None else 0
            try:
                item = field.read(value, faults)
                if field.attribute in found:
                    item = _append(found[field.attribute], item, field)
                found[field.attribute] = item
            except WireError as error:
                if faults is None:
                    raise error.under(name) from None
                faults.append(error.path)
            if faults is not None and len(faults) > known_faults:
                faults[known_faults:] = [_joined(name, path) for path in faults[known_faults:]]


@cache
def _plan(struct: type[msgspec.Struct]) -> _Plan:
    return _Plan(struct)


def _append(earlier: Item, later: Item, field: _Field) -> Item:
    if not field.is_list:
        raise WireError("element twice in one object")
    return earlier + later


def _joined(name: str, path: str) -> str:
    return f"{name}/{path}" if path else name


def _kind(value: JsonValue) -> str:
    return type(value).__name__


# --- types ---


def _origin(annotation: Annotation) -> Annotation:
    return get_origin(annotation)


def _resolved(annotation: Annotation) -> Annotation:
    """The annotation without ``Annotated`` and ``NewType`` around it."""
    while True:
        if _origin(annotation) is Annotated:
            annotation = get_args(annotation)[0]
        elif isinstance(annotation, NewType):
            annotation = annotation.__supertype__
        else:
            return annotation


def _without_none(annotation: Annotation) -> Annotation:
    annotation = _resolved(annotation)
    if _origin(annotation) not in {Union, types.UnionType}:
        return annotation
    members = [member for member in get_args(annotation) if member is not types.NoneType]
    return _resolved(members[0]) if len(members) == 1 else Any


def _struct_or_none(annotation: Annotation) -> type[msgspec.Struct] | None:
    if isinstance(annotation, type) and issubclass(annotation, msgspec.Struct):
        return annotation
    return None


def _entry_type(annotation: Annotation) -> Annotation | None:
    if _origin(annotation) is list:
        return get_args(annotation)[0]
    if _origin(annotation) is tuple and get_args(annotation)[1:] == (...,):
        return get_args(annotation)[0]
    return None


def _leaf_or_list(annotation: Annotation) -> tuple[Reader, Writer]:
    entry = _entry_type(annotation)
    return _list(annotation, _without_none(entry)) if entry is not None else _single(annotation)


def _single(annotation: Annotation) -> tuple[Reader, Writer]:
    if annotation is Any or annotation is object:
        return _read_any, _write_as_is
    if not isinstance(annotation, type):
        raise LocalUseError(f"the codec knows no {annotation!r}")
    if issubclass(annotation, msgspec.Struct):
        return _struct(annotation)
    if annotation in {int, bool}:
        return _exactly(annotation), _write_as_is
    if annotation is float:
        return _read_float, _write_as_is
    if annotation is str:
        return _exactly(str), _write_as_is
    if issubclass(annotation, str):
        return _text(annotation), str.__str__
    raise LocalUseError(f"the codec knows no {annotation!r}")


# --- readers and writers ---


def _struct(struct: type[msgspec.Struct]) -> tuple[Reader, Writer]:
    def read(value: JsonValue, faults: Faults) -> msgspec.Struct:
        return _plan(struct).read(value, faults)  # looked up late: types may refer to themselves

    def write(value: msgspec.Struct) -> JsonValue:
        return _plan(struct).write(value)

    return read, write


def _list(annotation: Annotation, entry: Annotation) -> tuple[Reader, Writer]:
    read_entry, write_entry = _single(entry)
    is_struct = _struct_or_none(entry) is not None
    as_type: Item = list if _origin(annotation) is list else tuple

    def read(value: JsonValue, faults: Faults) -> Item:
        found: list[Item] = []
        for item in _entries(value, is_struct=is_struct):
            try:
                found.append(read_entry(item, faults))
            except WireError as error:
                if faults is None:
                    raise
                faults.append(error.path)
        return as_type(found)

    def write(value: Item) -> JsonValue:
        return [write_entry(item) for item in value]

    return read, write


def _entries(value: JsonValue, *, is_struct: bool) -> list[JsonValue]:
    if isinstance(value, dict):
        return [value] if value else []
    if not isinstance(value, list):
        return [value]
    if is_struct and value and _is_one_object(value):
        return [value]
    return [item for item in value if item is not None]


def _is_one_object(value: list[JsonValue]) -> bool:
    names: set[str] = set()
    for item in value:
        if not isinstance(item, dict) or len(item) != 1:
            return False
        names.update(item)
    return len(names) == len(value)


def _exactly(kind: type) -> Reader:
    def read(value: JsonValue, _faults: Faults) -> Item:
        if type(value) is not kind:
            raise WireError(f"{kind.__name__} was expected, not {_kind(value)}")
        return value

    return read


def _text(kind: type[str]) -> Reader:
    def read(value: JsonValue, _faults: Faults) -> Item:
        if not isinstance(value, str):
            raise WireError(f"str was expected, not {_kind(value)}")
        return kind(value)

    return read


def _read_float(value: JsonValue, _faults: Faults) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise WireError(f"a number was expected, not {_kind(value)}")
    return float(value)


def _read_any(value: JsonValue, _faults: Faults) -> JsonValue:
    return value


def _write_as_is(value: Item) -> JsonValue:
    return cast("JsonValue", value)
