"""Language and characters follow the terminal; none of them makes a command fail."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from ems.cli import texts
from ems.cli.terminal import ASCII, language

EMS = [sys.executable, "-m", "ems.cli.main"]


@pytest.mark.parametrize(
    ("told", "environ", "chosen"),
    [
        ("", {}, texts.DE),
        ("en", {"EMS_LANG": "de"}, texts.EN),
        ("", {"EMS_LANG": "en", "LANG": "de_DE.UTF-8"}, texts.EN),
        ("", {"LANG": "de_DE.UTF-8"}, texts.DE),
        ("", {"LANG": "en_US.UTF-8"}, texts.EN),
        ("", {"LANG": "C"}, texts.EN),
        ("", {"LANG": "C.UTF-8"}, texts.EN),
        ("", {"LANG": "POSIX"}, texts.EN),
        ("", {"LC_ALL": "de_AT", "LANG": "en_US"}, texts.DE),
        ("", {"LC_ALL": "", "LANG": "en_GB"}, texts.EN),
        ("", {"LANG": "fr_FR.UTF-8"}, texts.DE),
    ],
)
def test_the_language_comes_from_option_variable_and_locale(
    told: str, environ: dict[str, str], chosen: int
) -> None:
    assert language(told, environ) == chosen


def ems(*words: str, **environ: str) -> subprocess.CompletedProcess[str]:
    surroundings = {"PATH": os.environ["PATH"], "PYTHONUTF8": "0", **environ}
    return subprocess.run(
        [*EMS, *words],
        env=surroundings,
        capture_output=True,
        check=False,
        timeout=30,
        encoding="ascii",
    )


def test_an_ascii_terminal_gets_letters_it_can_show() -> None:
    ended = ems("limit", "test", "viel", "--lang", "de", PYTHONIOENCODING="ascii")

    assert ended.returncode == 2
    assert "-> Zum Beispiel 4200" in ended.stderr


def test_a_plain_locale_does_not_make_a_command_fail(tmp_path: Path) -> None:
    ended = ems(
        "pmin", "--wallbox", "11kW", "--heatpump", "3kW", "--lang", "de",
        PYTHONIOENCODING="ascii", LC_ALL="C", HOME=str(tmp_path),
    )  # fmt: skip

    assert ended.returncode == 0
    assert "zaehlt nicht (<= 4,2 kW)" in ended.stdout


def test_data_stay_what_they_are_on_an_ascii_terminal() -> None:
    ended = ems("records", "verify", "/tür", "--json", "--lang", "de", PYTHONIOENCODING="ascii")

    assert "/tür" in json.loads(ended.stderr)["error"]["message"]


def test_a_reader_that_has_seen_enough_is_no_error() -> None:
    with subprocess.Popen(
        [*EMS, "config", "schema"], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        told = process.stderr.read()

    assert process.returncode == 0
    assert told == b""


def test_every_sign_of_the_screen_has_an_ascii_twin() -> None:
    sources = (Path(texts.__file__).parent).glob("*.py")
    said = {char for path in sources for char in path.read_text("utf-8") if ord(char) > 127}

    assert said - set(ASCII) == set()
    assert all("".join(ASCII.values()).isascii() for _ in ASCII)
