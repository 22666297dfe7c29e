from __future__ import annotations

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import given
from hypothesis import strategies as st

from eebus.ship.der import CertificateKey, read_certificate_key
from eebus.wire.errors import WireError
from tests.kit.certificates import (
    certificate,
    der,
    p256_key,
    rsa_key,
    server_auth_only,
    with_sloppy_boolean,
)

POINT_OF_ONE = bytes.fromhex(
    "046b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c296"
    "4fe342e2fe1a7f9b8ee7eb4a7c0f9e162bce33576b315ececbb6406837bf51f5"
)
SKI_OF_ONE = bytes.fromhex("b467a3999eb5efa671de0032f08a9c9e5efda0e1")
GOOD = der(certificate(p256_key(1)))


def test_point_and_claimed_ski_of_a_certificate() -> None:
    assert read_certificate_key(GOOD) == CertificateKey(POINT_OF_ONE, SKI_OF_ONE)


@pytest.mark.parametrize("where", ["value", "critical"])
def test_true_encoded_as_one_is_read_where_libraries_refuse_it(where: str) -> None:
    sloppy = with_sloppy_boolean(GOOD, where=where)

    with pytest.raises(ValueError, match=r".*"):
        x509.load_der_x509_certificate(sloppy).extensions  # noqa: B018

    assert read_certificate_key(sloppy).ski_extension == SKI_OF_ONE


@pytest.mark.parametrize(
    "made",
    [
        certificate(p256_key(1), days=(-800, -400)),
        certificate(p256_key(1), days=(400, 800)),
        certificate(p256_key(1), extra=[server_auth_only()]),
        certificate(p256_key(1), issuer=("Unknown Root", p256_key(7))),
    ],
    ids=["expired", "not yet valid", "server only", "unknown issuer"],
)
def test_what_shall_not_prevent_communication_does_not(made: x509.Certificate) -> None:
    assert read_certificate_key(der(made)).ski_extension == SKI_OF_ONE


def rebuilt(*, before: bytes = b"", has_extensions: bool = True) -> bytes:
    """``GOOD`` with something before its extensions, or without them; nobody checks signatures."""
    at = GOOD.index(b"\xa3", GOOD.index(POINT_OF_ONE) + len(POINT_OF_ONE))
    end = at + 2 + GOOD[at + 1]  # the extensions are shorter than 128 octets
    start = 7 if GOOD[5] == 0x81 else 8  # behind both outer heads
    head, extensions, rest = GOOD[start:at], GOOD[at:end] if has_extensions else b"", GOOD[end:]
    return sequence(sequence(head + before + extensions) + rest)


def sequence(content: bytes) -> bytes:
    return b"\x30\x82" + len(content).to_bytes(2) + content


def test_unique_identifiers_before_the_extensions_are_passed_over() -> None:
    unique_ids = b"\x81\x02\x00\xff\x82\x02\x00\xfe"

    assert read_certificate_key(rebuilt(before=unique_ids)) == read_certificate_key(GOOD)


def test_a_certificate_without_any_extension_claims_no_ski() -> None:
    third_version = rebuilt(has_extensions=False)
    first_version = sequence(third_version[8:].removeprefix(b"\xa0\x03\x02\x01\x02"))

    for made in (third_version, sequence(first_version)):
        assert read_certificate_key(made) == CertificateKey(POINT_OF_ONE, None)
    assert b"\xa0\x03" not in first_version[:10]


def test_a_missing_ski_extension_is_told() -> None:
    assert read_certificate_key(der(certificate(p256_key(1), ski=None))).ski_extension is None


@pytest.mark.parametrize(
    "key",
    [
        rsa_key(),
        ec.generate_private_key(ec.SECP384R1()),
        ec.generate_private_key(ec.BrainpoolP256R1()),
    ],
    ids=["rsa", "p384", "brainpool"],
)
def test_only_p256_keys_are_taken(key: ec.EllipticCurvePrivateKey) -> None:
    with pytest.raises(WireError, match="not EC P-256"):
        read_certificate_key(der(certificate(key)))


def test_a_ski_of_another_length_is_refused() -> None:
    with pytest.raises(WireError, match="8 octets"):
        read_certificate_key(der(certificate(p256_key(1), ski=b"\x01" * 8)))


@pytest.mark.parametrize(
    "broken",
    [
        b"",
        b"\x30",
        b"\x30\x80" + GOOD[4:],
        b"\x30\x84\xff\xff\xff\xff" + GOOD[4:],
        b"\x31" + GOOD[1:],
        GOOD[:-1],
        GOOD[:200],
        b"\x3f\x1f" + GOOD[2:],
        GOOD + b"\x00" * 9_000,
        GOOD.replace(b"\x03\x42\x00\x04", b"\x03\x42\x00\x02"),
        GOOD.replace(b"\x03\x42\x00\x04", b"\x03\x42\x01\x04"),
    ],
)
def test_broken_certificates_are_refused(broken: bytes) -> None:
    with pytest.raises(WireError):
        read_certificate_key(broken)


def test_two_ski_extensions_are_refused() -> None:
    other = x509.UnrecognizedExtension(x509.ObjectIdentifier("2.5.29.99"), b"\x04\x14" + SKI_OF_ONE)
    made = der(certificate(p256_key(1), extra=[(other, False)]))
    doubled = made.replace(bytes.fromhex("0603551d63"), bytes.fromhex("0603551d0e"))

    with pytest.raises(WireError, match="two subjectKeyIdentifier"):
        read_certificate_key(doubled)


@given(st.binary(max_size=600) | st.integers(0, len(GOOD) - 1).map(lambda n: GOOD[:n]))
def test_no_bytes_make_the_walk_raise_anything_else(noise: bytes) -> None:
    with pytest.raises(WireError):
        read_certificate_key(noise)


@given(at=st.integers(0, len(GOOD) - 1), octet=st.integers(0, 255))
def test_a_flipped_octet_is_read_or_refused(at: int, octet: int) -> None:
    flipped = GOOD[:at] + bytes([octet]) + GOOD[at + 1 :]
    try:
        key = read_certificate_key(flipped)
    except WireError:
        return
    assert len(key.point) == 65
