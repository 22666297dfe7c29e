from __future__ import annotations

import hashlib
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec

from eebus.ship.identity import (
    IdentityError,
    IdentityPem,
    certificate_fingerprint,
    check_peer_certificate,
    create_identity,
    open_identity,
    ski_of_certificate,
)
from eebus.ship.ski import Ski
from eebus.wire.errors import UntrustedError
from tests.kit.certificates import (
    certificate,
    der,
    key_pem,
    p256_key,
    pem,
    rsa_key,
    with_sloppy_boolean,
)

NOW = datetime(2026, 5, 4, 12, 0, tzinfo=UTC)
SKI_OF_ONE = Ski("b467a3999eb5efa671de0032f08a9c9e5efda0e1")


def own_certificate(now: datetime = NOW) -> x509.Certificate:
    return x509.load_pem_x509_certificate(create_identity("EMS-0007", now).cert_pem)


@pytest.mark.field("F-27")
def test_our_certificate_follows_the_profile() -> None:
    made = own_certificate()
    extensions = {extension.oid: extension for extension in made.extensions}
    key = made.public_key()

    assert isinstance(key, ec.EllipticCurvePublicKey)
    assert key.curve.name == "secp256r1"
    assert made.version is x509.Version.v3
    assert made.signature_hash_algorithm is not None
    assert made.signature_hash_algorithm.name == "sha256"
    assert made.subject == made.issuer
    assert made.subject.rfc4514_string() == "CN=EMS-0007,O=EMS,C=DE"
    assert 0 < made.serial_number < 2**159
    assert set(extensions) == {
        x509.OID_BASIC_CONSTRAINTS,
        x509.OID_KEY_USAGE,
        x509.OID_SUBJECT_KEY_IDENTIFIER,
    }
    assert extensions[x509.OID_BASIC_CONSTRAINTS].critical
    assert extensions[x509.OID_KEY_USAGE].critical
    assert not extensions[x509.OID_SUBJECT_KEY_IDENTIFIER].critical
    assert len(der(made)) < 600  # fits into one TLS record of 1024 bytes


@pytest.mark.field("F-27")
def test_our_certificate_is_still_valid_after_fifty_years() -> None:
    made = own_certificate()
    in_fifty_years = NOW + timedelta(days=50 * 365.25)

    assert made.not_valid_before_utc <= NOW - timedelta(days=1)
    assert made.not_valid_after_utc > in_fifty_years
    assert check_peer_certificate(der(made)) == ski_of_certificate(der(made))


def test_without_a_set_clock_the_certificate_is_valid_all_the_same() -> None:
    made = own_certificate(datetime(1970, 1, 1, 0, 5, tzinfo=UTC))

    assert made.not_valid_before_utc == datetime(2025, 1, 1, tzinfo=UTC)
    assert made.not_valid_after_utc > datetime(2080, 1, 1, tzinfo=UTC)


def test_names_are_cut_to_what_certificates_hold() -> None:
    made = create_identity("Gerät;" + "x" * 100, NOW, organization="\x00ü")

    subject = x509.load_pem_x509_certificate(made.cert_pem).subject
    assert subject.rfc4514_string().startswith("CN=Gert\\;xxx")
    assert "O=EMS" in subject.rfc4514_string()


def test_every_identity_is_a_new_one_and_opens() -> None:
    one, other = create_identity("EMS-1", NOW), create_identity("EMS-1", NOW)

    opened = open_identity(one)

    assert opened.ski != open_identity(other).ski
    assert opened.ski == ski_of_certificate(opened.cert_der)
    assert opened.fingerprint_sha256 == hashlib.sha256(opened.cert_der).hexdigest().upper()
    assert opened.fingerprint_sha256 == certificate_fingerprint(opened.cert_der)
    assert opened.remarks == ()


def test_the_key_is_not_shown_by_accident() -> None:
    assert "PRIVATE" not in repr(create_identity("EMS-1", NOW))
    assert "PRIVATE" not in repr(open_identity(create_identity("EMS-1", NOW)))


@pytest.mark.field("F-09")
@pytest.mark.parametrize(
    ("made", "remark"),
    [
        (certificate(p256_key(1)), ""),
        (certificate(p256_key(1), days=(-4000, -350)), ""),
        (certificate(p256_key(1), ski=None), "no SKI extension"),
        (certificate(p256_key(1), ski=b"\xaa" * 20), "claims SKI aaaa"),
    ],
    ids=["ship-go style", "expired", "no extension", "ship-go before 0.5.2"],
)
def test_old_identities_open_for_ever(made: x509.Certificate, remark: str) -> None:
    opened = open_identity(IdentityPem(pem(made), key_pem(p256_key(1))))

    assert opened.ski == SKI_OF_ONE
    assert "".join(opened.remarks).startswith(
        f"the certificate {remark}" if "claims" in remark else remark
    )


@pytest.mark.field("F-09")
@pytest.mark.parametrize(
    ("cert_pem", "private_key", "reason"),
    [
        (pem(certificate(p256_key(1))), b"", "private key cannot be read"),
        (pem(certificate(p256_key(1))), key_pem(p256_key(2)), "do not belong together"),
        (pem(certificate(rsa_key())), key_pem(rsa_key()), "not EC P-256"),
        (b"", key_pem(p256_key(1)), "certificate cannot be read"),
        (
            b"-----BEGIN CERTIFICATE-----\n!!!\n-----END CERTIFICATE-----",
            key_pem(p256_key(1)),
            "not base64",
        ),
    ],
)
def test_an_unusable_identity_is_reported_and_never_replaced(
    cert_pem: bytes, private_key: bytes, reason: str
) -> None:
    with pytest.raises(IdentityError, match=reason):
        open_identity(IdentityPem(cert_pem, private_key))


def test_the_ski_is_the_hash_of_the_point_alone() -> None:
    assert ski_of_certificate(der(certificate(p256_key(1)))) == SKI_OF_ONE


@pytest.mark.parametrize("where", ["value", "critical"])
def test_certificates_of_elli_and_porsche_pass(where: str) -> None:
    sloppy = with_sloppy_boolean(der(certificate(p256_key(1))), where=where)

    assert check_peer_certificate(sloppy) == SKI_OF_ONE


def test_a_missing_extension_is_accepted_unless_configured_otherwise() -> None:
    bare = der(certificate(p256_key(1), ski=None))

    assert check_peer_certificate(bare) == SKI_OF_ONE
    with pytest.raises(UntrustedError, match="no subjectKeyIdentifier"):
        check_peer_certificate(bare, needs_extension=True)


def test_ourselves_and_strangers_are_refused_with_the_reason() -> None:
    good = der(certificate(p256_key(1)))

    with pytest.raises(UntrustedError, match="our own SKI") as own:
        check_peer_certificate(good, own=SKI_OF_ONE)
    with pytest.raises(UntrustedError, match="dialled SKI 1111"):
        check_peer_certificate(good, expected=Ski("1" * 40))
    with pytest.raises(UntrustedError, match="not EC P-256"):
        check_peer_certificate(der(certificate(rsa_key())))

    assert own.value.close_code == 1008
    assert check_peer_certificate(good, own=Ski("1" * 40), expected=SKI_OF_ONE) == SKI_OF_ONE
