"""The identity on disk: one key for the life of the installation (ship.md 1.3, 6.6, I-13).

The metering operator registers our SKI; a new key means weeks of registration. So the files are
made once and never overwritten: a missing, damaged or foreign part is a fault (E-ID-001) with
which EEBUS stays off while everything else runs. ``restore`` sets old files aside, never deletes.
"""

from __future__ import annotations

import json
import logging
import stat
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

from typing_extensions import override

from eebus.node import files
from eebus.ship.identity import Identity as OwnKey
from eebus.ship.identity import IdentityError, IdentityPem, create_identity, open_identity
from eebus.ship.ski import Ski

LOGGER = logging.getLogger(__name__)

KEY_FILE: Final = "ship.key"
CERT_FILE: Final = "ship.crt"
FACTS_FILE: Final = "identity.json"
SERIAL_DIGITS: Final = 10
MAX_SHIP_ID_BYTES: Final = 63  # ship.md 2.2
E_ID_001: Final = "E-ID-001"


class IdentityStoreError(IdentityError):
    """The identity on disk cannot be used; ``code`` is what the user sees. Nothing was changed."""

    code = E_ID_001


@dataclass(frozen=True, slots=True)
class IdentityProfile:
    """What goes into certificate and SHIP ID when they are made (ship.md 1.3, 2.2)."""

    brand: str = "EMS"
    model: str = "ems"
    vendor_number: str = ""  # IANA private enterprise number; empty: none


@dataclass(frozen=True, slots=True)
class Identity:
    """Key pair and the names the outer world knows us by."""

    cert_pem: bytes
    key_pem: bytes
    ski: Ski
    ship_id: str
    serial: str
    fingerprint_sha256: str = ""
    remarks: tuple[str, ...] = ()
    """What a strict peer may dislike about the certificate; never a reason for a new one (F-09)."""

    @override
    def __repr__(self) -> str:  # a key never gets into a log by accident
        return f"Identity(ski={self.ski!r}, ship_id={self.ship_id!r})"


def open_or_create(
    folder: Path, profile: IdentityProfile, now_utc: datetime, *, was_paired: bool = False
) -> Identity:
    """Return the identity in ``folder``, made now if there never was one.

    ``was_paired``: a trust store exists, so a missing key was lost and must not be replaced.
    Raises ``IdentityStoreError`` for everything that a human has to look at.
    """
    folder.mkdir(mode=files.FOLDER_MODE, parents=True, exist_ok=True)
    _finish_creation(folder)
    present = [name for name in (KEY_FILE, CERT_FILE) if (folder / name).exists()]
    if not present:
        if was_paired or (folder / FACTS_FILE).exists():
            raise IdentityStoreError(
                f"key and certificate are missing in {folder}; restore the backup"
            )
        return create(folder, profile, now_utc)
    if len(present) == 1:
        raise IdentityStoreError(f"{folder} holds only {present[0]}; restore the backup")
    return load(folder, profile)


def create(folder: Path, profile: IdentityProfile, now_utc: datetime) -> Identity:
    """Make the first identity; ``IdentityStoreError`` when the folder already holds one."""
    if any((folder / name).exists() for name in (KEY_FILE, CERT_FILE)):
        raise IdentityStoreError(f"{folder} already holds an identity; it is never overwritten")
    made = create_identity(
        _common_name(profile), now_utc, organization=_plain(profile.brand) or "EMS"
    )
    folder.mkdir(mode=files.FOLDER_MODE, parents=True, exist_ok=True)
    files.write_synced(_new(folder, KEY_FILE), made.key_pem, mode=files.SECRET_MODE)
    files.write_synced(_new(folder, CERT_FILE), made.cert_pem, mode=files.SECRET_MODE)
    _finish_creation(folder)
    return load(folder, profile)


def load(folder: Path, profile: IdentityProfile) -> Identity:
    """Read and check an existing identity; ``IdentityStoreError`` when its parts do not fit."""
    cert_pem, key_pem = _read(folder / CERT_FILE), _read(folder / KEY_FILE)
    own = check_pair(cert_pem, key_pem)
    mode = stat.S_IMODE((folder / KEY_FILE).stat().st_mode)
    if mode & 0o077:
        LOGGER.warning("! %s is readable by others (mode %o)", folder / KEY_FILE, mode)
    facts = _facts(folder)
    if facts is None:
        facts = _new_facts(own.ski, profile)
        files.write_durably(folder / FACTS_FILE, json.dumps(facts).encode())
    if facts["ski"] != own.ski:
        raise IdentityStoreError(f"the key has SKI {own.ski}, registered was {facts['ski']}")
    return _identity(own, facts["ship_id"], facts["serial"])


