"""What an installer is given fits the program: unit, examples, README."""

from __future__ import annotations

import configparser
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

from ems.cli.client import candidates
from ems.cli.common import DEFAULT_CONFIG
from ems.cli.main import NOUNS
from ems.config.load import load_site, parse_site
from ems.config.paths import INSTALLED
from tests.house.sources import ROOT

EXAMPLES = sorted((ROOT / "packaging" / "examples").glob("*.toml"))
README = (ROOT / "README.md").read_text("utf-8")
PROMISED = README.partition("## Not done yet")[0]
CLI_PAGE = (ROOT / "docs" / "cli.md").read_text("utf-8")


def unit() -> configparser.SectionProxy:
    parser = configparser.RawConfigParser(strict=False)
    parser.optionxform = str  # type: ignore[assignment,method-assign]  # keys keep their case
    parser.read(ROOT / "packaging" / "ems.service")
    return parser["Service"]


def code_blocks(text: str, kind: str) -> Iterator[str]:
    yield from re.findall(rf"```{kind}\n(.*?)```", text, re.DOTALL)


def test_the_command_line_looks_where_the_unit_puts_the_socket() -> None:
    socket = Path("/run") / unit()["RuntimeDirectory"] / "api.sock"

    assert socket in candidates(None, [])
    assert unit()["RuntimeDirectoryMode"] == "0750"  # group ems may enter, others not


def test_state_and_configuration_lie_where_the_program_expects_them() -> None:
    assert Path("/var/lib") / unit()["StateDirectory"] == INSTALLED
    assert f"--config {DEFAULT_CONFIG}" in unit()["ExecStart"]


def test_the_service_reports_and_is_watched_and_reads_its_file_again() -> None:
    assert unit()["Type"] == "notify"
    assert 5 <= int(unit()["WatchdogSec"]) <= 30
    assert unit()["ExecReload"].split()[1] == "-HUP"


def test_the_gpio_library_may_write_where_the_service_stands() -> None:
    assert unit()["WorkingDirectory"] == f"/run/{unit()['RuntimeDirectory']}"


def test_no_network_is_needed_to_obey_the_contact() -> None:
    text = (ROOT / "packaging" / "ems.service").read_text("utf-8")

    assert "network-online" not in text


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_every_example_can_be_used(path: Path) -> None:
    assert load_site(path, environ={}).site.steuve


def test_the_configuration_in_the_readme_can_be_used() -> None:
    blocks = [block for block in code_blocks(README, "toml") if "schema" in block]

    assert blocks
    assert all(parse_site(block).site.steuve for block in blocks)


@pytest.mark.parametrize("text", [PROMISED, CLI_PAGE], ids=["README", "cli.md"])
def test_every_command_that_is_named_exists(text: str) -> None:
    shell = " ".join(code_blocks(text, ""))
    named = set(re.findall(r"(?:`|^\$ |^|[;&] )ems ([a-z]+)", f"{shell}\n{text}", re.MULTILINE))

    assert len(named) > 5
    assert named <= set(NOUNS)


def test_the_page_of_the_command_line_names_every_noun() -> None:
    assert [noun for noun in NOUNS if f"ems {noun}" not in CLI_PAGE] == []


def test_the_wheel_holds_what_is_no_python() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    packages = project["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]

    for needed in ("drivers/maps/wallbox/keba_p30.yaml", "ems/demo/stories/evening-peak.toml"):
        assert (ROOT / needed).exists()
        assert needed.partition("/")[0] in packages
    assert all((ROOT / package / "py.typed").exists() for package in packages)
