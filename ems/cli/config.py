"""``ems config``: check the file, show what it may say."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any, TypeAlias

import typer

from ems.cli import texts
from ems.cli.common import Cli, command, group
from ems.cli.errors import CliError, ExitCode
from ems.cli.screen import alarm_why
from ems.cli.units import today

if TYPE_CHECKING:
    from ems.cli.client import Client
    from ems.config.problem import Language

Json: TypeAlias = Any
BACK_S = 15.0
RELOAD_S = 1.0  # the service reads the file, or is back with the new one


def register(app: typer.Typer) -> None:
    """Add ``config``."""
    config = group(app, "config", about="The configuration ems.toml.", example="ems config check")

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
        client = cli.client()
        data = client.call("config.reload")
        time.sleep(RELOAD_S)
        _raise_if_faulty(cli, client)
        cli.say(data, texts.word("ok", cli.lang))


def _raise_if_faulty(cli: Cli, client: Client) -> None:
    """Tell what the service found in the file it was asked to read."""
    for alarm in _status_when_back(client)["alarms"]:
        if alarm["code"] == "E-CFG-001":
            title, why = texts.alarm("E-CFG-001", cli.lang), alarm_why(alarm, cli.lang)
            action = texts.alarm_action("E-CFG-001", cli.lang)
            raise CliError("E-CFG-001", ExitCode.CONFIG, message=f"{title}: {why}", hint=action)


def _status_when_back(client: Client) -> Json:
    """A new configuration means a new life of the service: its socket is away for a moment."""
    ends_at = time.perf_counter() + BACK_S
    while True:
        try:
            return client.call("status")
        except CliError as error:
            if error.exit_code != ExitCode.UNREACHABLE or time.perf_counter() > ends_at:
                raise
        time.sleep(0.2)


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