def check_pair(cert_pem: bytes, key_pem: bytes) -> OwnKey:
    """Read both; ``IdentityStoreError`` when they cannot be used or do not belong together."""
    try:
        return open_identity(IdentityPem(cert_pem, key_pem))
    except IdentityError as error:
        raise IdentityStoreError(f"key and certificate cannot be used: {error}") from error


def restore(folder: Path, identity: Identity, *, replace_ski_tail: str = "") -> None:
    """Put a backup in place; a readable other identity only with the last 4 digits of its SKI.

    What was there is renamed, never deleted. ``IdentityStoreError`` when it must not be replaced.
    """
    folder.mkdir(mode=files.FOLDER_MODE, parents=True, exist_ok=True)
    check_pair(identity.cert_pem, identity.key_pem)
    existing = _ski_in(folder)
    if existing == identity.ski:
        return
    if existing is not None and replace_ski_tail != existing[-4:]:
        raise IdentityStoreError(
            f"{folder} holds SKI {existing}; confirm with its last four digits"
        )
    files.write_synced(_new(folder, KEY_FILE), identity.key_pem, mode=files.SECRET_MODE)
    files.write_synced(_new(folder, CERT_FILE), identity.cert_pem, mode=files.SECRET_MODE)
    files.set_aside(folder / FACTS_FILE)
    facts = {"ski": identity.ski, "ship_id": identity.ship_id, "serial": identity.serial}
    files.write_durably(folder / FACTS_FILE, json.dumps(facts).encode())
    for name in (KEY_FILE, CERT_FILE):
        files.set_aside(folder / name)
    _finish_creation(folder)


def identity_of(cert_pem: bytes, key_pem: bytes, ship_id: str, serial: str) -> Identity:
    """Check key and certificate and join them with the names that were noted for them."""
    return _identity(check_pair(cert_pem, key_pem), ship_id, serial)


def ship_id_of(profile: IdentityProfile, serial: str) -> str:
    """SHIP ID of a new identity (SRIP-220/5): ``EMS-<serial>``, with vendor number ``i:…_u:…``."""
    product = f"{_plain(profile.brand) or 'EMS'}-{serial}"
    ship_id = f"i:{profile.vendor_number}_u:{product}" if profile.vendor_number else product
    return ship_id[-MAX_SHIP_ID_BYTES:]


def _identity(own: OwnKey, ship_id: str, serial: str) -> Identity:
    return Identity(
        cert_pem=own.pem.cert_pem,
        key_pem=own.pem.key_pem,
        ski=own.ski,
        ship_id=ship_id,
        serial=serial,
        fingerprint_sha256=own.fingerprint_sha256,
        remarks=own.remarks,
    )


def _finish_creation(folder: Path) -> None:
    """Name the synced new files; a power cut in between is finished by the next start."""
    new = [_new(folder, name) for name in (KEY_FILE, CERT_FILE)]
    if all(path.exists() for path in new):
        for path, name in zip(new, (KEY_FILE, CERT_FILE), strict=True):
            if not (folder / name).exists():
                files.create_exclusively(folder / name, path)
    for path in new:
        path.unlink(missing_ok=True)


def _new(folder: Path, name: str) -> Path:
    return folder / f".{name}.new"


def _facts(folder: Path) -> dict[str, str] | None:
    """SKI, SHIP ID and serial as noted; ``None`` when the note is absent (older or foreign key)."""
    path = folder / FACTS_FILE
    if not path.exists():
        return None
    try:
        facts = json.loads(path.read_bytes())
        return {name: str(facts[name]) for name in ("ski", "ship_id", "serial")}
    except (OSError, ValueError, KeyError, TypeError) as error:
        LOGGER.warning("! %s is damaged (%s); it is set aside and written anew", path, error)
        files.set_aside(path)
        return None


def _new_facts(ski: Ski, profile: IdentityProfile) -> dict[str, str]:
    # from the key, so that a lost note gives the same names again
    serial = ski[:SERIAL_DIGITS]
    return {"ski": ski, "ship_id": ship_id_of(profile, serial), "serial": serial}


def _ski_in(folder: Path) -> Ski | None:
    try:
        return check_pair(_read(folder / CERT_FILE), _read(folder / KEY_FILE)).ski
    except IdentityStoreError:
        return None


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise IdentityStoreError(f"{path} cannot be read: {error.strerror}") from error


def _common_name(profile: IdentityProfile) -> str:
    return "-".join(filter(None, (_plain(profile.brand), _plain(profile.model)))) or "EMS"


def _plain(text: str) -> str:
    """ASCII letters, digits, dot and dash only: goes into certificate, SHIP ID and QR text."""
    return "".join(c for c in text if c.isascii() and (c.isalnum() or c in ".-"))[:24]
