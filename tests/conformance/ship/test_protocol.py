"""TC_SHIP_PROT and TC_SHIP_PIN."""

from __future__ import annotations

import pytest

from eebus.ship.events import Phase, Role
from tests.kit.ship import (
    ACCESS_REQUEST,
    ANNOUNCE_MAX,
    HELLO_READY,
    PIN_NONE,
    SELECT,
    access_methods,
    handshake_error,
    in_hello,
    in_pin,
    in_protocol,
    tell,
)


@pytest.mark.rule("TC_SHIP_PROT_001")
@pytest.mark.field("C-01")
def test_server_selects_one_format_and_goes_on_after_the_echo() -> None:
    own = in_protocol(Role.SERVER)
    offer = ANNOUNCE_MAX.replace(b'"minor":0', b'"minor":1').replace(
        b'["JSON-UTF8"]', b'["JSON-UTF16","JSON-UTF8"]'
    )

    assert tell(own, 1.0, offer) == [SELECT]
    assert tell(own, 2.0, SELECT) == [PIN_NONE]


@pytest.mark.rule("TC_SHIP_PROT_002")
@pytest.mark.field("C-01")
def test_client_announces_its_version_and_repeats_the_selection() -> None:
    own = in_hello(Role.CLIENT)

    assert tell(own, 1.0, HELLO_READY) == [ANNOUNCE_MAX]
    assert tell(own, 2.0, SELECT) == [SELECT, PIN_NONE]


@pytest.mark.rule("TC_SHIP_PROT_003")
@pytest.mark.rule("TC_SHIP_PROT_004")
@pytest.mark.parametrize("role", list(Role))
def test_silence_ends_in_error_one_within_twelve_seconds(role: Role) -> None:
    own = in_protocol(role)
    own.take_frames()

    own.handle_timer(9.999)
    assert own.take_frames() == []
    own.handle_timer(10.0)
    assert own.take_frames() == [handshake_error(1)]
    own.handle_timer(12.0)

    assert own.closed


@pytest.mark.rule("TC_SHIP_PROT_005")
@pytest.mark.rule("TC_SHIP_PROT_006")
@pytest.mark.parametrize("role", list(Role))
def test_a_hello_instead_of_the_handshake_ends_in_error_two(role: Role) -> None:
    own = in_protocol(role)
    own.take_frames()

    assert tell(own, 1.0, HELLO_READY) == [handshake_error(2)]
    own.handle_timer(3.0)

    assert own.closed


@pytest.mark.rule("TC_SHIP_PIN_001")
@pytest.mark.parametrize("role", list(Role))
def test_pin_none_on_both_sides_opens_the_data_phase(role: Role) -> None:
    own = in_pin(role)

    assert tell(own, 1.0, PIN_NONE) == [ACCESS_REQUEST]
    assert own.phase is Phase.DATA
    assert tell(own, 2.0, ACCESS_REQUEST) == [access_methods("EMS-0007")]
