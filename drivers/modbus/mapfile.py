"""Device maps: one YAML file per device family, parsed once, strictly, into frozen models.

``load_map`` merges ``extends``, fills in the transport's defaults, and refuses what the schema does
not know with the name of the file and the key.
"""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, cast

import yaml
from pydantic import ValidationError

from drivers.api import SetupError
from drivers.modbus.expression import ExpressionError, parse
from drivers.modbus.schema import (
    ACTION_NAMES,
    Action,
    BlockStep,
    Control,
    Failsafe,
    KeepAlive,
    Limits,
    MapFile,
    NumberOrPoint,
    Order,
    P14a,
    Point,
    PointType,
    ReadStep,
    RegisterSpace,
    RelayState,
    SetStep,
    Settle,
    Status,
    Step,
    Transport,
    Value,
    WaitStep,
    WriteRules,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = [
    "ACTION_NAMES",
    "KINDS",
    "MAPS_DIR",
    "Action",
    "BlockStep",
    "Control",
    "Failsafe",
    "KeepAlive",
    "Limits",
    "MapFile",
    "NumberOrPoint",
    "Order",
    "P14a",
    "Point",
    "PointType",
    "ReadStep",
    "RegisterSpace",
    "RelayState",
    "SetStep",
    "Settle",
    "Status",
    "Step",
    "Transport",
    "Value",
    "WaitStep",
    "WriteRules",
    "known_maps",
    "load_map",
    "parse_map",
    "read_yaml",
]

MAPS_DIR: Final = Path(__file__).resolve().parent.parent / "maps"
KINDS: Final = ("wallbox", "heatpump", "battery", "meter")


def known_maps() -> dict[str, Path]:
    """Every map in the package: id -> file, in the order of kind and name."""
    return {path.stem: path for kind in KINDS for path in sorted((MAPS_DIR / kind).glob("*.yaml"))}


@lru_cache(maxsize=64)
def load_map(device: str) -> MapFile:
    """The checked map with this id; ``extends`` merged, transport defaults filled in.

    Raises:
        SetupError: unknown id, or the file breaks the schema; the text names file and key.
    """
    maps = known_maps()
    if device not in maps:
        raise SetupError(f"unknown device {device!r}; known: {', '.join(sorted(maps))}")
    return parse_map(_read_merged(device, maps), source=maps[device].name)


def parse_map(raw: Mapping[str, object], *, source: str) -> MapFile:
    """Check an already merged document; ``source`` names the file in messages.

    Raises:
        SetupError: the document breaks the schema.
    """
    document = dict(raw)
    transport = document.get("transport")
    points = document.get("points")
    if isinstance(transport, dict) and isinstance(points, dict):
        document["points"] = {
            name: _with_defaults(point, cast("dict[str, object]", transport))
            for name, point in cast("dict[str, object]", points).items()
        }
    try:
        parsed = MapFile.model_validate(document)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        raise SetupError(f"{source}: {place}: {first['msg']}") from error
    _check_references(parsed, source)
    return parsed


def _with_defaults(point: object, transport: dict[str, object]) -> object:
    if not isinstance(point, dict):
        return point
    known = cast("dict[str, object]", point)
    defaults: dict[str, object] = {
        "reg": transport.get("default_reg", "holding"),
        "word_order": transport.get("word_order", "big"),
    }
    return {**defaults, **known}


def read_yaml(path: Path) -> dict[str, object]:
    """One YAML document that must be a mapping.

    Raises:
        SetupError: not readable, not YAML, not a mapping.
    """
    loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    try:
        document = yaml.load(path.read_text(encoding="utf-8"), Loader=loader)  # noqa: S506 - safe loader in C
    except (OSError, UnicodeError, yaml.YAMLError) as error:
        raise SetupError(f"{path.name}: {error}") from error
    if not isinstance(document, dict):
        raise SetupError(f"{path.name}: not a mapping")
    return cast("dict[str, object]", document)


def _read_merged(device: str, maps: Mapping[str, Path], depth: int = 0) -> dict[str, object]:
    document = read_yaml(maps[device])
    parent = document.get("extends")
    if parent is None:
        return document
    if depth > 2 or not isinstance(parent, str) or parent not in maps:  # noqa: PLR2004 - no chains
        raise SetupError(f"{maps[device].name}: extends: {parent!r} is not a known map")
    return _merge(_read_merged(parent, maps, depth + 1), document)


def _merge(parent: dict[str, object], child: dict[str, object]) -> dict[str, object]:
    """Key by key, child wins, lists are replaced (schema 1.1)."""
    merged = dict(parent)
    for key, value in child.items():
        before = merged.get(key)
        if isinstance(before, dict) and isinstance(value, dict) and key != "map":
            merged[key] = _merge(
                cast("dict[str, object]", before), cast("dict[str, object]", value)
            )
        else:
            merged[key] = value
    return merged


def _check_references(parsed: MapFile, source: str) -> None:
    """Every point an action names exists and may be written, every expression can be read."""
    for name, action in (parsed.control.actions() if parsed.control else {}).items():
        for step in action:
            _check_step(parsed, step, f"{source}: control.{name}")
    for name, point in parsed.points.items():
        needs_address = parsed.transport.type == "modbus_tcp" and not point.sunspec
        if needs_address and point.address is None:
            raise SetupError(f"{source}: points.{name}: address is missing")


def _check_step(parsed: MapFile, step: Step, place: str) -> None:
    match step:
        case SetStep(set=name, value=value, raw=raw):
            if (value is None) == (raw is None):
                raise SetupError(f"{place}: {name} needs either value or raw")
            _check_target(parsed, name, place)
            _check_value(value, place)
        case BlockStep(points=names, values=values):
            if len(names) != len(values):
                raise SetupError(f"{place}: {len(names)} points but {len(values)} values")
            for name in names:
                _check_target(parsed, name, place)
            for value in values:
                _check_value(value, place)
        case ReadStep(read=name, expect=expect):
            if name not in parsed.points:
                raise SetupError(f"{place}: unknown point {name}")
            _check_value(expect, place)
        case WaitStep():
            pass


def _check_target(parsed: MapFile, name: str, place: str) -> None:
    point = parsed.points.get(name)
    if point is None:
        raise SetupError(f"{place}: unknown point {name}")
    if not point.writable:
        raise SetupError(f"{place}: {name} may not be written")


def _check_value(value: Value | None, place: str) -> None:
    if isinstance(value, str):
        try:
            parse(value)
        except ExpressionError as error:
            raise SetupError(f"{place}: {error}") from error
