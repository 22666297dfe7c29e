from __future__ import annotations

import pytest

from eebus.ship.events import Ending, Failed, Passed, Trust, TrustPending
from eebus.ship.frame import Unreadable, decode
from eebus.ship.hello import HelloHandshake, HelloState
from eebus.ship.messages import ProtocolHandshake
from eebus.wire.errors import ShipTimeoutError, UntrustedError
from tests.kit.ship import (
    ANNOUNCE_MAX,
    HELLO_ABORTED,
    HELLO_ASKS_FOR_TIME,
    HELLO_READY,
    HELLO_READY_BARE,
    PIN_NONE,
    SELECT,
)


def hello_frame(phase: str, waiting_ms: int) -> bytes:
    return b'\x01{"connectionHello":[{"phase":"%s"},{"waiting":%d}]}' % (phase.encode(), waiting_ms)


def started(trust: Trust, now: float = 0.0) -> HelloHandshake:
    hello = HelloHandshake(trust)
    hello.start(now)
    hello.take_frames()
    hello.take_events()
    return hello


def tell(hello: HelloHandshake, frame: bytes, now: float) -> list[bytes]:
    hello.receive(decode(frame), now)
    return hello.take_frames()


def failure(hello: HelloHandshake) -> Failed:
    (event,) = hello.take_events()
    assert isinstance(event, Failed)
    return event


class TestReady:
    def test_says_ready_with_its_patience(self) -> None:
        hello = HelloHandshake(Trust.TRUSTED)

        hello.start(100.0)

        assert hello.take_frames() == [HELLO_READY]
        assert hello.deadline == 160.0

    @pytest.mark.parametrize("frame", [HELLO_READY, HELLO_READY_BARE, hello_frame("ready", 0)])
    def test_passes_when_the_peer_is_ready(self, frame: bytes) -> None:
        hello = started(Trust.TRUSTED)

        assert tell(hello, frame, 1.0) == []
        assert hello.take_events() == [Passed()]
        assert hello.deadline is None

    @pytest.mark.parametrize(
        "frame",
        [
            hello_frame("pending", 60_000),
            b'\x01{"connectionHello":[{"phase":"pending"}]}',
            b'\x01{"connectionHello":[{"phase":"pending"},{"prolongationRequest":false}]}',
            b'\x01{"connectionHello":[{"phase":"pending"},{"prolongation_request":true}]}',
        ],
    )
    def test_ignores_a_pending_peer_that_does_not_ask(self, frame: bytes) -> None:
        hello = started(Trust.TRUSTED)

        assert tell(hello, frame, 30.0) == []
        assert hello.deadline == 60.0

    def test_adds_to_its_patience_when_asked_and_never_beyond_the_cap(self) -> None:
        hello = started(Trust.TRUSTED)

        answers = [tell(hello, HELLO_ASKS_FOR_TIME, 10.0)[0] for _ in range(5)]

        assert answers == [
            hello_frame("ready", 110_000),
            hello_frame("ready", 170_000),
            hello_frame("ready", 230_000),
            hello_frame("ready", 240_000),
            hello_frame("ready", 240_000),
        ]
        assert hello.deadline == 250.0

    def test_accepts_a_request_that_also_tells_a_waiting(self) -> None:
        hello = started(Trust.TRUSTED)
        both = (
            b'\x01{"connectionHello":[{"phase":"pending"},{"waiting":9},'
            b'{"prolongationRequest":true}]}'
        )

        assert tell(hello, both, 45.0) == [hello_frame("ready", 75_000)]

    def test_leaves_without_a_word_when_the_peer_aborts(self) -> None:
        hello = started(Trust.TRUSTED)

        assert tell(hello, HELLO_ABORTED, 1.0) == []
        failed = failure(hello)
        assert failed.ending is Ending.REJECTED_BY_PEER
        assert isinstance(failed.error, UntrustedError)

    @pytest.mark.parametrize(
        "frame",
        [
            b"\x01{",
            PIN_NONE,
            SELECT,
            ANNOUNCE_MAX,
            b"\x00\x00",
            b'\x01{"keyMaterialState":[]}',
            b'\x01{"connectionHello":[{"phase":"perhaps"}]}',
        ],
    )
    def test_aborts_on_anything_else(self, frame: bytes) -> None:
        hello = started(Trust.TRUSTED)

        assert tell(hello, frame, 1.0) == [HELLO_ABORTED]
        failed = failure(hello)
        assert (failed.error.close_code, failed.linger_s) == (4452, 0.5)
        assert failed.ending is Ending.FAILED

    def test_aborts_when_its_patience_ends(self) -> None:
        hello = started(Trust.TRUSTED)

        hello.handle_timer(59.999)
        assert hello.state is HelloState.READY_LISTEN
        hello.handle_timer(60.0)

        assert hello.take_frames() == [HELLO_ABORTED]
        assert isinstance(failure(hello).error, ShipTimeoutError)
        assert hello.deadline is None


