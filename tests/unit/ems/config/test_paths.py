"""State, identity and contact lie where file, systemd and checkout say."""

from __future__ import annotations

from pathlib import Path

from ems.config.load import parse_site
from ems.config.paths import contact_path, identity_dir, state_dir
from ems.config.schema import Site

CONFIG = Path("/etc/ems/ems.toml")


def site(paths: str = "") -> Site:
    return parse_site(f"schema = 1\n[paths]\n{paths}\n").site


def test_relative_paths_start_at_the_folder_of_the_file() -> None:
    told = site('state_dir = "state"\nidentity_dir = "certs"')

    assert state_dir(told, CONFIG, environ={}) == Path("/etc/ems/state")
    assert identity_dir(told, CONFIG, environ={}) == Path("/etc/ems/certs")


def test_absolute_paths_stay() -> None:
    assert state_dir(site('state_dir = "/data"'), CONFIG, environ={}) == Path("/data")


def test_systemd_gives_the_state_folder() -> None:
    environ = {"STATE_DIRECTORY": "/var/lib/private/ems:/other"}

    assert state_dir(site(), CONFIG, environ=environ) == Path("/var/lib/private/ems")
    assert identity_dir(site(), CONFIG, environ=environ) == Path("/var/lib/private/ems/identity")


def test_the_file_wins_over_systemd() -> None:
    told = site('state_dir = "/data"')

    assert state_dir(told, CONFIG, environ={"STATE_DIRECTORY": "/x"}) == Path("/data")
    assert identity_dir(told, CONFIG, environ={"STATE_DIRECTORY": "/x"}) == Path("/data/identity")


def test_without_anything_the_installed_folder_counts(tmp_path: Path) -> None:
    assert state_dir(site(), CONFIG, environ={}) == Path("/var/lib/ems")
    told = identity_dir(site(), CONFIG, environ={}, checkout=tmp_path)
    assert told == Path("/var/lib/ems/identity")


def test_a_checkout_keeps_its_identity_in_certs(tmp_path: Path) -> None:
    (tmp_path / ".git").mkdir()

    assert identity_dir(site(), CONFIG, environ={}, checkout=tmp_path) == tmp_path / "certs"


def test_a_plant_with_its_own_state_folder_has_its_own_identity(tmp_path: Path) -> None:
    (tmp_path / ".git").mkdir()
    told = site('state_dir = "/data"')

    assert identity_dir(told, CONFIG, environ={}, checkout=tmp_path) == Path("/data/identity")


def test_the_contact_file_lies_beside_the_configuration() -> None:
    told = parse_site('schema = 1\n[signal.contact]\nbackend = "file"\npath = "contact"\n').site

    assert contact_path(told, CONFIG) == Path("/etc/ems/contact")
    assert contact_path(site(), CONFIG) is None
