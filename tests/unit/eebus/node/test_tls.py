"""Whom the TLS handshake lets in, and what it negotiates."""

from __future__ import annotations

import asyncio
import socket
import ssl
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID

from eebus.node.tls import TlsContext, TlsLimits, TlsState, TlsVersion
from eebus.ship.ski import Ski
from eebus.wire.errors import ShipError, ShipTimeoutError, UntrustedError
from tests.kit.node import LOOPBACK, run
from tests.kit.peer_certificates import Made, Odd, make_elli_like, make_peer, new_key, ski_of
from tests.kit.tls_wire import dial, foreign_client, foreign_server, serving

pytestmark = pytest.mark.loopback
US = make_peer()
BOX = make_peer()
P384 = make_peer(Odd(key=ec.generate_private_key(ec.SECP384R1())))


def refuse(_der: bytes) -> Ski:
    raise UntrustedError("not this one")


async def handshakes(peer: Made, *, peer_dials: bool) -> tuple[object, object]:
    """Run one handshake; our result first, the peer's second."""
    server, client = (US, peer) if peer_dials else (peer, US)
    async with serving(server) as (port, accepted):
        near = await dial(client, port)
        far = await accepted.get()
        ours, theirs = (far, near) if peer_dials else (near, far)
        results = await asyncio.gather(ours.handshake(), theirs.handshake(), return_exceptions=True)
        near.abort()
        far.abort()
        return results[0], results[1]


def test_both_sides_learn_the_ski_of_the_other() -> None:
    async def work() -> None:
        ours, theirs = await handshakes(BOX, peer_dials=True)

        assert ours == BOX.ski
        assert theirs == US.ski

    run(work())


@pytest.mark.parametrize("peer_dials", [True, False], ids=["as server", "as client"])
@pytest.mark.parametrize(
    "odd",
    [
        pytest.param(Odd(days=1), id="expired"),
        pytest.param(Odd(not_before=datetime(2090, 1, 1, tzinfo=UTC)), id="not yet valid"),
        pytest.param(Odd(server_only=True), id="for servers only"),
        pytest.param(Odd(issuer_key=new_key()), id="issued by an unknown root"),
        pytest.param(Odd(ski_extension=None), id="without SKI extension"),
    ],
)
def test_odd_certificate_with_a_proper_key_is_let_in(odd: Odd, *, peer_dials: bool) -> None:
    peer = make_peer(odd)

    async def work() -> None:
        ours, _ = await handshakes(peer, peer_dials=peer_dials)

        assert ours == peer.ski

    run(work())


def test_whoever_brings_its_root_along_is_judged_by_its_own_key() -> None:
    root_key, leaf_key = new_key(), new_key()
    root = certificate_of(root_key, "root", "root", root_key)
    leaf = certificate_of(leaf_key, "box", "root", root_key)
    key_pem = leaf_key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    box = replace(BOX, cert_pem=leaf + root, key_pem=key_pem)

    async def work() -> None:
        async with serving(US) as (port, accepted):
            context = foreign_client(box, lambda _context: None)
            _, writer = await asyncio.open_connection(LOOPBACK, port, ssl=context)
            assert await (await accepted.get()).handshake() == ski_of(leaf_key)
            writer.transport.abort()

    run(work())


def certificate_of(
    key: ec.EllipticCurvePrivateKey, subject: str, issuer: str, signer: ec.EllipticCurvePrivateKey
) -> bytes:
    start = datetime(2025, 1, 1, tzinfo=UTC)
    builder = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, subject)]))
        .issuer_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, issuer)]))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(start)
        .not_valid_after(start + timedelta(days=9000))
        .add_extension(x509.BasicConstraints(ca=subject == issuer, path_length=None), critical=True)
    )
    return builder.sign(signer, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)


def test_oversized_certificate_is_refused_unread() -> None:
    asked: list[bytes] = []

    def judge(der: bytes) -> Ski:
        asked.append(der)
        return Ski(BOX.ski)

    stream = TlsContext(US.cert_pem, US.key_pem, TlsLimits()).client(judge)

    assert not stream.judge(b"\x30" * 8193)
    assert asked == []
    assert "8193 bytes" in str(stream.refusal)
    assert stream.judge(b"\x30" * 8192)


