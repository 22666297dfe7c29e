"""Datagrams: header and the single command, from and to EEBUS JSON (SPINE 5.2, 5.3.2).

Reading is split, because the reactions differ: a header that cannot be used gets no answer at all
(:class:`WireError`), a command that cannot be used gets an error number (:class:`SpineError`).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, TypeAlias

from eebus.spine.addresses import MAX_ENTITY_DEPTH, FeatureAddress, is_usable_device
from eebus.spine.filters import encode_filter, parse_filters
from eebus.spine.functions import index
from eebus.spine.model import common_data_types as common
from eebus.spine.model import datagram as wire
from eebus.spine.model.table import ALIASES
from eebus.spine.raw import members, objects
from eebus.spine.specs import SPECIFICATION_VERSION
from eebus.wire.codec import from_eebus, to_eebus
from eebus.wire.errors import SpineError, WireError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import msgspec

    from eebus.spine.functions import AnyFunction
    from eebus.spine.restricted import Filter
    from eebus.wire.ejson import JsonValue

    Admit: TypeAlias = Callable[[AnyFunction], None]

Json: TypeAlias = "JsonValue"

READ: Final = "read"
REPLY: Final = "reply"
NOTIFY: Final = "notify"
WRITE: Final = "write"
CALL: Final = "call"
RESULT: Final = "result"
CLASSIFIERS: Final = frozenset({READ, REPLY, NOTIFY, WRITE, CALL, RESULT})
REQUESTS: Final = frozenset({READ, WRITE, CALL})

MAX_COUNTER: Final = 2**64 - 1
NOT_DATA: Final = frozenset({"function", "filter", "manufacturerSpecificExtension", "lastUpdateAt"})
_VERSION: Final = re.compile(r"[vV]?([0-9]+)\.[0-9]+\.[0-9]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Header:
    """The parts of a header that matter; addresses as the sender wrote them."""

    source: FeatureAddress
    destination: FeatureAddress
    counter: int
    classifier: str
    reference: int | None = None
    ack_request: bool = False
    version: str = SPECIFICATION_VERSION


@dataclass(frozen=True, slots=True)
class Command:
    """One command; ``faults`` are the paths of elements that were dropped as unreadable."""

    function: AnyFunction
    data: msgspec.Struct | None = None
    filters: tuple[Filter, ...] = ()
    faults: tuple[str, ...] = ()


def parse_header(datagram: Json) -> tuple[Header, Json]:
    """Return the header and the unread payload of ``{"datagram": ...}``.

    Raises:
        WireError: no datagram, or a header nobody can answer (guide P 2.1).
    """
    content = dict(members(datagram)).get("datagram")
    parts = dict(members(content))
    raw = from_eebus(parts.get("header"), wire.Header, faults=[])
    if raw.msg_counter is None or not 0 <= raw.msg_counter <= MAX_COUNTER:
        raise WireError("no message counter", "header/msgCounter")
    if raw.cmd_classifier is None:
        raise WireError("no classifier", "header/cmdClassifier")
    header = Header(
        source=_address(raw.address_source, "addressSource"),
        destination=_address(raw.address_destination, "addressDestination"),
        counter=raw.msg_counter,
        classifier=raw.cmd_classifier,
        reference=raw.msg_counter_reference,
        ack_request=raw.ack_request is True,
        version=raw.specification_version or "",
    )
    return header, parts.get("payload")


def _address(raw: common.FeatureAddress | None, name: str) -> FeatureAddress:
    if raw is None or raw.entity is None or raw.feature is None:
        raise WireError("incomplete address", f"header/{name}")
    if len(raw.entity) > MAX_ENTITY_DEPTH or any(part < 0 for part in raw.entity):
        raise WireError("no such entity address", f"header/{name}")
    if raw.device is not None and not is_usable_device(raw.device):
        raise WireError("no usable device address", f"header/{name}")
    return FeatureAddress(raw.device, raw.entity, raw.feature)


def is_compatible(version: str) -> bool:
    """Tell whether we answer a header of this version (spine.md 7): major 1, or unreadable."""
    match = _VERSION.fullmatch(version)
    return match is None or match[1] == "1"


def parse_command(payload: Json, classifier: str, admit: Admit | None = None) -> Command:
    """Return the single command of a payload.

    Unreadable elements are faults in replies and notifies and an error in writes and calls.
    ``admit`` raises for functions that are not offered, before filters and data are looked at.

    Raises:
        SpineError: 1 malformed, 6 unknown function, 8 unusable filter.
    """
    try:
        commands = objects(dict(members(payload)).get("cmd"))
        if len(commands) != 1:
            raise SpineError(f"{len(commands)} commands instead of one")
        return _command(commands[0], classifier, admit)
    except WireError as error:
        raise SpineError(str(error)) from None


def _command(content: Json, classifier: str, admit: Admit | None) -> Command:
    found: dict[str, Json] = {}
    for name, value in members(content):
        if name in found:
            raise SpineError(f"{name} twice in one command"[:80])
        found[name] = value
    function = _function_of(found)
    if admit is not None:
        admit(function)
    filters = parse_filters(function, found.get("filter"), is_read=classifier == READ)
    if function.name not in found or classifier == READ:
        return Command(function, None, filters)
    faults: list[str] | None = [] if classifier in {REPLY, NOTIFY, RESULT} else None
    value = _with_right_names(found[function.name], ALIASES.get(function.name))
    data = from_eebus(value, function.data, faults=faults)
    return Command(function, data, filters, tuple(faults or ()))


def _function_of(found: dict[str, Json]) -> AnyFunction:
    named = found.get("function")
    if named is not None and not isinstance(named, str):
        raise SpineError("function is no text")
    known = [name for name in found if name not in NOT_DATA and name in index()]
    if len(known) > 1:
        raise SpineError("two data elements in one command")
    if known and named and named != known[0]:
        raise SpineError("function and data element differ")
    function = index().get(known[0] if known else named or "")
    if function is None:
        raise SpineError("unknown function", error_number=6)
    return function


def _with_right_names(value: Json, aliases: dict[str, str] | None) -> Json:
    """Names that older stacks misspell, put right (spine.md 8.3)."""
    if not aliases:
        return value
    if isinstance(value, list):
        return [_with_right_names(item, aliases) for item in value]
    if isinstance(value, dict):
        return {
            aliases.get(name, name): _with_right_names(item, aliases)
            for name, item in value.items()
        }
    return value


def build(header: Header, command: Json) -> Json:
    """Return the EEBUS JSON value of a datagram with one command (:func:`build_command`)."""
    head = wire.Header(
        specification_version=header.version,
        address_source=to_wire(header.source),
        address_destination=to_wire(header.destination),
        msg_counter=header.counter,
        msg_counter_reference=header.reference,
        cmd_classifier=header.classifier,
        ack_request=header.ack_request or None,
    )
    return {"datagram": [{"header": to_eebus(head)}, {"payload": [{"cmd": [command]}]}]}


def build_command(
    function: AnyFunction,
    data: msgspec.Struct | None,
    filters: Sequence[Filter] = (),
    *,
    named: bool = False,
) -> Json:
    """Return one command; ``named`` adds the function element also without a filter."""
    parts: list[Json] = []
    if named or filters:
        parts.append({"function": function.name})
    if filters:
        parts.append({"filter": [encode_filter(function, one) for one in filters]})
    if data is not None:
        parts.append({function.name: to_eebus(data)})
    return parts


def to_wire(address: FeatureAddress) -> common.FeatureAddress:
    """Return the element for an address."""
    return common.FeatureAddress(
        device=address.device, entity=address.entity, feature=address.feature
    )
