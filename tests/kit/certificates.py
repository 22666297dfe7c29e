"""Certificates as the field makes them, good and bad, from throw-away keys."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.types import CertificateIssuerPrivateKeyTypes
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

NOW = datetime(2026, 1, 1, tzinfo=UTC)
BASIC_CONSTRAINTS = bytes.fromhex("0603551d130101ff040530030101ff")


def p256_key(scalar: int = 1) -> ec.EllipticCurvePrivateKey:
    """Reproducible key; scalar 1 has the generator point as public key."""
    return ec.derive_private_key(scalar, ec.SECP256R1())


def rsa_key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def key_pem(key: CertificateIssuerPrivateKeyTypes) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )


def certificate(
    key: CertificateIssuerPrivateKeyTypes,
    *,
    ski: bytes | None = b"right",
    issuer: tuple[str, CertificateIssuerPrivateKeyTypes] | None = None,
    days: tuple[int, int] = (-1, 3650),
    extra: Sequence[tuple[x509.ExtensionType, bool]] = (),
) -> x509.Certificate:
    """Certificate of ``key``; ``ski=None`` without extension, other bytes as the claimed SKI."""
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Peer-1")])
    issuer_name, issuer_key = issuer or ("Peer-1", key)
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, issuer_name)]))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(NOW + timedelta(days=days[0]))
        .not_valid_after(NOW + timedelta(days=days[1]))
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
    )
    if ski is not None:
        right = x509.SubjectKeyIdentifier.from_public_key(key.public_key())
        claimed = right if ski == b"right" else x509.SubjectKeyIdentifier(ski)
        builder = builder.add_extension(claimed, critical=False)
    for extension, critical in extra:
        builder = builder.add_extension(extension, critical=critical)
    return builder.sign(issuer_key, hashes.SHA256())


def der(made: x509.Certificate) -> bytes:
    return made.public_bytes(serialization.Encoding.DER)


def pem(made: x509.Certificate) -> bytes:
    return made.public_bytes(serialization.Encoding.PEM)


def server_auth_only() -> tuple[x509.ExtensionType, bool]:
    return x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), True


def with_sloppy_boolean(good: bytes, *, where: str) -> bytes:
    """BOOLEAN TRUE as 0x01 (Elli, Porsche): in the ``value`` or in the ``critical`` flag."""
    assert good.count(BASIC_CONSTRAINTS) == 1
    sloppy = {
        "value": BASIC_CONSTRAINTS[:-1] + b"\x01",
        "critical": BASIC_CONSTRAINTS.replace(b"\x01\x01\xff\x04", b"\x01\x01\x01\x04"),
    }[where]
    return good.replace(BASIC_CONSTRAINTS, sloppy)
