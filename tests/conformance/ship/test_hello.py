"""TC_SHIP_HELLO: the DUT is the server and trusts the tester."""

from __future__ import annotations

import pytest

from eebus.ship.events import Phase, Role
from tests.kit.ship import (
    ANNOUNCE_MAX,
    CMI,
    HELLO_ABORTED,
    HELLO_ASKS_FOR_TIME,
    HELLO_READY,
    HELLO_READY_BARE,
    SELECT,
    connection,
    in_hello,
    tell,
)

PENDING_120 = b'\x01{"connectionHello":[{"phase":"pending"},{"waiting":120000}]}'


def ready(waiting_ms: int) -> bytes:
    return b'\x01{"connectionHello":[{"phase":"ready"},{"waiting":%d}]}' % waiting_ms


@pytest.mark.rule("TC_SHIP_HELLO_001")
def test_ready_without_waiting_leads_to_the_protocol_handshake() -> None:
    own = connection(Role.SERVER)
    own.start(0.0)

    assert tell(own, 1.0, CMI) == [CMI, HELLO_READY]
    assert tell(own, 2.0, HELLO_READY_BARE) == []
    assert tell(own, 3.0, ANNOUNCE_MAX) == [SELECT]


@pytest.mark.rule("TC_SHIP_HELLO_002")
@pytest.mark.parametrize("count", [2, 8])
def test_each_prolongation_adds_to_the_time_that_is_left(count: int) -> None:
    own = in_hello(Role.SERVER)
    now = 45.0
    own.handle_timer(now)

    for _ in range(count):
        assert tell(own, now, HELLO_ASKS_FOR_TIME) == [ready(75_000)]
        now += 60.0
        own.handle_timer(now)
        assert not own.closed
    tell(own, now, HELLO_READY)

    assert own.phase is Phase.PROTOCOL


@pytest.mark.rule("TC_SHIP_HELLO_003")
@pytest.mark.field("F-34")
def test_a_peer_that_never_gets_ready_is_aborted_when_the_announced_time_is_over() -> None:
    own = connection(Role.SERVER)
    own.start(0.0)
    assert tell(own, 0.0, CMI)[1] == ready(60_000)

    own.handle_timer(59.999)
    assert own.take_frames() == []
    own.handle_timer(60.0)
    assert own.take_frames() == [HELLO_ABORTED]
    own.handle_timer(62.0)

    assert own.closed


@pytest.mark.rule("TC_SHIP_HELLO_004")
def test_pending_without_a_request_is_ignored_by_the_ready_side() -> None:
    own = in_hello(Role.SERVER)
    before = own.deadline

    assert tell(own, 1.0, PENDING_120) == []
    assert own.deadline == before
    tell(own, 31.0, HELLO_READY)

    assert own.phase is Phase.PROTOCOL
