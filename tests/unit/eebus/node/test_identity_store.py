from __future__ import annotations

import json
import os
import stat
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from eebus.node import files, identity_store
from eebus.node.identity_store import (
    Identity,
    IdentityProfile,
    IdentityStoreError,
    create,
    load,
    open_or_create,
    restore,
)
from tests.kit.peer_certificates import Odd, make_peer

NOW = datetime(2026, 1, 1, tzinfo=UTC)
PROFILE = IdentityProfile(brand="EMS", model="ems")


def content(folder: Path) -> dict[str, bytes]:
    return {entry.name: entry.read_bytes() for entry in sorted(folder.iterdir())}


@pytest.mark.invariant("I-13")
def test_identity_is_made_once_and_then_read(tmp_path: Path) -> None:
    first = open_or_create(tmp_path, PROFILE, NOW)
    before = content(tmp_path)

    again = open_or_create(tmp_path, IdentityProfile(brand="Other"), NOW, was_paired=True)

    assert again == first
    assert content(tmp_path) == before
    assert list(before) == ["identity.json", "ship.crt", "ship.key"]
    assert first.ship_id == f"EMS-{first.ski[:10]}"


def test_key_is_readable_by_the_owner_only(tmp_path: Path) -> None:
    open_or_create(tmp_path / "identity", PROFILE, NOW)

    assert stat.S_IMODE((tmp_path / "identity" / "ship.key").stat().st_mode) == 0o600
    assert stat.S_IMODE((tmp_path / "identity").stat().st_mode) == 0o700


def test_vendor_number_makes_a_ship_id_as_srip_wants_it(tmp_path: Path) -> None:
    identity = open_or_create(tmp_path, IdentityProfile(vendor_number="98765"), NOW)

    assert identity.ship_id == f"i:98765_u:EMS-{identity.serial}"


@pytest.mark.field("F-09")
@pytest.mark.parametrize(
    "damage",
    [
        pytest.param(lambda folder: (folder / "ship.key").unlink(), id="key gone"),
        pytest.param(lambda folder: (folder / "ship.crt").unlink(), id="certificate gone"),
        pytest.param(lambda folder: (folder / "ship.key").write_bytes(b""), id="key empty"),
        pytest.param(lambda folder: (folder / "ship.crt").write_bytes(b"\x00" * 64), id="zeros"),
        pytest.param(
            lambda folder: (folder / "ship.key").write_bytes(make_peer().key_pem), id="other key"
        ),
    ],
)
def test_damaged_identity_is_a_fault_and_nothing_is_regenerated(
    tmp_path: Path, damage: Callable[[Path], object]
) -> None:
    open_or_create(tmp_path, PROFILE, NOW)
    damage(tmp_path)
    before = content(tmp_path)

    with pytest.raises(IdentityStoreError) as fault:
        open_or_create(tmp_path, PROFILE, NOW)

    assert fault.value.code == "E-ID-001"
    assert content(tmp_path) == before


@pytest.mark.field("F-09")
def test_lost_identity_of_a_paired_installation_is_not_replaced(tmp_path: Path) -> None:
    with pytest.raises(IdentityStoreError, match="restore the backup"):
        open_or_create(tmp_path, PROFILE, NOW, was_paired=True)

    assert content(tmp_path) == {}


def test_both_files_lost_but_the_note_still_there_is_a_loss_too(tmp_path: Path) -> None:
    open_or_create(tmp_path, PROFILE, NOW)
    (tmp_path / "ship.key").unlink()
    (tmp_path / "ship.crt").unlink()

    with pytest.raises(IdentityStoreError):
        open_or_create(tmp_path, PROFILE, NOW)


def test_exchanged_pair_of_files_is_noticed(tmp_path: Path) -> None:
    open_or_create(tmp_path, PROFILE, NOW)
    other = make_peer()
    (tmp_path / "ship.key").write_bytes(other.key_pem)
    (tmp_path / "ship.crt").write_bytes(other.cert_pem)

    with pytest.raises(IdentityStoreError, match="registered was"):
        load(tmp_path, PROFILE)


