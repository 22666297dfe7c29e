"""Where state, identity and contact file of a plant lie.

Relative paths start at the folder of the configuration file. Left out: the state folder is
``$STATE_DIRECTORY`` of systemd, else ``/var/lib/ems``; the identity lies in ``identity`` below it,
or in ``certs`` when the program runs from a checkout without a state folder of its own.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ems.config.schema import Site

INSTALLED = Path("/var/lib/ems")
CHECKOUT = Path(__file__).resolve().parents[2]


def state_dir(site: Site, config: Path, *, environ: Mapping[str, str] | None = None) -> Path:
    """Folder for ``state.json``, records and trust; ``config`` is the path of the file."""
    if site.paths.state_dir is not None:
        return _beside(config, site.paths.state_dir)
    return _of_systemd(environ) or INSTALLED


def identity_dir(
    site: Site,
    config: Path,
    *,
    environ: Mapping[str, str] | None = None,
    checkout: Path = CHECKOUT,
) -> Path:
    """Folder of key and certificate; never inside a folder that an update replaces."""
    if site.paths.identity_dir is not None:
        return _beside(config, site.paths.identity_dir)
    own = site.paths.state_dir is not None or _of_systemd(environ) is not None
    if not own and (checkout / ".git").exists():
        return checkout / "certs"
    return state_dir(site, config, environ=environ) / "identity"


def contact_path(site: Site, config: Path) -> Path | None:
    """File that holds the level of a contact with ``backend = "file"``."""
    contact = site.signal.contact
    return None if contact is None or contact.path is None else _beside(config, contact.path)


def _beside(config: Path, told: str) -> Path:
    return config.absolute().parent / Path(told).expanduser()


def _of_systemd(environ: Mapping[str, str] | None) -> Path | None:
    """The first folder systemd names; it separates several by colons."""
    told = (os.environ if environ is None else environ).get("STATE_DIRECTORY", "")
    first = told.partition(":")[0]
    return Path(first) if first else None
