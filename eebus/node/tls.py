"""TLS under asyncio for peers that nobody vouches for (SHIP 9, 12.1; ship.md 1.1-1.7, option A).

Both sides present a self-signed certificate. The verdict about the peer's key falls inside the
handshake: a refused key never sees a finished handshake (TC_SHIP_SEC_001/002). ``TlsContext``
holds what all connections of a process share, ``TlsStream`` is one connection: an asyncio
protocol around the memory BIO of pyOpenSSL, because ``ssl`` cannot ask for a certificate without
verifying it.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
import socket
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum, auto
from typing import TYPE_CHECKING, Any, Final, cast

from OpenSSL import SSL, crypto
from typing_extensions import override

from eebus.wire.errors import ShipError, ShipTimeoutError, UntrustedError

if TYPE_CHECKING:
    from eebus.ship.ski import Ski

CIPHERS: Final = b"ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES128-SHA256"  # ship.md 1.2
MAX_RECORD_BYTES: Final = 1024  # TLSPlaintext, SHIP 9.2
READ_HIGH_WATER_BYTES: Final = 64 * 1024
MAX_CERTIFICATE_BYTES: Final = 8 * 1024  # ship.md 1.7.4
BIO_CHUNK_BYTES: Final = 64 * 1024
HOST_NAME: Final = re.compile(r"[A-Za-z0-9._-]{1,253}")

Judge = Callable[[bytes], "Ski"]
"""DER of the peer's leaf certificate -> its SKI; raises ``UntrustedError`` with the reason."""


class TlsVersion(Enum):
    """Highest version that is offered; the lowest is always 1.2 (SHIP 9)."""

    V1_2 = SSL.TLS1_2_VERSION
    V1_3 = SSL.TLS1_3_VERSION


@dataclass(frozen=True, slots=True)
class TlsLimits:
    """Real seconds: TLS belongs to the network, not to the protocol clock."""

    handshake_s: float = 10.0
    close_s: float = 2.0
    max_version: TlsVersion = TlsVersion.V1_2


class TlsContext:
    """Certificate, suites and verification of one role; made once, used for every connection."""

    def __init__(self, cert_pem: bytes, key_pem: bytes, limits: TlsLimits) -> None:
        """Raise ``ValueError`` when certificate and key do not belong together or are not P-256."""
        self.limits = limits
        try:
            key: Any = crypto.load_privatekey(crypto.FILETYPE_PEM, key_pem).to_cryptography_key()
            certificate = crypto.load_certificate(crypto.FILETYPE_PEM, cert_pem).to_cryptography()
        except crypto.Error as error:
            raise ValueError("certificate or key is not readable PEM") from error
        curve = getattr(key, "curve", None)
        if curve is None or curve.name != "secp256r1":
            raise ValueError("the key is not an EC key on P-256")
        context = SSL.Context(SSL.TLS_METHOD)
        context.set_min_proto_version(SSL.TLS1_2_VERSION)
        context.set_max_proto_version(limits.max_version.value)
        context.set_cipher_list(CIPHERS)
        context.set_tmp_ecdh(curve)
        try:
            context.use_certificate(certificate)
            context.use_privatekey(key)
            context.check_privatekey()
        except SSL.Error as error:
            raise ValueError("the key does not belong to the certificate") from error
        context.set_session_cache_mode(SSL.SESS_CACHE_OFF)
        context.set_options(SSL.OP_NO_TICKET | SSL.OP_NO_COMPRESSION | SSL.OP_NO_RENEGOTIATION)
        context.set_verify(SSL.VERIFY_PEER | SSL.VERIFY_FAIL_IF_NO_PEER_CERT, _verify)
        self._context = context

    def client(self, judge: Judge, *, server_name: str = "") -> TlsStream:
        """Start a dialling connection; ``server_name``: the mDNS host name, if known (SHIP 9.4)."""
        tls = SSL.Connection(self._context, None)
        if HOST_NAME.fullmatch(server_name):  # mDNS may show anything
            tls.set_tlsext_host_name(server_name.encode("ascii"))
        tls.set_connect_state()
        return TlsStream(tls, judge, self.limits)

    def server(self, judge: Judge, *, made: Callable[[TlsStream], None]) -> TlsStream:
        """Start an accepted connection; ``made`` is called when the socket is there."""
        tls = SSL.Connection(self._context, None)
        tls.set_accept_state()
        return TlsStream(tls, judge, self.limits, made=made)


