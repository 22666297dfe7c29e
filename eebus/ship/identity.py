"""Who we are and who the peer is: keys, certificates and their SKI (SHIP 9, 12; ship.md 1.3–1.5).

The only importer of ``cryptography``. Nothing here touches a file or a clock: PEM text goes in and
out. An identity is made once and kept for the life of the installation, because the metering
operator registers its SKI; nothing in this module ever replaces one.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from typing_extensions import override

from eebus.ship.der import read_certificate_key
from eebus.ship.ski import Ski, format_ski
from eebus.wire.errors import EebusError, UntrustedError, WireError

VALIDITY: Final = timedelta(days=60 * 365.25)
NO_CLOCK_NOT_BEFORE: Final = datetime(2025, 1, 1, tzinfo=UTC)
_EARLIEST_PLAUSIBLE: Final = datetime(2020, 1, 1, tzinfo=UTC)
_MAX_NAME: Final = 64  # X.520 upper bound of commonName and organizationName
_CLOSE_POLICY: Final = 1008
_PEM: Final = re.compile(
    rb"-----BEGIN CERTIFICATE-----\s*(.*?)\s*-----END CERTIFICATE-----", re.DOTALL
)


class IdentityError(EebusError):
    """Our own key or certificate cannot be used: EEBUS stays off, nothing is made anew."""


class OwnSkiError(UntrustedError):
    """Somebody else shows our own key: two devices run with copies of one identity."""


@dataclass(frozen=True, slots=True)
class IdentityPem:
    """Certificate and private key (PKCS#8, unencrypted) as PEM; the key is secret."""

    cert_pem: bytes
    key_pem: bytes

    @override
    def __repr__(self) -> str:
        return "IdentityPem(…)"


@dataclass(frozen=True, slots=True)
class Identity:
    """An identity that was read and can be used."""

    pem: IdentityPem
    ski: Ski
    cert_der: bytes
    fingerprint_sha256: str
    """Of the certificate's DER, 64 upper-case hex digits (QR key FPH256)."""
    remarks: tuple[str, ...] = ()
    """What a strict peer may dislike about it; never a reason for a new one."""


def create_identity(
    common_name: str, now_utc: datetime, *, organization: str = "EMS"
) -> IdentityPem:
    """A new P-256 key and its self-signed certificate by the profile of ship.md 1.3.

    ``common_name`` is ``<model>-<serial>``. Valid for 60 years: no peer needs the dates, and a new
    certificate would mean weeks of registration. A clock before 2020 counts as not set.
    """
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name(
        [
            x509.NameAttribute(NameOID.COUNTRY_NAME, "DE"),
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, _plain(organization)),
            x509.NameAttribute(NameOID.COMMON_NAME, _plain(common_name)),
        ]
    )
    since = max(now_utc - timedelta(days=1), NO_CLOCK_NOT_BEFORE)
    if now_utc < _EARLIEST_PLAUSIBLE:
        since = NO_CLOCK_NOT_BEFORE
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(since)
        .not_valid_after(since + VALIDITY)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(_SIGN_ONLY, critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )
    return IdentityPem(
        certificate.public_bytes(serialization.Encoding.PEM),
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        ),
    )


def open_identity(pem: IdentityPem) -> Identity:
    """Read an identity made by any version of this or another program.

    Anything a peer does not need (dates, names, a wrong or missing SKI extension) becomes a remark.

    Raises:
        IdentityError: no P-256 key, no certificate, or they do not belong together.
    """
    try:
        key = serialization.load_pem_private_key(pem.key_pem, password=None)
    except (ValueError, TypeError) as error:
        raise IdentityError(f"the private key cannot be read: {error}") from error
    if not isinstance(key, ec.EllipticCurvePrivateKey) or key.curve.name != "secp256r1":
        raise IdentityError("the private key is not EC P-256 (secp256r1)")
    try:
        der = _first_certificate(pem.cert_pem)
        parts = read_certificate_key(der)
    except WireError as error:
        raise IdentityError(f"the certificate cannot be read: {error}") from error
    point = key.public_key().public_bytes(
        serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint
    )
    if point != parts.point:
        raise IdentityError("certificate and private key do not belong together")
    ski = _ski_of_point(point)
    remarks = () if parts.ski_extension is not None else ("no SKI extension",)
    if parts.ski_extension is not None and parts.ski_extension.hex() != ski:
        remarks = (_mismatch(parts.ski_extension, ski),)
    return Identity(pem, ski, der, hashlib.sha256(der).hexdigest().upper(), remarks)


def ski_of_certificate(der: bytes) -> Ski:
    """SKI computed from the certificate's key, never read from its extension (SHIP 12.2).

    Raises:
        WireError: not a certificate with a P-256 key.
    """
    return _ski_of_point(read_certificate_key(der).point)


def check_peer_certificate(
    der: bytes,
    *,
    own: Ski | None = None,
    expected: Ski | None = None,
    needs_extension: bool = False,
) -> Ski:
    """SKI of a peer whose certificate may be used; made anew for every connection (TC SEC_002).

    Dates, chain, key usage and host name are not looked at (SHIP 12.1.1). ``own`` refuses
    ourselves, ``expected`` anybody but the node that was dialled.

    Raises:
        UntrustedError: the certificate must end the TLS handshake; the text says why.
    """
    try:
        parts = read_certificate_key(der)
    except WireError as error:
        raise _refusal(str(error)) from error
    ski = _ski_of_point(parts.point)
    if parts.ski_extension is None and needs_extension:
        raise _refusal("the certificate has no subjectKeyIdentifier")
    if parts.ski_extension is not None and parts.ski_extension.hex() != ski:
        raise _refusal(_mismatch(parts.ski_extension, ski))
    if ski == own:
        reason = "the peer has our own SKI: a second device uses a copy of this identity"
        raise OwnSkiError(reason, close_code=_CLOSE_POLICY, phase="TLS")
    if expected is not None and ski != expected:
        raise _refusal(f"dialled SKI {format_ski(expected)}, answered by {format_ski(ski)}")
    return ski


def certificate_fingerprint(der: bytes) -> str:
    """SHA-256 of the DER, 64 upper-case hex digits: tells a new certificate on an old key."""
    return hashlib.sha256(der).hexdigest().upper()


_SIGN_ONLY: Final = x509.KeyUsage(
    digital_signature=True,
    content_commitment=False,
    key_encipherment=False,
    data_encipherment=False,
    key_agreement=False,
    key_cert_sign=False,
    crl_sign=False,
    encipher_only=False,
    decipher_only=False,
)


def _ski_of_point(point: bytes) -> Ski:
    return Ski(hashlib.sha1(point, usedforsecurity=False).hexdigest())


def _mismatch(claimed: bytes, computed: Ski) -> str:
    return (
        f"the certificate claims SKI {claimed.hex()}, its key gives {computed} "
        "(certificates made by ship-go before 0.5.2 have this fault)"
    )


def _refusal(reason: str) -> UntrustedError:
    return UntrustedError(reason, close_code=_CLOSE_POLICY, phase="TLS")


def _plain(text: str) -> str:
    kept = "".join(char for char in text if char.isascii() and char.isprintable())
    return kept[:_MAX_NAME] or "EMS"


def _first_certificate(pem: bytes) -> bytes:
    match = _PEM.search(pem)
    if match is None:
        raise WireError("no PEM certificate")
    try:
        return base64.b64decode(b"".join(match[1].split()), validate=True)
    except binascii.Error as error:
        raise WireError("the PEM certificate is not base64") from error
