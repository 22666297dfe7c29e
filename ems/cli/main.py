"""The program ``ems``: nouns first, then the verb.

Only the module of the noun that was asked for is imported, so that ``ems run`` starts fast and the
idle service carries no code it does not need.
"""

from __future__ import annotations

import contextlib
import importlib
import os
import sys
from typing import Final

import typer

from ems.cli import terminal, texts, usage
from ems.cli.errors import ExitCode, OutputClosedError

# noun -> (module, help); every module has ``register(app)``
NOUNS: Final[dict[str, str]] = {
    "run": "run",
    "demo": "demo",
    "status": "status",
    "timeline": "status",
    "identity": "identity",
    "pair": "pair",
    "limit": "limit",
    "pmin": "pmin",
    "steuve": "steuve",
    "contact": "contact",
    "records": "records",
    "config": "config",
    "sim": "sim",
    "doctor": "doctor",
    "version": "version",
}


def build(argv: list[str]) -> typer.Typer:
    """The command tree, or the branch of it that ``argv`` asks for."""
    app = typer.Typer(
        name="ems",
        help="Energy management for §14a EnWG: obeys the control box, distributes what is left, "
        "keeps the proof.",
        epilog="Example: ems demo",
        no_args_is_help=True,
        pretty_exceptions_enable=False,
        rich_markup_mode=None,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    app.callback()(_root)
    noun = next((word for word in argv if not word.startswith("-")), "")
    modules = [NOUNS[noun]] if noun in NOUNS else list(dict.fromkeys(NOUNS.values()))
    for module in modules:
        importlib.import_module(f"ems.cli.{module}").register(app)
    return app


def main(argv: list[str] | None = None) -> None:
    """Entry point of the console script; leaves with the exit code of the command."""
    terminal.prepare()
    arguments = usage.hoisted(sys.argv[1:] if argv is None else argv)
    if arguments[:1] == ["--version"]:
        arguments[0] = "version"
    try:
        code = _run(arguments)
        sys.stdout.flush()
    except (
        BrokenPipeError,
        OutputClosedError,
    ):  # the reader has seen enough: `ems status | head -1`
        _leave_pipe()
        code = ExitCode.DONE
    sys.exit(code)


def _run(arguments: list[str]) -> int:
    command = typer.main.get_command(build(arguments))
    if _asks_for_german_help(arguments):
        from ems.cli.help_texts import speak_german

        speak_german(command)
    try:
        told = command(args=arguments, prog_name="ems", standalone_mode=False)
    except (typer.Abort, KeyboardInterrupt):
        return ExitCode.INTERRUPTED
    except Exception as error:
        if not usage.is_usage_problem(error):
            raise
        return _wrong_usage(error, arguments)
    return told if isinstance(told, int) else ExitCode.DONE


def _asks_for_german_help(arguments: list[str]) -> bool:
    """Help is asked for, or comes because the command was left out."""
    is_help = {"-h", "--help"}.intersection(arguments) or all(
        word.startswith("-") for word in arguments[1:]
    )
    return bool(is_help) and usage.language_of(arguments) == texts.DE


def _wrong_usage(error: usage.UsageProblem, arguments: list[str]) -> int:
    from ems.cli.common import tell_error

    as_json = usage.wants_json(arguments)
    if usage.asked_for_help(error) and not as_json:
        print(error.format_message(), file=sys.stderr)
        return ExitCode.USAGE
    lang = usage.language_of(arguments)
    tell_error(usage.explained(error, lang), lang, as_json=as_json)
    return ExitCode.USAGE


def _leave_pipe() -> None:
    """Let nothing be written into the closed pipe when the interpreter ends."""
    with contextlib.suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _root() -> None:
    """Energy management for §14a EnWG."""


if __name__ == "__main__":
    main()
