"""``ems doctor``: look at the machine with the eyes of the installer; changes nothing."""

from __future__ import annotations

import importlib.util
import os
import shutil
import socket
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import typer

from ems.cli import texts
from ems.cli.common import Cli, command, emit, group
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
    doctor = group(
        app, "doctor", about="Check network and GPIO of this machine.", example="ems doctor network"
    )

    @command(doctor, "network", example="ems doctor network")
    def network(cli: Cli) -> None:
        """Addresses, SHIP port, mDNS, every configured device, disk."""
        _tell(cli, _network(cli))

    @command(doctor, "gpio", example="ems doctor gpio")
    def gpio(cli: Cli) -> None:
        """Chips, rights and libraries for contact and relays."""
        _tell(cli, _gpio())


def _tell(cli: Cli, findings: list[Finding]) -> None:
    lines: list[str] = []
    for one in findings:
        mark = "✓" if one.ok else ("✗" if one.matters else "–")
        lines.append(f"{mark} {cli.word(one.what)}{one.about}: {_found(cli, one)}")
        if not one.ok and one.matters:
            lines.append(f"  → {cli.word(f'cure_{one.what}')}")
    data: Json = {
        "findings": [
            {
                "what": f"{texts.word(one.what, texts.EN)}{one.about}",
                "found": texts.WORDS[one.found][texts.EN] if one.is_word else one.found,
                "ok": one.ok or not one.matters,
            }
            for one in findings
        ]
    }
    if all(one.ok or not one.matters for one in findings):
        cli.say(data, lambda console: print_lines(console, lines))
        return
    if cli.as_json:
        emit({"ok": False, "data": data, "warnings": []})
    else:
        cli.say(data, lambda console: print_lines(console, lines))
    raise typer.Exit(ExitCode.NEGATIVE)


def _found(cli: Cli, one: Finding) -> str:
    return cli.word(one.found) if one.is_word else str(texts.system(one.found, cli.lang))


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing looked at.

    Attributes:
        what: key of its name in the texts; ``cure_…`` is what to do.
        found: what was seen; a key of the texts when ``is_word``.
        about: which one, for example a device with its address.
        matters: whether the machine is unfit without it.
    """

    what: str
    found: str
    ok: bool
    about: str = ""
    is_word: bool = False
    matters: bool = True


def _word(what: str, found: str, *, ok: bool, about: str = "", matters: bool = True) -> Finding:
    return Finding(what, found, ok, about, is_word=True, matters=matters)


def _network(cli: Cli) -> list[Finding]:
    from ems.config.load import load_site
    from ems.config.paths import state_dir

    addresses = _addresses()
    found = [Finding("addresses", ", ".join(addresses) or "–", bool(addresses))]
    path = cli.config_path()
    loaded = load_site(path)
    found += [_port(loaded, _is_running(cli)), _mdns()]
    found += [
        _device(device.id, device.host, device.port or _port_of(device.device))
        for device in (*loaded.site.meter, *loaded.site.steuve)
        if device.host is not None
    ]
    folder = state_dir(loaded.site, path)
    place = next(one for one in (folder, *folder.parents) if one.exists())
    free = shutil.disk_usage(place).free
    found.append(Finding("disk", f"{free // 1_000_000} MB", free > LEAST_FREE_BYTES, f" {place}"))
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


def _port(loaded: LoadedSite, is_running: bool) -> Finding:
    port = loaded.site.eebus.port
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("", port))
        except OSError as error:
            if is_running:
                return _word("ship_port", "our_service", ok=True, about=f" {port}")
            return Finding("ship_port", _why(error), ok=False, about=f" {port}")
    return _word("ship_port", "port_free", ok=True, about=f" {port}")


def _mdns() -> Finding:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
            probe.bind(("", MDNS_PORT))
        except OSError as error:
            return Finding("mdns_port", _why(error), ok=False)
    return _word("mdns_port", "shareable", ok=True)


def _device(name: str, host: str, port: int) -> Finding:
    about = f" {name} {host}:{port}"
    try:
        socket.create_connection((host, port), CONNECT_S).close()
    except OSError as error:
        return Finding("device", _why(error), ok=False, about=about)
    return _word("device", "answers", ok=True, about=about)


def _port_of(device_map: str) -> int:
    """The port the driver would use."""
    from drivers.modbus.mapfile import load_map

    return load_map(device_map).transport.port


def _why(error: OSError) -> str:
    return error.strerror or str(error)


def _gpio() -> list[Finding]:
    chips = sorted(Path("/dev").glob("gpiochip*"))
    found = [Finding("gpio_chips", ", ".join(map(str, chips)) or "–", bool(chips))]
    for chip in chips:
        allowed = os.access(chip, os.R_OK | os.W_OK)
        found.append(_word("gpio_right", "yes" if allowed else "no", ok=allowed, about=f" {chip}"))
    there = {
        name: importlib.util.find_spec(name) is not None for name in ("gpiozero", "lgpio", "gpiod")
    }
    needed = {"gpiozero": True, "lgpio": not there["gpiod"], "gpiod": not there["lgpio"]}
    found += [
        _word(
            "library",
            "there" if is_there else "missing_library",
            ok=is_there,
            about=f" {name}",
            matters=needed[name],
        )
        for name, is_there in there.items()
    ]
    return found
