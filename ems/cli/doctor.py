"""``ems doctor``: look at the machine with the eyes of the installer; changes nothing."""

from __future__ import annotations

import importlib.util
import os
import shutil
import socket
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import typer

from ems.cli.common import Cli, command
from ems.cli.errors import CliError, ExitCode
from ems.cli.status import print_lines

if TYPE_CHECKING:
    from ems.config.load import LoadedSite

Json: TypeAlias = Any
CONNECT_S = 2.0
MDNS_PORT = 5353
LEAST_FREE_BYTES = 200_000_000


def register(app: typer.Typer) -> None:
    """Add ``doctor``."""
    doctor = typer.Typer(help="Check network and GPIO of this machine.", no_args_is_help=True)
    app.add_typer(doctor, name="doctor")

    @command(doctor, "network", example="ems doctor network")
    def network(cli: Cli) -> None:
        """Addresses, SHIP port, mDNS, every configured device, disk."""
        _tell(cli, _network(cli))

    @command(doctor, "gpio", example="ems doctor gpio")
    def gpio(cli: Cli) -> None:
        """Chips, rights and libraries for contact and relays."""
        _tell(cli, _gpio())


def _tell(cli: Cli, findings: list[Json]) -> None:
    lines = [f"{'✓' if one['ok'] else '✗'} {one['what']}: {one['found']}" for one in findings]
    cli.say({"findings": findings}, lambda console: print_lines(console, lines))
    if not all(one["ok"] for one in findings):
        raise typer.Exit(ExitCode.NEGATIVE)


def _finding(what: str, found: object, *, ok: bool) -> Json:
    return {"what": what, "found": str(found), "ok": ok}


def _network(cli: Cli) -> list[Json]:
    from ems.config.load import load_site

    addresses = _addresses()
    found = [_finding("addresses", ", ".join(addresses) or "none", ok=bool(addresses))]
    path = cli.config_path()
    if not path.exists():
        raise CliError("E-CFG-002", ExitCode.CONFIG, message=f"{path} does not exist")
    loaded = load_site(path)
    found += [_port(loaded, _is_running(cli)), _mdns()]
    found += [
        _device(device.id, device.host, device.port or 502)
        for device in (*loaded.site.meter, *loaded.site.steuve)
        if device.host is not None
    ]
    free = shutil.disk_usage(path.parent).free
    found.append(_finding("disk", f"{free // 1_000_000} MB free", ok=free > LEAST_FREE_BYTES))
    return found


def _addresses() -> list[str]:
    import ifaddr

    return [
        str(ip.ip)
        for adapter in ifaddr.get_adapters()
        for ip in adapter.ips
        if ip.is_IPv4 and not str(ip.ip).startswith("127.")
    ]


def _is_running(cli: Cli) -> bool:
    try:
        cli.client(timeout_s=CONNECT_S).call("version")
    except CliError:
        return False
    return True


def _port(loaded: LoadedSite, is_running: bool) -> Json:
    port = loaded.site.eebus.port
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("", port))
        except OSError as error:
            return _finding(
                f"SHIP port {port}", "our service" if is_running else error, ok=is_running
            )
    return _finding(f"SHIP port {port}", "free", ok=True)


def _mdns() -> Json:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
            probe.bind(("", MDNS_PORT))
        except OSError as error:
            return _finding("mDNS port 5353", error, ok=False)
    return _finding("mDNS port 5353", "can be shared", ok=True)


def _device(name: str, host: str, port: int) -> Json:
    try:
        socket.create_connection((host, port), CONNECT_S).close()
    except OSError as error:
        return _finding(f"{name} {host}:{port}", error, ok=False)
    return _finding(f"{name} {host}:{port}", "answers", ok=True)


def _gpio() -> list[Json]:
    chips = sorted(Path("/dev").glob("gpiochip*"))
    found = [_finding("GPIO chips", ", ".join(map(str, chips)) or "none", ok=bool(chips))]
    for chip in chips:
        allowed = os.access(chip, os.R_OK | os.W_OK)
        found.append(
            _finding(f"right to use {chip}", "yes" if allowed else "no, group gpio?", ok=allowed)
        )
    for module, is_needed in (("gpiozero", True), ("lgpio", False), ("gpiod", False)):
        there = importlib.util.find_spec(module) is not None
        found.append(
            _finding(
                f"library {module}", "there" if there else "missing", ok=there or not is_needed
            )
        )
    return found
