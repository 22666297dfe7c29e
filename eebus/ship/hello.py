"""Hello: both sides find out whether they trust each other (SHIP 13.4.4.1; ship.md 5.3).

Three timers per side: *Wait-For-Ready* is our own patience, *Send-Prolongation-Request* tells when
to ask the peer for more of its patience, *Prolongation-Request-Reply* how long its answer may take.
A prolongation adds to the running time, it never restarts it. Once the peer has said ``ready`` with
``waiting``, our own Wait-For-Ready stops and only its patience counts.
"""

from __future__ import annotations

from enum import Enum, auto
from typing import Final

from eebus.ship.events import Ending, Failed, Outcome, Passed, Trust, TrustPending
from eebus.ship.frame import Received, encode, name_of
from eebus.ship.messages import HandshakeType, Hello, HelloPhase, ProtocolHandshake
from eebus.ship.timings import DEFAULT_TIMINGS, ShipTimings
from eebus.wire.errors import ShipError, ShipTimeoutError, UntrustedError
from eebus.wire.machine import Machine

CLOSE_REJECTED: Final = 4452  # ship-go, Elli: "Node rejected by application"
_MS: Final = 1000
_MAX_WAITING_MS: Final = 2**32 - 1
_NO_WAITING_FACTOR: Final = 1.1


class HelloState(Enum):
    """Whoever trusts is ready, whoever asks the user is pending."""

    START = auto()
    READY_LISTEN = auto()
    PENDING_LISTEN = auto()
    PENDING_PEER_READY = auto()
    OK = auto()
    ABORTED = auto()


class HelloTimer(Enum):
    """What may run while listening; the value says what its expiry means."""

    WAIT_FOR_READY = "the peer did not become ready in time"
    SEND_PROLONGATION_REQUEST = "the peer's patience is about to end"
    PROLONGATION_REPLY = "the peer did not answer a prolongation request"
    DECISION = "nobody decided about this SKI in time"
    EARLY_PROTOCOL = "nobody decided before the peer went on"


