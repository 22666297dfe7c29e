"""What all commands share: common options, one JSON document, exit codes, errors with a cure."""

from __future__ import annotations

import inspect
import json
import os
import sys
import typing
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TextIO, TypeAlias

import typer
from typing_extensions import override

from ems.cli import terminal, texts
from ems.cli.client import TIMEOUT_S, Client, candidates
from ems.cli.errors import CliError, ExitCode, OutputClosedError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from rich.console import Console

    from ems.config.errors import ConfigError
    from ems.config.problem import Language

Json: TypeAlias = Any

JsonOption = Annotated[
    bool,
    typer.Option("--json", help="One JSON document on standard output.", rich_help_panel="Common"),
]
QuietOption = Annotated[
    bool, typer.Option("--quiet", "-q", help="Only errors.", rich_help_panel="Common")
]
LangOption = Annotated[
    str,
    typer.Option(
        "--lang", help="de or en; else $EMS_LANG or the locale.", rich_help_panel="Common"
    ),
]
SocketOption = Annotated[
    Path | None,
    typer.Option(
        "--socket",
        help="Socket of the running service.",
        readable=False,  # no right to it is exit code 7, with its cure
        rich_help_panel="Common",
    ),
]
ConfigOption = Annotated[
    Path | None,
    typer.Option(
        "--config",
        "-c",
        help="ems.toml of the plant.",
        envvar="EMS_CONFIG",
        readable=False,
        rich_help_panel="Common",
    ),
]

DEFAULT_CONFIG = Path("/etc/ems/ems.toml")


@dataclass(frozen=True, slots=True, kw_only=True)
class Cli:
    """The common options of one invocation and the ways to answer."""

    as_json: bool
    quiet: bool
    lang: int
    socket: Path | None
    config: Path | None

    def client(self, *, timeout_s: float = TIMEOUT_S) -> Client:
        """The running service."""
        return Client(candidates(self.socket, self._state_dirs()), timeout_s=timeout_s)

    def config_path(self) -> Path:
        """``--config``, ``$EMS_CONFIG`` or the place of an installed service."""
        return self.config or DEFAULT_CONFIG

    def console(self, *, soft_wrap: bool = True) -> Console:
        """Rich for people; plain when it is not a terminal; ``soft_wrap``: let lines be long."""
        from rich.console import Console as RichConsole

        class Screen(RichConsole):
            @override
            def on_broken_pipe(self) -> typing.NoReturn:
                raise OutputClosedError

        return Screen(highlight=False, soft_wrap=soft_wrap)

    def say(
        self, data: Json, render: Callable[[Console], None] | str, *, warnings: Iterable[str] = ()
    ) -> None:
        """Answer: ``data`` as the one JSON document, or ``render`` for people."""
        if self.as_json:
            emit({"ok": True, "data": data, "warnings": list(warnings)})
            return
        if self.quiet:
            return
        console = self.console()
        if isinstance(render, str):
            console.print(render, markup=False)
        else:
            render(console)
        for warning in warnings:
            print(warning, file=sys.stderr)

    def word(self, key: str) -> str:
        """A word in the chosen language."""
        return texts.word(key, self.lang)

    def confirm(self, question: str, *, yes: bool) -> None:
        """Ask on a terminal; elsewhere demand ``--yes``."""
        if yes:
            return
        if not sys.stdin.isatty():
            raise CliError("E-USE-003", ExitCode.USAGE)
        if not typer.confirm(question, err=True):
            raise CliError("E-USE-003", ExitCode.USAGE)

    def _state_dirs(self) -> list[Path]:
        """State folder by the configuration; a broken one must not hide the running service."""
        path = self.config_path()
        from ems.config.errors import ConfigError
        from ems.config.load import load_site
        from ems.config.paths import state_dir
        from ems.config.takeover import places_of_good_copies

        try:
            return [state_dir(load_site(path).site, path)]
        except ConfigError:
            return [] if self.config is None else places_of_good_copies(path)


def emit(document: Json) -> None:
    """Write one JSON document as one line."""
    _write_json(document, sys.stdout)
    sys.stdout.flush()


def _write_json(document: Json, stream: TextIO) -> None:
    """Where a terminal cannot show a letter, JSON escapes it: the data stay what they are."""
    stream.write(json.dumps(document, ensure_ascii=terminal.is_ascii(stream)) + "\n")


