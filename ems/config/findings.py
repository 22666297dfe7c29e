"""Turn what the models refuse into problems with line, cause, guess and what is allowed."""

from __future__ import annotations

import json
import types
import typing
from datetime import date
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any, Literal, Union, cast

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from ems.config.catalogue import ENTRIES
from ems.config.lines import line_of
from ems.config.problem import Problem, guess_of, shown
from ems.config.schema import PATTERN_EXAMPLES, Site

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pydantic import ValidationError

    from ems.config.lines import Path

MAX_PROBLEMS = 20
_BOUNDS = ("ge", "le", "pattern")


def problems_of(error: ValidationError, tables: object, lines: Mapping[Path, int]) -> list[Problem]:
    """One problem per key that was refused, in the order of the file; at most twenty."""
    found: dict[str, Problem] = {}
    for detail in error.errors(include_url=False):
        path, model, info = _resolve(detail["loc"])
        key = dotted(path, tables)
        problem = _problem(detail["type"], detail, key, model, info)
        line = line_of(lines, path)
        found.setdefault(
            key,
            Problem(
                code=problem.code,
                key=key,
                line=line,
                params=problem.params,
                guess=problem.guess,
                allowed=problem.allowed,
            ),
        )
    ordered = sorted(found.values(), key=lambda one: (one.line is None, one.line or 0))
    return ordered[:MAX_PROBLEMS]


def _problem(
    kind: str, detail: Mapping[str, Any], key: str, model: type[BaseModel], info: FieldInfo | None
) -> Problem:
    if kind == "extra_forbidden":
        allowed = tuple(sorted(keys_of(model)))
        name = str(detail["loc"][-1])
        section = key.rpartition(".")[0] or "ems.toml"
        return Problem(
            code="E-CFG-004",
            params={"key": name, "section": section},
            guess=guess_of(name, allowed),
            allowed=allowed,
        )
    if kind in ENTRIES:
        return Problem(code=kind, params={k: str(v) for k, v in detail.get("ctx", {}).items()})
    about = "[…]" if info is None else allowed_values(info)
    if kind == "missing":
        return Problem(code="E-CFG-005", params={"about": about})
    return Problem(code="E-CFG-006", params={"value": shown(detail["input"]), "about": about})


def keys_of(model: type[BaseModel]) -> dict[str, FieldInfo]:
    """Keys of a section as the file writes them."""
    return {info.alias or name: info for name, info in model.model_fields.items()}


def allowed_values(info: FieldInfo) -> str:
    """What a key takes, without words of any language: ``"open" | "closed"``, ``0 … 50``."""
    return _values(info.annotation, info.metadata)


def _values(kind: object, metadata: Sequence[object]) -> str:
    origin, args = typing.get_origin(kind), typing.get_args(kind)
    if origin is Annotated:
        return _values(args[0], [*metadata, *_unfolded(args[1:])])
    if origin is Literal:
        return " | ".join(json.dumps(arg) for arg in args)
    if origin in {Union, types.UnionType}:
        return " | ".join(_values(arg, metadata) for arg in args if arg is not type(None))
    if origin is tuple:
        return f"[{_values(args[0], ())}, …]"
    if isinstance(kind, type) and issubclass(kind, StrEnum):
        return " | ".join(json.dumps(member.value) for member in kind)
    return _plain(cast("Any", kind), metadata)


def _plain(kind: Any, metadata: Sequence[object]) -> str:  # noqa: ANN401  # an annotation
    bounds = {
        name: getattr(one, name) for one in metadata for name in _BOUNDS if hasattr(one, name)
    }
    if kind is bool:
        return "true | false"
    if kind is date:
        return "2024-01-31"
    if kind in {int, float}:
        low, high = (bounds.get(name) for name in ("ge", "le"))
        return f"{low:.10g} … {high:.10g}" if low is not None and high is not None else "0"
    return PATTERN_EXAMPLES.get(str(bounds.get("pattern")), '"…"')


def _unfolded(metadata: Sequence[object]) -> list[object]:
    return [
        part for one in metadata for part in (one.metadata if isinstance(one, FieldInfo) else [one])
    ]


def section_of(info: FieldInfo) -> type[BaseModel] | None:
    """Model that a key holds, alone or as a list; ``None`` for plain values."""
    pending: list[Any] = [info.annotation]
    while pending:
        kind = pending.pop()
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            return kind
        if typing.get_origin(kind) in {tuple, Union, types.UnionType}:
            pending.extend(typing.get_args(kind))
    return None


def dotted(path: Path, tables: object) -> str:
    """``steuve.garage.rated_w``: entries of a list by their id where they have one."""
    words: list[str] = []
    node = tables
    for part in path:
        node = _inside(node, part)
        if isinstance(part, int):
            name = _inside(node, "id")
            words.append(name if isinstance(name, str) else str(part + 1))
        else:
            words.append(part)
    return ".".join(words)


def _inside(node: object, part: str | int) -> object:
    """What lies at ``part`` of a table or list; ``None``: nothing."""
    if isinstance(part, str):
        return cast("dict[str, object]", node).get(part) if isinstance(node, dict) else None
    entries = cast("list[object]", node) if isinstance(node, list) else []
    return entries[part] if part < len(entries) else None


def _resolve(loc: tuple[str | int, ...]) -> tuple[Path, type[BaseModel], FieldInfo | None]:
    """Path of keys without the names of union members, the section it ends in and its field."""
    path: list[str | int] = []
    model: type[BaseModel] = Site
    info: FieldInfo | None = None
    for index, part in enumerate(loc):
        if isinstance(part, int):
            path.append(part)
            continue
        field = keys_of(model).get(part)
        if field is None:
            if index == len(loc) - 1 and info is None:
                path.append(part)
            break
        path.append(part)
        inner = section_of(field)
        info = field if inner is None else None
        model = inner or model
        if inner is None:
            break
    return tuple(path), model, info
