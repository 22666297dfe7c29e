"""Laws of the SPINE layer: codec round trip, merge, and a device that nothing can upset."""

from __future__ import annotations

import types
from functools import cache
from typing import Any, Union, get_args, get_origin, get_type_hints

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from eebus.spine.device import LocalDevice
from eebus.spine.entries import deep_merge
from eebus.spine.function import Function
from eebus.spine.functions import index
from eebus.spine.model.load_control import (
    LOAD_CONTROL_LIMIT_LIST_DATA as LIMITS,
)
from eebus.spine.model.load_control import (
    LoadControlLimitData,
    LoadControlLimitListData,
    LoadControlLimitListDataSelectors,
)
from eebus.spine.restricted import PARTIAL, Filter, identity, merge, merge_write
from eebus.spine.specs import EntitySpec, FeatureSpec, FunctionSpec
from eebus.wire import ejson
from eebus.wire.codec import from_eebus, to_eebus
from eebus.wire.errors import SpineError
from tests.kit.spine import BOX, BOX_SKI, EMS, at, info

FUNCTIONS = [function for name in index() if (function := index().get(name)) is not None]
TEXT = st.text(max_size=8)


@cache
def structs(kind: type[msgspec.Struct]) -> st.SearchStrategy[Any]:
    hints = get_type_hints(kind)
    fields = {name: st.none() | values(hints[name]) for name in kind.__struct_fields__}
    return st.builds(kind, **fields)


def values(hint: Any) -> st.SearchStrategy[Any]:
    if get_origin(hint) in {Union, types.UnionType}:
        hint = next(one for one in get_args(hint) if one is not type(None))
    if get_origin(hint) is tuple:
        return st.lists(values(get_args(hint)[0]), min_size=1, max_size=2).map(tuple)
    if hint is int:
        return st.integers(0, 2**64 - 1)
    if hint is bool:
        return st.booleans()
    return TEXT if hint is str else structs(hint)


