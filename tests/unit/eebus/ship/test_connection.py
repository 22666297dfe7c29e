"""The SHIP connection through its phases, with its timers, to its end."""

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
)
from eebus.wire.ejson import JsonValue
from eebus.wire.errors import LocalUseError
from tests.kit.ship import (
    ACCESS_REQUEST,
    ANNOUNCE_MAX,
    CLOSE_CONFIRM,
    CMI,
    HELLO_ABORTED,
    HELLO_READY,
    PIN_NONE,
    SELECT,
    ShipPair,
    access_methods,
    connection,
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

    @pytest.mark.field("C-03")
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
