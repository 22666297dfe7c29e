"""Trust decided before, during and long after the hello phase."""

from __future__ import annotations

import pytest

from eebus.ship.events import Closed, Ending, Phase, Role, Trust, TrustPending
from eebus.wire.errors import UntrustedError
from tests.kit.ship import (
    ANNOUNCE_MAX,
    CMI,
    HELLO_ABORTED,
    HELLO_ASKS_FOR_TIME,
    HELLO_READY,
    SELECT,
    ShipPair,
    connection,
    handshake_error,
    in_hello,
    of_type,
    tell,
)


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
