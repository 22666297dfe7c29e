"""SunSpec: where the models of a device lie, and a map whose points have addresses.

Models form a chain after the marker ``SunS``: identifier, length, data, next model, until 0xFFFF.
Points of a device map name ``model:point``; the first model present wins. Scale factors are
registers of the device and are read once. Everything here is pure; ``Walk`` says what to read
next. Source: SunSpec information models (``generic/sunspec.yaml``, generated from
sunspec/models).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING, Final

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from drivers.api import SetupError
from drivers.modbus.mapfile import MAPS_DIR, MapFile, Point, PointType, read_yaml
from drivers.modbus.registers import word_count

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

MARKER: Final = (0x5375, 0x6E53)
END: Final = 0xFFFF
MAX_MODELS: Final = 64
_TYPES: Final[dict[str, PointType]] = {
    "enum16": "uint16",
    "enum32": "uint32",
    "acc32": "uint32",
    "acc64": "uint64",
    "sunssf": "int16",
}
#: "Not implemented" as the device stores it; accumulators use 0.
_NAN: Final[dict[str, tuple[int, ...]]] = {
    "int16": (-0x8000,),
    "sunssf": (-0x8000,),
    "uint16": (0xFFFF,),
    "enum16": (0xFFFF,),
    "bitfield16": (0xFFFF,),
    "int32": (-0x80000000,),
    "uint32": (0xFFFFFFFF,),
    "enum32": (0xFFFFFFFF,),
    "bitfield32": (0xFFFFFFFF,),
    "acc32": (0,),
    "acc64": (0,),
}


class _Row(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")

    offset: int
    type: str
    sf: str | None = None
    count: int | None = None
    access: str = "r"


class Model(BaseModel):
    """One SunSpec model: offsets are counted from its identifier register."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    label: str
    fixed_length: int = Field(ge=1)
    points: dict[str, _Row]


@lru_cache(maxsize=1)
def models() -> Mapping[int, Model]:
    """The models this project knows.

    Raises:
        SetupError: the table is damaged.
    """
    document = read_yaml(MAPS_DIR / "generic" / "sunspec.yaml")
    raw = document.get("models")
    if not isinstance(raw, dict):
        raise SetupError("sunspec.yaml: models is missing")
    try:
        return {int(number): Model.model_validate(model) for number, model in raw.items()}  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType] - YAML is untyped
    except (ValidationError, ValueError) as error:
        raise SetupError(f"sunspec.yaml: {error}") from error


@dataclass(slots=True)
class Walk:
    """Finds the models: read what ``wanted`` says, give the words to ``answer``, until ``done``.

    ``found``: model number -> address of its identifier register. The first of several equal models
    counts. A device without the marker ends with ``found`` empty.
    """

    bases: tuple[int, ...]
    found: dict[int, int] = field(default_factory=dict[int, int])
    wanted: tuple[int, int] | None = None
    _base: int = 0
    _steps: int = 0

    def __post_init__(self) -> None:
        self._try_base(0)

    def _try_base(self, index: int) -> None:
        self._base = index
        self.wanted = (self.bases[index], 2) if index < len(self.bases) else None

    @property
    def done(self) -> bool:
        return self.wanted is None

    def answer(self, words: Sequence[int] | None) -> None:
        """``None``: the device refused the address."""
        if self.wanted is None:
            return
        address = self.wanted[0]
        if self._steps == 0:
            self._at_marker(address, words)
        elif words is None or words[0] == END or self._steps > MAX_MODELS:
            self.wanted = None
        else:
            self.found.setdefault(words[0], address)
            self._steps += 1
            following = address + 2 + words[1]
            self.wanted = (following, 2) if following < 0xFFFE else None  # noqa: PLR2004 - last address

    def _at_marker(self, address: int, words: Sequence[int] | None) -> None:
        if words is not None and tuple(words) == MARKER:
            self._steps = 1
            self.wanted = (address + 2, 2)
        else:
            self._try_base(self._base + 1)


def _choose(point: Point, found: Mapping[int, int]) -> tuple[int, str] | None:
    for name in point.sunspec:
        number, _, label = name.partition(":")
        if int(number) in found and label in models()[int(number)].points:
            return int(number), label
    return None


