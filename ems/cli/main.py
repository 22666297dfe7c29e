"""The program ``ems``: nouns first, then the verb.

Only the module of the noun that was asked for is imported, so that ``ems run`` starts fast and the
idle service carries no code it does not need.
"""

from __future__ import annotations

import importlib
import sys
from typing import Final

import typer

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
    arguments = sys.argv[1:] if argv is None else argv
    build(arguments)(args=arguments, prog_name="ems")


def _root() -> None:
    """Energy management for §14a EnWG."""


if __name__ == "__main__":
    main()
