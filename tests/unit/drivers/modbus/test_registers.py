"""Values ⇄ words."""

from __future__ import annotations

import math
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.api import RefusedError
from drivers.modbus.mapfile import Point
from drivers.modbus.registers import (
    decode,
    decode_raw,
    decode_text,
    encode,
    encode_raw,
    encode_text,
    word_count,
)

NUMERIC = ["int16", "uint16", "int32", "uint32", "int64", "uint64", "float32", "float64"]


def point(**fields: object) -> Point:
    return Point.model_validate({"address": 0, **fields})


@pytest.mark.parametrize(
    ("fields", "value", "words"),
    [
        ({"type": "uint16", "scale": 0.1}, Decimal("13.29"), [132]),
        ({"type": "uint16", "scale": 0.001}, Decimal("6.087"), [6087]),
        ({"type": "uint32", "scale": 0.001}, Decimal("6.087"), [0, 6087]),
        ({"type": "uint32", "word_order": "little"}, 65_538, [2, 1]),
        ({"type": "int16"}, -2, [0xFFFE]),
        ({"type": "int16", "scale": -1}, 5, [0xFFFB]),
        ({"type": "int32"}, -1.9, [0xFFFF, 0xFFFF]),
        ({"type": "uint16", "offset": 10, "scale": 2}, 15, [2]),
        ({"type": "uint16", "byte_order": "little"}, 0x0102, [0x0201]),
        ({"type": "float32"}, 1.5, [0x3FC0, 0]),
        ({"type": "float32", "word_order": "little", "scale": 1000}, 4200, [0x6666, 0x4086]),
        ({"type": "bool", "reg": "coil"}, 1, [1]),
    ],
)
def test_a_value_becomes_these_words(
    fields: dict[str, object], value: float, words: list[int]
) -> None:
    assert encode(point(**fields), value) == words


@pytest.mark.parametrize(
    ("fields", "words", "value"),
    [
        ({"type": "uint16", "scale": 0.1}, [133], Fraction(133, 10)),
        ({"type": "int32", "word_order": "little"}, [0xFFFE, 0xFFFF], Fraction(-2)),
        ({"type": "uint16", "nan": [0xFFFF]}, [0xFFFF], None),
        ({"type": "int32", "nan": [-0x80000000]}, [0x8000, 0], None),
        ({"type": "float32"}, [0x7FC0, 0], None),
        ({"type": "float32"}, [0x7F80, 0], None),
        ({"type": "float32", "nan": [-1], "scale": 1000}, [0xBF80, 0], None),
        ({"type": "uint16", "range": [0, 32]}, [65_535], None),
        ({"type": "uint16", "range": [None, 32]}, [32], Fraction(32)),
        ({"type": "uint16", "shift": 8, "mask": 0x7F}, [0x8500], Fraction(5)),
        (
            {"type": "bitfield32", "word_order": "little", "byte_order": "little"},
            [0x4100, 0],
            Fraction(0x41),
        ),
    ],
)
def test_words_become_a_value_or_nothing(
    fields: dict[str, object], words: list[int], value: Fraction | None
) -> None:
    assert decode(point(**fields), words) == value


@pytest.mark.parametrize(
    ("fields", "value"),
    [
        ({"type": "uint16"}, 65_536),
        ({"type": "uint16"}, -1),
        ({"type": "int16"}, 40_000),
        ({"type": "uint16", "range": [6, 32]}, 5),
        ({"type": "uint16"}, math.nan),
        ({"type": "uint16"}, math.inf),
        ({"type": "float32"}, 1e39),
        ({"type": "string", "count": 2}, 1),
    ],
)
def test_what_does_not_fit_is_refused_and_not_bent(fields: dict[str, object], value: float) -> None:
    with pytest.raises(RefusedError):
        encode(point(**fields), value)


def test_raw_values_bypass_the_scale() -> None:
    limit = point(type="float32", word_order="little", scale=1000)

    assert encode_raw(limit, -1.0) == [0, 0xBF80]
    assert decode_raw(limit, [0, 0xBF80]) == -1.0


def test_texts_lose_their_padding() -> None:
    name = point(type="string", count=4)

    assert decode_text(name, encode_text(name, "P30 x")) == "P30 x"
    assert decode_text(name, [0xFFFF] * 4) is None
    assert decode_text(name, [0] * 4) is None
    assert decode_raw(point(type="bytes", count=1), [0xABCD]) == "abcd"


def test_too_few_words_are_a_programming_error() -> None:
    with pytest.raises(ValueError, match="2 registers wanted"):
        decode_raw(point(type="uint32"), [1])


@pytest.mark.invariant("I-09")
@pytest.mark.field("F-21")
@given(
    kind=st.sampled_from(NUMERIC),
    scale=st.sampled_from([0.001, 0.01, 0.1, 1, 10, 1000]),
    order=st.sampled_from(["big", "little"]),
    milli=st.integers(0, 100_000_000),
)
def test_a_register_never_says_more_than_was_granted(
    kind: str, scale: float, order: str, milli: int
) -> None:
    target = point(type=kind, scale=scale, word_order=order)
    granted = Fraction(milli, 1000)

    try:
        words = encode(target, granted)
    except RefusedError:
        return
    back = decode(target, words)

    assert len(words) == word_count(target)
    assert back is not None
    assert back <= granted
    assert encode(target, back) == words


@given(st.lists(st.integers(0, 65_535), min_size=4, max_size=4), st.sampled_from(NUMERIC))
def test_no_words_make_decoding_fail(words: list[int], kind: str) -> None:
    value = decode(point(type=kind), words)

    assert value is None or isinstance(value, Fraction)