@pytest.mark.parametrize("function", FUNCTIONS, ids=lambda function: function.name)
@settings(max_examples=4, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_every_function_survives_the_wire(function: Function[Any], data: st.DataObject) -> None:
    sent = data.draw(structs(function.data))

    received = from_eebus(ejson.loads(ejson.dumps(to_eebus(sent))), function.data)

    assert received == sent


ENTRIES = st.lists(structs(LoadControlLimitData), max_size=4)


def unique(entries: list[LoadControlLimitData]) -> tuple[LoadControlLimitData, ...]:
    by_id = {e.limit_id: e for e in entries if e.limit_id is not None}
    return tuple(by_id.values())


LISTS = ENTRIES.map(lambda e: LoadControlLimitListData(load_control_limit_data=unique(e) or None))


@given(stored=structs(LoadControlLimitData), incoming=structs(LoadControlLimitData))
def test_deep_merge_is_idempotent(
    stored: LoadControlLimitData, incoming: LoadControlLimitData
) -> None:
    once = deep_merge(stored, incoming)

    assert deep_merge(once, incoming) == once


@given(stored=structs(LoadControlLimitData))
def test_deep_merge_with_nothing_and_with_itself_changes_nothing(
    stored: LoadControlLimitData,
) -> None:
    assert deep_merge(stored, LoadControlLimitData()) == stored
    assert deep_merge(stored, stored) == stored


@given(stored=LISTS, incoming=LISTS)
def test_partial_merge_keeps_every_identity_and_never_doubles_one(
    stored: LoadControlLimitListData, incoming: LoadControlLimitListData
) -> None:
    merged = merge(LIMITS, stored, incoming, (PARTIAL,))

    ids = [identity(LIMITS, entry) for entry in merged.load_control_limit_data or ()]
    wanted = {
        identity(LIMITS, entry)
        for data in (stored, incoming)
        for entry in data.load_control_limit_data or ()
    }
    assert set(ids) == wanted
    assert len(ids) == len(wanted)


@given(stored=LISTS, incoming=LISTS)
def test_full_exchange_forgets_the_past(
    stored: LoadControlLimitListData, incoming: LoadControlLimitListData
) -> None:
    assert merge(LIMITS, stored, incoming) == incoming


@given(stored=LISTS, incoming=LISTS, filters=st.sampled_from([(), (PARTIAL,)]))
def test_remote_write_never_changes_flags_or_the_set_of_limits(
    stored: LoadControlLimitListData,
    incoming: LoadControlLimitListData,
    filters: tuple[Filter, ...],
) -> None:
    def flags(data: LoadControlLimitListData) -> list[tuple[int | None, bool | None]]:
        return [(e.limit_id, e.is_limit_changeable) for e in data.load_control_limit_data or ()]

    outcome = written(stored, incoming, filters)

    assert outcome in {1, 7} if isinstance(outcome, int) else flags(outcome) == flags(stored)


def written(
    stored: LoadControlLimitListData,
    incoming: LoadControlLimitListData,
    filters: tuple[Filter, ...],
) -> LoadControlLimitListData | int:
    try:
        return merge_write(LIMITS, stored, incoming, filters)
    except SpineError as error:
        return error.error_number


@given(stored=LISTS, number=st.integers(0, 3))
def test_deleting_twice_is_deleting_once(stored: LoadControlLimitListData, number: int) -> None:
    delete = Filter("delete", (LoadControlLimitListDataSelectors(limit_id=number),))

    once = merge(LIMITS, stored, None, (delete,))

    assert merge(LIMITS, once, None, (delete,)) == once


# --- nothing a peer sends makes the device raise, and whatever it sends can be serialised ---

NUMBERS = st.integers(-1, 3) | st.integers(-(2**70), 2**70) | st.floats(allow_nan=False)
LEAVES = st.none() | st.booleans() | NUMBERS | st.sampled_from([BOX, EMS, "", "PT1H"]) | TEXT
NAMES = st.sampled_from(
    ["function", "filter", "cmdControl", "partial", "delete", "entity", "feature", "device",
     "limitId", "value", "number", "loadControlLimitData", "loadControlLimitListData",
     "loadControlLimitListDataSelectors", "loadControlLimitDataElements", "resultData",
     "errorNumber", "entityInformation", "description", "entityAddress", "clientAddress",
     "nodeManagementDetailedDiscoveryData", "nodeManagementUseCaseData", "lastStateChange",
     "nodeManagementBindingRequestCall", "bindingRequest", "serverAddress", "useCaseInformation"]
) | TEXT  # fmt: skip
JSON = st.recursive(
    LEAVES, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(NAMES, inner, max_size=4),
    max_leaves=25,
)  # fmt: skip
ADDRESSES = st.sampled_from(
    [at(BOX, [0], 0), at(BOX, [1], 1), at(EMS, [0], 0), at(EMS, [1], 1), at(None, [1], 2), {}]
)
FUNCTION_NAMES = st.sampled_from(sorted(index()))
CLASSIFIERS = st.sampled_from(["read", "reply", "notify", "write", "call", "result", "odd"])


@st.composite
def datagrams(draw: st.DrawFn) -> Any:
    function = draw(st.sampled_from(["loadControlLimitListData"]) | FUNCTION_NAMES)
    cmd = {"function": function, function: draw(JSON)}
    if draw(st.booleans()):
        cmd["filter"] = draw(st.just([[{"cmdControl": [{"partial": []}]}]]) | JSON)
    header = {
        "addressSource": draw(ADDRESSES),
        "addressDestination": draw(ADDRESSES),
        "msgCounter": draw(st.integers(0, 100) | JSON),
        "msgCounterReference": draw(st.integers(0, 5)),
        "cmdClassifier": draw(CLASSIFIERS),
        "ackRequest": draw(st.booleans()),
        "specificationVersion": draw(st.sampled_from(["1.3.0", "", "2.0.0", "x"])),
    }
    return {"datagram": {"header": header, "payload": {"cmd": [draw(st.just(cmd) | JSON)]}}}


def device() -> LocalDevice:
    limits = FunctionSpec(function=LIMITS, write=True, partial=True)
    entity = EntitySpec(
        address=(1,),
        type="CEM",
        features=(
            FeatureSpec(type="LoadControl", role="server", functions=(limits,)),
            FeatureSpec(type="Generic", role="client"),
        ),
    )
    made = LocalDevice(info(EMS), [entity])
    made.connect(BOX_SKI, 0.0)
    return made


@settings(max_examples=80, deadline=None, suppress_health_check=list(HealthCheck))
@given(inputs=st.lists(datagrams() | JSON, min_size=1, max_size=6))
def test_nothing_a_peer_sends_makes_the_device_raise(inputs: list[Any]) -> None:
    made = device()

    for now, message in enumerate(inputs):
        made.receive(BOX_SKI, message, float(now))

    for _, sent in made.take_datagrams():
        assert ejson.loads(ejson.dumps(sent)) is not None
    made.handle_timer(10_000.0)


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(inputs=st.lists(datagrams(), min_size=1, max_size=4))
def test_replies_notifies_and_results_never_get_an_error(inputs: list[Any]) -> None:
    made = device()
    made.take_datagrams()

    for message in inputs:
        header = message["datagram"]["header"]
        made.receive(BOX_SKI, message, 0.0)
        answers = [str(sent) for _, sent in made.take_datagrams()]
        if header["cmdClassifier"] in {"reply", "notify", "result"}:
            assert not any("errorNumber" in a and "'errorNumber': 0" not in a for a in answers)
