"""EEBUS JSON survives the round trip and no text makes the reader raise anything but WireError."""

from __future__ import annotations

from typing import Any

import msgspec
from hypothesis import assume, given
from hypothesis import strategies as st

from eebus.wire import codec, ejson
from eebus.wire.ejson import JsonValue
from eebus.wire.errors import WireError
from eebus.wire.openenum import OpenEnum, named

TEXT = st.text(st.characters(codec="utf-8"), max_size=20)
INTEGER = st.integers(-(10**30), 10**30)


class Scope(OpenEnum):
    KNOWN = named("known")


class Leaf(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    some_number: int | None = None
    some_text: str | None = None
    is_on: bool | None = None
    factor: float | None = None
    scope_type: Scope | None = None


class Tag(msgspec.Struct, frozen=True):
    pass


class Tree(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    leaf: Leaf | None = None
    tag: Tag | None = None
    leaf_list: tuple[Leaf, ...] | None = None
    numbers: tuple[int, ...] | None = None
    texts: tuple[str, ...] = ()
    trees: tuple[Tree, ...] | None = None


LEAVES = st.builds(
    Leaf,
    some_number=st.none() | INTEGER,
    some_text=st.none() | TEXT,
    is_on=st.none() | st.booleans(),
    factor=st.none() | st.floats(allow_nan=False, allow_infinity=False),
    scope_type=st.none() | TEXT.map(Scope),
)


def trees(children: st.SearchStrategy[Tree]) -> st.SearchStrategy[Tree]:
    return st.builds(
        Tree,
        leaf=st.none() | LEAVES,
        tag=st.none() | st.just(Tag()),
        leaf_list=st.none() | st.lists(LEAVES, max_size=3).map(tuple),
        numbers=st.none() | st.lists(INTEGER, max_size=3).map(tuple),
        texts=st.lists(TEXT, max_size=3).map(tuple),
        trees=st.none() | st.lists(children, max_size=2).map(tuple),
    )


TREES = trees(st.just(Tree()) | trees(st.just(Tree())))
JSON: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | INTEGER | st.floats(allow_nan=False, allow_infinity=False) | TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4),
    max_leaves=20,
)


@given(JSON)
def test_json_text_comes_back_as_the_same_value(value: JsonValue) -> None:
    assert ejson.loads(ejson.dumps(value)) == value


@given(TREES)
def test_structs_come_back_from_eebus_json_as_they_were(tree: Tree) -> None:
    text = ejson.dumps(codec.to_eebus(tree))

    assert codec.from_eebus(ejson.loads(text), Tree) == tree


def is_eebus(value: JsonValue) -> bool:
    """Every object has one member, nothing is null (SHIP 11)."""
    if isinstance(value, list):
        return all(is_eebus(item) for item in value)
    if isinstance(value, dict):
        return len(value) == 1 and all(is_eebus(item) for item in value.values())
    return value is not None


@given(TREES)
def test_what_we_write_has_the_strict_eebus_form(tree: Tree) -> None:
    written = codec.to_eebus(tree)

    assert isinstance(written, list)
    assert is_eebus(written)


def as_plain(value: JsonValue) -> JsonValue:
    """The same message from a peer that did not transform its objects."""
    if isinstance(value, list) and value and all(isinstance(item, dict) for item in value):
        members = [item for entry in value if isinstance(entry, dict) for item in entry.items()]
        return {name: as_plain(item) for name, item in members}
    if isinstance(value, list):
        return [as_plain(item) for item in value]
    return value


def is_ambiguous(plain: JsonValue) -> bool:
    """Several objects of one member each, all different: that is also one object, transformed."""
    if isinstance(plain, dict):
        return any(is_ambiguous(item) for item in plain.values())
    if not isinstance(plain, list):
        return False
    names = [name for item in plain if isinstance(item, dict) for name in item]
    objects = sum(isinstance(item, dict) for item in plain)
    one_each = objects > 1 and len(names) == objects and len(set(names)) == objects
    return one_each or any(is_ambiguous(item) for item in plain)


@given(TREES)
def test_plain_objects_are_read_like_eebus_json(tree: Tree) -> None:
    plain = as_plain(codec.to_eebus(tree))
    assume(not is_ambiguous(plain))

    assert codec.from_eebus(plain, Tree) == tree


@given(st.binary(max_size=200) | TEXT.map(str.encode) | JSON.map(ejson.dumps).map(lambda b: b[:-1]))
def test_no_text_makes_the_reader_raise_anything_but_a_wire_error(data: bytes) -> None:
    try:
        value = ejson.loads(data)
    except WireError:
        return
    assert ejson.loads(ejson.dumps(value)) == value


@given(JSON)
def test_no_value_makes_the_codec_raise_anything_but_a_wire_error(value: JsonValue) -> None:
    try:
        tree = codec.from_eebus(value, Tree)
    except WireError:
        tree = Tree()
    assert isinstance(tree, Tree)


@given(JSON)
def test_collecting_faults_never_loses_the_rest(value: JsonValue) -> None:
    faults: list[str] = []
    good: JsonValue = {"numbers": [1, 2]}
    mixed: JsonValue = [{"leaf": value}, good]

    tree = codec.from_eebus(mixed, Tree, faults=faults)

    assert tree.numbers == (1, 2)
    assert all(fault.startswith("leaf") for fault in faults)
