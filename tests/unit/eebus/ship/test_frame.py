from __future__ import annotations

import pytest

from eebus.ship.frame import Init, Received, Unknown, Unreadable, Unusable, decode, encode
from eebus.ship.messages import (
    AccessMethods,
    AccessMethodsRequest,
    Close,
    ClosePhase,
    Data,
    DataHeader,
    Formats,
    HandshakeType,
    Hello,
    HelloPhase,
    Message,
    PinError,
    PinInput,
    PinState,
    PinStateValue,
    ProtocolError,
    ProtocolHandshake,
    Version,
)

GOLDEN: list[tuple[Message, bytes]] = [
    (
        Hello(phase=HelloPhase.READY, waiting=60_000),
        b'\x01{"connectionHello":[{"phase":"ready"},{"waiting":60000}]}',
    ),
    (
        Hello(phase=HelloPhase.PENDING, prolongation_request=True),
        b'\x01{"connectionHello":[{"phase":"pending"},{"prolongationRequest":true}]}',
    ),
    (Hello(phase=HelloPhase.ABORTED), b'\x01{"connectionHello":[{"phase":"aborted"}]}'),
    (
        ProtocolHandshake(
            handshake_type=HandshakeType.ANNOUNCE_MAX,
            version=Version(1, 0),
            formats=Formats(("JSON-UTF8",)),
        ),
        b'\x01{"messageProtocolHandshake":[{"handshakeType":"announceMax"},'
        b'{"version":[{"major":1},{"minor":0}]},{"formats":[{"format":["JSON-UTF8"]}]}]}',
    ),
    (ProtocolError(2), b'\x01{"messageProtocolHandshakeError":[{"error":2}]}'),
    (
        PinState(pin_state=PinStateValue.REQUIRED, input_permission="ok"),
        b'\x01{"connectionPinState":[{"pinState":"required"},{"inputPermission":"ok"}]}',
    ),
    (PinInput("1234ABCD"), b'\x01{"connectionPinInput":[{"pin":"1234ABCD"}]}'),
    (PinError(1), b'\x01{"connectionPinError":[{"error":1}]}'),
    (AccessMethodsRequest(), b'\x01{"accessMethodsRequest":[]}'),
    (
        AccessMethods(id="EMS-1", dns_sd_mdns=[], dns=[{"uri": "wss://ems.example:4712/ship/"}]),
        b'\x01{"accessMethods":[{"id":"EMS-1"},{"dnsSd_mDns":[]},'
        b'{"dns":[{"uri":"wss://ems.example:4712/ship/"}]}]}',
    ),
    (
        Data(header=DataHeader("ee1.0"), payload={"datagram": [{"header": []}]}),
        b'\x02{"data":[{"header":[{"protocolId":"ee1.0"}]},{"payload":{"datagram":[{"header":[]}]}}]}',
    ),
    (
        Close(phase=ClosePhase.ANNOUNCE, max_time=2000, reason="removedConnection"),
        b'\x03{"connectionClose":[{"phase":"announce"},{"maxTime":2000},'
        b'{"reason":"removedConnection"}]}',
    ),
    (Close(phase=ClosePhase.CONFIRM), b'\x03{"connectionClose":[{"phase":"confirm"}]}'),
]


@pytest.mark.parametrize(("message", "frame"), GOLDEN, ids=lambda x: type(x).__name__)
def test_every_message_has_its_literal_form(message: Message, frame: bytes) -> None:
    assert encode(message) == frame
    assert decode(frame) == message


@pytest.mark.parametrize(
    "frame",
    [
        b'\x01{"connectionHello":[{"phase":"ready"},{"waiting":60000}]}\x00\x00',
        b'\x01[{"connectionHello":[{"phase":"ready"},{"waiting":60000}]}]',
        b'\x01{"connectionHello":{"waiting":60000,"phase":"ready","keyMaterialState":[]}}',
        b'\x01 {\n"connectionHello" :\t[ {"phase":"ready"} ,\r\n{"waiting":60000} ] } ',
    ],
    ids=["trailing NUL of Porsche", "root in an array", "plain object", "white space"],
)
def test_sloppy_forms_of_the_field_are_read(frame: bytes) -> None:
    assert decode(frame) == Hello(phase=HelloPhase.READY, waiting=60_000)


@pytest.mark.parametrize("dns", [b'"wss://x"', b'[{"uri":"wss://x"}]', b"{}"])
def test_access_methods_are_read_with_any_form_of_dns(dns: bytes) -> None:
    frame = b'\x01{"accessMethods":[{"id":"SMA"},{"dns":%s},{"dnsSd_mDns":{}}]}' % dns

    read = decode(frame)

    assert isinstance(read, AccessMethods)
    assert read.id == "SMA"


@pytest.mark.parametrize(
    ("frame", "received"),
    [
        (b"", Unusable("no message value")),
        (b"\x02", Unusable("no message value")),
        (b"\xff\x00", Unusable("message type 0xff")),
        (b"\x04{}", Unusable("message type 0x04")),
        (b"\x00\x00", Init(0)),
        (b"\x00\x00\x00\x00", Init(0)),
        (b"\x00\x01", Init(1)),
        (b"\x00\x00\x07", Init(7)),
        (b'\x01{"keyMaterialState":[]}', Unknown("keyMaterialState")),
        (b'\x01{"connectionClose":[{"phase":"announce"}]}', Unknown("connectionClose")),
        (b'\x02{"connectionHello":[{"phase":"ready"}]}', Unknown("connectionHello")),
    ],
)
def test_frames_that_are_no_message_are_named(frame: bytes, received: Received) -> None:
    assert decode(frame) == received


@pytest.mark.parametrize(
    "frame",
    [
        b"\x01\x00",
        b"\x01{",
        b"\x01[]",
        b"\x01{}",
        b'\x01{"connectionHello":[],"accessMethods":[]}',
        b'\x01{"connectionHello":[{"waiting":1}]}',
        b'\x01{"connectionHello":[{"phase":"ready"},{"waiting":"60000"}]}',
        b'\x01{"connectionHello":"ready"}',
        b'\x01{"messageProtocolHandshake":[{"handshakeType":"select"},{"formats":["JSON-UTF8"]}]}',
        b'\x02{"data":[{"payload":{"datagram":[]}}]}',
    ],
)
def test_unreadable_frames_never_raise(frame: bytes) -> None:
    assert isinstance(decode(frame), Unreadable)


def test_a_fault_names_the_element() -> None:
    read = decode(b'\x01{"connectionHello":[{"phase":"ready"},{"waiting":true}]}')

    assert read == Unreadable("connectionHello/waiting: int was expected, not bool")