@pytest.mark.field("F-09")
def test_identity_of_an_old_program_with_a_wrong_ski_extension_still_opens(
    tmp_path: Path,
) -> None:
    old = make_peer(Odd(ski_extension="11" * 20))
    (tmp_path / "ship.key").write_bytes(old.key_pem)
    (tmp_path / "ship.crt").write_bytes(old.cert_pem)

    identity = open_or_create(tmp_path, PROFILE, NOW, was_paired=True)

    assert identity.ski == old.ski
    assert identity.remarks


def test_lost_note_gives_the_same_names_again(tmp_path: Path) -> None:
    first = open_or_create(tmp_path, PROFILE, NOW)
    (tmp_path / "identity.json").write_bytes(b"{")

    again = open_or_create(tmp_path, PROFILE, NOW)

    assert again == first
    assert json.loads((tmp_path / "identity.json").read_bytes())["ship_id"] == first.ship_id


@pytest.mark.parametrize("named", [[], ["ship.key"]], ids=["before", "between"])
def test_power_cut_while_the_first_identity_is_named_is_finished(
    tmp_path: Path, named: list[str]
) -> None:
    made = create(tmp_path, PROFILE, NOW)
    for name in ("ship.key", "ship.crt"):
        (tmp_path / f".{name}.new").write_bytes((tmp_path / name).read_bytes())
        if name not in named:
            (tmp_path / name).unlink()

    assert open_or_create(tmp_path, PROFILE, NOW).ski == made.ski
    assert [entry.name for entry in tmp_path.glob(".*")] == []


def test_create_refuses_a_folder_with_an_identity(tmp_path: Path) -> None:
    create(tmp_path, PROFILE, NOW)
    before = content(tmp_path)

    with pytest.raises(IdentityStoreError, match="never overwritten"):
        create(tmp_path, PROFILE, NOW)

    assert content(tmp_path) == before


def test_key_does_not_get_into_a_log(tmp_path: Path) -> None:
    identity = open_or_create(tmp_path, PROFILE, NOW)

    assert "PRIVATE" not in f"{identity!r} {identity}"


@pytest.fixture
def backup(tmp_path: Path) -> Identity:
    return open_or_create(tmp_path / "backup", PROFILE, NOW)


def test_restore_into_an_empty_folder_brings_the_ski_back(tmp_path: Path, backup: Identity) -> None:
    restore(tmp_path / "board-2", backup)

    assert load(tmp_path / "board-2", PROFILE) == backup


@pytest.mark.invariant("I-13")
def test_restore_over_another_identity_needs_the_last_digits_of_its_ski(
    tmp_path: Path, backup: Identity
) -> None:
    present = open_or_create(tmp_path / "here", PROFILE, NOW)
    with pytest.raises(IdentityStoreError, match=present.ski):
        restore(tmp_path / "here", backup, replace_ski_tail="zzzz")
    assert load(tmp_path / "here", PROFILE) == present

    restore(tmp_path / "here", backup, replace_ski_tail=present.ski[-4:])

    assert load(tmp_path / "here", PROFILE) == backup
    assert (tmp_path / "here" / "ship.key.damaged-1").read_bytes() == present.key_pem


def test_restore_repairs_a_damaged_identity(tmp_path: Path, backup: Identity) -> None:
    open_or_create(tmp_path / "here", PROFILE, NOW)
    (tmp_path / "here" / "ship.key").write_bytes(b"broken")

    restore(tmp_path / "here", backup)

    assert load(tmp_path / "here", PROFILE) == backup


def test_restoring_what_is_there_changes_nothing(tmp_path: Path, backup: Identity) -> None:
    before = content(tmp_path / "backup")

    restore(tmp_path / "backup", backup)

    assert content(tmp_path / "backup") == before


def test_open_key_file_is_told(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    open_or_create(tmp_path, PROFILE, NOW)
    os.chmod(tmp_path / "ship.key", 0o644)

    load(tmp_path, PROFILE)

    assert "readable by others" in caplog.text


def test_names_in_certificate_and_ship_id_hold_plain_characters_only(tmp_path: Path) -> None:
    profile = IdentityProfile(brand="Müller; Söhne", model="Größe 1")

    identity = open_or_create(tmp_path, profile, NOW)

    assert identity.ship_id.startswith("MllerShne-")
    assert identity_store.ship_id_of(IdentityProfile(brand="ÄÖ"), "12") == "EMS-12"
    assert files.previous(tmp_path).name.endswith(".1")
