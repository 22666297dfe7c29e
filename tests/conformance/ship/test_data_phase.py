"""TC_SHIP_MSG, TERM, AM and AMDATA: what may happen once data flows."""

from __future__ import annotations

import pytest

from eebus.ship.events import Closed, Role, SpineReceived
from tests.kit.ship import (
    ACCESS_REQUEST,
    PIN_NONE,
    access_methods,
    data_frame,
    in_data,
    in_pin,
    of_type,
    tell,
)

OUR_ACCESS_METHODS = access_methods("EMS-0007")
DISCOVERY_READ = data_frame('[{"header":[{"msgCounter":1}]}]')
USE_CASE_READ = data_frame('[{"header":[{"msgCounter":2}]}]')

pytestmark = pytest.mark.parametrize("role", list(Role))


@pytest.mark.rule("TC_SHIP_MSG_001")
def test_a_message_without_value_is_dropped(role: Role) -> None:
    own = in_data(role)

    assert tell(own, 1.0, b"\x02") == []
    assert tell(own, 4.0, ACCESS_REQUEST) == [OUR_ACCESS_METHODS]


@pytest.mark.rule("TC_SHIP_MSG_002")
def test_an_unknown_message_type_is_dropped(role: Role) -> None:
    own = in_data(role)

    assert tell(own, 1.0, b"\xff\x00") == []
    assert tell(own, 4.0, ACCESS_REQUEST) == [OUR_ACCESS_METHODS]


@pytest.mark.rule("TC_SHIP_MSG_003")
def test_white_space_around_structure_does_not_matter(role: Role) -> None:
    own = in_data(role)

    pretty = b'\x01 \t\r\n{ \t\r\n"accessMethodsRequest" \t\r\n: \t\r\n[ \t\r\n] \t\r\n} \t\r\n'

    assert tell(own, 1.0, pretty) == [OUR_ACCESS_METHODS]


@pytest.mark.rule("TC_SHIP_TERM_001")
@pytest.mark.field("C-03")
def test_our_close_is_announced_with_reason_and_ends_within_its_max_time(role: Role) -> None:
    own = in_data(role)

    own.close("removedConnection", 10.0)

    assert own.take_frames() == [
        b'\x03{"connectionClose":[{"phase":"announce"},{"maxTime":2000},'
        b'{"reason":"removedConnection"}]}'
    ]
    own.handle_timer(11.9)
    assert not own.closed
    own.handle_timer(12.0)
    assert own.closed
    assert of_type(own.take_events(), Closed)[0].error is None


@pytest.mark.rule("TC_SHIP_AM_001")
@pytest.mark.field("C-02")
@pytest.mark.field("C-05")
def test_access_methods_name_our_ship_id_every_time(role: Role) -> None:
    own = in_data(role)

    frames = tell(own, 1.0, ACCESS_REQUEST, ACCESS_REQUEST)

    assert frames == [b'\x01{"accessMethods":[{"id":"EMS-0007"},{"dnsSd_mDns":[]}]}'] * 2


@pytest.mark.rule("TC_SHIP_AMDATA_001")
@pytest.mark.field("C-06")
def test_data_and_access_methods_pass_side_by_side(role: Role) -> None:
    own = in_data(role)

    frames = tell(own, 1.0, DISCOVERY_READ, ACCESS_REQUEST, USE_CASE_READ)

    assert frames == [OUR_ACCESS_METHODS]
    assert of_type(own.take_events(), SpineReceived) == [
        SpineReceived({"datagram": [{"header": [{"msgCounter": 1}]}]}),
        SpineReceived({"datagram": [{"header": [{"msgCounter": 2}]}]}),
    ]


@pytest.mark.rule("TC_SHIP_AMDATA_002")
@pytest.mark.field("C-06")
def test_data_flows_while_our_own_request_is_unanswered(role: Role) -> None:
    own = in_pin(role)
    assert tell(own, 0.0, PIN_NONE) == [ACCESS_REQUEST]

    assert tell(own, 1.0, DISCOVERY_READ, ACCESS_REQUEST) == [OUR_ACCESS_METHODS]
    own.handle_timer(8.0)
    tell(own, 8.0, access_methods("TOOL-1"))

    assert len(of_type(own.take_events(), SpineReceived)) == 1
    assert own.ship_id == "TOOL-1"


@pytest.mark.rule("TC_SHIP_AMDATA_003")
def test_access_methods_are_answered_while_our_own_read_is_unanswered(role: Role) -> None:
    own = in_data(role)
    own.send({"datagram": []}, 1.0)
    own.take_frames()

    assert tell(own, 1.5, ACCESS_REQUEST) == [OUR_ACCESS_METHODS]
    own.handle_timer(60.0)

    assert not own.closed
