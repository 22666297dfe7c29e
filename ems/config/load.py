"""Read ``ems.toml``: strict, with line numbers and "did you mean"; a bad file never rules.

The only place that looks at the environment: ``EMS__SECTION__KEY`` overrides a value of a plain
section, for containers (ux.md 9).
"""

from __future__ import annotations

import hashlib
import os
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from pydantic import ValidationError

from ems.config.checks import check_site
from ems.config.devices import check_devices
from ems.config.findings import problems_of
from ems.config.lines import key_lines
from ems.config.problem import ConfigError, Problem
from ems.config.schema import Site
from ems.disk import write_durably

if TYPE_CHECKING:
    from collections.abc import Mapping

Tables: TypeAlias = "dict[str, Any]"

MAX_BYTES = 1_000_000
OVERRIDE = "EMS__"
LAST_GOOD = "ems.last-good.toml"
LAST_GOOD_OF = "ems.last-good.path"  # whose copy it is: a state folder may see several files


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadedSite:
    """A configuration that can be used.

    Attributes:
        site: the models.
        warnings: findings that do not hinder the start, worst first.
        config_hash: SHA-256 of the file and of all overrides; goes into every record.
        base_dir: folder that relative paths start at.
        broken: what is wrong with the file itself, when this is the last good copy.
    """

    site: Site
    warnings: tuple[Problem, ...]
    config_hash: str
    base_dir: Path
    broken: Problem | None = None

    @property
    def fallback(self) -> bool:
        """Whether this is the last good copy because the file itself is faulty."""
        return self.broken is not None


def load_site(path: Path, *, environ: Mapping[str, str] | None = None) -> LoadedSite:
    """Read, check and translate the configuration at ``path``.

    Raises:
        ConfigError: with every problem found; the first one gives code, message, hint and line.
    """
    return _parse(_read(path), path.absolute().parent, os.environ if environ is None else environ)


def remember_good(path: Path, state_dir: Path) -> None:
    """Keep a copy of the configuration at ``path``, which was just loaded and taken into service.

    Raises:
        OSError: the copy cannot be written.
        ConfigError: ``path`` does not load (any more); the copy of before stays.
    """
    raw = _read(path)
    _parse(raw, path.absolute().parent, os.environ)
    state_dir.mkdir(parents=True, exist_ok=True)
    for name, content in ((LAST_GOOD, raw), (LAST_GOOD_OF, _origin(path))):
        target = state_dir / name
        if not target.exists() or target.read_bytes() != content:
            write_durably(target, content)


def load_or_last_good(
    path: Path, state_dir: Path, *, environ: Mapping[str, str] | None = None
) -> LoadedSite:
    """Read ``path``; when it is faulty, the last good copy with warning E-CFG-001.

    Raises:
        ConfigError: the file is faulty and there is no good copy.
    """
    surroundings = os.environ if environ is None else environ
    try:
        return load_site(path, environ=surroundings)
    except ConfigError as error:
        copy = state_dir / LAST_GOOD
        if not copy.exists() or not _is_copy_of(path, state_dir):
            raise
        good = _parse(_read(copy), path.absolute().parent, surroundings)
        first = error.problems[0]
        told = Problem(code="E-CFG-001", line=first.line, params={"why": first})
        return LoadedSite(
            site=good.site,
            warnings=(told, *good.warnings),
            config_hash=good.config_hash,
            base_dir=good.base_dir,
            broken=first,
        )


def _is_copy_of(path: Path, state_dir: Path) -> bool:
    """Whether the copy was made of ``path``: another plant's configuration never takes over."""
    origin = state_dir / LAST_GOOD_OF
    return origin.exists() and origin.read_bytes() == _origin(path)


def _origin(path: Path) -> bytes:
    return f"{path.absolute()}\n".encode()


def parse_site(text: str, *, environ: Mapping[str, str] | None = None) -> LoadedSite:
    """Like :func:`load_site` for a text in memory; relative paths start at the current folder."""
    return _parse(text.encode(), Path.cwd(), {} if environ is None else environ)


def _read(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            raw = file.read(MAX_BYTES + 1)
    except OSError as error:
        why = error.strerror or str(error)
        raise ConfigError(
            [Problem(code="E-CFG-002", params={"path": str(path), "why": why})]
        ) from error
    if len(raw) > MAX_BYTES:
        raise ConfigError([Problem(code="E-CFG-007", params={"limit": str(MAX_BYTES)})])
    return raw


def _parse(raw: bytes, base_dir: Path, environ: Mapping[str, str]) -> LoadedSite:
    text, tables = _tables(raw)
    overrides = sorted((k, v) for k, v in environ.items() if k.startswith(OVERRIDE))
    for name, value in overrides:
        _override(tables, name, value)
    lines = key_lines(text)
    try:
        site = Site.model_validate(tables)
    except ValidationError as error:
        raise ConfigError(problems_of(error, tables, lines)) from error
    problems = [*check_site(site, lines), *check_devices(site, lines)]
    if fatal := [problem for problem in problems if problem.fatal]:
        raise ConfigError(fatal)
    digest = hashlib.sha256(raw)
    for name, value in overrides:
        digest.update(f"\n{name}={value}".encode())
    return LoadedSite(
        site=site, warnings=tuple(problems), config_hash=digest.hexdigest(), base_dir=base_dir
    )


def _tables(raw: bytes) -> tuple[str, Tables]:
    try:
        text = raw.decode("utf-8-sig").replace("\r\n", "\n")
        return text, tomllib.loads(text)
    except (UnicodeDecodeError, tomllib.TOMLDecodeError, RecursionError, ValueError) as error:
        problem = Problem(
            code="E-CFG-003", line=_told_line(str(error), raw), params={"why": str(error)}
        )
        raise ConfigError([problem]) from error


def _told_line(message: str, raw: bytes) -> int | None:
    """The line ``tomllib`` writes into its message: ``… (at line 3, column 5)``, or the last."""
    if message.endswith("(at end of document)"):
        return raw.rstrip().count(b"\n") + 1
    _, found, rest = message.partition("(at line ")
    number = rest.partition(",")[0]
    return int(number) if found and number.isdigit() else None


def _override(tables: Tables, name: str, value: str) -> None:
    """Set one value; ``EMS__SIGNAL__CONTACT__PATH`` is ``signal.contact.path``."""
    *sections, key = name.removeprefix(OVERRIDE).lower().split("__")
    table: Any = tables
    for section in sections:
        inner: Any = table.setdefault(section, {})
        table = inner
        if not isinstance(inner, dict):
            params = {"name": name, "why": f"{section} is not a plain section"}
            raise ConfigError([Problem(code="E-CFG-008", params=params)])
    if not sections or not key:
        raise ConfigError([Problem(code="E-CFG-008", params={"name": name, "why": "no section"})])
    table[key] = _value_of(value)


def _value_of(text: str) -> object:
    """A TOML value where the text is one (``4712``, ``["eebus"]``), else the text itself."""
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return text
