"""WebSocket of a SHIP connection: sans-IO ``websockets`` over one ``TlsStream`` (SHIP 10).

Sub-protocol ``ship`` on both sides, no compression, small messages before the data phase, one
SHIP message per WebSocket message. Who owns a ``WebSocket`` sends without waiting; a peer that
does not read is seen by ``unsent_bytes``.
"""

from __future__ import annotations

import asyncio
import re
from dataclasses import dataclass
from enum import Enum, auto
from typing import TYPE_CHECKING, Final, NoReturn
from urllib.parse import quote

from websockets.client import ClientProtocol
from websockets.exceptions import InvalidState, ProtocolError
from websockets.frames import Frame, Opcode
from websockets.http11 import Request
from websockets.protocol import OPEN
from websockets.server import ServerProtocol
from websockets.typing import Subprotocol
from websockets.uri import WebSocketURI

from eebus.wire.errors import ShipError, ShipTimeoutError
from eebus.wire.texts import shown

if TYPE_CHECKING:
    from eebus.node.tls import TlsStream

SHIP: Final = Subprotocol("ship")  # SHIP 10.2
MAX_HEAD_BYTES: Final = 8 * 1024
MAX_EARLY_MESSAGE_BYTES: Final = 4 * 1024
MAX_MESSAGE_BYTES: Final = 100 * 1024
UPGRADE: Final = "upgrade"
"""``ShipError.phase`` of what happens before the WebSocket is open."""
CLOSE_NORMAL: Final = 1000
CLOSE_UNSUPPORTED: Final = 1003
MAX_REASON_BYTES: Final = 123  # RFC 6455 5.5
FORBIDDEN_CLOSE_CODES: Final = frozenset({1004, 1005, 1006, 1015})
HOST: Final = re.compile(r"[A-Za-z0-9.:_-]{1,253}")
NAMELESS: Final = "ship-node"
"""What stands for a host that fits into no request; SHIP gives it no meaning."""
IN_PATHS: Final = "/?%:@!$&'()*+,;=~-._"
BAD_REQUEST: Final = (
    b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"  # ship.md 9.1
)


@dataclass(frozen=True, slots=True)
class WsLimits:
    """Sizes in bytes, times in real seconds."""

    upgrade_s: float = 10.0
    client_upgrade_s: float = 5.0
    close_s: float = 1.0
    early_message_bytes: int = MAX_EARLY_MESSAGE_BYTES
    message_bytes: int = MAX_MESSAGE_BYTES


class Note(Enum):
    """What came in besides binary messages."""

    TEXT = auto()
    ALIVE = auto()


class WebSocket:
    """One open WebSocket; ``accept`` and ``connect`` make it."""

    def __init__(
        self, stream: TlsStream, protocol: ClientProtocol | ServerProtocol, limits: WsLimits
    ) -> None:
        self.close_code: int | None = None
        self.close_reason = ""
        self.failure = ""
        self._stream = stream
        self._protocol = protocol
        self._limits = limits
        self._partial = bytearray()  # bounded by the size limit however small the fragments are
        self._text = False
        self._received: list[bytes | Note] = []
        self._collect()  # frames that came in one segment with the upgrade

    @property
    def unsent_bytes(self) -> int:
        """Bytes the peer has not taken yet."""
        return self._stream.unsent_bytes

    @property
    def is_open(self) -> bool:
        """Whether messages can still be sent."""
        return self._protocol.state is OPEN

    def allow_large_messages(self) -> None:
        """Lift the size limit of the handshake phases (data phase reached)."""
        self._protocol.max_message_size = self._limits.message_bytes

    async def receive(self) -> list[bytes | Note]:
        """Return the next complete messages in order, an empty list when the link has ended."""
        while not self._received:
            data = await self._stream.read()
            if not data:
                self._protocol.receive_eof()
                self._collect()
                self._remember_close()
                return []
            self._protocol.receive_data(data)
            self._collect()
            self._write_out()
            if self._protocol.state is not OPEN and not self._received:
                self._remember_close()
                return []
        received, self._received = self._received, []
        return received

    def send(self, message: bytes) -> bool:
        """Queue one SHIP message; ``False`` when the WebSocket is no longer open."""
        try:
            self._protocol.send_binary(message)
        except InvalidState:
            return False
        self._write_out()
        return True

    def ping(self) -> bool:
        """Queue a ping; ``False`` when that is impossible, which means the link is dead (H-02)."""
        try:
            self._protocol.send_ping(b"ship")
        except InvalidState:
            return False
        self._write_out()
        return True

    async def close(self, code: int = CLOSE_NORMAL, reason: str = "") -> None:
        """Send a close frame, wait shortly for the peer's, then close TLS and TCP."""
        try:
            self._protocol.send_close(_sendable(code), _shortened(reason))
            self._write_out()
            async with asyncio.timeout(self._limits.close_s):
                await self._await_close_frame()
        except (InvalidState, ProtocolError, TimeoutError):
            pass  # already closing, or the peer does not answer: TLS ends it either way
        finally:
            self._remember_close()
            await self._stream.close()

    def abort(self, reason: str) -> None:
        """Cut the connection at once."""
        self._stream.abort(reason)

    async def _await_close_frame(self) -> None:
        while self._protocol.close_rcvd is None and (data := await self._stream.read()):
            self._protocol.receive_data(data)
            self._protocol.events_received()  # nobody wants the rest any more

    def _collect(self) -> None:
        for event in self._protocol.events_received():
            if isinstance(event, Frame):
                self._take(event)

    def _take(self, frame: Frame) -> None:
        if frame.opcode in (Opcode.PING, Opcode.PONG):
            self._received.append(Note.ALIVE)
        elif frame.opcode in (Opcode.TEXT, Opcode.BINARY, Opcode.CONT):
            if frame.opcode is not Opcode.CONT:
                self._text = frame.opcode is Opcode.TEXT
            self._partial += frame.data
            if frame.fin:
                self._received.append(Note.TEXT if self._text else bytes(self._partial))
                self._partial.clear()

    def _write_out(self) -> None:
        data = b"".join(self._protocol.data_to_send())
        if data:
            self._stream.write(data)

    def _remember_close(self) -> None:
        """Keep what the peer said, and what it did wrong."""
        if self.close_code is None and self._protocol.close_rcvd is not None:
            self.close_code = self._protocol.close_rcvd.code
            self.close_reason = self._protocol.close_rcvd.reason
        if not self.failure:
            fault = self._protocol.parser_exc
            self.failure = self._stream.failure or (str(fault) if fault else "")


