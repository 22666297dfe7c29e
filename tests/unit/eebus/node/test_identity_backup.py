from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from eebus.node.identity_backup import lock, unlock
from eebus.node.identity_store import (
    Identity,
    IdentityProfile,
    IdentityStoreError,
    open_or_create,
)

PASSPHRASE = "correct horse battery"


@pytest.fixture(scope="module")
def identity(tmp_path_factory: pytest.TempPathFactory) -> Identity:
    folder: Path = tmp_path_factory.mktemp("identity")
    return open_or_create(folder, IdentityProfile(), datetime(2026, 1, 1, tzinfo=UTC))


def test_backup_opens_with_its_passphrase(identity: Identity) -> None:
    assert unlock(lock(identity, PASSPHRASE), PASSPHRASE) == identity


def test_backup_shows_whose_it_is_but_not_the_key(identity: Identity) -> None:
    backup = lock(identity, PASSPHRASE)

    assert json.loads(backup)["ski"] == identity.ski
    assert b"PRIVATE" not in backup
    assert lock(identity, PASSPHRASE) != backup  # salt and nonce are new each time


def test_wrong_passphrase_is_refused(identity: Identity) -> None:
    with pytest.raises(IdentityStoreError, match="wrong passphrase"):
        unlock(lock(identity, PASSPHRASE), "incorrect horse")


def test_changed_ship_id_in_the_readable_part_is_noticed(identity: Identity) -> None:
    backup = json.loads(lock(identity, PASSPHRASE))
    backup["ship_id"] = "EMS-other"

    with pytest.raises(IdentityStoreError, match="changed"):
        unlock(json.dumps(backup).encode(), PASSPHRASE)


@pytest.mark.parametrize(
    "text", [b"", b"{}", b"[]", b"\xff", b'{"format": 1}', b" " * 70_000], ids=range(6)
)
def test_what_is_no_backup_is_said_to_be_none(text: bytes) -> None:
    with pytest.raises(IdentityStoreError):
        unlock(text, PASSPHRASE)


def test_short_passphrase_is_refused(identity: Identity) -> None:
    with pytest.raises(IdentityStoreError, match="8 characters"):
        lock(identity, "short")
