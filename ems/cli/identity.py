"""``ems identity``: the key that makes us known; created once, never overwritten."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeAlias

import typer

from ems.cli.common import Cli, command, group
from ems.cli.errors import CliError, ExitCode
from ems.cli.status import print_lines
from ems.cli.units import grouped_ski

if TYPE_CHECKING:
    from eebus.node.identity_store import Identity, IdentityProfile

Json: TypeAlias = Any

PASSPHRASE_ENV = "EMS_PASSPHRASE"  # noqa: S105  # the name of a variable, not a secret
MIN_PASSPHRASE = 12

DirOption = Annotated[
    Path | None,
    typer.Option("--dir", readable=False, help="Folder of key and certificate (else by --config)."),
]


def register(app: typer.Typer) -> None:
    """Add ``identity``."""
    identity = group(
        app, "identity", about="Our key, certificate and SKI.", example="ems identity show"
    )
    _register_own(identity)
    _register_backup(identity)


def _register_own(identity: typer.Typer) -> None:
    @command(identity, "create", example="ems identity create")
    def create(cli: Cli, *, folder: DirOption = None) -> None:
        """Make key and certificate; an existing identity is never overwritten."""
        from eebus.node.clock import SystemClock
        from eebus.node.identity_store import (
            CERT_FILE,
            KEY_FILE,
            IdentityStoreError,
            open_or_create,
        )

        place, profile, was_paired = _place(cli, folder)
        if any((place / name).exists() for name in (KEY_FILE, CERT_FILE)):
            raise CliError("E-ID-002", ExitCode.CONFLICT, path=place)
        try:
            made = open_or_create(place, profile, SystemClock().utcnow(), was_paired=was_paired)
        except IdentityStoreError as error:
            raise CliError("E-ID-001", ExitCode.CONFIG, message=str(error)) from error
        data = _json(made)
        cli.say(data, lambda console: print_lines(console, _card(data)))

    @command(identity, "show", example="ems identity show")
    def show(
        cli: Cli,
        *,
        folder: DirOption = None,
        qr: Annotated[bool, typer.Option("--qr", help="Add the SHIP QR text.")] = False,
    ) -> None:
        """SKI, SHIP ID and fingerprint: what the metering point operator needs."""
        data = _shown(cli, folder)
        told = data.pop("qr")
        lines = _card(data)
        if qr:
            data["qr"] = told
            lines.append(told)
        cli.say(data, lambda console: print_lines(console, lines))


def _register_backup(identity: typer.Typer) -> None:
    @command(identity, "backup", example="ems identity backup /media/usb/ems-key.json")
    def backup(
        cli: Cli,
        *,
        file: Annotated[Path, typer.Argument(metavar="FILE", readable=False)],
        folder: DirOption = None,
    ) -> None:
        """Write an encrypted backup of the key; keep it away from the plant."""
        from eebus.node.identity_backup import lock

        own = _load(cli, folder)
        if file.exists():
            raise CliError("E-ID-005", ExitCode.CONFLICT, path=file)
        content = lock(own, _passphrase(again=True))
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as out:
            out.write(content)
            out.flush()
            os.fsync(out.fileno())
        cli.say({"file": str(file), "ski": own.ski}, f"{file}: {grouped_ski(own.ski)}")

    @command(identity, "restore", example="ems identity restore /media/usb/ems-key.json")
    def restore(
        cli: Cli,
        *,
        file: Annotated[Path, typer.Argument(metavar="FILE", readable=False)],
        folder: DirOption = None,
        replace: Annotated[
            str, typer.Option("--replace", help="Last 4 digits of the SKI that is replaced.")
        ] = "",
    ) -> None:
        """Put a backup in place; the registered SKI comes back with it."""
        from eebus.node.identity_backup import unlock
        from eebus.node.identity_store import IdentityStoreError
        from eebus.node.identity_store import restore as put_back
        from eebus.wire.errors import EebusError

        place, _, _ = _place(cli, folder)
        try:
            own = unlock(file.read_bytes(), _passphrase(again=False))
        except (EebusError, ValueError) as error:
            raise CliError("E-ID-004", ExitCode.NEGATIVE, why=error) from error
        try:
            put_back(place, own, replace_ski_tail=replace)
        except IdentityStoreError as error:
            raise CliError("E-ID-002", ExitCode.CONFLICT, message=str(error), path=place) from error
        data = _json(own)
        cli.say(data, lambda console: print_lines(console, _card(data)))


def _place(cli: Cli, folder: Path | None) -> tuple[Path, IdentityProfile, bool]:
    from eebus.node.identity_store import IdentityProfile
    from ems.config.load import load_site
    from ems.config.paths import identity_dir, state_dir

    path = cli.config_path()
    if folder is not None and not path.exists():
        return folder, IdentityProfile(), False
    site = load_site(path).site
    profile = IdentityProfile(
        brand=site.eebus.brand, model=site.eebus.model, vendor_number=site.eebus.vendor_number
    )
    was_paired = (state_dir(site, path) / "trust.json").exists()
    return folder or identity_dir(site, path), profile, was_paired


def _load(cli: Cli, folder: Path | None) -> Identity:
    from eebus.node.identity_store import CERT_FILE, IdentityStoreError, load

    place, profile, _ = _place(cli, folder)
    if not (place / CERT_FILE).exists():
        raise CliError("E-ID-003", ExitCode.NEGATIVE, path=place)
    try:
        return load(place, profile)
    except (IdentityStoreError, OSError) as error:
        raise CliError("E-ID-001", ExitCode.CONFIG, message=str(error)) from error


def _json(own: Identity) -> dict[str, Json]:
    return {
        "ski": own.ski,
        "ship_id": own.ship_id,
        "serial": own.serial,
        "fingerprint_sha256": own.fingerprint_sha256,
        "remarks": list(own.remarks),
    }


def _card(own: dict[str, Json]) -> list[str]:
    return [
        f"SKI          {grouped_ski(own['ski'])}",
        f"SHIP-ID      {own['ship_id']}",
        f"SHA-256      {own['fingerprint_sha256']}",
        *own["remarks"],
    ]


def _shown(cli: Cli, folder: Path | None) -> dict[str, Json]:
    """The identity for people; from the service where only it may read the key."""
    from ems.config.load import load_site
    from ems.config.schema import Eebus
    from ems.runtime.identity_card import card

    if folder is None and not _may_read(_place(cli, None)[0]):
        told: dict[str, Json] = cli.client().call("identity.show")
        return told
    path = cli.config_path()
    eebus = load_site(path).site.eebus if path.exists() else Eebus()
    return card(_load(cli, folder), eebus)


def _may_read(place: Path) -> bool:
    from eebus.node.identity_store import KEY_FILE

    try:
        return not (place / KEY_FILE).exists() or os.access(place / KEY_FILE, os.R_OK)
    except PermissionError:
        return False


def _passphrase(*, again: bool) -> str:
    told = os.environ.get(PASSPHRASE_ENV)
    if told is None:
        if not sys.stdin.isatty():
            raise CliError("E-USE-004", ExitCode.USAGE, name=PASSPHRASE_ENV)
        told = str(typer.prompt("Passphrase", hide_input=True, confirmation_prompt=again, err=True))
    if again and len(told) < MIN_PASSPHRASE:
        raise CliError("E-USE-005", ExitCode.USAGE, least=MIN_PASSPHRASE)
    return told