@pytest.mark.parametrize("peer_dials", [True, False], ids=["as server", "as client"])
def test_elli_like_certificate_is_let_in(*, peer_dials: bool) -> None:
    peer = make_elli_like()

    async def work() -> None:
        ours, _ = await handshakes(peer, peer_dials=peer_dials)

        assert ours == peer.ski

    run(work())


@pytest.mark.parametrize("peer_dials", [True, False], ids=["as server", "as client"])
def test_certificate_with_a_spoofed_ski_ends_the_handshake(*, peer_dials: bool) -> None:
    peer = make_peer(Odd(ski_extension=BOX.ski))

    async def work() -> None:
        ours, theirs = await handshakes(peer, peer_dials=peer_dials)

        assert isinstance(ours, UntrustedError)
        assert BOX.ski in str(ours)
        assert peer.ski in str(ours)
        assert isinstance(theirs, ShipError) or peer_dials is False

    run(work())


@pytest.mark.parametrize(
    "key",
    [
        pytest.param(ec.generate_private_key(ec.SECP384R1()), id="P-384"),
        pytest.param(rsa.generate_private_key(65537, 2048), id="RSA"),
    ],
)
def test_other_keys_than_p256_are_refused(key: ec.EllipticCurvePrivateKey) -> None:
    peer = make_peer(Odd(key=key))

    async def work() -> None:
        async with serving(US) as (port, accepted):
            context = foreign_client(peer, lambda _context: None)
            foreign = asyncio.open_connection(LOOPBACK, port, ssl=context)
            outcome = asyncio.ensure_future(foreign)
            far = await accepted.get()
            with pytest.raises(ShipError):
                await far.handshake()
            assert far.peer_ski is None
            with pytest.raises((ssl.SSLError, ConnectionError)):
                await outcome

    run(work())


def test_peer_without_certificate_is_refused() -> None:
    async def work() -> None:
        async with serving(US) as (port, accepted):
            context = foreign_client(None, lambda _context: None)
            outcome = asyncio.ensure_future(asyncio.open_connection(LOOPBACK, port, ssl=context))
            far = await accepted.get()
            with pytest.raises(ShipError, match="certificate"):
                await far.handshake()
            with pytest.raises((ssl.SSLError, ConnectionError)):
                await outcome

    run(work())


@pytest.mark.rule("TC_SHIP_SEC_001")
@pytest.mark.parametrize("we_dial", [True, False], ids=["as client", "as server"])
def test_refused_key_never_sees_a_finished_handshake(*, we_dial: bool) -> None:
    async def work() -> None:
        judges = (refuse, None) if not we_dial else (None, refuse)
        async with serving(US, *([judges[0]] if judges[0] else [])) as (port, accepted):
            near = await dial(BOX, port, *([judges[1]] if judges[1] else []))
            far = await accepted.get()
            refuser, refused = (near, far) if we_dial else (far, near)
            with pytest.raises(UntrustedError, match="not this one"):
                await refuser.handshake()
            with pytest.raises(ShipError, match="unknown ca"):
                await refused.handshake()

    run(work())


@pytest.mark.parametrize(
    ("cipher", "negotiated"),
    [
        ("ECDHE-ECDSA-AES128-SHA256", "ECDHE-ECDSA-AES128-SHA256"),
        ("ECDHE-ECDSA-AES128-GCM-SHA256", "ECDHE-ECDSA-AES128-GCM-SHA256"),
    ],
)
def test_both_suites_of_ship_are_spoken(cipher: str, negotiated: str) -> None:  # ship.md 1.2
    async def work() -> None:
        async with serving(US) as (port, accepted):
            context = foreign_client(BOX, lambda c: c.set_ciphers(cipher))
            _, writer = await asyncio.open_connection(LOOPBACK, port, ssl=context)
            assert await (await accepted.get()).handshake() == BOX.ski
            assert writer.get_extra_info("cipher")[:2] == (negotiated, "TLSv1.2")
            writer.transport.abort()

    run(work())


