"""Nothing a peer does makes a connection raise, stall or outlive its timers."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from eebus.ship.connection import Connection
from eebus.ship.discovery import parse_txt
from eebus.ship.double import CloseDouble, DoubleConnections, Keep
from eebus.ship.events import Closed, Phase, Role, Trust, TrustPending
from eebus.ship.hello import HelloHandshake
from eebus.ship.messages import Hello, HelloPhase
from eebus.ship.ski import Ski
from eebus.wire.errors import LocalUseError
from tests.kit import ship as kit

OWN, PEER = Ski("7" * 40), Ski("3" * 40)
FRAMES = st.sampled_from(
    [
        kit.CMI,
        kit.HELLO_READY,
        kit.HELLO_READY_BARE,
        kit.HELLO_PENDING,
        kit.HELLO_ASKS_FOR_TIME,
        kit.HELLO_ABORTED,
        kit.ANNOUNCE_MAX,
        kit.SELECT,
        kit.PIN_NONE,
        kit.ACCESS_REQUEST,
        kit.CLOSE_CONFIRM,
        kit.access_methods("PEER-1"),
        kit.handshake_error(2),
        kit.data_frame(),
        b"\x02",
        b"\xff\x00",
        b"\x01{",
        b'\x01{"connectionPinState":[{"pinState":"required"}]}',
        b'\x03{"connectionClose":[{"phase":"announce"},{"reason":"removedConnection"}]}',
    ]
)
NOISE = st.binary(max_size=64) | st.builds(
    lambda kind, body: bytes([kind]) + body, st.integers(0, 4), st.binary(max_size=64)
)
MANGLED = st.builds(
    lambda frame, at, octet: frame[: at % len(frame)] + bytes([octet]) + frame[at % len(frame) :],
    FRAMES,
    st.integers(0, 200),
    st.integers(0, 255),
)


class ConnectionUnderFire(RuleBasedStateMachine):
    """One connection, fed with everything in any order, at any time."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0
        self.connection: Connection | None = None
        self.events: list[Any] = []

    @precondition(lambda self: self.connection is None)
    @rule(role=st.sampled_from(list(Role)), trust=st.sampled_from(list(Trust)))
    def start(self, role: Role, trust: Trust) -> None:
        self.connection = kit.connection(role, trust)
        self.connection.start(self.now)

    @precondition(lambda self: self.connection is not None)
    @rule(frame=FRAMES | NOISE | MANGLED)
    def receive(self, frame: bytes) -> None:
        self._connection.receive(frame, self.now)

    @precondition(lambda self: self.connection is not None)
    @rule(frames=st.sampled_from([
        (kit.CMI, kit.HELLO_READY),
        (kit.CMI, kit.HELLO_READY, kit.ANNOUNCE_MAX, kit.SELECT),
        (kit.CMI, kit.HELLO_READY, kit.ANNOUNCE_MAX, kit.SELECT, kit.PIN_NONE),
        (kit.CMI, kit.HELLO_READY, kit.SELECT, kit.PIN_NONE),
    ]))  # fmt: skip
    def behave(self, frames: tuple[bytes, ...]) -> None:
        for frame in frames:
            self._connection.receive(frame, self.now)

    @precondition(lambda self: self.connection is not None)
    @rule(seconds=st.floats(0.0, 700.0))
    def wait(self, seconds: float) -> None:
        self.now += seconds
        self._connection.handle_timer(self.now)

    @precondition(lambda self: self.connection is not None)
    @rule(what=st.sampled_from(["grant", "refuse", "close", "remove", "text", "lost", "send"]))
    def act(self, what: str) -> None:
        own = self._connection
        match what:
            case "grant":
                own.trust_granted(self.now)
            case "refuse":
                own.trust_refused(self.now)
            case "close":
                own.close("shutdown", self.now)
            case "remove":
                own.close("removedConnection", self.now)
            case "text":
                own.receive_text(self.now)
            case "lost":
                own.lost("gone")
            case _:
                self._send()

    def _send(self) -> None:
        ready = self._connection.phase in {Phase.DATA, Phase.CLOSING, Phase.CLOSED}
        try:
            self._connection.send({"datagram": []}, self.now)
        except LocalUseError:
            assert not ready

    @property
    def _connection(self) -> Connection:
        assert self.connection is not None
        return self.connection

    @invariant()
    def every_phase_but_data_has_a_deadline(self) -> None:
        if self.connection is None:
            return
        self.connection.take_frames()
        if self.connection.phase not in {Phase.DATA, Phase.CLOSED}:
            assert self.connection.deadline is not None
        if self.connection.closed:
            assert self.connection.deadline is None

    @invariant()
    def it_closes_exactly_once_and_says_nothing_after(self) -> None:
        if self.connection is None:
            return
        self.events += self.connection.take_events()
        closes = [event for event in self.events if isinstance(event, Closed)]
        assert len(closes) == int(self.connection.closed)
        if closes:
            assert self.events[-1] is closes[0]

    @precondition(lambda self: self.connection is not None and self.connection.deadline is not None)
    @rule()
    def jump_to_the_deadline(self) -> None:
        own = self._connection
        assert own.deadline is not None
        self.now = max(self.now, own.deadline)
        own.handle_timer(self.now)
        assert own.deadline is None or own.deadline > self.now


