"""What ends a command early: a code of the catalogue and the exit code of the conventions."""

from __future__ import annotations

from enum import IntEnum


class ExitCode(IntEnum):
    """Exit codes of every command (docs/cli.md)."""

    DONE = 0
    NEGATIVE = 1
    USAGE = 2
    CONFIG = 3
    UNREACHABLE = 4
    TIMEOUT = 5
    REFUSED = 6
    FORBIDDEN = 7
    CONFLICT = 8
    INTERNAL = 70
    INTERRUPTED = 130


class CliError(Exception):
    """A failure the user can understand; ``message``, ``hint``: where texts lack the code.

    ``details``: further lines for people, a list in JSON.
    """

    def __init__(
        self,
        code: str,
        exit_code: ExitCode,
        *,
        message: str = "",
        hint: str = "",
        details: tuple[str, ...] = (),
        **params: object,
    ) -> None:
        super().__init__(f"{code} {message}".strip())
        self.code = code
        self.exit_code = exit_code
        self.message = message
        self.hint = hint
        self.details = details
        self.params = params


class OutputClosedError(Exception):
    """Who read our output has seen enough; Typer would make it a failure."""