@pytest.mark.parametrize(
    "tweak",
    [
        pytest.param(lambda c: c.set_ciphers("ECDHE-ECDSA-AES256-GCM-SHA384"), id="suite"),
        pytest.param(
            lambda c: setattr(c, "minimum_version", ssl.TLSVersion.TLSv1_3), id="TLS 1.3 only"
        ),
        pytest.param(lambda c: c.set_ecdh_curve("secp384r1"), id="curve"),
    ],
)
def test_what_ship_does_not_offer_is_not_negotiated(tweak) -> None:  # noqa: ANN001  # of ssl
    async def work() -> None:
        async with serving(US) as (port, accepted):
            context = foreign_client(BOX, tweak)
            outcome = asyncio.ensure_future(asyncio.open_connection(LOOPBACK, port, ssl=context))
            with pytest.raises(ShipError):
                await (await accepted.get()).handshake()
            with pytest.raises((ssl.SSLError, ConnectionError)):
                await outcome

    run(work())


def test_tls_1_3_is_spoken_where_it_is_configured() -> None:
    async def work() -> None:
        async with serving(US, limits=TlsLimits(max_version=TlsVersion.V1_3)) as (port, accepted):
            context = foreign_client(BOX, lambda _context: None)
            _, writer = await asyncio.open_connection(LOOPBACK, port, ssl=context)
            assert await (await accepted.get()).handshake() == BOX.ski
            assert writer.get_extra_info("cipher")[1] == "TLSv1.3"
            writer.transport.abort()

    run(work())


def test_session_is_never_resumed() -> None:
    async def work() -> None:
        async with serving(US) as (port, accepted):
            context = foreign_client(BOX, lambda _context: None)
            session = None
            for _ in range(2):
                raw = socket.create_connection((LOOPBACK, port))
                wrapped = await asyncio.to_thread(
                    lambda raw=raw, session=session: context.wrap_socket(raw, session=session)
                )
                await (await accepted.get()).handshake()
                assert not wrapped.session_reused
                session = wrapped.session
                wrapped.close()

    run(work())


def test_silent_peer_is_cut_off_when_the_handshake_takes_too_long() -> None:
    async def work() -> None:
        async with serving(US, limits=TlsLimits(handshake_s=0.05)) as (port, accepted):
            _, writer = await asyncio.open_connection(LOOPBACK, port)
            stream = await accepted.get()
            with pytest.raises(ShipTimeoutError, match="too long"):
                await stream.handshake()
            assert stream.state is not TlsState.OPEN
            writer.transport.abort()

    run(work())


@pytest.mark.parametrize(
    "noise", [b"GET / HTTP/1.1\r\n\r\n", b"\x16\x03\x01\xff\xff" + b"\x00" * 100, b"\x00" * 5000]
)
def test_noise_instead_of_tls_ends_the_connection(noise: bytes) -> None:
    async def work() -> None:
        async with serving(US, limits=TlsLimits(handshake_s=0.3)) as (port, accepted):
            reader, writer = await asyncio.open_connection(LOOPBACK, port)
            writer.write(noise)
            with pytest.raises(ShipError):
                await (await accepted.get()).handshake()
            while await reader.read(1000):
                pass
            writer.close()

    run(work())


@pytest.mark.parametrize(
    ("cert", "key"),
    [
        pytest.param(US.cert_pem, BOX.key_pem, id="not a pair"),
        pytest.param(b"", US.key_pem, id="no certificate"),
        pytest.param(US.cert_pem, b"nonsense", id="no key"),
        pytest.param(P384.cert_pem, P384.key_pem, id="P-384"),
    ],
)
def test_context_refuses_an_unusable_identity(cert: bytes, key: bytes) -> None:
    with pytest.raises(ValueError, match="key"):
        TlsContext(cert, key, TlsLimits())


def test_foreign_server_that_demands_our_certificate_gets_it() -> None:
    async def work() -> None:
        seen: list[bytes] = []

        async def on_peer(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            seen.append(writer.get_extra_info("ssl_object").getpeercert(binary_form=True))
            writer.transport.abort()

        server = await asyncio.start_server(
            on_peer, LOOPBACK, 0, ssl=foreign_server(BOX, trusts=US)
        )
        async with server:
            stream = await dial(US, server.sockets[0].getsockname()[1])
            assert await stream.handshake() == BOX.ski
            await stream.read()
            assert seen == [US.der]

    run(work())
