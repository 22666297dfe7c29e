"""The format described from the models: JSON schema for editors, a table for people."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, TypeAlias

from drivers.modbus.mapfile import known_maps, load_map
from ems.config.findings import allowed_values, keys_of, section_of
from ems.config.schema import Site

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pydantic import BaseModel
    from pydantic.fields import FieldInfo

Json: TypeAlias = Any

_INTRODUCTION = """\
<!-- made by `ems config reference`; a test keeps it current -->
# Configuration

One file, `/etc/ems/ems.toml` (`--config FILE` or `$EMS_CONFIG`). It is strict: an unknown key is an
error that names the line and what was probably meant. Three complete files to start from lie in
`packaging/examples/`.

* `ems config check` checks a file without the service; exit code 3 names line, cause and cure.
* `systemctl reload ems` or `ems config reload` reads it again. A faulty file changes nothing: the
  last good one goes on ruling, also after a restart, and alarm E-CFG-001 says why. Another state
  or identity folder is taken over by a restart only: stop, move the folder, start.
* `ems config schema` prints the JSON schema, for editors with TOML support.
* `EMS__SECTION__KEY=value` overrides a value of a plain section, for containers:
  `EMS__EEBUS__PORT=4713`.

Powers in watts, currents in ampere per phase, durations in seconds. Relative paths start at the
folder of the file.
"""

_DEVICES = """\
## Devices

What `device` of a `[[steuve]]` or `[[meter]]` may be. None has been verified on real hardware
by this project; each map names its sources in `drivers/maps/`.

| `device` | Kind | Manufacturer | Models | To be set up at the device |
|---|---|---|---|---|
"""

HEAD = "| Key | Allowed | Default | Meaning |\n|---|---|---|---|\n"


def json_schema() -> dict[str, Json]:
    """JSON schema (2020-12) of ``ems.toml``."""
    schema = Site.model_json_schema(by_alias=True)
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}


def configuration_page() -> str:
    """``docs/configuration.md``: how to use the file, every key, every device that is known."""
    return f"{_INTRODUCTION}\n{reference()}\n{devices()}"


def devices() -> str:
    """Every device map as Markdown: what to write into ``device`` and what to set up there."""
    rows = [_DEVICES]
    for name in sorted(known_maps(), key=lambda name: (known_maps()[name].parent.name, name)):
        file = load_map(name)
        models = ", ".join(file.models)
        cells = (f"`{name}`", file.kind, file.manufacturer, models, " ".join(file.setup) or "–")
        rows.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |\n")
    return "".join(rows)


def reference() -> str:
    """Every key of every section as Markdown, in the order of the file."""
    top = "".join(_row(name, info) for name, info in keys_of(Site).items() if not section_of(info))
    parts = [f"## ems.toml\n\n{HEAD}{top}"]
    for title, model in _sections("", Site):
        rows = "".join(
            _row(name, info) for name, info in keys_of(model).items() if not section_of(info)
        )
        parts.append(f"## {title}\n\n{_about(model)}\n\n{HEAD}{rows}")
    return "\n".join(parts)


def _sections(prefix: str, model: type[BaseModel]) -> Iterator[tuple[str, type[BaseModel]]]:
    for name, info in keys_of(model).items():
        inner = section_of(info)
        if inner is None:
            continue
        path = f"{prefix}{name}"
        many = info.annotation is not inner and str(info.annotation).startswith("tuple")
        yield (f"[[{path}]]" if many else f"[{path}]"), inner
        yield from _sections(f"{path}.", inner)


def _about(model: type[BaseModel]) -> str:
    return _for_people((model.__doc__ or "").strip().splitlines()[0])


def _for_people(text: str) -> str:
    """``text`` without the sources that only developers look up."""
    return re.sub(r"\s*\((?:R-14A-\d+|[\w-]+\.md [^)]*)\)", "", text)


def _row(name: str, info: FieldInfo) -> str:
    default = "required" if info.is_required() else _default(info)
    cells = (f"`{name}`", f"`{allowed_values(info)}`", default, _for_people(info.description or ""))
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |\n"


def _default(info: FieldInfo) -> str:
    value = info.get_default(call_default_factory=True)
    if value is None:
        return "left out"
    return f"`{json.dumps(value)}`"
