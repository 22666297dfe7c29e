"""The identity for people who register it: SKI, SHIP ID, fingerprint, QR text; never the key."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias

from eebus.ship.discovery import ServiceRecord
from eebus.ship.qr import qr_text

if TYPE_CHECKING:
    from eebus.node.identity_store import Identity
    from ems.config.schema import Eebus

Json: TypeAlias = Any


def card(own: Identity, eebus: Eebus) -> dict[str, Json]:
    """What the metering point operator needs; ``qr``: text of the SHIP QR code."""
    record = ServiceRecord(
        ski=own.ski,
        ship_id=own.ship_id,
        brand=eebus.brand,
        model=eebus.model,
        device_type="EnergyManagementSystem",
        serial=own.serial,
    )
    return {
        "ski": own.ski,
        "ship_id": own.ship_id,
        "serial": own.serial,
        "fingerprint_sha256": own.fingerprint_sha256,
        "remarks": list(own.remarks),
        "qr": qr_text(record, fingerprint_sha256=own.fingerprint_sha256),
    }
