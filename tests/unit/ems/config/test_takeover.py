"""What a running service may take over, and where a broken file's good copy is looked for."""

from __future__ import annotations

from pathlib import Path

import pytest

from ems.config.errors import ConfigError
from ems.config.load import parse_site
from ems.config.schema import Site
from ems.config.takeover import check_takeover, places_of_good_copies, unusable


def site(paths: str) -> Site:
    return parse_site(f"schema = 1\n[paths]\n{paths}\n").site


def test_everything_but_the_folders_may_change(tmp_path: Path) -> None:
    running = site('state_dir = "state"')
    new = parse_site('schema = 1\n[paths]\nstate_dir = "./state"\n[log]\nlevel = "debug"\n').site

    check_takeover(running, new, tmp_path / "ems.toml")


@pytest.mark.parametrize(
    ("paths", "keys"),
    [
        ('state_dir = "other"', ["paths.state_dir", "paths.identity_dir"]),
        ('state_dir = "state"\nidentity_dir = "key"', ["paths.identity_dir"]),
    ],
)
def test_another_folder_is_refused_and_named(tmp_path: Path, paths: str, keys: list[str]) -> None:
    with pytest.raises(ConfigError) as refused:
        check_takeover(site('state_dir = "state"'), site(paths), tmp_path / "ems.toml")

    assert [problem.key for problem in refused.value.problems] == keys
    assert {problem.code for problem in refused.value.problems} == {"E-CFG-019"}


def test_the_state_folder_is_read_from_a_file_that_is_no_toml(tmp_path: Path) -> None:
    config = tmp_path / "ems.toml"
    config.write_text("[paths\n  state_dir = \"mine\" # old\nstate_dir='/srv/ems'\n x = [")

    places = places_of_good_copies(config, environ={}, installed=Path("/nowhere"))

    assert places == [
        tmp_path / "mine",
        Path("/srv/ems"),
        tmp_path / "state",
        tmp_path,
        Path("/nowhere"),
    ]


def test_environment_and_systemd_name_folders_too(tmp_path: Path) -> None:
    environ = {"EMS__PATHS__STATE_DIR": "data", "STATE_DIRECTORY": "/run/a:/run/b"}

    places = places_of_good_copies(tmp_path / "gone.toml", environ=environ)

    assert places[:2] == [tmp_path / "data", Path("/run/a")]


def test_a_file_the_service_cannot_begin_with_is_explained() -> None:
    assert "no right" in unusable("no right").text("en")
    assert "läuft weiter" in unusable("no right").text("de")
