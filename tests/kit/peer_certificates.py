"""Certificates of good and odd peers, made by `cryptography` and, where it refuses, by hand."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

PrivateKey = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey


@dataclass(frozen=True)
class Made:
    """A peer's own identity."""

    cert_pem: bytes
    key_pem: bytes
    ski: str

    @property
    def der(self) -> bytes:
        return der_of(self.cert_pem)


@dataclass(frozen=True)
class Odd:
    """What shall be strange about a certificate; the defaults are a good one."""

    key: PrivateKey | None = None
    ski_extension: str | None = "right"  # "right", None (left out) or 40 hex digits
    not_before: datetime = datetime(2025, 1, 1, tzinfo=UTC)
    days: int = 9000
    server_only: bool = False
    issuer_key: ec.EllipticCurvePrivateKey | None = None


def ski_of(key: PrivateKey) -> str:
    """SHA-1 of the point (SHIP 12.2); of the DER key for RSA, which nobody may accept."""
    if isinstance(key, rsa.RSAPrivateKey):
        form = serialization.PublicFormat.PKCS1
        return hashlib.sha1(  # noqa: S324  # SHIP 12.2 names SHA-1
            key.public_key().public_bytes(serialization.Encoding.DER, form)
        ).hexdigest()
    point = key.public_key().public_bytes(
        serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint
    )
    return hashlib.sha1(point).hexdigest()  # noqa: S324  # SHIP 12.2 names SHA-1


def new_key() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


def make_peer(odd: Odd | None = None) -> Made:
    """Key and self-signed certificate, strange as ``odd`` tells."""
    odd = odd or Odd()
    key = odd.key or new_key()
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "peer")])
    issuer = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "root")])
    builder = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(issuer if odd.issuer_key else name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(odd.not_before)
        .not_valid_after(odd.not_before + timedelta(days=odd.days))
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
    )
    ski = ski_of(key)
    if odd.ski_extension is not None:
        told = ski if odd.ski_extension == "right" else odd.ski_extension
        builder = builder.add_extension(
            x509.SubjectKeyIdentifier(bytes.fromhex(told)), critical=False
        )
    if odd.server_only:
        builder = builder.add_extension(
            x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=True
        )
    certificate = builder.sign(odd.issuer_key or key, hashes.SHA256())
    return Made(certificate.public_bytes(serialization.Encoding.PEM), key_pem(key), ski)


def make_elli_like() -> Made:
    """BOOLEAN TRUE inside basicConstraints written as 0x01, as Elli and Porsche chargers do."""
    key = new_key()
    good = x509.load_pem_x509_certificate(make_peer(Odd(key=key)).cert_pem)
    body = good.tbs_certificate_bytes
    assert body.count(b"\x30\x03\x01\x01\xff") == 1
    body = body.replace(b"\x30\x03\x01\x01\xff", b"\x30\x03\x01\x01\x01")
    algorithm = bytes.fromhex("300a06082a8648ce3d040302")  # ecdsa-with-SHA256
    signature = key.sign(body, ec.ECDSA(hashes.SHA256()))
    der = _der(0x30, body + algorithm + _der(0x03, b"\x00" + signature))
    return Made(_pem(der), key_pem(key), ski_of(key))


def key_pem(key: PrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )


def der_of(pem: bytes) -> bytes:
    import ssl

    return ssl.PEM_cert_to_DER_cert(pem.decode())


def _pem(der: bytes) -> bytes:
    import ssl

    return ssl.DER_cert_to_PEM_cert(der).encode()


def _der(tag: int, content: bytes) -> bytes:
    size = len(content)
    if size < 128:
        return bytes([tag, size]) + content
    length = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes([tag, 0x80 | len(length)]) + length + content
