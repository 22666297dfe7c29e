"""``ems config``: check the file, show what it may say."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, TypeAlias

import typer

from ems.cli import texts
from ems.cli.common import Cli, command
from ems.cli.units import today

if TYPE_CHECKING:
    from ems.config.problem import Language

Json: TypeAlias = Any


def register(app: typer.Typer) -> None:
    """Add ``config``."""
    config = typer.Typer(help="The configuration ems.toml.", no_args_is_help=True)
    app.add_typer(config, name="config")

    @command(config, "check", example="ems config check --config ems.toml")
    def check(cli: Cli) -> None:
        """Check the configuration; exit code 3 names line, cause and cure."""
        check_config(cli)

    @command(config, "schema", example="ems config schema")
    def schema(cli: Cli) -> None:
        """The JSON schema of ems.toml."""
        from ems.config.reference import json_schema

        data = json_schema()
        cli.say(data, json.dumps(data, indent=2, ensure_ascii=False))

    @command(config, "reference", example="ems config reference > configuration.md")
    def reference(cli: Cli) -> None:
        """Every key of ems.toml and every known device, as Markdown."""
        from ems.config.reference import configuration_page

        page = configuration_page()
        cli.say({"markdown": page}, page.rstrip("\n"))

    @command(config, "reload", example="ems config reload")
    def reload(cli: Cli) -> None:
        """Have the service read the file again; a faulty one changes nothing."""
        data = cli.client().call("config.reload")
        cli.say(data, texts.word("ok", cli.lang))


def check_config(cli: Cli) -> None:
    """Load the configuration; say what is wrong in the chosen language.

    Raises:
        ConfigError: with every problem found.
    """
    from ems.config.devices import check_safety
    from ems.config.load import load_site

    language: Language = "en" if cli.lang == texts.EN else "de"
    loaded = load_site(cli.config_path())
    data: Json = {
        "path": str(cli.config_path()),
        "hash": loaded.config_hash,
        "steuve": len(loaded.site.steuve),
        "meters": len(loaded.site.meter),
    }
    found = (*loaded.warnings, *check_safety(loaded.site, today()))
    warnings = [warning.text(language) for warning in found]
    cli.say(data, texts.word("config_ok", cli.lang), warnings=warnings)