def command(
    app: typer.Typer, name: str, *, example: str
) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Register ``work(cli, …)`` as command ``name`` with the common options and error handling."""

    def register(work: Callable[..., None]) -> Callable[..., None]:
        hints = typing.get_type_hints(work, include_extras=True)
        own = [
            parameter.replace(annotation=hints[parameter.name])
            for parameter in list(inspect.signature(work).parameters.values())[1:]
        ]

        def run(**values: Any) -> None:  # noqa: ANN401  # whatever the command declares
            cli = Cli(
                as_json=values.pop("common_json"),
                quiet=values.pop("common_quiet"),
                lang=_language(values.pop("common_lang")),
                socket=values.pop("common_socket"),
                config=values.pop("common_config"),
            )
            guarded(cli, lambda: work(cli, **values))

        parameters = [_keyword(parameter) for parameter in own] + _common_parameters()
        run.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]  # Typer reads it
        run.__annotations__ = {p.name: p.annotation for p in parameters}
        run.__doc__ = work.__doc__
        run.__name__ = work.__name__
        app.command(name, epilog=f"Example: {example}")(run)
        return work

    return register


def group(app: typer.Typer, name: str, *, about: str, example: str) -> typer.Typer:
    """Add the noun ``name``, whose help also shows an example."""
    added = typer.Typer(help=about, epilog=f"Example: {example}", no_args_is_help=True)
    app.add_typer(added, name=name)
    return added


def guarded(cli: Cli, work: Callable[[], None]) -> None:
    """Run ``work``; turn every failure into a message with code, cause, cure and exit code."""
    try:
        work()
    except CliError as error:
        fail(cli, error)
    except KeyboardInterrupt:
        raise typer.Exit(ExitCode.INTERRUPTED) from None
    except BrokenPipeError:
        raise OutputClosedError from None
    except (OutputClosedError, typer.Exit, typer.Abort, typer.BadParameter):
        raise
    except Exception as error:  # the last door: a bug becomes exit 70, not a trace
        failure = _known_failure(error, cli.lang)
        if failure is None and os.environ.get("EMS_DEBUG"):
            raise
        why = f"{type(error).__name__}: {error}"
        fail(cli, failure or CliError("E-INT-001", ExitCode.INTERNAL, why=why))


def _known_failure(error: Exception, lang: int) -> CliError | None:
    """Failures that the user can mend, in the form of the command line; ``None``: a bug."""
    from ems.config.errors import ConfigError

    if isinstance(error, ConfigError):
        return config_failure(error, lang)
    if isinstance(error, OSError) and error.filename is not None:
        why = error.strerror or type(error).__name__
        return CliError("E-USE-011", ExitCode.USAGE, path=error.filename, why=why)
    return None


def config_failure(error: ConfigError, lang: int) -> CliError:
    """A broken configuration: the first problem, all others as details."""
    language: Language = "en" if lang == texts.EN else "de"
    first = error.problems[0]
    where = "" if first.line is None else f"{texts.word('line', lang)} {first.line}: "
    return CliError(
        first.code,
        ExitCode.CONFIG,
        message=where + first.message(language),
        hint=first.hint(language),
        details=tuple(problem.text(language) for problem in error.problems[1:]),
    )


def fail(cli: Cli, error: CliError) -> typing.NoReturn:
    """Tell the error on standard error and leave with its exit code."""
    tell_error(error, cli.lang, as_json=cli.as_json)
    raise typer.Exit(error.exit_code)


def tell_error(error: CliError, lang: int, *, as_json: bool) -> None:
    """Code, cause and cure on standard error; with ``as_json`` as one document."""
    message, hint = texts.error(
        error.code, lang, error.params, (error.message or error.code, error.hint)
    )
    if as_json:
        failure: Json = {"code": error.code, "message": message, "hint": hint}
        if error.details:
            failure["details"] = list(error.details)
        _write_json({"ok": False, "error": failure}, sys.stderr)
        return
    print(f"{error.code}: {message}", file=sys.stderr)
    if hint:
        print(f"  → {hint}", file=sys.stderr)
    for detail in error.details:
        print(detail, file=sys.stderr)


def _language(told: str) -> int:
    if told and told not in texts.LANGUAGES:
        raise typer.BadParameter("de, en", param_hint="'--lang'")
    return terminal.language(told, os.environ)


def _keyword(parameter: inspect.Parameter) -> inspect.Parameter:
    return parameter.replace(kind=inspect.Parameter.KEYWORD_ONLY)


def _common_parameters() -> list[inspect.Parameter]:
    kinds: list[tuple[str, Any, Any]] = [
        ("common_json", JsonOption, False),
        ("common_quiet", QuietOption, False),
        ("common_lang", LangOption, ""),
        ("common_socket", SocketOption, None),
        ("common_config", ConfigOption, None),
    ]
    return [
        inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=kind)
        for name, kind, default in kinds
    ]
