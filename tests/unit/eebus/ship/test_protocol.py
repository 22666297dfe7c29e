from __future__ import annotations

import pytest

from eebus.ship.events import Ending, Failed, Passed, Role
from eebus.ship.frame import decode
from eebus.ship.protocol import ProtocolNegotiation, ProtocolState
from eebus.wire.errors import ShipTimeoutError
from tests.kit.ship import (
    ANNOUNCE_MAX,
    HELLO_ABORTED,
    HELLO_READY,
    PIN_NONE,
    SELECT,
    handshake_error,
)


def started(role: Role) -> ProtocolNegotiation:
    protocol = ProtocolNegotiation(role)
    protocol.start(0.0)
    protocol.take_frames()
    return protocol


def tell(protocol: ProtocolNegotiation, frame: bytes, now: float = 1.0) -> list[bytes]:
    protocol.receive(decode(frame), now)
    return protocol.take_frames()


def with_version(frame: bytes, major: int, minor: int) -> bytes:
    return frame.replace(
        b'[{"major":1},{"minor":0}]', b'[{"major":%d},{"minor":%d}]' % (major, minor)
    )


def with_formats(frame: bytes, formats: bytes) -> bytes:
    return frame.replace(b'["JSON-UTF8"]', formats)


def test_client_announces_and_server_waits() -> None:
    client, server = ProtocolNegotiation(Role.CLIENT), ProtocolNegotiation(Role.SERVER)

    client.start(0.0)
    server.start(0.0)

    assert client.take_frames() == [ANNOUNCE_MAX]
    assert server.take_frames() == []
    assert (client.deadline, server.deadline) == (10.0, 10.0)


@pytest.mark.parametrize("version", [(1, 0), (1, 1), (1, 65535), (2, 0)])
def test_server_selects_what_both_can_speak(version: tuple[int, int]) -> None:
    server = started(Role.SERVER)

    assert tell(server, with_version(ANNOUNCE_MAX, *version)) == [SELECT]
    assert server.deadline == 11.0


@pytest.mark.parametrize(
    "offer",
    [
        with_version(ANNOUNCE_MAX, 0, 9),
        with_version(ANNOUNCE_MAX, 1, -5),
        with_formats(ANNOUNCE_MAX, b'["JSON-UTF16"]'),
        with_formats(ANNOUNCE_MAX, b'["json-utf8"]'),
        with_formats(ANNOUNCE_MAX, b"[]"),
        b'\x01{"messageProtocolHandshake":[{"handshakeType":"announceMax"}]}',
    ],
)
def test_server_refuses_an_offer_without_common_ground(offer: bytes) -> None:
    server = started(Role.SERVER)

    assert tell(server, offer) == [handshake_error(3)]
    assert server.state is ProtocolState.FAILED


def test_server_passes_on_the_echo_whatever_its_white_space() -> None:
    server = started(Role.SERVER)
    tell(server, ANNOUNCE_MAX)

    assert tell(server, SELECT.replace(b",", b" ,\n")) == []
    assert server.take_events() == [Passed()]


@pytest.mark.parametrize(
    "echo", [with_version(SELECT, 1, 1), with_formats(SELECT, b'["JSON-UTF8","JSON-UTF16"]')]
)
def test_server_refuses_an_echo_that_differs(echo: bytes) -> None:
    server = started(Role.SERVER)
    tell(server, ANNOUNCE_MAX)

    assert tell(server, echo) == [handshake_error(3)]


def test_client_repeats_the_selection_and_passes() -> None:
    client = started(Role.CLIENT)

    assert tell(client, SELECT) == [SELECT]
    assert client.take_events() == [Passed()]
    assert client.deadline is None


@pytest.mark.parametrize(
    "choice",
    [
        with_version(SELECT, 1, 1),
        with_version(SELECT, 0, 1),
        with_formats(SELECT, b'["JSON-UTF8","JSON-UTF16"]'),
        with_formats(SELECT, b'["JSON-UTF16"]'),
        with_formats(SELECT, b"[]"),
        b'\x01{"messageProtocolHandshake":[{"handshakeType":"select"}]}',
    ],
)
def test_client_refuses_a_selection_it_cannot_speak(choice: bytes) -> None:
    client = started(Role.CLIENT)

    assert tell(client, choice) == [handshake_error(3)]


@pytest.mark.parametrize(
    ("role", "frame"),
    [
        (Role.CLIENT, ANNOUNCE_MAX),
        (Role.SERVER, SELECT),
        (Role.SERVER, HELLO_READY),
        (Role.CLIENT, PIN_NONE),
        (Role.CLIENT, b"\x01{"),
        (Role.SERVER, b"\x00\x00"),
    ],
)
def test_messages_that_do_not_belong_here_end_in_error_two(role: Role, frame: bytes) -> None:
    protocol = started(role)

    assert tell(protocol, frame) == [handshake_error(2)]
    (failed,) = protocol.take_events()
    assert isinstance(failed, Failed)
    assert failed.linger_s == 0.2


@pytest.mark.parametrize("role", list(Role))
def test_silence_ends_in_error_one(role: Role) -> None:
    protocol = started(role)

    protocol.handle_timer(9.9)
    assert protocol.take_frames() == []
    protocol.handle_timer(10.0)

    assert protocol.take_frames() == [handshake_error(1)]
    (failed,) = protocol.take_events()
    assert isinstance(failed, Failed)
    assert isinstance(failed.error, ShipTimeoutError)


def test_an_error_of_the_peer_is_not_answered() -> None:
    client = started(Role.CLIENT)

    assert tell(client, handshake_error(3)) == []
    (failed,) = client.take_events()
    assert isinstance(failed, Failed)
    assert str(failed.error) == "the peer reported handshake error 3"


def test_a_late_abort_counts_as_rejection() -> None:
    server = started(Role.SERVER)

    assert tell(server, HELLO_ABORTED) == []
    (failed,) = server.take_events()
    assert isinstance(failed, Failed)
    assert failed.ending is Ending.REJECTED_BY_PEER


def test_nothing_moves_a_finished_negotiation() -> None:
    client = started(Role.CLIENT)
    tell(client, SELECT)
    client.take_events()

    assert tell(client, HELLO_READY) == []
    client.handle_timer(1e9)
    assert client.take_events() == []
