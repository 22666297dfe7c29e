"""mDNS TXT records of ``_ship._tcp`` (SHIP 7.3.2; SRIP 2.2; ship.md 2.2).

A record is a hint: it names an address, never trust. Ours is written strictly, a peer's is read as
DNS-SD says: keys without regard to case, the first of several equal keys counts, a string is split
at its first ``=``, unknown keys and strings without ``=`` are skipped.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from eebus.ship.ski import Ski, parse_ski
from eebus.wire.errors import LocalUseError, WireError
from eebus.wire.texts import is_printable

SERVICE_TYPE: Final = "_ship._tcp.local."
MAX_TXT_BYTES: Final = 400
MAX_ID_BYTES: Final = 63
MAX_TEXT_BYTES: Final = 32
CATEGORY_EMS: Final = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceRecord:
    """One SHIP node as mDNS tells it; host and port come from SRV, not from TXT."""

    ski: Ski
    ship_id: str
    path: str = "/ship/"
    register: bool = False
    """The node says that it auto-accepts; nothing is concluded from it (SHIP guide 2.3)."""
    brand: str = ""
    model: str = ""
    device_type: str = ""
    serial: str = ""
    categories: tuple[int, ...] = ()
    """1 grid connection point hub, 2 EMS, 3 e-mobility, 4 HVAC, 5 inverter, 6 domestic, 7 meter."""
    name: str = ""
    """Instance name; for people only, it may change."""
    host: str = ""
    port: int = 0
    addresses: tuple[str, ...] = ()


def parse_txt(raw: bytes) -> ServiceRecord | None:
    """Node behind the raw TXT rdata (length-prefixed strings); ``None`` when it cannot be used."""
    pairs = _pairs(raw) if len(raw) <= MAX_TXT_BYTES else None
    if pairs is None or pairs.get("txtvers") != "1":
        return None
    ship_id, path = pairs.get("id", ""), pairs.get("path", "")
    try:
        ski = parse_ski(pairs.get("ski", ""))
    except WireError:
        return None
    is_usable = 0 < len(ship_id.encode()) <= MAX_ID_BYTES and is_printable(ship_id)
    if not is_usable or not _is_path(path):
        return None
    return ServiceRecord(
        ski=ski,
        ship_id=ship_id,
        path=path,
        register=pairs.get("register", "").lower() == "true",
        brand=_shown(pairs.get("brand", "")),
        model=_shown(pairs.get("model", "")),
        device_type=_shown(pairs.get("type", "")),
        serial=_shown(pairs.get("serial", "")),
        categories=_categories(pairs.get("cat", "")),
    )


def txt_properties(record: ServiceRecord) -> dict[str, str]:
    """Keys and values of our own record in the order they are sent.

    Raises:
        LocalUseError: a value is too long or holds a character that SRIP-220 forbids.
    """
    if record.register:
        raise LocalUseError("auto accept is not offered (SHIP guide 2.3)")
    if not _is_path(record.path):
        raise LocalUseError(
            f"path {record.path!r} must start with / and fit {MAX_TEXT_BYTES} bytes"
        )
    texts = {
        "brand": record.brand,
        "model": record.model,
        "type": record.device_type,
        "serial": record.serial,
    }
    _check_text("id", record.ship_id, MAX_ID_BYTES)
    for key, text in texts.items():
        if text:
            _check_text(key, text, MAX_TEXT_BYTES)
    properties = {
        "txtvers": "1",
        "id": record.ship_id,
        "path": record.path,
        "ski": record.ski,
        "register": "false",
        **{key: text for key, text in texts.items() if text},
        "cat": ",".join(str(category) for category in record.categories or (CATEGORY_EMS,)),
    }
    size = sum(len(f"{key}={value}".encode()) + 1 for key, value in properties.items())
    if size > MAX_TXT_BYTES:
        raise LocalUseError(f"TXT record of {size} bytes, {MAX_TXT_BYTES} are allowed")
    return properties


def build_txt(record: ServiceRecord) -> list[bytes]:
    """Strings of our own TXT record, ``txtvers`` first; errors as :func:`txt_properties`."""
    return [f"{key}={value}".encode() for key, value in txt_properties(record).items()]


def txt_rdata(strings: list[bytes]) -> bytes:
    """Strings of a TXT record with their length octets, as they stand on the wire."""
    return b"".join(bytes([len(string)]) + string for string in strings)


def _pairs(raw: bytes) -> dict[str, str] | None:
    pairs: dict[str, str] = {}
    at = 0
    while at < len(raw):
        end = at + 1 + raw[at]
        if end > len(raw):
            return None
        key, separator, value = raw[at + 1 : end].partition(b"=")
        at = end
        try:
            name, text = key.decode("ascii").lower(), value.decode("utf-8")
        except UnicodeDecodeError:
            continue
        if separator and name:
            pairs.setdefault(name, text)
    return pairs


def _is_path(path: str) -> bool:
    return path.startswith("/") and len(path.encode()) <= MAX_TEXT_BYTES and is_printable(path)


def _shown(text: str) -> str:
    return text[:MAX_TEXT_BYTES] if is_printable(text) else ""


def _categories(text: str) -> tuple[int, ...]:
    parts = (part.strip() for part in text.split(","))
    return tuple(int(part) for part in parts if part.isascii() and part.isdigit())[:16]


def _check_text(key: str, text: str, limit: int) -> None:
    if not text or len(text.encode()) > limit or ";" in text or not is_printable(text):
        raise LocalUseError(f"{key}={text!r} must have 1–{limit} bytes, no ; and only plain text")
