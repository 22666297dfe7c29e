"""What a running service may take over from a new file, and where its last good copy lies.

A broken file cannot be parsed, so its state folder is looked for in its text and where it usually
is: a fault in the file must never cost the good configuration (ux.md 9).
"""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING

from ems.config.paths import INSTALLED, identity_dir, state_dir
from ems.config.problem import ConfigError, Problem

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from ems.config.schema import Site

MAX_BYTES = 1_000_000
OVERRIDE = "EMS__PATHS__STATE_DIR"
_TOLD = re.compile(r"""^[ \t]*state_dir[ \t]*=[ \t]*(?:"([^"\n]+)"|'([^'\n]+)')""", re.MULTILINE)


def check_takeover(running: Site, new: Site, config: Path) -> None:
    """Whether the service that runs ``running`` may go on with ``new`` without a restart.

    Limit in force, key, pairing and proof lie in the folders of the state and the identity: who
    changes these would lose them (I-05, I-13).

    Raises:
        ConfigError: E-CFG-019, another state or identity folder.
    """
    pairs = (
        ("state_dir", state_dir(running, config), state_dir(new, config)),
        ("identity_dir", identity_dir(running, config), identity_dir(new, config)),
    )
    problems = [
        Problem(
            code="E-CFG-019",
            key=f"paths.{name}",
            params={"old": str(old), "new": str(now)},
        )
        for name, old, now in pairs
        if old != now
    ]
    if problems:
        raise ConfigError(problems)


def unusable(why: str) -> Problem:
    """A file without a fault that the service could not begin with, for example for its rights."""
    return Problem(code="E-CFG-009", params={"why": why})


def places_of_good_copies(
    config: Path, *, environ: Mapping[str, str] | None = None, installed: Path = INSTALLED
) -> list[Path]:
    """State folders that the file at ``config`` may mean, the likeliest first."""
    surroundings = os.environ if environ is None else environ
    beside = config.absolute().parent
    told = [surroundings.get(OVERRIDE, ""), *_told_in(config)]
    places = [beside / type(config)(text).expanduser() for text in told if text]
    if of_systemd := surroundings.get("STATE_DIRECTORY", "").partition(":")[0]:
        places.append(type(config)(of_systemd))
    return list(dict.fromkeys([*places, beside / "state", beside, installed]))


def _told_in(config: Path) -> list[str]:
    try:
        with config.open("rb") as file:
            text = file.read(MAX_BYTES).decode("utf-8", "replace")
    except OSError:
        return []
    return [double or single for double, single in _TOLD.findall(text)]
