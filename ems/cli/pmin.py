"""``ems pmin``: the minimum power owed, with every term; needs no service."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Any, TypeAlias

import typer

from ems.cli.common import Cli, command
from ems.cli.errors import CliError, ExitCode
from ems.cli.status import print_lines
from ems.cli.units import decimal, power_w, today, watts

if TYPE_CHECKING:
    from datetime import date

    from ems.control.gzf import Pmin, SteuVe

Json: TypeAlias = Any
Powers = list[str]
MAX_RATED_W = 1_000_000
MIN_POWER_W = 4_200  # what one SteuVE is owed (R-14A-10)


def register(app: typer.Typer) -> None:
    """Add ``pmin``."""

    @command(app, "pmin", example="ems pmin --wallbox 11kW --wallbox 11kW --heatpump 6kW")
    def pmin(
        cli: Cli,
        *,
        wallbox: Annotated[Powers | None, typer.Option("--wallbox", metavar="W")] = None,
        heatpump: Annotated[Powers | None, typer.Option("--heatpump", metavar="W")] = None,
        cooling: Annotated[Powers | None, typer.Option("--cooling", metavar="W")] = None,
        battery: Annotated[Powers | None, typer.Option("--battery", metavar="W")] = None,
        direct: Annotated[
            bool, typer.Option("--direct", help="Each SteuVE controlled on its own.")
        ] = False,
    ) -> None:
        """Print P_min,14a with formula and terms, for devices given or for the configuration."""
        from ems.control import gzf

        given = {
            "wallbox": wallbox,
            "heatpump": heatpump,
            "cooling": cooling,
            "battery": battery,
        }
        devices, day = _devices(cli, given, direct=direct)
        if direct:
            owed = gzf.pmin_direct(devices, date=day)
            data: Json = {
                "control": "direct",
                "pmin_direct_w": {"+".join(members): value for members, value in owed.items()},
            }
            lines = [f"{'+'.join(ids)}: {watts(value, cli.lang)}" for ids, value in owed.items()]
            cli.say(data, lambda console: print_lines(console, lines))
            return
        result = gzf.pmin(devices, date=day)
        cli.say(_json(result), lambda console: print_lines(console, _lines(cli, devices, result)))


def _devices(
    cli: Cli, given: dict[str, Powers | None], *, direct: bool
) -> tuple[list[SteuVe], date]:
    from drivers.api import LoadKind
    from ems.control.gzf import ControlMode, SteuVe

    day = today()
    mode = ControlMode.DIRECT if direct else ControlMode.EMS
    devices = [
        SteuVe(id=f"{kind}-{number}", kind=LoadKind(kind), rated_w=_rated_w(text), control=mode)
        for kind, powers in given.items()
        for number, text in enumerate(powers or [], start=1)
    ]
    if devices:
        return devices, day
    from ems.config.load import load_site
    from ems.config.translate import steuves_of

    configured = steuves_of(load_site(cli.config_path()).site)
    return [replace(one, control=mode) if direct else one for one in configured], day


def _rated_w(text: str) -> int:
    """A connection power as ems.toml allows it."""
    value_w = power_w(text)
    if not 1 <= value_w <= MAX_RATED_W:
        raise CliError(
            "E-USE-012", ExitCode.USAGE, value=text, least="1 W", most=f"{MAX_RATED_W} W"
        )
    return value_w


def _json(result: Pmin) -> Json:
    return {
        "control": "ems",
        "pmin_14a_w": result.pmin_14a_w,
        "n_steuve": result.n,
        "gzf": result.gzf,
        "base_w": result.base_w,
        "rest_w": result.rest_w,
        "scaled": result.scaled,
        "rules_version": result.rules_version,
        "groups": [
            {"kind": group.kind.value, "rated_w": group.rated_w, "members": list(group.members)}
            for group in result.groups
        ],
    }


def _lines(cli: Cli, devices: list[SteuVe], result: Pmin) -> list[str]:
    counted = {member for group in result.groups for member in group.members}
    lines = [
        f"  {'+'.join(group.members)}: {cli.word(group.kind.value)}, "
        f"{watts(group.rated_w, cli.lang)}"
        for group in result.groups
    ]
    lines += [
        f"  {device.id}: {watts(device.rated_w, cli.lang)} – {cli.word('does_not_count')}"
        for device in devices
        if device.id not in counted
    ]
    if result.pmin_14a_w is None:
        return [*lines, f"P_min,14a: {cli.word('undefined')}"]
    lang, least = cli.lang, watts(MIN_POWER_W, cli.lang)
    factor = decimal("0.4", lang)
    heat, cooling = cli.word("sum_heat"), cli.word("sum_cooling")
    formula = f"max({factor} · {heat}, {factor} · {cooling})" if result.scaled else least
    terms = ""
    if result.n > 1:
        formula += f" + (n − 1) · GZF · {least}"
        gzf = decimal(result.gzf, lang)
        terms = f"{watts(result.base_w, lang)} + {result.n - 1} · {gzf} · {least} = "
    return [
        *lines,
        f"{cli.word('formula')}: {formula}",
        f"P_min,14a = {terms}{watts(result.pmin_14a_w, lang)}  (n = {result.n})",
    ]
