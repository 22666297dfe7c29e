from __future__ import annotations

import pytest

from eebus.ship.events import Failed, Passed
from eebus.ship.frame import decode
from eebus.ship.pin import PinCheck, PinPhase
from eebus.wire.errors import ShipTimeoutError
from tests.kit.ship import ACCESS_REQUEST, PIN_NONE


def pin_state(value: str) -> bytes:
    return b'\x01{"connectionPinState":[{"pinState":"%s"}]}' % value.encode()


def started() -> PinCheck:
    pin = PinCheck()
    pin.start(0.0)
    pin.take_frames()
    return pin


def test_we_want_no_pin_and_say_so_at_once() -> None:
    pin = PinCheck()

    pin.start(100.0)

    assert pin.take_frames() == [PIN_NONE]
    assert pin.deadline == 110.0


@pytest.mark.parametrize("value", ["none", "pinOk", "optional"])
def test_a_peer_that_lets_us_in_passes(value: str) -> None:
    pin = started()

    pin.receive(decode(pin_state(value)), 1.0)

    assert pin.take_events() == [Passed()]
    assert pin.take_frames() == []


@pytest.mark.parametrize(
    ("value", "reason"), [("required", "requires a PIN"), ("perhaps", "unknown PIN state")]
)
def test_a_peer_that_demands_a_pin_fails(value: str, reason: str) -> None:
    pin = started()

    pin.receive(decode(pin_state(value)), 1.0)

    (failed,) = pin.take_events()
    assert isinstance(failed, Failed)
    assert reason in str(failed.error)
    assert pin.state is PinPhase.FAILED


def test_other_messages_are_ignored() -> None:
    pin = started()

    pin.receive(decode(ACCESS_REQUEST), 1.0)
    pin.receive(decode(b'\x01{"connectionPinInput":[{"pin":"12345678"}]}'), 1.0)

    assert pin.take_events() == []
    assert pin.deadline == 10.0


def test_bad_json_ends_this_handshake_too() -> None:
    pin = started()

    pin.receive(decode(b'\x01{"connectionPinState":'), 1.0)

    (failed,) = pin.take_events()
    assert isinstance(failed, Failed)
    assert "not strict JSON" in str(failed.error) or "brackets" in str(failed.error)
    assert pin.state is PinPhase.FAILED


def test_silence_fails_after_ten_seconds() -> None:
    pin = started()

    pin.handle_timer(9.9)
    assert pin.take_events() == []
    pin.handle_timer(10.0)

    (failed,) = pin.take_events()
    assert isinstance(failed, Failed)
    assert isinstance(failed.error, ShipTimeoutError)


def test_nothing_moves_a_finished_check() -> None:
    pin = started()
    pin.receive(decode(PIN_NONE), 1.0)
    pin.take_events()

    pin.receive(decode(pin_state("required")), 2.0)
    pin.handle_timer(1e9)

    assert pin.take_events() == []
