from __future__ import annotations

from eebus.wire.errors import EebusError, LocalUseError, ShipTimeoutError, SpineError, WireError


def test_a_wire_error_gathers_its_path_from_the_inside_out() -> None:
    error = WireError("int was expected, not str").under("number").under("value")

    assert error.path == "value/number"
    assert str(error) == "value/number: int was expected, not str"


def test_codes_for_the_wire_travel_with_the_error() -> None:
    timeout = ShipTimeoutError("late", close_code=4452, phase="HELLO")

    assert (timeout.close_code, timeout.phase) == (4452, "HELLO")
    assert SpineError("no binding", error_number=9).error_number == 9


def test_our_own_misuse_is_no_fault_of_the_wire() -> None:
    assert issubclass(LocalUseError, EebusError)
    assert not issubclass(LocalUseError, WireError)
