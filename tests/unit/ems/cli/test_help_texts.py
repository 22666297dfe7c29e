"""Help speaks both languages, and no sentence is forgotten."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import typer

from ems.cli.help_texts import GERMAN
from ems.cli.main import build, main


def sentences(command: Any) -> Iterator[str]:
    """Everything that help would show of ``command`` and what is below it, in English."""
    if command.help:
        yield " ".join(command.help.split())
    for parameter in command.params:
        if getattr(parameter, "help", None):
            yield " ".join(parameter.help.split())
    for inner in getattr(command, "commands", {}).values():
        yield from sentences(inner)


def test_every_sentence_of_the_help_has_a_german_twin_and_no_twin_is_left_over() -> None:
    told = set(sentences(typer.main.get_command(build([]))))

    assert len(told) > 80
    assert told - set(GERMAN) == set()
    assert set(GERMAN) - told <= {"Show this message and exit."}


def test_twins_are_german() -> None:
    assert [english for english, german in GERMAN.items() if english == german] == []


def shown(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    with pytest.raises(SystemExit):
        main(list(words))
    told = capsys.readouterr()
    return told.out + told.err


@pytest.mark.parametrize(
    "words", [("limit", "test", "-h"), ("--lang", "de", "limit", "test", "-h")]
)
def test_help_is_in_the_language_of_the_reader(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...]
) -> None:
    monkeypatch.setenv("EMS_LANG", "en" if "--lang" in words else "de")

    german = shown(capsys, *words)
    english = shown(capsys, "limit", "test", "--help", "--lang", "en")

    for told in ("Aufruf: ems limit test", "Argumente:", "Optionen:", "Beispiel: ems limit test"):
        assert told in german
    assert "Ein internes Testlimit setzen" in german
    assert "Usage: ems limit test" in english
    assert "Example: ems limit test 4.2kW --for 5m" in english


@pytest.mark.parametrize("words", [(), ("pair",)])
def test_without_a_command_help_comes_in_the_language_of_the_reader(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...]
) -> None:
    monkeypatch.setenv("EMS_LANG", "de")

    assert "Befehle:" in shown(capsys, *words)
