from __future__ import annotations

import pytest

from eebus.ship.connection import Connection
from eebus.ship.events import (
    Closed,
    DataReached,
    Ending,
    Phase,
    PhaseChanged,
    Role,
    ShipIdLearnt,
    SpineReceived,
    Trust,
    TrustPending,
)
from eebus.wire.ejson import JsonValue
from eebus.wire.errors import LocalUseError, ShipError, UntrustedError
from tests.kit.ship import (
    ACCESS_REQUEST,
    ANNOUNCE_MAX,
    CLOSE_CONFIRM,
    CMI,
    HELLO_ABORTED,
    HELLO_ASKS_FOR_TIME,
    HELLO_READY,
    PIN_NONE,
    SELECT,
    ShipPair,
    access_methods,
    connection,
    data_frame,
    handshake_error,
    in_data,
    in_hello,
    in_pin,
    in_protocol,
    of_type,
    tell,
)


def announce(reason: str = "unspecific") -> bytes:
    return b'\x03{"connectionClose":[{"phase":"announce"},{"maxTime":500},{"reason":"%s"}]}' % (
        reason.encode()
    )


class TestPhases:
    def test_two_trusting_nodes_exchange_exactly_these_frames(self) -> None:
        pair = ShipPair.make().start()

        assert sorted(pair.log[2:4]) == [("<", HELLO_READY), (">", HELLO_READY)]
        assert [frame for mark, frame in pair.log if mark == ">"] == [
            CMI,
            HELLO_READY,
            ANNOUNCE_MAX,
            SELECT,
            PIN_NONE,
            ACCESS_REQUEST,
            access_methods("CLIENT-1"),
        ]
        assert pair.server_events == [
            PhaseChanged(Phase.CMI),
            PhaseChanged(Phase.HELLO),
            PhaseChanged(Phase.PROTOCOL),
            PhaseChanged(Phase.PIN),
            PhaseChanged(Phase.DATA),
            DataReached(None),
            ShipIdLearnt("CLIENT-1"),
        ]
        assert pair.client.deadline is None

    def test_the_name_of_the_trust_entry_is_known_from_the_start(self) -> None:
        own = connection(Role.SERVER, expected_ship_id="BOX-1")
        own.start(0.0)

        tell(own, 0.0, CMI, HELLO_READY, ANNOUNCE_MAX, SELECT, PIN_NONE)

        assert of_type(own.take_events(), DataReached) == [DataReached("BOX-1")]

    def test_datagrams_travel_both_ways(self) -> None:
        pair = ShipPair.make().start()
        datagram: JsonValue = {"datagram": [{"header": []}, {"payload": [{"cmd": [[]]}]}]}

        pair.client.send(datagram, pair.now)
        pair.settle()

        assert of_type(pair.server_events, SpineReceived) == [SpineReceived(datagram)]

    @pytest.mark.parametrize("own", [in_hello(Role.CLIENT), in_pin(Role.SERVER)])
    def test_data_before_the_data_phase_is_our_own_mistake(self, own: Connection) -> None:
        with pytest.raises(LocalUseError):
            own.send({"datagram": []}, 0.0)


