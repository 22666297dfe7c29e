from __future__ import annotations

import pytest

from eebus.ship.discovery import ServiceRecord
from eebus.ship.qr import QrCode, parse_qr, qr_text
from eebus.ship.ski import Ski
from eebus.wire.errors import WireError

SKI = Ski("b467a3999eb5efa671de0032f08a9c9e5efda0e1")


def test_our_label_reads_as_the_standard_says() -> None:
    record = ServiceRecord(
        ski=SKI,
        ship_id="i:98765_u:EMS-0007",
        brand="OpenEMS14a",
        model="EMS",
        device_type="EnergyManagementSystem",
        serial="0007",
        categories=(2,),
    )

    assert qr_text(record) == (
        "SHIP;SKI:B467 A399 9EB5 EFA6 71DE 0032 F08A 9C9E 5EFD A0E1;ID:i:98765_u:EMS-0007;"
        "BRAND:OpenEMS14a;TYPE:EnergyManagementSystem;MODEL:EMS;SERIAL:0007;CAT:2;ENDSHIP;"
    )
    assert qr_text(record, fingerprint_sha256="AB" * 32).endswith(f"FPH256:{'AB' * 32};ENDSHIP;")


@pytest.mark.parametrize(
    "text",
    [
        "SHIP;SKI:B467A3999EB5EFA671DE0032F08A9C9E5EFDA0E1;ID:BOX:1;BRAND:B;MODEL:M;TYPE:T;"
        "SERIAL:7;XYZ:1;nonsense;ENDSHIP;",
        " ship;ID:BOX:1;ski: b467 a399 9eb5 efa6 71de 0032 f08a 9c9e 5efd a0e1;BRAND:B;MODEL:M;"
        "TYPE:T;SERIAL:7",
    ],
)
def test_a_code_of_a_peer_is_read_in_any_order_and_without_its_end(text: str) -> None:
    assert parse_qr(text) == QrCode(
        ski=SKI, ship_id="BOX:1", brand="B", model="M", device_type="T", serial="7"
    )


@pytest.mark.parametrize(
    "text", ["", "SHIPP:AB#CD", "SHIP;", "SHIP;ID:x;", f"WIFI;SKI:{SKI};", "SHIP;" + "x" * 3000]
)
def test_other_codes_are_refused(text: str) -> None:
    with pytest.raises(WireError):
        parse_qr(text)