def scale_registers(mapfile: MapFile, found: Mapping[int, int]) -> dict[str, int]:
    """Address of the scale factor of each point that has one."""
    addresses: dict[str, int] = {}
    for name, point in mapfile.points.items():
        chosen = _choose(point, found)
        if chosen is not None:
            row = models()[chosen[0]].points[chosen[1]]
            if row.sf is not None:
                addresses[name] = found[chosen[0]] + models()[chosen[0]].points[row.sf].offset
    return addresses


def resolve(mapfile: MapFile, found: Mapping[int, int], scales: Mapping[str, int]) -> MapFile:
    """The map with addresses, types and scales of this device; absent points lose their access.

    ``scales``: power of ten per point name.
    """
    points = {
        name: _resolved(name, point, found, scales) if point.sunspec else point
        for name, point in mapfile.points.items()
    }
    return mapfile.model_copy(update={"points": points})


def _resolved(
    name: str, point: Point, found: Mapping[int, int], scales: Mapping[str, int]
) -> Point:
    chosen = _choose(point, found)
    if chosen is None:
        return point.model_copy(update={"address": None, "forbidden": True})
    row = models()[chosen[0]].points[chosen[1]]
    exponent = scales.get(name, 0)
    return point.model_copy(
        update={
            "reg": "holding",
            "address": found[chosen[0]] + row.offset,
            "type": _TYPES.get(row.type, row.type),
            "count": row.count,
            "word_order": "big",
            "scale": float(f"{point.scale:g}e{exponent}"),
            "nan": point.nan or _NAN.get(row.type, ()),
        }
    )


@dataclass(frozen=True, slots=True)
class Image:
    """Registers of a simulated SunSpec device: marker, model headers, scale factors.

    Everything between is "not implemented" until it is written; ``mapfile`` is resolved to it.
    """

    mapfile: MapFile
    words: dict[int, int]


#: Powers of ten a typical device uses.
TYPICAL_SCALES: Final[Mapping[str, int]] = {
    "A_SF": -2,
    "V_SF": -1,
    "W_SF": 0,
    "Hz_SF": -2,
    "InOutWRte_SF": -2,
    "ChaState_SF": -1,
}


def first_choice(mapfile: MapFile) -> tuple[int, ...]:
    """The models a device needs to serve every point of the map with its first alternative."""
    return tuple(sorted({int(p.sunspec[0].split(":")[0]) for p in mapfile.points.values()}))


def simulated(
    mapfile: MapFile,
    numbers: Sequence[int] | None = None,
    scales: Mapping[str, int] = TYPICAL_SCALES,
) -> Image:
    """Lay models out as a device would; ``numbers`` left out: ``first_choice``.

    ``scales``: power of ten per scale factor name such as ``W_SF``; those not named are 0.
    """
    numbers = first_choice(mapfile) if numbers is None else numbers
    base = mapfile.transport.sunspec_bases[0]
    words = {base: MARKER[0], base + 1: MARKER[1]}
    found: dict[int, int] = {}
    address = base + 2
    for number in numbers:
        model = models()[number]
        found[number] = address
        words.update({address + i: 0xFFFF for i in range(2 + model.fixed_length)})
        words |= dict(_fixed_words(model, number, address, scales))
        address += 2 + model.fixed_length
    words |= {address: END, address + 1: 0}
    exponents = {
        name: _signed(words[register]) for name, register in scale_registers(mapfile, found).items()
    }
    return Image(resolve(mapfile, found, exponents), words)


def _fixed_words(
    model: Model, number: int, address: int, scales: Mapping[str, int]
) -> Iterator[tuple[int, int]]:
    yield address, number
    yield address + 1, model.fixed_length
    for name, row in model.points.items():
        if row.type == "sunssf":
            yield address + row.offset, scales.get(name, 0) & 0xFFFF
        elif row.type in ("int16", "int32"):
            size = word_count(Point(type=_point_type(row.type)))
            yield address + row.offset, 0x8000
            yield from ((address + row.offset + i, 0) for i in range(1, size))


def _point_type(name: str) -> PointType:
    return "int32" if name == "int32" else "int16"


def _signed(word: int) -> int:
    """Scale factor as stored; "not implemented" counts as 0."""
    return 0 if word == 0x8000 else word - 0x10000 if word > 0x7FFF else word  # noqa: PLR2004 - two's complement


def exponents_of(words: Mapping[str, int]) -> dict[str, int]:
    """Powers of ten from the words of scale factor registers, limited to -10…10 (SunSpec)."""
    return {name: max(-10, min(10, _signed(word))) for name, word in words.items()}
