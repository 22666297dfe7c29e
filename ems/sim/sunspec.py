"""The SunSpec face of a simulated device: a chain of models at 40000, laid out from the tables.

A map whose points are written ``model:point`` gets a chain of exactly the models it names first, so
that the client has to walk it as at a real device. Source: SunSpec Information Model Reference,
tables in ``drivers/maps/generic/sunspec.yaml``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, TypeAlias, cast

from drivers.modbus.mapfile import MAPS_DIR, Point, read_yaml
from ems.sim.bank import Bank

if TYPE_CHECKING:
    from collections.abc import Mapping

    from drivers.modbus.mapfile import MapFile

Tables: TypeAlias = "Mapping[int, Mapping[str, Any]]"

BASE: Final = 40_000
MARKER: Final = (0x5375, 0x6E53)
END: Final = (0xFFFF, 0)
COMMON_MODEL: Final = 1
#: power of ten by the name of a scale factor; others are 0
SCALE_FACTORS: Final[Mapping[str, int]] = {
    "A_SF": -2,
    "V_SF": -1,
    "Hz_SF": -2,
    "ChaState_SF": -2,
    "InOutWRte_SF": -2,
}
_TYPES: Final[Mapping[str, str]] = {
    "enum16": "uint16",
    "enum32": "uint32",
    "acc16": "uint16",
    "acc32": "uint32",
    "acc64": "uint64",
    "sunssf": "int16",
}


def build_bank(device: MapFile) -> Bank:
    """The registers of a SunSpec device; each map point sits in the first model it names."""
    tables = cast(
        "Mapping[int, Mapping[str, Any]]",
        read_yaml(MAPS_DIR / "generic" / "sunspec.yaml")["models"],
    )
    chosen = {
        name: _place(point.sunspec[0]) for name, point in device.points.items() if point.sunspec
    }
    starts, end = _lay_out(tables, {COMMON_MODEL, *(model for model, _ in chosen.values())})
    points = {
        name: _point(device.points[name], tables[model]["points"][field], starts[model])
        for name, (model, field) in chosen.items()
    }
    bank = Bank(points)
    bank.fill("holding", BASE, MARKER)
    for model, start in starts.items():
        length = int(tables[model]["fixed_length"])
        _fill_model(bank, tables[model]["points"], start, (model, length))
    bank.fill("holding", end, END)
    return bank


def _place(reference: str) -> tuple[int, str]:
    model, field = reference.split(":")
    return int(model), field


def _lay_out(tables: Tables, models: set[int]) -> tuple[dict[int, int], int]:
    """Start address of each model, and where the end marker goes."""
    address = BASE + len(MARKER)
    starts: dict[int, int] = {}
    for model in sorted(models):
        starts[model] = address
        address += 2 + int(tables[model]["fixed_length"])
    return starts, address


def _point(declared: Point, field: Mapping[str, Any], start: int) -> Point:
    factor = field.get("sf")
    scale = 10.0 ** SCALE_FACTORS.get(str(factor), 0) if factor else 1.0
    kind = str(field["type"])
    return declared.model_copy(
        update={
            "reg": "holding",
            "address": start + int(field["offset"]),
            "type": _TYPES.get(kind, kind),
            "count": field.get("count"),
            "scale": declared.scale * scale,
            "sunspec": (),
        }
    )


def _fill_model(
    bank: Bank, fields: Mapping[str, Mapping[str, Any]], start: int, header: tuple[int, int]
) -> None:
    """Zeros for what nobody models, then header and scale factors."""
    taken = {place for name in bank.points for place in bank.place(name)}
    for place in range(start, start + 2 + header[1]):
        if place not in taken:
            bank.fill("holding", place, [0])
    bank.fill("holding", start, header)
    for name, field in fields.items():
        if field["type"] == "sunssf":
            factor = SCALE_FACTORS.get(name, 0) & 0xFFFF
            bank.fill("holding", start + int(field["offset"]), [factor])