ConnectionUnderFire.TestCase.settings = settings(
    max_examples=150, stateful_step_count=25, deadline=None
)
TestConnectionUnderFire = ConnectionUnderFire.TestCase


HELLOS = st.builds(
    Hello,
    phase=st.sampled_from([HelloPhase.PENDING, HelloPhase.READY]),
    waiting=st.none() | st.integers(-(2**40), 2**40),
    prolongation_request=st.none() | st.booleans(),
)


@given(
    trust=st.sampled_from([Trust.TRUSTED, Trust.PENDING]),
    script=st.lists(st.tuples(st.floats(0.0, 120.0), HELLOS), max_size=30),
)
def test_no_prolongation_keeps_a_hello_open_beyond_its_bounds(
    trust: Trust, script: list[tuple[float, Hello]]
) -> None:
    hello = HelloHandshake(trust)
    now = 0.0
    hello.start(now)

    for pause, message in script:
        while hello.deadline is not None and hello.deadline <= now + pause:
            hello.handle_timer(hello.deadline)
        now += pause
        hello.receive(message, now)
        if hello.deadline is not None:
            assert now <= hello.deadline <= now + 600.0
    for _ in range(3):
        if hello.deadline is not None:
            hello.handle_timer(hello.deadline)
            hello.handle_timer(now + 601.0)

    assert hello.deadline is None
    if trust is Trust.TRUSTED:
        assert not [e for e in hello.take_events() if isinstance(e, TrustPending)]


@given(st.binary(max_size=420))
def test_no_txt_record_makes_the_parser_raise(raw: bytes) -> None:
    record = parse_txt(raw)

    assert record is None or len(record.ski) == 40


class DoubleUnderFire:
    """The policy with a world that opens, hangs and closes connections as it likes."""

    def __init__(self, own: Ski, peer: Ski) -> None:
        self.policy = DoubleConnections(own=own)
        self.peer = peer
        self.in_data: dict[int, bool] = {}
        self.kept: int | None = None
        self.now = 0.0
        self.opened = 0

    def step(self, what: str, pick: int, pause: float) -> None:
        self.now += pause
        key = sorted(self.in_data)[pick % len(self.in_data)] if self.in_data else -1
        match what:
            case "open":
                self.in_data[self.opened] = False
                self.policy.opened(self.peer, self.opened, self.now, established_at=self.now)
                self.opened += 1
            case "data" if key >= 0:
                self.in_data[key] = True
                self.policy.reached_data(self.peer, key, self.now)
            case "close" if key >= 0:
                del self.in_data[key]
                self.policy.closed(self.peer, key)
            case _:
                self.policy.heard(self.peer, key)
        self.policy.handle_timer(self.now)
        self.obey()

    def obey(self) -> None:
        for action in self.policy.take_actions():
            assert action.key in self.in_data
            if isinstance(action, CloseDouble):
                del self.in_data[action.key]
            if isinstance(action, Keep):
                assert self.in_data[action.key]
                self.kept = action.key

    def run_out(self) -> None:
        while self.policy.deadline is not None:
            self.now = max(self.now, self.policy.deadline)
            self.policy.handle_timer(self.now)
            self.obey()


STEPS = st.lists(
    st.tuples(
        st.sampled_from(["open", "data", "close", "heard", "wait"]),
        st.integers(0, 5),
        st.floats(0.0, 20.0),
    ),
    max_size=40,
)


@given(skis=st.sampled_from([(OWN, PEER), (PEER, OWN)]), steps=STEPS)
def test_double_connections_settle_on_at_most_one(
    skis: tuple[Ski, Ski], steps: list[tuple[str, int, float]]
) -> None:
    world = DoubleUnderFire(*skis)

    for what, pick, pause in steps:
        world.step(what, pick, pause)
        assert len(world.in_data) <= 2
        assert world.policy.may_dial(world.peer) == (not world.in_data)
    world.run_out()

    talking = [key for key, in_data in world.in_data.items() if in_data]
    assert len(world.in_data) <= 1
    assert world.policy.chosen(world.peer) == next(iter(talking), None)
    assert not talking or world.kept == talking[0]
