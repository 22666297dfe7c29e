"""Wrong usage in the words of this program: code, cause, cure, and JSON where JSON was asked for.

Typer's own messages are English and plain text; a script that said ``--json`` could not read them.
"""

from __future__ import annotations

import os
import re
from typing import Final, Protocol, TypeGuard

from ems.cli import terminal, texts
from ems.cli.errors import CliError, ExitCode

FLAGS: Final = frozenset({"--json", "--quiet", "-q"})
VALUED: Final = frozenset({"--lang", "--socket", "--config", "-c"})
_QUOTED: Final = re.compile(r"'([^']*)'")
_SURPLUS: Final = re.compile(r"unexpected extra arguments?\S* \((.*)\)")
_REASONS: Final = tuple(
    (re.compile(pattern), sentences)
    for pattern, sentences in (
        (r"greater than or equal to ([\d.]+)", ("mindestens {}", "at least {}")),
        (r"less than or equal to ([\d.]+)", ("höchstens {}", "at most {}")),
        (r"([\d.]+)<=x<=([\d.]+)", ("von {} bis {}", "from {} to {}")),
        (r"valid integer", ("eine ganze Zahl", "a whole number")),
        (r"valid number|valid float", ("eine Zahl", "a number")),
        (
            r"does not match the formats",
            ("JJJJ-MM-TT oder JJJJ-MM-TTThh:mm:ss", "YYYY-MM-DD or YYYY-MM-DDThh:mm:ss"),
        ),
        (r"^(\S+) or (\S+)$", ("{} oder {}", "{} or {}")),
    )
)


class UsageProblem(Protocol):
    """What Typer raises when a command line cannot be understood."""

    exit_code: int

    def format_message(self) -> str:
        """The problem in one English sentence."""
        ...


def is_usage_problem(error: BaseException) -> TypeGuard[UsageProblem]:
    """Whether ``error`` comes from Typer; its classes moved between versions."""
    return hasattr(error, "format_message") and hasattr(error, "exit_code")


def asked_for_help(error: UsageProblem) -> bool:
    """Whether only the command was left out; then the message is the help text."""
    return type(error).__name__ == "NoArgsIsHelpError"


def explained(error: UsageProblem, lang: int) -> CliError:
    """The problem as an error of the catalogue; ``lang``: of the suggestion in its cure."""
    text = " ".join(error.format_message().split())
    help_ = f"{_command_of(error)} --help"
    quoted = _QUOTED.findall(text)
    name, guess = (quoted[0] if quoted else ""), _guess_of(error, quoted)
    if text.startswith("No such command"):
        code = "E-USE-007"
    elif text.startswith("No such option"):
        code, name = "E-USE-006", str(getattr(error, "option_name", name))
        if name in FLAGS | VALUED:  # every command knows it: the command is what is missing
            return CliError("E-USE-008", ExitCode.USAGE, name="COMMAND", help=help_)
    elif text.startswith("Missing"):
        code = "E-USE-008"
    elif text.startswith("Invalid value"):
        return _invalid(text, help_, lang)
    elif match := _SURPLUS.search(text):
        return CliError("E-USE-014", ExitCode.USAGE, name=match[1], help=help_)
    else:
        return CliError("E-USE-010", ExitCode.USAGE, why=text, help=help_)
    suggestion = texts.word("did_you_mean", lang).format(guess=guess) if guess else ""
    return CliError(code, ExitCode.USAGE, name=name or text, suggestion=suggestion, help=help_)


def hoisted(argv: list[str]) -> list[str]:
    """Common options said before the command go behind it: ``ems --json status`` is understood."""
    front: list[str] = []
    words: list[str] = []
    rest = list(argv)
    while rest and len(words) < 2:  # noqa: PLR2004  # noun and verb
        name = rest[0].partition("=")[0]
        if name in FLAGS or (name in VALUED and "=" in rest[0]):
            front.append(rest.pop(0))
        elif name in VALUED and len(rest) > 1:
            front += [rest.pop(0), rest.pop(0)]
        elif rest[0].startswith("-"):
            break
        else:
            words.append(rest.pop(0))
    if "--" in rest:
        at = rest.index("--")
        return [*words, *rest[:at], *front, *rest[at:]]
    return [*words, *rest, *front] if words else argv


def wants_json(argv: list[str]) -> bool:
    """Whether ``--json`` stands in a command line that could not be understood."""
    return "--json" in argv


def language_of(argv: list[str]) -> int:
    """Language for a command line that could not be understood."""
    told = ""
    for word, following in zip(argv, [*argv[1:], ""], strict=False):
        if word == "--lang":
            told = following
        elif word.startswith("--lang="):
            told = word.partition("=")[2]
    return terminal.language(told if told in texts.LANGUAGES else "", os.environ)


def _invalid(text: str, help_: str, lang: int) -> CliError:
    what, _, why = text.removeprefix("Invalid value").removeprefix(" for ").partition(": ")
    name = what.replace("'", "").strip(" :")
    return CliError(
        "E-USE-009", ExitCode.USAGE, name=name, why=_told(why or text, lang), help=help_
    )


def _told(why: str, lang: int) -> str:
    """What Typer says about a value, in the chosen language; unknown words stay as they are."""
    for pattern, sentences in _REASONS:
        if match := pattern.search(why):
            return sentences[lang].format(*match.groups())
    return why


def _guess_of(error: UsageProblem, quoted: list[str]) -> str:
    possible = getattr(error, "possibilities", None)
    if possible:
        return str(sorted(possible)[0])
    return quoted[1] if len(quoted) > 1 else ""


def _command_of(error: UsageProblem) -> str:
    context = getattr(error, "ctx", None)
    return "ems" if context is None else str(context.command_path)
