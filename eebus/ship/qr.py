"""The text of the QR code on our label, and reading one from a peer's (SHIP 12.7; SRIP-310)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from eebus.ship.ski import Ski, format_ski, parse_ski
from eebus.wire.errors import WireError

if TYPE_CHECKING:
    from eebus.ship.discovery import ServiceRecord

MAX_QR_CHARACTERS: Final = 2_953  # largest QR symbol, correction level L


@dataclass(frozen=True, slots=True, kw_only=True)
class QrCode:
    """What somebody scanned; only the SKI is mandatory."""

    ski: Ski
    ship_id: str = ""
    brand: str = ""
    model: str = ""
    device_type: str = ""
    serial: str = ""


def qr_text(record: ServiceRecord, *, fingerprint_sha256: str = "") -> str:
    """Our label; SKI in groups of four, fields in the order of the SRIP."""
    fields = {
        "SKI": format_ski(record.ski).upper(),
        "ID": record.ship_id,
        "BRAND": record.brand,
        "TYPE": record.device_type,
        "MODEL": record.model,
        "SERIAL": record.serial,
        "CAT": ",".join(str(category) for category in record.categories),
        "FPH256": fingerprint_sha256,
    }
    content = "".join(f"{key}:{value};" for key, value in fields.items() if value)
    return f"SHIP;{content}ENDSHIP;"


def parse_qr(text: str) -> QrCode:
    """A scanned code; unknown fields are skipped, a missing end is no error.

    Raises:
        WireError: no SHIP code, or one without a usable SKI.
    """
    head, _, rest = text.strip().partition(";")
    if head.upper() != "SHIP" or len(text) > MAX_QR_CHARACTERS:
        raise WireError("no SHIP code")
    fields: dict[str, str] = {}
    for field in rest.split(";"):
        key, separator, value = field.partition(":")
        if separator:
            fields.setdefault(key.strip().upper(), value.strip())
    return QrCode(
        ski=parse_ski(fields.get("SKI", "")),
        ship_id=fields.get("ID", ""),
        brand=fields.get("BRAND", ""),
        model=fields.get("MODEL", ""),
        device_type=fields.get("TYPE", ""),
        serial=fields.get("SERIAL", ""),
    )
