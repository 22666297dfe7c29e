"""TC_SHIP_ROLE and TC_SHIP_CMI on a single connection with literal frames."""

from __future__ import annotations

import pytest

from eebus.ship.events import Role, Trust
from tests.kit.ship import CMI, HELLO_READY, ShipPair, connection, tell


@pytest.mark.rule("TC_SHIP_ROLE_001")
def test_server_waits_seven_seconds_for_the_client_and_then_answers() -> None:
    own = connection(Role.SERVER)
    own.start(0.0)

    own.handle_timer(7.0)

    assert own.take_frames() == []
    assert not own.closed
    assert tell(own, 7.0, CMI) == [CMI, HELLO_READY]


@pytest.mark.rule("TC_SHIP_ROLE_002")
def test_client_speaks_first_and_waits_seven_seconds_for_the_answer() -> None:
    own = connection(Role.CLIENT)
    own.start(0.0)
    assert own.take_frames() == [CMI]

    own.handle_timer(7.0)

    assert not own.closed
    assert tell(own, 7.0, CMI) == [HELLO_READY]


@pytest.mark.rule("TC_SHIP_ROLE_003")
def test_both_roles_say_ready_on_two_connections_at_the_same_time() -> None:
    as_client, as_server = connection(Role.CLIENT), connection(Role.SERVER)
    as_client.start(0.0)
    as_server.start(0.1)
    assert as_client.take_frames() == [CMI]

    assert tell(as_server, 0.2, CMI) == [CMI, HELLO_READY]
    assert tell(as_client, 0.3, CMI) == [HELLO_READY]

    assert not as_client.closed
    assert not as_server.closed


@pytest.mark.rule("TC_SHIP_CMI_001")
@pytest.mark.field("C-04")
@pytest.mark.parametrize("first", [b"\x01\x00", b"\xff\x00", b'\x01{"accessMethodsRequest":[]}'])
def test_server_answers_a_wrong_message_type_and_closes(first: bytes) -> None:
    own = connection(Role.SERVER)
    own.start(0.0)

    assert tell(own, 1.0, first) == [CMI]
    assert own.closed


@pytest.mark.rule("TC_SHIP_CMI_002")
def test_client_closes_on_a_wrong_message_type_without_a_word() -> None:
    own = connection(Role.CLIENT)
    own.start(0.0)
    own.take_frames()

    assert tell(own, 1.0, b"\x01\x00") == []
    assert own.closed


@pytest.mark.rule("TC_SHIP_CMI_003")
def test_server_closes_a_silent_connection_between_seven_and_thirty_two_seconds() -> None:
    own = connection(Role.SERVER)
    own.start(2.0, tls_done_at=0.0)

    own.handle_timer(29.9)
    assert not own.closed

    own.handle_timer(30.0)
    assert own.closed
    assert own.take_frames() == []


@pytest.mark.rule("TC_SHIP_CMI_004")
def test_client_closes_when_its_cmi_is_not_answered() -> None:
    own = connection(Role.CLIENT)
    own.start(0.0)
    own.take_frames()

    own.handle_timer(7.0)
    assert not own.closed

    own.handle_timer(30.0)
    assert own.closed
    assert own.take_frames() == []


@pytest.mark.rule("TC_SHIP_CMI_005")
@pytest.mark.field("C-04")
@pytest.mark.parametrize("first", [b"\x00\x01", b"\x00\x00\x01"])
def test_server_answers_a_wrong_cmi_head_and_closes(first: bytes) -> None:
    own = connection(Role.SERVER)
    own.start(0.0)

    assert tell(own, 1.0, first) == [CMI]
    assert own.closed


@pytest.mark.rule("TC_SHIP_CMI_006")
def test_client_closes_at_once_on_a_wrong_cmi_head() -> None:
    own = connection(Role.CLIENT)
    own.start(0.0)
    own.take_frames()

    assert tell(own, 1.0, b"\x00\x01") == []
    assert own.closed


def test_two_of_our_connections_reach_the_data_phase_with_each_other() -> None:
    pair = ShipPair.make(client_trust=Trust.TRUSTED).start()

    assert pair.client.phase.value == "data"
    assert pair.server.phase.value == "data"
    assert (pair.client.ship_id, pair.server.ship_id) == ("SERVER-1", "CLIENT-1")
