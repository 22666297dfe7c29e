"""A walk through a certificate's DER that takes what the field sends (ship.md 1.7.4).

Elli and Porsche chargers encode BOOLEAN TRUE as 0x01, which ASN.1 libraries refuse for the whole
certificate. Only the public key and the subjectKeyIdentifier are of interest, so only the way to
them is read, and every length is checked against what is there.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from eebus.wire.errors import WireError

MAX_CERTIFICATE_BYTES: Final = 8 * 1024
EC_P256_ALGORITHM: Final = bytes.fromhex("301306072a8648ce3d020106082a8648ce3d030107")
POINT_BYTES: Final = 65
SKI_BYTES: Final = 20

_SEQUENCE: Final = 0x30
_OID: Final = 0x06
_BOOLEAN: Final = 0x01
_BIT_STRING: Final = 0x03
_OCTET_STRING: Final = 0x04
_VERSION: Final = 0xA0
_EXTENSIONS: Final = 0xA3
_SUBJECT_KEY_IDENTIFIER: Final = bytes.fromhex("551d0e")
_BEFORE_KEY: Final = 5  # serial, signature algorithm, issuer, validity, subject
_UNCOMPRESSED: Final = 0x04
_LONG_FORM: Final = 0x80
_MULTI_BYTE_TAG: Final = 0x1F
_MAX_LENGTH_OCTETS: Final = 2


@dataclass(frozen=True, slots=True)
class CertificateKey:
    """What SHIP needs of a certificate."""

    point: bytes
    """Uncompressed point of P-256: 04 ‖ X ‖ Y, 65 octets."""
    ski_extension: bytes | None
    """The 20 octets the certificate *claims*; ``None`` when the extension is absent."""


@dataclass(slots=True)
class _Reader:
    """Elements of one constructed value, one after the other."""

    data: bytes
    at: int = 0

    @property
    def is_done(self) -> bool:
        return self.at >= len(self.data)

    def peek(self) -> int:
        return self.data[self.at] if not self.is_done else -1

    def next(self, expected: int | None = None) -> tuple[bytes, bytes]:
        """``(value, whole element)`` of the next element."""
        start = self.at
        tag, length = self._octet(), self._length()
        if tag & _MULTI_BYTE_TAG == _MULTI_BYTE_TAG or (expected is not None and tag != expected):
            raise WireError(f"unexpected element 0x{tag:02x} in the certificate")
        end = self.at + length
        if end > len(self.data):
            raise WireError("an element is longer than the certificate")
        value, self.at = self.data[self.at : end], end
        return value, self.data[start:end]

    def _octet(self) -> int:
        if self.is_done:
            raise WireError("the certificate ends in the middle of an element")
        octet = self.data[self.at]
        self.at += 1
        return octet

    def _length(self) -> int:
        first = self._octet()
        if first < _LONG_FORM:
            return first
        count = first - _LONG_FORM
        if not 1 <= count <= _MAX_LENGTH_OCTETS:
            raise WireError("indefinite or oversized length in the certificate")
        length = 0
        for _ in range(count):
            length = length << 8 | self._octet()
        return length


def read_certificate_key(der: bytes) -> CertificateKey:
    """Public key and claimed SKI of a certificate.

    Raises:
        WireError: not a certificate, or its key is not an uncompressed EC P-256 point.
    """
    if len(der) > MAX_CERTIFICATE_BYTES:
        raise WireError(f"certificate of {len(der)} bytes, {MAX_CERTIFICATE_BYTES} are allowed")
    certificate, _ = _Reader(der).next(_SEQUENCE)
    to_be_signed, _ = _Reader(certificate).next(_SEQUENCE)
    reader = _Reader(to_be_signed)
    if reader.peek() == _VERSION:
        reader.next()
    for _ in range(_BEFORE_KEY):
        reader.next()
    key_info, _ = reader.next(_SEQUENCE)
    return CertificateKey(_point(key_info), _claimed_ski(reader))


def _point(key_info: bytes) -> bytes:
    reader = _Reader(key_info)
    _, algorithm = reader.next(_SEQUENCE)
    bits, _ = reader.next(_BIT_STRING)
    if algorithm != EC_P256_ALGORITHM:
        raise WireError("the certificate's key is not EC P-256 (secp256r1)")
    if len(bits) != POINT_BYTES + 1 or bits[0] != 0 or bits[1] != _UNCOMPRESSED:
        raise WireError("the certificate's key is not an uncompressed point of P-256")
    return bits[1:]


def _claimed_ski(reader: _Reader) -> bytes | None:
    while not reader.is_done and reader.peek() != _EXTENSIONS:
        reader.next()  # issuerUniqueID, subjectUniqueID
    if reader.is_done:
        return None
    outer, _ = reader.next(_EXTENSIONS)
    extensions = _Reader(_Reader(outer).next(_SEQUENCE)[0])
    claimed: bytes | None = None
    while not extensions.is_done:
        value = _ski_value(extensions.next(_SEQUENCE)[0])
        if value is not None and claimed is not None:
            raise WireError("the certificate has two subjectKeyIdentifier extensions")
        claimed = claimed if value is None else value
    return claimed


def _ski_value(extension: bytes) -> bytes | None:
    reader = _Reader(extension)
    oid, _ = reader.next(_OID)
    if reader.peek() == _BOOLEAN:
        reader.next()  # criticality, in whatever encoding
    value, _ = reader.next(_OCTET_STRING)
    if oid != _SUBJECT_KEY_IDENTIFIER:
        return None
    ski, _ = _Reader(value).next(_OCTET_STRING)
    if len(ski) != SKI_BYTES:
        raise WireError(f"subjectKeyIdentifier of {len(ski)} octets, {SKI_BYTES} are expected")
    return ski