async def accept(stream: TlsStream, path: str, limits: WsLimits) -> WebSocket:
    """Answer the peer's upgrade request for ``path``.

    Raises ``ShipError`` when it is none, not for us or without ``ship``; HTTP 400 or 404 was sent.
    """
    protocol = ServerProtocol(subprotocols=[SHIP], max_size=limits.early_message_bytes)
    request = await _first_event(stream, protocol, limits.upgrade_s)
    if not isinstance(request, Request) or protocol.parser_exc or protocol.close_rcvd:
        # the latter two: more than a request has come, and it was no use
        return await _refuse(stream, protocol, "no WebSocket request", answer=BAD_REQUEST)
    if not is_same_path(request.path, path):
        protocol.send_response(protocol.reject(404, "unknown path\n"))
        return await _refuse(stream, protocol, f"asked for path {request.path[:64]!r}")
    response = protocol.accept(request)
    protocol.send_response(response)
    if protocol.state is not OPEN:
        return await _refuse(stream, protocol, f"upgrade refused: {protocol.handshake_exc}")
    _write_all(stream, protocol)
    return WebSocket(stream, protocol, limits)


async def connect(
    stream: TlsStream, host: str, port: int, path: str, limits: WsLimits
) -> WebSocket:
    """Ask the peer for an upgrade; raises ``ShipError`` when it does not speak ``ship``."""
    protocol = ClientProtocol(
        _uri(host, port, path),
        subprotocols=[SHIP],
        max_size=limits.early_message_bytes,
    )
    protocol.send_request(protocol.connect())
    _write_all(stream, protocol)
    await _first_event(stream, protocol, limits.client_upgrade_s)
    if protocol.state is not OPEN or protocol.subprotocol != SHIP:
        problem = protocol.handshake_exc or "peer did not select the sub-protocol ship"
        return await _refuse(stream, protocol, f"upgrade failed: {problem}")
    return WebSocket(stream, protocol, limits)


def _uri(host: str, port: int, path: str) -> WebSocketURI:
    """Address of the peer; path and name may come from mDNS, which anybody may speak."""
    bare = host.partition("%")[0]
    name = bare if HOST.fullmatch(bare) else NAMELESS
    return WebSocketURI(
        secure=True, host=name, port=port, path=quote(path, safe=IN_PATHS), query=""
    )


def is_same_path(asked: str, announced: str) -> bool:
    """Accept the announced path, ``/`` and a missing trailing slash (field clients differ)."""
    bare = asked.partition("?")[0]
    return bare.rstrip("/") in ("", announced.rstrip("/"))


async def _first_event(
    stream: TlsStream, protocol: ClientProtocol | ServerProtocol, timeout_s: float
) -> object:
    """Feed ``protocol`` until request or response is there; ``None`` when it is none."""
    head_bytes = 0
    try:
        async with asyncio.timeout(timeout_s):
            while not (protocol.events or protocol.handshake_exc or protocol.state is OPEN):
                data = await stream.read()
                head_bytes += len(data)
                if not data:
                    protocol.receive_eof()
                    return None
                if head_bytes > MAX_HEAD_BYTES:
                    return None
                protocol.receive_data(data)
    except TimeoutError:
        stream.abort("WebSocket upgrade took too long")
        raise ShipTimeoutError("WebSocket upgrade took too long", phase=UPGRADE) from None
    return protocol.events.pop(0) if protocol.events else None


async def _refuse(
    stream: TlsStream,
    protocol: ClientProtocol | ServerProtocol,
    reason: str,
    *,
    answer: bytes = b"",
) -> NoReturn:
    """Close; ``answer`` is for what ``protocol`` itself has no answer to."""
    stream.write(b"".join(protocol.data_to_send()) or answer)
    await stream.close()
    raise ShipError(shown(reason, 200), phase=UPGRADE)


def _write_all(stream: TlsStream, protocol: ClientProtocol | ServerProtocol) -> None:
    data = b"".join(protocol.data_to_send())
    if data:
        stream.write(data)


def _sendable(code: int) -> int:
    return CLOSE_NORMAL if code in FORBIDDEN_CLOSE_CODES else code


def _shortened(reason: str) -> str:
    return reason.encode()[:MAX_REASON_BYTES].decode("utf-8", "ignore")
