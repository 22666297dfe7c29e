"""TC_SHIP_MDNS and TC_SHIP_SEC as far as they can be decided without sockets."""

from __future__ import annotations

import pytest

from eebus.ship.discovery import ServiceRecord, build_txt, parse_txt, txt_rdata
from eebus.ship.identity import check_peer_certificate, ski_of_certificate
from eebus.ship.ski import Ski
from eebus.ship.trust import TrustBook, TrustedPeer
from eebus.wire.errors import UntrustedError
from tests.kit.certificates import certificate, der, p256_key

OWN = Ski("0f3c5a7e9b1d2f4a6c8e0b2d4f6a8c0e1b3d5f7a")


@pytest.mark.rule("TC_SHIP_MDNS_001")
def test_our_txt_record_has_every_mandatory_key_in_its_bounds() -> None:
    record = ServiceRecord(
        ski=OWN,
        ship_id="i:98765_u:EMS-0007",
        brand="OpenEMS",
        model="EMS",
        device_type="EnergyManagementSystem",
        serial="0007",
        categories=(2,),
    )

    strings = build_txt(record)

    assert strings == [
        b"txtvers=1",
        b"id=i:98765_u:EMS-0007",
        b"path=/ship/",
        b"ski=0f3c5a7e9b1d2f4a6c8e0b2d4f6a8c0e1b3d5f7a",
        b"register=false",
        b"brand=OpenEMS",
        b"model=EMS",
        b"type=EnergyManagementSystem",
        b"serial=0007",
        b"cat=2",
    ]
    assert len(txt_rdata(strings)) <= 400
    assert parse_txt(txt_rdata(strings)) == record


@pytest.mark.rule("TC_SHIP_SEC_001")
@pytest.mark.field("F-09")
def test_a_certificate_that_claims_another_ski_is_refused() -> None:
    spoofed = der(certificate(p256_key(2), ski=bytes.fromhex("aa" * 20)))

    with pytest.raises(UntrustedError, match="claims SKI aaaa") as refusal:
        check_peer_certificate(spoofed)

    assert "before 0.5.2" in str(refusal.value)


@pytest.mark.rule("TC_SHIP_SEC_002")
def test_a_forged_certificate_with_a_trusted_ski_is_refused_at_every_connection() -> None:
    genuine = der(certificate(p256_key(1)))
    trusted = check_peer_certificate(genuine)
    forged = der(certificate(p256_key(2), ski=bytes.fromhex(trusted)))
    book = TrustBook(OWN, [TrustedPeer(ski=trusted)])

    for _ in range(2):
        with pytest.raises(UntrustedError, match="claims SKI b467a399"):
            check_peer_certificate(forged)

    assert ski_of_certificate(forged) != trusted
    assert check_peer_certificate(genuine) == trusted
    assert book.verdict(trusted, 0.0).value == "trusted"
