"""Wrong usage is explained in both languages and, where asked for, as JSON."""

from __future__ import annotations

import json
from typing import Any

import pytest

from ems.cli.main import main
from ems.cli.usage import hoisted


def run(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as ended:
        main(list(words))
    told = capsys.readouterr()
    return int(ended.value.code or 0), told.out, told.err


@pytest.fixture(autouse=True)
def _german(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EMS_LANG", "de")


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (("status", "--bogus"), "E-USE-006", "Die Option --bogus gibt es nicht."),
        (("frobnicate",), "E-USE-007", "Den Befehl frobnicate gibt es nicht."),
        (("pair", "frobnicate"), "E-USE-007", "Den Befehl frobnicate gibt es nicht."),
        (("pair", "accept"), "E-USE-008", "Es fehlt: SKI."),
        (("pair",), "E-USE-008", "Es fehlt: COMMAND."),
        ((), "E-USE-008", "Es fehlt: COMMAND."),
        (("pair", "window", "ajar"), "E-USE-009", "Unbrauchbarer Wert für ACTION"),
        (("contact", "learn", "--active", "maybe"), "E-USE-009", "Wert für --active"),
        (("version", "--lang", "fr"), "E-USE-009", "Wert für --lang; erwartet: de, en"),
        (("demo", "--speed", "1000"), "E-USE-009", "Wert für --speed; erwartet: höchstens 100"),
        (("version", "superfluous"), "E-USE-014", "superfluous"),
    ],
)
def test_a_script_that_asked_for_json_gets_one_error_document(
    capsys: pytest.CaptureFixture[str], words: tuple[str, ...], code: str, message: str
) -> None:
    exit_code, out, err = run(capsys, *words, "--json")

    document: Any = json.loads(err)
    assert (exit_code, out) == (2, "")
    assert document["error"]["code"] == code
    assert message in document["error"]["message"]
    assert "--help" in document["error"]["hint"]


def test_what_was_probably_meant_is_offered(capsys: pytest.CaptureFixture[str]) -> None:
    _, _, err = run(capsys, "statsu", "--lang", "en")

    assert "There is no command statsu." in err
    assert "Did you mean status?" in err


def test_a_group_without_a_verb_shows_its_help(capsys: pytest.CaptureFixture[str]) -> None:
    exit_code, _, err = run(capsys, "pair")

    assert exit_code == 2
    assert "accept" in err


@pytest.mark.parametrize(
    ("words", "understood"),
    [
        (["--json", "status"], ["status", "--json"]),
        (["--lang", "de", "pair", "--json", "list"], ["pair", "list", "--lang", "de", "--json"]),
        (["--lang=de", "limit", "test", "4200"], ["limit", "test", "4200", "--lang=de"]),
        (["-q", "limit", "test", "--", "-5"], ["limit", "test", "-q", "--", "-5"]),
        (["--json"], ["--json"]),
        (["demo", "--speed", "2", "--json"], ["demo", "--speed", "2", "--json"]),
    ],
)
def test_common_options_may_stand_before_the_command(
    words: list[str], understood: list[str]
) -> None:
    assert hoisted(words) == understood


def test_version_is_also_an_option(capsys: pytest.CaptureFixture[str]) -> None:
    exit_code, out, _ = run(capsys, "--version")

    assert exit_code == 0
    assert out.startswith("ems ")


@pytest.mark.parametrize(
    ("words", "german", "english"),
    [
        (("pair", "add", "x", "--port", "0"), "mindestens 1", "at least 1"),
        (("pair", "add", "x", "--port", "99999"), "höchstens 65535", "at most 65535"),
        (("pair", "add", "x", "--port", "abc"), "eine ganze Zahl", "a whole number"),
        (("demo", "--speed", "fast"), "eine Zahl", "a number"),
        (("pair", "window", "opn"), "open oder close", "open or close"),
        (("pair", "add", "1" * 40, "--role", "king"), "control-box, device", "control-box, device"),
        (("records", "list", "--from", "yesterday"), "JJJJ-MM-TT oder", "YYYY-MM-DD or"),
    ],
)
def test_what_was_expected_is_told_in_the_language_of_the_reader(
    capsys: pytest.CaptureFixture[str], words: tuple[str, ...], german: str, english: str
) -> None:
    for lang, expected in (("de", german), ("en", english)):
        code, _, err = run(capsys, *words, "--lang", lang)
        assert code == 2
        assert f": {expected}" in err


def test_an_unknown_language_is_refused_in_the_language_of_the_surroundings(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EMS_LANG", "en")

    _, _, err = run(capsys, "version", "--lang", "fr")

    assert "Unusable value for --lang; expected: de, en." in err
