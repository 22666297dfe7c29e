"""Two SHIP connections joined by a wire that delivers, and the peer's frames as literals."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TypeVar

from eebus.ship.connection import Connection
from eebus.ship.events import Role, ShipEvent, Trust
from eebus.ship.ski import Ski

E = TypeVar("E")

CLIENT_SKI = Ski("b467a3999eb5efa671de0032f08a9c9e5efda0e1")
SERVER_SKI = Ski("0f3c5a7e9b1d2f4a6c8e0b2d4f6a8c0e1b3d5f7a")

CMI = b"\x00\x00"
HELLO_READY = b'\x01{"connectionHello":[{"phase":"ready"},{"waiting":60000}]}'
HELLO_READY_BARE = b'\x01{"connectionHello":[{"phase":"ready"}]}'
HELLO_PENDING = b'\x01{"connectionHello":[{"phase":"pending"},{"waiting":60000}]}'
HELLO_ASKS_FOR_TIME = b'\x01{"connectionHello":[{"phase":"pending"},{"prolongationRequest":true}]}'
HELLO_ABORTED = b'\x01{"connectionHello":[{"phase":"aborted"}]}'
ANNOUNCE_MAX = (
    b'\x01{"messageProtocolHandshake":[{"handshakeType":"announceMax"},'
    b'{"version":[{"major":1},{"minor":0}]},{"formats":[{"format":["JSON-UTF8"]}]}]}'
)
SELECT = ANNOUNCE_MAX.replace(b"announceMax", b"select")
PIN_NONE = b'\x01{"connectionPinState":[{"pinState":"none"}]}'
ACCESS_REQUEST = b'\x01{"accessMethodsRequest":[]}'
CLOSE_CONFIRM = b'\x03{"connectionClose":[{"phase":"confirm"}]}'


def handshake_error(code: int) -> bytes:
    return b'\x01{"messageProtocolHandshakeError":[{"error":%d}]}' % code


def access_methods(ship_id: str) -> bytes:
    return b'\x01{"accessMethods":[{"id":"%s"},{"dnsSd_mDns":[]}]}' % ship_id.encode()


def data_frame(datagram: str = "[]") -> bytes:
    return (
        b'\x02{"data":[{"header":[{"protocolId":"ee1.0"}]},{"payload":{"datagram":%s}}]}'
        % datagram.encode()
    )


def connection(
    role: Role, trust: Trust = Trust.TRUSTED, *, expected_ship_id: str | None = None
) -> Connection:
    """A fresh connection of ours, SHIP ID ``EMS-0007``."""
    return Connection(
        role=role,
        local_ship_id="EMS-0007",
        remote_ski=CLIENT_SKI if role is Role.SERVER else SERVER_SKI,
        trust=trust,
        expected_ship_id=expected_ship_id,
    )


def tell(own: Connection, now: float, *frames: bytes) -> list[bytes]:
    """Hand over frames of the peer; what we send in return."""
    for frame in frames:
        own.receive(frame, now)
    return own.take_frames()


def in_hello(role: Role, now: float = 0.0, trust: Trust = Trust.TRUSTED) -> Connection:
    """A connection that has exchanged CMI and said hello."""
    own = connection(role, trust)
    own.start(now)
    tell(own, now, CMI)
    return own


def in_protocol(role: Role, now: float = 0.0) -> Connection:
    """A connection whose hello phase has passed."""
    own = in_hello(role, now)
    tell(own, now, HELLO_READY)
    return own


def in_pin(role: Role, now: float = 0.0) -> Connection:
    """A connection that has agreed on version and format."""
    own = in_protocol(role, now)
    frames = (SELECT,) if role is Role.CLIENT else (ANNOUNCE_MAX, SELECT)
    tell(own, now, *frames)
    return own


def in_data(role: Role, now: float = 0.0) -> Connection:
    """A connection in the data phase; frames and events so far are taken."""
    own = in_pin(role, now)
    tell(own, now, PIN_NONE)
    own.take_events()
    return own


def of_type(events: list[ShipEvent], kind: type[E]) -> list[E]:
    """Events of one kind, in order."""
    return [event for event in events if isinstance(event, kind)]


@dataclass
class ShipPair:
    """Client and server joined in memory; ``settle`` carries frames until silence."""

    client: Connection
    server: Connection
    now: float = 0.0
    client_events: list[ShipEvent] = field(default_factory=list)
    server_events: list[ShipEvent] = field(default_factory=list)
    log: list[tuple[str, bytes]] = field(default_factory=list)

    @classmethod
    def make(
        cls, *, client_trust: Trust = Trust.TRUSTED, server_trust: Trust = Trust.TRUSTED
    ) -> ShipPair:
        return cls(
            client=Connection(
                role=Role.CLIENT,
                local_ship_id="CLIENT-1",
                remote_ski=SERVER_SKI,
                trust=client_trust,
            ),
            server=Connection(
                role=Role.SERVER,
                local_ship_id="SERVER-1",
                remote_ski=CLIENT_SKI,
                trust=server_trust,
            ),
        )

    def start(self) -> ShipPair:
        """Open both ends and let them talk."""
        self.server.start(self.now)
        self.client.start(self.now)
        self.settle()
        return self

    def settle(self) -> None:
        """Deliver everything in both directions; takes events on the way."""
        moved = True
        while moved:
            moved = self._carry(self.client, self.server, ">")
            moved = self._carry(self.server, self.client, "<") or moved
        self.client_events += self.client.take_events()
        self.server_events += self.server.take_events()

    def advance(self, seconds: float) -> None:
        """Let time pass, stopping at every deadline on the way."""
        end = self.now + seconds
        while (due := self._next_deadline()) is not None and due <= end:
            self.now = max(self.now, due)
            self.client.handle_timer(self.now)
            self.server.handle_timer(self.now)
            self.settle()
        self.now = end

    def _next_deadline(self) -> float | None:
        deadlines = (self.client.deadline, self.server.deadline)
        return min((at for at in deadlines if at is not None), default=None)

    def _carry(self, source: Connection, target: Connection, mark: str) -> bool:
        frames = source.take_frames()
        for frame in frames:
            self.log.append((mark, frame))
            target.receive(frame, self.now)
        return bool(frames)