class TestPending:
    def test_says_pending_and_asks_the_user(self) -> None:
        hello = HelloHandshake(Trust.PENDING)

        hello.start(100.0)

        assert hello.take_frames() == [hello_frame("pending", 60_000)]
        assert hello.take_events() == [TrustPending(remote_waiting=False)]
        assert hello.deadline == 160.0

    def test_asks_for_time_fifteen_seconds_before_the_peer_loses_patience(self) -> None:
        hello = started(Trust.PENDING)
        tell(hello, HELLO_READY, 0.0)
        assert hello.take_events() == [TrustPending(remote_waiting=True)]
        assert hello.deadline == 45.0

        hello.handle_timer(45.0)
        assert hello.take_frames() == [HELLO_ASKS_FOR_TIME]
        assert hello.deadline == 105.0  # the answer may take as long as the last waiting

        tell(hello, hello_frame("ready", 75_000), 45.1)
        assert hello.deadline == pytest.approx(105.1)

    @pytest.mark.parametrize(
        ("waiting_ms", "deadline"), [(30_000, 15.0), (29_999, 600.0), (0, 600.0), (-5, 600.0)]
    )
    def test_does_not_ask_a_peer_of_little_patience(self, waiting_ms: int, deadline: float) -> None:
        hello = started(Trust.PENDING)

        tell(hello, hello_frame("ready", waiting_ms), 0.0)

        assert hello.deadline == deadline

    def test_own_patience_ends_only_while_the_peer_is_not_ready(self) -> None:
        waiting, ready = started(Trust.PENDING), started(Trust.PENDING)
        tell(ready, hello_frame("ready", 240_000), 0.0)

        waiting.handle_timer(60.0)
        ready.handle_timer(60.0)

        assert waiting.take_frames() == [HELLO_ABORTED]
        assert ready.take_frames() == []

    def test_two_pending_sides_prolong_each_other(self) -> None:
        hello = started(Trust.PENDING)
        tell(hello, hello_frame("pending", 60_000), 0.0)
        assert hello.deadline == 45.0
        hello.handle_timer(45.0)
        assert hello.take_frames() == [HELLO_ASKS_FOR_TIME]

        assert tell(hello, HELLO_ASKS_FOR_TIME, 45.0) == [hello_frame("pending", 75_000)]
        tell(hello, hello_frame("pending", 75_000), 45.0)

        assert hello.deadline == 105.0

    def test_ready_without_waiting_is_aborted(self) -> None:  # K-21
        hello = started(Trust.PENDING)

        assert tell(hello, HELLO_READY_BARE, 1.0) == [HELLO_ABORTED]

    def test_the_answer_may_take_as_long_as_the_peer_wanted_to_wait(self) -> None:
        hello = started(Trust.PENDING)
        tell(hello, hello_frame("ready", 90_000), 0.0)

        hello.handle_timer(75.0)

        assert hello.take_frames() == [HELLO_ASKS_FOR_TIME]
        assert hello.deadline == 165.0

    def test_aborts_when_a_request_is_not_answered(self) -> None:
        hello = started(Trust.PENDING)
        tell(hello, HELLO_READY, 0.0)
        hello.handle_timer(45.0)
        hello.take_frames()

        hello.handle_timer(105.0)

        assert hello.take_frames() == [HELLO_ABORTED]

    def test_gives_up_after_ten_minutes_of_prolongations(self) -> None:
        hello = started(Trust.PENDING)
        now = 0.0
        for _ in range(20):
            if hello.state is HelloState.ABORTED:
                break
            tell(hello, hello_frame("ready", 60_000), now)
            assert hello.deadline is not None
            now = hello.deadline
            hello.handle_timer(now)

        assert now == 600.0
        assert hello.take_frames()[-1] == HELLO_ABORTED

    def test_a_peer_that_turns_pending_again_is_given_the_full_patience(self) -> None:
        hello = started(Trust.PENDING)
        tell(hello, HELLO_READY, 10.0)

        assert tell(hello, HELLO_ASKS_FOR_TIME, 20.0) == [hello_frame("pending", 120_000)]
        assert hello.state is HelloState.PENDING_LISTEN

    def test_a_pending_that_tells_nothing_changes_nothing(self) -> None:
        hello = started(Trust.PENDING)

        assert tell(hello, b'\x01{"connectionHello":[{"phase":"pending"}]}', 1.0) == []
        assert hello.deadline == 60.0

    @pytest.mark.parametrize(
        "frame", [ANNOUNCE_MAX, PIN_NONE, b'\x01{"connectionHello":[{"phase":"perhaps"}]}']
    )
    def test_aborts_on_anything_else(self, frame: bytes) -> None:
        hello = started(Trust.PENDING)

        assert tell(hello, frame, 1.0) == [HELLO_ABORTED]

    def test_leaves_when_the_peer_aborts(self) -> None:
        hello = started(Trust.PENDING)

        assert tell(hello, HELLO_ABORTED, 1.0) == []
        assert failure(hello).ending is Ending.REJECTED_BY_PEER