class TestTrust:
    @pytest.mark.parametrize("pending", list(Role))
    def test_the_user_may_decide_minutes_later_within_the_same_connection(
        self, pending: Role
    ) -> None:
        pair = ShipPair.make(
            client_trust=Trust.PENDING if pending is Role.CLIENT else Trust.TRUSTED,
            server_trust=Trust.PENDING if pending is Role.SERVER else Trust.TRUSTED,
        ).start()
        asked, events = (
            (pair.client, pair.client_events)
            if pending is Role.CLIENT
            else (pair.server, pair.server_events)
        )
        assert of_type(events, TrustPending)[-1] == TrustPending(remote_waiting=True)

        pair.advance(500.0)
        asked.trust_granted(pair.now)
        pair.settle()

        assert pair.client.phase is Phase.DATA
        assert pair.server.phase is Phase.DATA

    def test_two_pending_users_may_decide_one_after_the_other(self) -> None:
        pair = ShipPair.make(client_trust=Trust.PENDING, server_trust=Trust.PENDING).start()

        pair.advance(200.0)
        pair.client.trust_granted(pair.now)
        pair.settle()
        pair.advance(100.0)
        pair.server.trust_granted(pair.now)
        pair.settle()

        assert pair.client.phase is Phase.DATA

    def test_nobody_deciding_ends_after_ten_minutes(self) -> None:
        pair = ShipPair.make(server_trust=Trust.PENDING).start()

        pair.advance(599.0)
        assert pair.server.phase is Phase.HELLO
        pair.advance(2.0)

        assert pair.server.closed
        assert of_type(pair.client_events, Closed)[0].ending is Ending.REJECTED_BY_PEER

    def test_a_refusal_reaches_the_peer_and_closes_with_4452(self) -> None:
        pair = ShipPair.make(server_trust=Trust.PENDING).start()

        pair.server.trust_refused(pair.now)
        pair.settle()
        pair.advance(1.0)

        assert pair.server.close_code == 4452
        closed = of_type(pair.server_events, Closed)[0]
        assert closed.ending is Ending.REFUSED
        assert isinstance(closed.error, UntrustedError)
        assert of_type(pair.client_events, Closed)[0].ending is Ending.REJECTED_BY_PEER

    def test_an_untrusted_peer_is_aborted_before_anything_else(self) -> None:
        own = connection(Role.SERVER, Trust.UNTRUSTED)
        own.start(0.0)

        assert tell(own, 0.0, CMI) == [CMI, HELLO_ABORTED]
        own.handle_timer(0.5)

        assert own.closed

    def test_a_decision_that_overtakes_a_prolongation_does_not_break_the_handshake(self) -> None:
        own = in_hello(Role.SERVER, trust=Trust.PENDING)
        tell(own, 0.0, HELLO_READY)
        own.handle_timer(45.0)
        assert own.take_frames() == [HELLO_ASKS_FOR_TIME]

        own.trust_granted(45.1)
        assert tell(own, 45.2, HELLO_READY) == [HELLO_READY]
        assert own.phase is Phase.PROTOCOL
        assert tell(own, 45.3, HELLO_READY) == [handshake_error(2)]  # only one was on its way

    def test_an_announcement_of_ship_go_before_our_decision_is_answered_after_it(self) -> None:
        own = in_hello(Role.SERVER, trust=Trust.PENDING)
        assert tell(own, 1.0, HELLO_READY, ANNOUNCE_MAX) == []

        own.trust_granted(5.0)

        assert own.take_frames() == [HELLO_READY, SELECT]

    def test_a_decision_about_a_closed_connection_does_nothing(self) -> None:
        own = connection(Role.SERVER)
        own.start(0.0)
        own.lost("gone")
        own.take_events()

        own.trust_granted(1.0)
        own.trust_refused(1.0)

        assert own.take_frames() == []
        assert own.take_events() == []


