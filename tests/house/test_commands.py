"""Every command of ``ems`` explains itself, and everything it says exists in German and English."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer

from ems.cli import texts
from ems.cli.main import build
from ems.config.catalogue import ENTRIES
from tests.house.sources import ROOT, tree_of

CLI = ROOT / "ems" / "cli"
NOUNS = {  # ux.md 4 as far as this release goes
    "run",
    "demo",
    "status",
    "identity",
    "pair",
    "limit",
    "pmin",
    "steuve",
    "contact",
    "records",
    "config",
    "sim",
    "doctor",
    "version",
}


def leaves(command: Any, words: tuple[str, ...] = ()) -> Iterator[tuple[str, Any]]:
    if hasattr(command, "commands"):
        for name, child in command.commands.items():
            yield from leaves(child, (*words, name))
    else:
        yield " ".join(words), command


COMMANDS = dict(leaves(typer.main.get_command(build([]))))


def test_all_nouns_are_there() -> None:
    assert {name.partition(" ")[0] for name in COMMANDS} >= NOUNS


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_the_command_has_help_with_an_example(name: str) -> None:
    command = COMMANDS[name]

    assert len(command.help or "") > 10
    assert f"ems {name}" in (command.epilog or "")


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_the_command_answers_in_json_and_in_two_languages(name: str) -> None:
    options = {text for option in COMMANDS[name].params for text in option.opts}

    assert options >= {"--json", "--lang"}


def literals_given_to(function: str) -> set[str]:
    """First literal arguments of calls of ``function`` anywhere in the command line."""
    return {
        node.args[0].value
        for path in CLI.glob("*.py")
        for node in ast.walk(tree_of(Path(path)))
        if isinstance(node, ast.Call)
        and ast.unparse(node.func).rpartition(".")[2] == function
        and node.args
        and isinstance(node.args[0], ast.Constant)
        and isinstance(node.args[0].value, str)
    }


def test_every_error_that_is_raised_has_its_text() -> None:
    raised = literals_given_to("CliError")

    assert raised
    assert raised <= set(texts.ERRORS) | set(ENTRIES)


@pytest.mark.parametrize("code", sorted(texts.ERRORS))
def test_every_error_differs_between_german_and_english(code: str) -> None:
    message, cure = texts.ERRORS[code]

    assert len(message) == len(cure) == 2
    assert message[0] != message[1]
    assert cure[0] != cure[1]


def test_every_word_that_is_said_exists_in_both_languages() -> None:
    said = literals_given_to("word")

    assert said
    assert [key for key in sorted(said) if not texts.word(key, 0) or not texts.word(key, 1)] == []
