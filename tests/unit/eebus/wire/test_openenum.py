from __future__ import annotations

from eebus.wire.openenum import OpenEnum, named


class Colour(OpenEnum):
    RED = named("red")
    DARK_BLUE = named("dark blue")


def test_a_constant_is_an_instance_and_a_string() -> None:
    assert isinstance(Colour.RED, Colour)
    assert Colour.RED == "red"
    assert Colour("dark blue") == Colour.DARK_BLUE


def test_an_unknown_value_survives_and_says_so() -> None:
    vendor = Colour("i:98765_infrared")

    assert vendor == "i:98765_infrared"
    assert not vendor.is_known
    assert Colour.RED.is_known


def test_constants_are_listed_in_order() -> None:
    assert Colour.constants() == ("red", "dark blue")
    assert repr(Colour.RED) == "Colour('red')"


def test_constants_work_as_match_patterns() -> None:
    match Colour("red"):
        case Colour.DARK_BLUE:
            found = "dark blue"
        case Colour.RED:
            found = "red"
        case _:
            found = "other"

    assert found == "red"


def test_a_declaration_resolves_to_its_owner() -> None:
    assert repr(named("green").__get__(None, Colour)) == "Colour('green')"
