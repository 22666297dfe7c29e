"""The small expression language of the device maps (device map schema 1.6).

Names, numbers, ``+ - * / & | ^ ~ << >>``, comparisons, ``cond ? a : b`` and ``min() max() floor()
round()``; braces around a name or a part are brackets. An expression is data: it is parsed once
when the map is loaded and evaluated exactly (``Fraction``), so that rounding happens in one place
only, when the register is encoded.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Final, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

#: Whole numbers may stay ``int``: a limit to many devices waits for their conversion.
Exact: TypeAlias = Fraction | int
Variables: TypeAlias = "Mapping[str, Exact]"
_Node: TypeAlias = "Callable[[Variables], Exact]"

MAX_LENGTH: Final = 200
MAX_DEPTH: Final = 16
_TOKEN: Final = re.compile(
    r"\s*(0x[0-9a-fA-F]+|\d+\.\d+|\d+|[A-Za-z_]\w*|<<|>>|<=|>=|==|!=|[-+*/&|^~<>?:(),{}])"
)
_BINARY: Final[tuple[tuple[str, ...], ...]] = (
    ("==", "!=", "<", "<=", ">", ">="),
    ("|",),
    ("^",),
    ("&",),
    ("<<", ">>"),
    ("+", "-"),
    ("*", "/"),
)


class ExpressionError(ValueError):
    """The text is not an expression, or a name in it has no value."""


def _whole(value: Exact) -> int:
    if value.denominator != 1:
        raise ExpressionError(f"bit operation on {value}, which is not a whole number")
    return value.numerator


def _divide(left: Exact, right: Exact) -> Exact:
    if right == 0:
        raise ExpressionError("division by zero")
    return Fraction(left) / right


def _shift_left(left: Exact, right: Exact) -> Exact:
    places = _whole(right)
    if not 0 <= places <= 63:  # noqa: PLR2004 - registers hold at most 64 bits
        raise ExpressionError(f"shift by {places}")
    return Fraction(_whole(left) << places)


def _shift_right(left: Exact, right: Exact) -> Exact:
    places = _whole(right)
    if not 0 <= places <= 63:  # noqa: PLR2004 - registers hold at most 64 bits
        raise ExpressionError(f"shift by {places}")
    return Fraction(_whole(left) >> places)


_OPERATORS: Final[dict[str, Callable[[Exact, Exact], Exact]]] = {
    "+": lambda a, b: a + b,
    "-": lambda a, b: a - b,
    "*": lambda a, b: a * b,
    "/": _divide,
    "&": lambda a, b: Fraction(_whole(a) & _whole(b)),
    "|": lambda a, b: Fraction(_whole(a) | _whole(b)),
    "^": lambda a, b: Fraction(_whole(a) ^ _whole(b)),
    "<<": _shift_left,
    ">>": _shift_right,
    "==": lambda a, b: Fraction(a == b),
    "!=": lambda a, b: Fraction(a != b),
    "<": lambda a, b: Fraction(a < b),
    "<=": lambda a, b: Fraction(a <= b),
    ">": lambda a, b: Fraction(a > b),
    ">=": lambda a, b: Fraction(a >= b),
}
_FUNCTIONS: Final[dict[str, tuple[int, Callable[[Sequence[Exact]], Exact]]]] = {
    "min": (2, min),
    "max": (2, max),
    "floor": (1, lambda values: Fraction(math.floor(values[0]))),
    "round": (1, lambda values: Fraction(math.floor(values[0] + Fraction(1, 2)))),
}


@dataclass(frozen=True, slots=True)
class Expression:
    """A parsed expression. ``names``: every variable it needs, in order of appearance."""

    text: str
    names: tuple[str, ...]
    _node: _Node

    def evaluate(self, variables: Variables) -> Exact:
        """Exact value.

        Raises:
            ExpressionError: a name has no value, division by zero, bits of a fraction.
        """
        return self._node(variables)


def parse(text: str) -> Expression:
    """Parse ``text``.

    Raises:
        ExpressionError: with the place that was not understood.
    """
    if len(text) > MAX_LENGTH:
        raise ExpressionError(f"longer than {MAX_LENGTH} characters")
    parser = _Parser(_tokens(text), text)
    node = parser.ternary()
    parser.expect_end()
    return Expression(text, tuple(dict.fromkeys(parser.names)), node)


def _tokens(text: str) -> list[str]:
    found: list[str] = []
    place = 0
    stripped = text.rstrip()
    while place < len(stripped):
        match = _TOKEN.match(stripped, place)
        if match is None:
            raise ExpressionError(f"cannot read {stripped[place:]!r} in {text!r}")
        found.append(match[1])
        place = match.end()
    return found


class _Parser:
    """Recursive descent; each method takes the tokens of one level and returns a closure."""

    def __init__(self, tokens: list[str], text: str) -> None:
        self._tokens = tokens
        self._place = 0
        self._text = text
        self._depth = 0
        self.names: list[str] = []

    def _peek(self) -> str:
        return self._tokens[self._place] if self._place < len(self._tokens) else ""

    def _take(self, wanted: str = "") -> str:
        token = self._peek()
        if not token or (wanted and token != wanted):
            raise ExpressionError(
                f"expected {wanted or 'a value'} before {token or 'the end'!r} in {self._text!r}"
            )
        self._place += 1
        return token

    def expect_end(self) -> None:
        if self._peek():
            raise ExpressionError(f"{self._peek()!r} is too much in {self._text!r}")

    def ternary(self) -> _Node:
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise ExpressionError(f"more than {MAX_DEPTH} levels in {self._text!r}")
        node = self._ternary()
        self._depth -= 1
        return node

    def _ternary(self) -> _Node:
        condition = self._binary(0)
        if self._peek() != "?":
            return condition
        self._take("?")
        when_true = self.ternary()
        self._take(":")
        when_false = self.ternary()
        return lambda v: when_true(v) if condition(v) else when_false(v)

    def _binary(self, level: int) -> _Node:
        if level == len(_BINARY):
            return self._unary()
        left = self._binary(level + 1)
        while self._peek() in _BINARY[level]:
            left = _combine(_OPERATORS[self._take()], left, self._binary(level + 1))
        return left

    def _unary(self) -> _Node:
        if self._peek() == "-":
            self._take()
            inner = self._atom()
            return lambda v: -inner(v)
        if self._peek() == "~":
            self._take()
            inner = self._atom()
            return lambda v: Fraction(~_whole(inner(v)))
        return self._atom()

    def _atom(self) -> _Node:
        word = self._take()
        if word in ("(", "{"):
            inner = self.ternary()
            self._take(")" if word == "(" else "}")
            return inner
        if word[0].isdigit():
            number = Fraction(int(word, 16)) if word.startswith("0x") else Fraction(word)
            return lambda _: number
        if word in _FUNCTIONS and self._peek() == "(":
            return self._call(word)
        if word[0].isalpha() or word[0] == "_":
            self.names.append(word)
            return _lookup(word)
        raise ExpressionError(f"unexpected {word!r} in {self._text!r}")

    def _call(self, name: str) -> _Node:
        self._take("(")
        arguments = [self.ternary()]
        while self._peek() == ",":
            self._take(",")
            arguments.append(self.ternary())
        self._take(")")
        wanted, function = _FUNCTIONS[name]
        if len(arguments) < wanted or (wanted == 1 and len(arguments) > 1):
            raise ExpressionError(f"{name}() with {len(arguments)} arguments in {self._text!r}")
        return lambda v: function([argument(v) for argument in arguments])


def _combine(function: Callable[[Exact, Exact], Exact], left: _Node, right: _Node) -> _Node:
    return lambda v: function(left(v), right(v))


def _lookup(name: str) -> _Node:
    def value(variables: Variables) -> Exact:
        try:
            return variables[name]
        except KeyError:
            raise ExpressionError(f"{name} has no value") from None

    return value