class TestDecision:
    def test_approval_makes_us_ready_with_fresh_patience(self) -> None:
        hello = started(Trust.PENDING)

        hello.approve(50.0)

        assert hello.take_frames() == [HELLO_READY]
        assert hello.state is HelloState.READY_LISTEN
        assert hello.deadline == 110.0

    def test_approval_passes_at_once_when_the_peer_is_ready(self) -> None:
        hello = started(Trust.PENDING)
        tell(hello, HELLO_READY, 1.0)
        hello.take_events()

        hello.approve(50.0)

        assert hello.take_frames() == [HELLO_READY]
        assert hello.take_events() == [Passed()]
        assert not hello.is_answer_underway

    def test_approval_may_overtake_the_answer_to_a_request(self) -> None:
        hello = started(Trust.PENDING)
        tell(hello, HELLO_READY, 0.0)
        hello.handle_timer(45.0)

        hello.approve(45.1)

        assert hello.is_answer_underway

    def test_refusal_aborts(self) -> None:
        hello = started(Trust.PENDING)

        hello.refuse()

        assert hello.take_frames() == [HELLO_ABORTED]
        failed = failure(hello)
        assert failed.ending is Ending.REFUSED
        assert failed.error.close_code == 4452

    def test_an_untrusted_peer_is_aborted_at_the_start(self) -> None:
        hello = HelloHandshake(Trust.UNTRUSTED)

        hello.start(0.0)

        assert hello.take_frames() == [HELLO_ABORTED]
        assert failure(hello).ending is Ending.REFUSED

    def test_a_decision_before_the_start_counts(self) -> None:
        trusted, refused = HelloHandshake(Trust.PENDING), HelloHandshake(Trust.PENDING)
        trusted.approve(0.0)
        refused.refuse()

        trusted.start(1.0)
        refused.start(1.0)

        assert trusted.take_frames() == [HELLO_READY]
        assert refused.take_frames() == [HELLO_ABORTED]

    def test_an_announcement_before_our_decision_is_kept_for_ten_seconds(self) -> None:
        hello = started(Trust.PENDING)
        tell(hello, HELLO_READY, 0.0)
        assert tell(hello, ANNOUNCE_MAX, 1.0) == []
        assert isinstance(hello.early_handshake, ProtocolHandshake)
        assert hello.deadline == 11.0

        hello.handle_timer(11.0)

        assert hello.take_frames() == [HELLO_ABORTED]

    def test_a_second_early_announcement_is_too_much(self) -> None:
        hello = started(Trust.PENDING)
        tell(hello, HELLO_READY, 0.0)
        tell(hello, ANNOUNCE_MAX, 1.0)

        assert tell(hello, ANNOUNCE_MAX, 2.0) == [HELLO_ABORTED]

    def test_nothing_moves_a_finished_hello(self) -> None:
        hello = started(Trust.TRUSTED)
        tell(hello, HELLO_READY, 1.0)
        hello.take_events()

        hello.receive(Unreadable("x"), 2.0)
        hello.approve(2.0)
        hello.refuse()
        hello.handle_timer(1e9)

        assert hello.state is HelloState.OK
        assert hello.take_frames() == []
        assert hello.take_events() == []


def test_reason_of_an_abort_says_what_was_wrong_with_the_message() -> None:
    hello = HelloHandshake(Trust.TRUSTED)
    hello.start(0.0)

    hello.receive(decode(b'\x01{"connectionHello":[{"phase":"ready"},{"waiting":"soon"}]}'), 1.0)

    failed = hello.take_events()[-1]
    assert isinstance(failed, Failed)
    assert "connectionHello/waiting: int was expected, not str" in str(failed.error)