class TestClosing:
    def test_our_close_is_confirmed_and_ends_at_once(self) -> None:
        own = in_data(Role.CLIENT)
        own.close("shutdown", 0.0)
        assert b'"reason":"unspecific"' in own.take_frames()[0]
        assert own.phase is Phase.CLOSING

        assert tell(own, 0.1, CLOSE_CONFIRM) == []

        assert own.closed
        assert own.close_code == 1000
        assert of_type(own.take_events(), Closed) == [Closed("shutdown", None, Ending.LOCAL)]

    def test_nothing_is_sent_after_our_announcement(self) -> None:
        own = in_data(Role.CLIENT)
        own.close("shutdown", 0.0)
        own.take_frames()

        own.send({"datagram": []}, 0.1)
        own.close("again", 0.1)

        assert own.take_frames() == []
        assert own.deadline == 2.0

    @pytest.mark.parametrize(
        ("reason", "ending"),
        [
            ("unspecific", Ending.PEER),
            ("User close", Ending.PEER),
            ("removedConnection", Ending.REMOVED_BY_PEER),
        ],
    )
    def test_the_peers_close_is_confirmed(self, reason: str, ending: Ending) -> None:
        own = in_data(Role.SERVER)

        assert tell(own, 1.0, announce(reason)) == [CLOSE_CONFIRM]

        assert own.closed
        closed = of_type(own.take_events(), Closed)[0]
        assert (closed.ending, closed.error) == (ending, None)
        assert closed.reason == f"closed by the peer: {reason}"

    def test_two_announcements_at_once_end_both_sides(self) -> None:
        pair = ShipPair.make().start()
        pair.client.close("shutdown", 0.0)
        pair.server.close("removedConnection", 0.0)

        pair.settle()

        assert pair.client.closed
        assert pair.server.closed
        assert of_type(pair.client_events, Closed)[0].ending is Ending.REMOVED_BY_PEER

    def test_an_announcement_that_crosses_ours_is_confirmed(self) -> None:
        own = in_data(Role.CLIENT)
        own.close("shutdown", 0.0)
        own.take_frames()

        assert tell(own, 0.1, announce()) == [CLOSE_CONFIRM]
        assert own.closed

    def test_closing_before_data_sends_nothing(self) -> None:
        for own in (in_hello(Role.CLIENT), in_protocol(Role.SERVER), in_pin(Role.CLIENT)):
            own.take_frames()
            own.close("double connection", 0.0)
            assert own.take_frames() == []
            assert own.closed
            assert own.close_code == 1000

    def test_trust_removed_during_hello_is_told_by_an_abort(self) -> None:
        own = in_hello(Role.CLIENT)
        own.take_frames()

        own.close("removedConnection", 0.0)

        assert own.take_frames() == [HELLO_ABORTED]
        assert own.phase is Phase.CLOSING

    @pytest.mark.parametrize("own", [in_hello(Role.CLIENT), in_pin(Role.SERVER)])
    def test_a_peer_may_close_before_data(self, own: Connection) -> None:
        assert tell(own, 1.0, announce()) == [CLOSE_CONFIRM]

    def test_a_broken_link_is_the_last_event(self) -> None:
        own = in_data(Role.CLIENT)
        own.send({"datagram": []}, 0.0)

        own.lost("connection reset")

        assert own.take_frames() == []
        closed = of_type(own.take_events(), Closed)[0]
        assert closed.reason == "connection reset"
        assert closed.ending is Ending.FAILED
        assert own.deadline is None

    def test_a_link_lost_while_closing_keeps_the_reason(self) -> None:
        own = in_data(Role.CLIENT)
        own.close("shutdown", 0.0)

        own.lost("eof")
        own.lost("eof again")

        assert of_type(own.take_events(), Closed) == [Closed("shutdown", None, Ending.LOCAL)]

    def test_a_peer_that_hangs_up_with_4452_has_not_decided_yet(self) -> None:
        own = in_hello(Role.CLIENT)

        own.lost("closed", 4452)

        assert of_type(own.take_events(), Closed)[0].ending is Ending.REJECTED_BY_PEER


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


class TestTimers:
    @pytest.mark.field("F-34")
    def test_a_missing_access_answer_never_closes(self) -> None:
        own = in_data(Role.CLIENT)
        assert own.deadline == 10.0

        own.handle_timer(10.0)

        assert own.deadline is None
        assert own.phase is Phase.DATA

    def test_the_pin_timer_closes(self) -> None:
        own = in_pin(Role.SERVER)

        own.handle_timer(10.0)

        assert own.closed

    def test_a_connection_lost_before_its_start_stays_closed(self) -> None:
        own = connection(Role.CLIENT)
        own.lost("dial failed")
        own.take_events()

        own.start(0.0)

        assert own.take_frames() == []
        assert own.take_events() == []

    def test_frames_while_closing_change_nothing(self) -> None:
        own = in_hello(Role.SERVER)
        own.handle_timer(60.0)
        own.take_frames()

        assert tell(own, 60.1, HELLO_READY, ANNOUNCE_MAX) == []
        assert own.phase is Phase.CLOSING
        own.handle_timer(60.5)

        assert own.closed