class TlsState(Enum):
    """Life of one ``TlsStream``."""

    HANDSHAKE = auto()
    OPEN = auto()
    CLOSING = auto()
    CLOSED = auto()


class TlsStream(asyncio.Protocol):
    """One TLS connection: ``handshake``, ``read`` and ``write``, then ``close`` or ``abort``."""

    def __init__(
        self,
        tls: SSL.Connection,
        judge: Judge,
        limits: TlsLimits,
        *,
        made: Callable[[TlsStream], None] | None = None,
    ) -> None:
        self.state = TlsState.HANDSHAKE
        self.peer_ski: Ski | None = None
        self.refusal: UntrustedError | None = None
        self.failure = ""
        self._tls = tls
        self._judge = judge
        self._limits = limits
        self._made = made
        self._transport: asyncio.Transport | None = None
        self._judged: dict[bytes, bool] = {}
        self._plain = bytearray()
        self._eof = False
        self._reading_paused = False
        self._changed = asyncio.Event()
        self._gone = asyncio.Event()
        tls.set_app_data(self)

    # --- for the owner

    @property
    def peer_address(self) -> tuple[str, int]:
        """Host (with scope id, if link-local) and port of the peer; empty host when unknown."""
        name = self._transport.get_extra_info("peername") if self._transport else None
        if not name:
            return "", 0
        return _host_with_scope(name), int(name[1])

    @property
    def unsent_bytes(self) -> int:
        """Encrypted bytes that wait because the peer does not read."""
        return self._transport.get_write_buffer_size() if self._transport else 0

    async def handshake(self) -> Ski:
        """Return the SKI of the peer's key once both sides have proved theirs.

        Raises ``UntrustedError`` when the peer's key was refused, ``ShipTimeoutError`` after
        ``TlsLimits.handshake_s``, ``ShipError`` for everything else.
        """
        try:
            async with asyncio.timeout(self._limits.handshake_s):
                while self.state is TlsState.HANDSHAKE:
                    self._changed.clear()
                    await self._changed.wait()
        except TimeoutError:
            self.abort("TLS handshake took too long")
            raise ShipTimeoutError(self.failure, phase="tls") from None
        if self.refusal is not None:
            raise self.refusal
        if self.state is not TlsState.OPEN or self.peer_ski is None:
            raise ShipError(self.failure or "connection closed during TLS handshake", phase="tls")
        return self.peer_ski

    async def read(self) -> bytes:
        """Return what has arrived, ``b""`` at the end of the stream."""
        while not self._plain and not self._eof:
            self._changed.clear()
            await self._changed.wait()
        plain = bytes(self._plain)
        self._plain.clear()
        self._resume_reading()
        return plain

    def write(self, data: bytes) -> None:
        """Encrypt and queue all of ``data``; nothing awaits, so no cancelled half frames (H-59)."""
        if self.state is not TlsState.OPEN:
            return
        view = memoryview(data)
        try:
            for start in range(0, len(view), MAX_RECORD_BYTES):
                self._tls.send(view[start : start + MAX_RECORD_BYTES])
        except SSL.Error as error:
            self._fail(f"TLS write failed: {_text_of(error)}")
            return
        self._flush()

    async def close(self) -> None:
        """Say close_notify, let the peer take the rest, close; cut after ``TlsLimits.close_s``."""
        self._say_goodbye()
        try:
            async with asyncio.timeout(self._limits.close_s):
                await self._gone.wait()
        except TimeoutError:
            self.abort("peer did not take the rest")
            await self._gone.wait()

    def abort(self, reason: str = "aborted") -> None:
        """Cut the connection at once."""
        if self.state is TlsState.CLOSED:
            return
        self.failure = self.failure or reason
        self._end()
        if self._transport is None:
            self._gone.set()
        else:
            self._transport.abort()

    # --- asyncio.Protocol

    @override
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        sock = transport.get_extra_info("socket")
        if sock is not None:  # a limit frame must not wait for the ACK of the one before
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if self._made is not None:
            self._made(self)
        if self.state is TlsState.HANDSHAKE:
            self._advance()

    @override
    def data_received(self, data: bytes) -> None:
        if self.state in (TlsState.CLOSING, TlsState.CLOSED):
            return
        try:
            self._tls.bio_write(data)
        except SSL.Error as error:
            self._fail(f"TLS buffer refused data: {_text_of(error)}")
            return
        self._advance()

    @override
    def eof_received(self) -> bool:
        self._end()
        return False

    @override
    def connection_lost(self, exc: Exception | None) -> None:
        if exc is not None and not self.failure:
            self.failure = f"connection lost: {exc}"
        self._end()
        self.state = TlsState.CLOSED
        self._tls.set_app_data(None)
        self._gone.set()

    # --- inside

    def judge(self, der: bytes) -> bool:
        """Judge the leaf; OpenSSL asks several times per certificate, the key decides once."""
        if der not in self._judged:
            self._judged[der] = self._accepts(der)
        return self._judged[der]

    def _accepts(self, der: bytes) -> bool:
        if len(der) > MAX_CERTIFICATE_BYTES:
            self.refusal = UntrustedError(f"certificate of {len(der)} bytes", phase="tls")
            return False
        try:
            self.peer_ski = self._judge(der)
        except UntrustedError as error:
            self.refusal = error
            return False
        return True

    def _advance(self) -> None:
        try:
            if self.state is TlsState.HANDSHAKE:
                self._tls.do_handshake()
                self.state = TlsState.OPEN
                self._changed.set()
            self._decrypt()
        except SSL.WantReadError:
            self._flush()
        except SSL.ZeroReturnError:
            self._flush()
            self._end()
        except SSL.Error as error:
            self._flush()  # the alert that tells the peer why
            self._fail(self._why(error))

    def _decrypt(self) -> None:
        while True:
            self._plain += self._tls.recv(BIO_CHUNK_BYTES)
            self._changed.set()
            if len(self._plain) >= READ_HIGH_WATER_BYTES:
                self._pause_reading()

    def _why(self, error: SSL.Error) -> str:
        if self.refusal is not None:
            return str(self.refusal)
        return f"TLS failed: {_text_of(error)}"

    def _flush(self) -> None:
        if self._transport is None or self._transport.is_closing():
            return
        chunks: list[bytes] = []
        try:
            while True:
                chunks.append(self._tls.bio_read(BIO_CHUNK_BYTES))
        except SSL.Error:  # WantReadError: drained
            pass
        if chunks:
            self._transport.write(b"".join(chunks))

    def _fail(self, reason: str) -> None:
        self.failure = self.failure or reason
        self._end()
        if self._transport is not None:
            self._transport.close()

    def _say_goodbye(self) -> None:
        if self.state is TlsState.OPEN:
            with contextlib.suppress(SSL.Error):  # nothing left to say to a peer that is gone
                self._tls.shutdown()
            self._flush()
        self._end()
        if self._transport is None:
            self._gone.set()
        else:
            self._transport.close()

    def _end(self) -> None:
        """No more data will come; whoever waits is told."""
        if self.state is not TlsState.CLOSED:
            self.state = TlsState.CLOSING
        self._eof = True
        self._changed.set()

    def _pause_reading(self) -> None:
        if self._transport is not None and not self._reading_paused:
            self._reading_paused = True
            self._transport.pause_reading()

    def _resume_reading(self) -> None:
        if self._transport is not None and self._reading_paused:
            self._reading_paused = False
            if not self._transport.is_closing():
                self._transport.resume_reading()


def _verify(
    connection: SSL.Connection, certificate: crypto.X509, _error: int, depth: int, _ok: int
) -> bool:
    """Verdict inside the handshake; only the leaf's key counts (SHIP 12.1.1, 12.2)."""
    stream = connection.get_app_data()
    if depth > 0:
        return True
    return isinstance(stream, TlsStream) and stream.judge(
        crypto.dump_certificate(crypto.FILETYPE_ASN1, certificate)
    )


def _text_of(error: SSL.Error) -> str:
    """The reason OpenSSL gives, e.g. ``peer did not return a certificate``."""
    try:
        return cast("list[tuple[str, str, str]]", error.args[0])[-1][-1]
    except (IndexError, TypeError):  # SysCallError and friends carry no list
        return str(error) or type(error).__name__


def _host_with_scope(name: tuple[str, int] | tuple[str, int, int, int]) -> str:
    host = str(name[0])
    if len(name) == 4 and name[3] and "%" not in host:  # noqa: PLR2004  # (host, port, flow, scope)
        return f"{host}%{name[3]}"
    return host
