"""The format described from the models: JSON schema for editors, a table for people."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, TypeAlias

from ems.config.findings import allowed_values, keys_of, section_of
from ems.config.schema import Site

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pydantic import BaseModel
    from pydantic.fields import FieldInfo

Json: TypeAlias = Any

HEAD = "| Key | Allowed | Default | Meaning |\n|---|---|---|---|\n"


def json_schema() -> dict[str, Json]:
    """JSON schema (2020-12) of ``ems.toml``."""
    schema = Site.model_json_schema(by_alias=True)
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}


def reference() -> str:
    """Every key of every section as Markdown, in the order of the file."""
    top = "".join(_row(name, info) for name, info in keys_of(Site).items() if not section_of(info))
    parts = [f"# ems.toml\n\n{HEAD}{top}"]
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
    return (model.__doc__ or "").strip().splitlines()[0]


def _row(name: str, info: FieldInfo) -> str:
    default = "required" if info.is_required() else _default(info)
    cells = (f"`{name}`", f"`{allowed_values(info)}`", default, info.description or "")
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |\n"


def _default(info: FieldInfo) -> str:
    value = info.get_default(call_default_factory=True)
    if value is None:
        return "left out"
    return f"`{json.dumps(value)}`"
