from __future__ import annotations

import timeit

import pytest

from eebus.wire import ejson
from eebus.wire.errors import LocalUseError, WireError


@pytest.mark.parametrize(
    ("text", "value"),
    [
        (b'{"a":[1,-2.5,true,null,"x"]}', {"a": [1, -2.5, True, None, "x"]}),
        (b' \t\r\n{ "a" : [ ] } ', {"a": []}),
        ('{"ä":"[{\\u00e4}]"}'.encode(), {"ä": "[{ä}]"}),
        (b'"\\ud83d\\ude00"', "😀"),
        (b'"\\\\"', "\\"),
        (b"0", 0),
    ],
)
def test_json_becomes_plain_values(text: bytes, value: ejson.JsonValue) -> None:
    assert ejson.loads(text) == value


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"{",
        b'{"a":1}}',
        b'{"a":1,"a":1}',
        b"NaN",
        b"[Infinity]",
        b"-Infinity",
        b"1e999",
        b"1" * 33,
        b"0." + b"1" * 31,
        b'"\xff"',
        b'\xef\xbb\xbf{"a":1}',
        b'"\\ud800"',
        b'{"\\udc00":1}',
        b'{"a":1} \x00',
        b"'a'",
        b"[" * 50_000,
        b"[" * 33 + b"]" * 33,
        b'{"a":' * 33 + b"1" + b"}" * 33,
    ],
)
def test_what_is_not_strict_json_is_refused(text: bytes) -> None:
    with pytest.raises(WireError):
        ejson.loads(text)


def test_thirty_two_levels_and_thirty_two_digits_are_allowed() -> None:
    deep = ejson.loads(b"[" * 32 + b"]" * 32)
    long = ejson.loads(b"1" * 32)

    assert isinstance(deep, list)
    assert long == int("1" * 32)


def test_brackets_inside_strings_do_not_count_as_depth() -> None:
    text = b'["' + b"[{" * 100 + b'\\"' + b"]" * 100 + b'"]'

    assert ejson.loads(text) == ["[{" * 100 + '"' + "]" * 100]


@pytest.mark.parametrize(
    "text",
    [b'"' + b'\\"' * 50_000, b'"' * 99_999, b"\\" * 100_000, b"[]" * 50_000, b"{[" * 50_000],
)
def test_hostile_text_is_refused_in_linear_time(text: bytes) -> None:
    started = timeit.default_timer()

    with pytest.raises(WireError):
        ejson.loads(text)

    assert timeit.default_timer() - started < 2.0  # milliseconds; minutes when quadratic


def test_values_become_compact_utf8_in_their_own_order() -> None:
    assert (
        ejson.dumps({"b": [1, True, None, 0.5], "a": "ä"})
        == '{"b":[1,true,null,0.5],"a":"ä"}'.encode()
    )


@pytest.mark.parametrize("value", [float("nan"), float("inf"), "\ud800"])
def test_values_without_a_json_form_are_our_own_mistake(value: ejson.JsonValue) -> None:
    with pytest.raises(LocalUseError):
        ejson.dumps(value)
