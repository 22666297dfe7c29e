"""What a SHIP connection does with frames that are wrong, early, too large or too many."""

from __future__ import annotations

import pytest

from eebus.ship.connection import Connection
from eebus.ship.events import Closed, DataReached, Ending, Phase, Role, SpineReceived
from eebus.wire.errors import ShipError
from tests.kit.ship import (
    ACCESS_REQUEST,
    CMI,
    HELLO_ABORTED,
    HELLO_READY,
    PIN_NONE,
    SELECT,
    access_methods,
    data_frame,
    handshake_error,
    in_data,
    in_hello,
    in_pin,
    in_protocol,
    of_type,
    tell,
)


class TestBadInput:
    def test_a_text_frame_closes_with_1003(self) -> None:
        own = in_data(Role.SERVER)

        own.receive_text(1.0)

        assert own.closed
        assert own.close_code == 1003

    @pytest.mark.parametrize(
        ("own", "size"), [(in_hello(Role.SERVER), 4097), (in_data(Role.SERVER), 102_401)]
    )
    def test_a_message_over_its_size_closes_with_1009(self, own: Connection, size: int) -> None:
        tell(own, 1.0, b"\x01" + b" " * (size - 1))

        assert own.closed
        assert own.close_code == 1009

    def test_a_message_of_full_size_passes(self) -> None:
        own = in_data(Role.SERVER)

        tell(own, 1.0, b"\x01" + b" " * (102_399 - 27) + b'{"accessMethodsRequest":[]}')

        assert own.phase is Phase.DATA

    def test_the_third_unreadable_message_in_a_row_closes(self) -> None:
        own = in_data(Role.SERVER)
        tell(own, 1.0, b"\x02{", b"\x02{", ACCESS_REQUEST, b"\x02{", b"\x02{")
        assert own.phase is Phase.DATA

        tell(own, 2.0, b"\x02{")

        assert own.closed
        assert own.close_code == 1008

    def test_the_tenth_unusable_message_closes(self) -> None:
        own = in_data(Role.SERVER)
        tell(own, 1.0, *[b"\xff\x00"] * 9)
        assert own.phase is Phase.DATA

        tell(own, 1.0, b"\x02")

        assert own.closed

    def test_data_before_the_pin_is_kept_and_handed_on_in_order(self) -> None:
        own = in_pin(Role.SERVER)
        own.take_events()

        tell(own, 1.0, data_frame('["first"]'), data_frame('["second"]'))
        assert of_type(own.take_events(), SpineReceived) == []
        tell(own, 1.0, PIN_NONE)

        events = own.take_events()
        assert of_type(events, SpineReceived) == [
            SpineReceived({"datagram": ["first"]}),
            SpineReceived({"datagram": ["second"]}),
        ]
        assert events.index(DataReached(None)) < events.index(
            SpineReceived({"datagram": ["first"]})
        )

    def test_too_much_early_data_closes(self) -> None:
        own = in_pin(Role.SERVER)

        tell(own, 1.0, *[data_frame()] * 33)

        assert own.closed
        assert own.close_code == 1008

    @pytest.mark.parametrize("own", [in_hello(Role.SERVER), in_protocol(Role.SERVER)])
    def test_data_during_the_handshakes_is_unexpected(self, own: Connection) -> None:
        frames = tell(own, 1.0, data_frame())

        assert frames[-1] in {HELLO_ABORTED, handshake_error(2)}

    def test_access_methods_are_answered_before_the_pin(self) -> None:
        own = in_pin(Role.SERVER)
        own.take_frames()

        assert tell(own, 1.0, ACCESS_REQUEST) == [access_methods("EMS-0007")]

    @pytest.mark.parametrize(
        "frame",
        [
            HELLO_READY,
            SELECT,
            PIN_NONE,
            b"\x00\x00",
            b'\x01{"keyMaterialState":[]}',
            b'\x02{"data":[{"header":[{"protocolId":"xy9.9"}]},{"payload":{"datagram":[]}}]}',
            b'\x02{"data":[{"header":[{"protocolId":"ee1.0"}]},{"payload":{"other":[]}}]}',
            b'\x02{"data":[{"header":[{"protocolId":"ee1.0"}]},{"payload":"datagram"}]}',
        ],
    )
    def test_strange_messages_in_the_data_phase_change_nothing(self, frame: bytes) -> None:
        own = in_data(Role.CLIENT)

        assert tell(own, 1.0, frame) == []
        assert own.phase is Phase.DATA
        assert own.take_events() == []

    def test_a_datagram_in_an_array_is_unpacked(self) -> None:
        own = in_data(Role.CLIENT)
        frame = (
            b'\x02{"data":[{"header":[{"protocolId":"ee1.0"}]},{"payload":[{"datagram":["x"]}]}]}'
        )

        tell(own, 1.0, frame + b"\x00")

        assert own.take_events() == [SpineReceived({"datagram": ["x"]})]

    def test_an_abort_in_the_data_phase_ends_the_connection(self) -> None:
        own = in_data(Role.CLIENT)

        tell(own, 1.0, HELLO_ABORTED)

        assert of_type(own.take_events(), Closed)[0].ending is Ending.REJECTED_BY_PEER

    def test_a_pin_demand_closes_with_its_reason(self) -> None:
        own = in_pin(Role.CLIENT)
        own.take_events()

        tell(own, 1.0, b'\x01{"connectionPinState":[{"pinState":"required"}]}')

        closed = of_type(own.take_events(), Closed)[0]
        assert "requires a PIN" in closed.reason
        assert isinstance(closed.error, ShipError)

    def test_nothing_moves_a_closed_connection(self) -> None:
        own = in_data(Role.CLIENT)
        own.lost("gone")
        own.take_events()

        assert tell(own, 1.0, ACCESS_REQUEST, b"\x02", CMI) == []
        own.receive_text(1.0)
        own.close("again", 1.0)
        own.handle_timer(1e9)
        own.send({"datagram": []}, 1.0)

        assert own.take_events() == []
        assert own.take_frames() == []
