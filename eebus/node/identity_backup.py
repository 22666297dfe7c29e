"""Encrypted copy of the identity for a board swap (reliability.md TM-20, 11).

scrypt and AES-256-GCM. This file and ``eebus.ship.identity`` are the only importers of
``cryptography``: the SHIP package makes keys, this one locks them away.
"""

from __future__ import annotations

import base64
import json
import os
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

from eebus.node.identity_store import Identity, IdentityStoreError, identity_of

FORMAT: Final = "ems-identity-backup-1"
SCRYPT_N: Final = 2**15
SCRYPT_R: Final = 8
SCRYPT_P: Final = 1
KEY_BYTES: Final = 32
SALT_BYTES: Final = 16
NONCE_BYTES: Final = 12
MIN_PASSPHRASE: Final = 8
MAX_BACKUP_BYTES: Final = 64 * 1024


def lock(identity: Identity, passphrase: str) -> bytes:
    """Return the backup file's content (JSON; SKI and SHIP ID readable, the key encrypted).

    Raises ``IdentityStoreError`` for a passphrase below 8 characters.
    """
    if len(passphrase) < MIN_PASSPHRASE:
        raise IdentityStoreError(f"the passphrase needs at least {MIN_PASSPHRASE} characters")
    salt, nonce = os.urandom(SALT_BYTES), os.urandom(NONCE_BYTES)
    head = {"format": FORMAT, "ski": identity.ski, "ship_id": identity.ship_id}
    secret = {
        "cert_pem": identity.cert_pem.decode("ascii"),
        "key_pem": identity.key_pem.decode("ascii"),
        "serial": identity.serial,
    }
    cipher = AESGCM(_key(passphrase, salt))
    sealed = cipher.encrypt(nonce, json.dumps(secret).encode(), _bound(head))
    return json.dumps(
        {**head, "salt": _text(salt), "nonce": _text(nonce), "sealed": _text(sealed)}, indent=1
    ).encode()


def unlock(backup: bytes, passphrase: str) -> Identity:
    """Return the identity; ``IdentityStoreError``: wrong passphrase, changed or foreign file."""
    try:
        if len(backup) > MAX_BACKUP_BYTES:
            raise IdentityStoreError("this is no identity backup: too large")
        outer = json.loads(backup)
        head = {name: str(outer[name]) for name in ("format", "ski", "ship_id")}
        salt, nonce, sealed = (_bytes(outer[name]) for name in ("salt", "nonce", "sealed"))
        if head["format"] != FORMAT:
            raise IdentityStoreError(f"unknown format {head['format'][:40]!r}")
        opened = AESGCM(_key(passphrase, salt)).decrypt(nonce, sealed, _bound(head))
        secret = json.loads(opened)
    except InvalidTag as error:
        raise IdentityStoreError("wrong passphrase, or the file was changed") from error
    except (ValueError, KeyError, TypeError) as error:
        raise IdentityStoreError("this is no identity backup") from error
    cert_pem, key_pem = secret["cert_pem"].encode(), secret["key_pem"].encode()
    return identity_of(cert_pem, key_pem, head["ship_id"], secret["serial"])


def _key(passphrase: str, salt: bytes) -> bytes:
    derivation = Scrypt(salt=salt, length=KEY_BYTES, n=SCRYPT_N, r=SCRYPT_R, p=SCRYPT_P)
    return derivation.derive(passphrase.encode("utf-8"))


def _bound(head: dict[str, str]) -> bytes:
    """The readable part is authenticated too."""
    return json.dumps(head, sort_keys=True).encode()


def _text(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")


def _bytes(text: object) -> bytes:
    return base64.b64decode(str(text), validate=True)