class HelloHandshake(Machine[HelloState, bytes, Outcome | TrustPending]):
    """One side of the hello phase; symmetrical for client and server."""

    def __init__(self, trust: Trust, timings: ShipTimings = DEFAULT_TIMINGS) -> None:
        super().__init__(HelloState.START)
        self._trust = trust
        self._timings = timings
        self._timers: dict[HelloTimer, float] = {}
        self._last_waiting_s = timings.hello_s * _NO_WAITING_FACTOR
        self.early_handshake: ProtocolHandshake | None = None
        """An announceMax that came before our user's decision; to be replayed."""
        self.is_answer_underway = False
        """We passed with a prolongation request unanswered: one more ``ready`` may arrive."""

    def start(self, now: float) -> None:
        match self._trust:
            case Trust.TRUSTED:
                self._become_ready(now)
            case Trust.PENDING:
                self._set(HelloTimer.WAIT_FOR_READY, now + self._timings.hello_s)
                self._set(HelloTimer.DECISION, now + self._timings.pending_s)
                self._send(Hello(phase=HelloPhase.PENDING, waiting=self._waiting_ms(now)))
                self._events.append(TrustPending(remote_waiting=False))
                self._listen(HelloState.PENDING_LISTEN)
            case _:
                self._abort(UntrustedError("unknown SKI, and no pairing window is open"))

    def receive(self, received: Received, now: float) -> None:
        match self.state, received:
            case ((HelloState.OK | HelloState.ABORTED | HelloState.START), _):
                pass
            case _, Hello(phase=HelloPhase.ABORTED):
                self._remote_abort()
            case HelloState.READY_LISTEN, Hello() as hello:
                self._ready_listen(hello, now)
            case ((HelloState.PENDING_LISTEN | HelloState.PENDING_PEER_READY), Hello() as hello):
                self._pending_listen(hello, now)
            case HelloState.PENDING_PEER_READY, ProtocolHandshake(
                handshake_type=HandshakeType.ANNOUNCE_MAX
            ) as handshake if self.early_handshake is None:
                # ship-go goes on as soon as its own user approves, without our ready
                self.early_handshake = handshake
                self._set(HelloTimer.EARLY_PROTOCOL, now + self._timings.early_protocol_s)
                self._listen(self.state)
            case _:
                self._abort(_error(f"{name_of(received)} while {self.state.name}"))

    def approve(self, now: float) -> None:
        """The user trusts this SKI."""
        self._trust = Trust.TRUSTED
        if self.state is HelloState.PENDING_LISTEN:
            self._become_ready(now)
        elif self.state is HelloState.PENDING_PEER_READY:
            self.is_answer_underway = HelloTimer.PROLONGATION_REPLY in self._timers
            self._set(HelloTimer.WAIT_FOR_READY, now + self._timings.hello_s)
            self._send(Hello(phase=HelloPhase.READY, waiting=self._waiting_ms(now)))
            self._pass()

    def refuse(self) -> None:
        """The user does not trust this SKI."""
        self._trust = Trust.UNTRUSTED
        if self.state in _LISTENING:
            self._abort(UntrustedError("the user refused this SKI"))

    def handle_timer(self, now: float) -> None:
        due = {timer for timer, at in self._timers.items() if now >= at}
        if due == {HelloTimer.SEND_PROLONGATION_REQUEST}:
            self._stop(HelloTimer.SEND_PROLONGATION_REQUEST)
            self._send(Hello(phase=HelloPhase.PENDING, prolongation_request=True))
            self._set(HelloTimer.PROLONGATION_REPLY, now + self._last_waiting_s)
            self._listen(self.state)
        elif due:
            expired = next(t for t in HelloTimer if t in due and t is not _ASK)
            self._abort(ShipTimeoutError(expired.value, close_code=CLOSE_REJECTED, phase="HELLO"))

    def _ready_listen(self, hello: Hello, now: float) -> None:
        match hello:
            case Hello(phase=HelloPhase.READY):
                self._pass()
            case Hello(phase=HelloPhase.PENDING, prolongation_request=True):
                self._prolong(HelloPhase.READY, now)
            case Hello(phase=HelloPhase.PENDING):
                pass  # no answer, no timer change (TC HELLO_004)
            case _:
                self._abort(_error(f"hello phase {hello.phase!r:.40}"))

    def _pending_listen(self, hello: Hello, now: float) -> None:
        match hello:
            case Hello(phase=HelloPhase.READY, waiting=int(waiting)):
                self._stop(HelloTimer.WAIT_FOR_READY)
                self._peer_waits(waiting, now)
                if self.state is HelloState.PENDING_LISTEN:
                    self._events.append(TrustPending(remote_waiting=True))
                self._listen(HelloState.PENDING_PEER_READY)
            case Hello(phase=HelloPhase.READY):
                self._abort(_error("ready without waiting while we are pending"))
            case Hello(phase=HelloPhase.PENDING, prolongation_request=True):
                self._back_to_pending(now)
                self._prolong(HelloPhase.PENDING, now)
            case Hello(phase=HelloPhase.PENDING, waiting=int(waiting)):
                self._back_to_pending(now)
                self._peer_waits(waiting, now)
                self._listen(self.state)
            case Hello(phase=HelloPhase.PENDING):
                pass  # Tinkerforge: a prolongation request under a name that nobody knows
            case _:
                self._abort(_error(f"hello phase {hello.phase!r:.40}"))

    def _become_ready(self, now: float) -> None:
        self._timers.clear()
        self._set(HelloTimer.WAIT_FOR_READY, now + self._timings.hello_s)
        self._send(Hello(phase=HelloPhase.READY, waiting=self._waiting_ms(now)))
        self._listen(HelloState.READY_LISTEN)

    def _prolong(self, phase: HelloPhase, now: float) -> None:
        left_s = self._timers[HelloTimer.WAIT_FOR_READY] - now + self._timings.hello_s
        self._set(HelloTimer.WAIT_FOR_READY, now + min(left_s, self._timings.hello_max_s))
        self._send(Hello(phase=phase, waiting=self._waiting_ms(now)))
        self._listen(self.state)

    def _back_to_pending(self, now: float) -> None:
        if self.state is HelloState.PENDING_PEER_READY:
            self._set(HelloTimer.WAIT_FOR_READY, now + self._timings.hello_s)
            self._listen(HelloState.PENDING_LISTEN)

    def _peer_waits(self, waiting_ms: int, now: float) -> None:
        waiting_s = min(max(waiting_ms, 0), _MAX_WAITING_MS) / _MS
        self._last_waiting_s = waiting_s
        self._stop(HelloTimer.PROLONGATION_REPLY)
        self._stop(HelloTimer.SEND_PROLONGATION_REQUEST)
        if waiting_s >= self._timings.prolong_threshold_s:
            ask_at = now + waiting_s - self._timings.prolong_gap_s
            self._set(HelloTimer.SEND_PROLONGATION_REQUEST, ask_at)

    def _waiting_ms(self, now: float) -> int:
        return round((self._timers[HelloTimer.WAIT_FOR_READY] - now) * _MS)

    def _set(self, timer: HelloTimer, at: float) -> None:
        self._timers[timer] = at

    def _stop(self, timer: HelloTimer) -> None:
        self._timers.pop(timer, None)

    def _listen(self, state: HelloState) -> None:
        self._enter(state, deadline=min(self._timers.values()))

    def _send(self, hello: Hello) -> None:
        self._frames.append(encode(hello))

    def _pass(self) -> None:
        self._timers.clear()
        self._events.append(Passed())
        self._enter(HelloState.OK)

    def _remote_abort(self) -> None:
        error = UntrustedError("the peer aborted: it does not trust us (yet)", phase="HELLO")
        self._timers.clear()
        self._events.append(Failed(error, Ending.REJECTED_BY_PEER, self._timings.abort_linger_s))
        self._enter(HelloState.ABORTED)

    def _abort(self, error: ShipError) -> None:
        error.close_code, error.phase = CLOSE_REJECTED, "HELLO"
        ending = Ending.REFUSED if isinstance(error, UntrustedError) else Ending.FAILED
        self._timers.clear()
        self._send(Hello(phase=HelloPhase.ABORTED))
        self._events.append(Failed(error, ending, self._timings.abort_linger_s))
        self._enter(HelloState.ABORTED)


_ASK: Final = HelloTimer.SEND_PROLONGATION_REQUEST
_LISTENING: Final = {
    HelloState.READY_LISTEN,
    HelloState.PENDING_LISTEN,
    HelloState.PENDING_PEER_READY,
}


def _error(text: str) -> ShipError:
    return ShipError(f"unexpected in the hello phase: {text}")
