"""Rules that span several sections: references, addresses, circuits, static checks.

Source: allocation.md 1.8, 14a.md 3.2, R-14A-54, R-14A-63. What needs the device maps is checked
by ``check_devices`` with facts handed in, so that this module stays free of drivers.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from drivers.api import LoadKind
from ems.config.lines import line_of
from ems.config.problem import Problem, guess_of
from ems.config.schema import GPIO_BACKENDS

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from ems.config.lines import Path
    from ems.config.schema import Circuit, Site

NOMINAL_V = 230  # phase to neutral, EN 50160
CHARGE_MIN_A = 6  # IEC 61851-1: least current of a charge point
PLAUSIBLE = 1.1  # a 22 kW wallbox draws 32.2 A at 228 V


def check_site(site: Site, lines: Mapping[Path, int]) -> list[Problem]:
    """Everything wrong or doubtful that the file alone shows, errors first."""
    found = [
        *_ids(site, lines),
        *_references(site, lines),
        *_rings(site, lines),
        *_grid_meter(site, lines),
        *_contact(site, lines),
        *_pins(site, lines),
        *_addresses(site, lines),
        *_circuit_limits(site, lines),
        *_power(site, lines),
    ]
    return sorted(found, key=lambda problem: not problem.fatal)


def _ids(site: Site, lines: Mapping[Path, int]) -> Iterator[Problem]:
    devices = [("meter", i, m.id) for i, m in enumerate(site.meter)]
    devices += [("steuve", i, s.id) for i, s in enumerate(site.steuve)]
    circuits = [("circuit", i, c.id) for i, c in enumerate(site.circuit)]
    for group in (devices, circuits):
        seen: set[str] = set()
        for section, index, name in group:
            if name in seen:
                line = line_of(lines, (section, index, "id"))
                yield Problem(
                    code="E-CFG-010", key=f"{section}.{name}", line=line, params={"id": name}
                )
            seen.add(name)


def _references(site: Site, lines: Mapping[Path, int]) -> Iterator[Problem]:
    circuits = tuple(circuit.id for circuit in site.circuit)
    named = [(("steuve", i, "circuit"), s.id, s.circuit) for i, s in enumerate(site.steuve)]
    named += [(("circuit", i, "parent"), c.id, c.parent) for i, c in enumerate(site.circuit)]
    for path, owner, name in named:
        if name is not None and name not in circuits:
            yield Problem(
                code="E-CFG-011",
                key=f"{path[0]}.{owner}.{path[2]}",
                line=line_of(lines, path),
                params={"ref": name},
                guess=guess_of(name, circuits),
                allowed=circuits,
            )


def _rings(site: Site, lines: Mapping[Path, int]) -> Iterator[Problem]:
    parents = {circuit.id: circuit.parent for circuit in site.circuit}
    told: set[str] = set()
    for index, circuit in enumerate(site.circuit):
        way: list[str] = []
        at: str | None = circuit.id
        while at in parents and at not in way:
            way.append(at)
            at = parents[at]
        if at == circuit.id and at not in told:
            told.update(way)
            ring = " → ".join([*way, circuit.id])
            yield Problem(
                code="E-CFG-012",
                key=f"circuit.{circuit.id}.parent",
                line=line_of(lines, ("circuit", index, "parent")),
                params={"ring": ring},
            )


def _grid_meter(site: Site, lines: Mapping[Path, int]) -> Iterator[Problem]:
    grid = [(i, m.id) for i, m in enumerate(site.meter) if m.role == "grid"]
    if len(grid) > 1:
        line = line_of(lines, ("meter", grid[1][0], "role"))
        ids = ", ".join(name for _, name in grid)
        yield Problem(code="E-CFG-013", key="meter", line=line, params={"ids": ids})
    if not grid:
        yield Problem(code="W-CFG-106", key="meter")


def _contact(site: Site, lines: Mapping[Path, int]) -> Iterator[Problem]:
    contact = site.signal.contact
    if "contact" not in site.signal.sources:
        if contact is not None:
            line = line_of(lines, ("signal", "contact"))
            yield Problem(code="W-CFG-112", key="signal.contact", line=line)
        return
    if contact is None:
        line = line_of(lines, ("signal", "sources"))
        yield Problem(code="E-CFG-014", key="signal.sources", line=line)
        return
    path = ("signal", "contact", "limiting_when")
    if contact.limiting_when == "closed":
        yield Problem(code="W-CFG-107", key=".".join(path), line=line_of(lines, path))
    if not contact.confirmed:
        path = ("signal", "contact", "confirmed")
        yield Problem(code="W-CFG-108", key=".".join(path), line=line_of(lines, path))


def _pins(site: Site, lines: Mapping[Path, int]) -> Iterator[Problem]:
    users: dict[str, str] = {}
    contact = site.signal.contact
    if contact is not None and contact.backend in GPIO_BACKENDS and contact.pin is not None:
        users[contact.pin.upper()] = "signal.contact.pin"
    for index, steuve in enumerate(site.steuve):
        for name in ("pin_a", "pin_b"):
            pin: str | None = getattr(steuve, name)
            if pin is None:
                continue
            key = f"steuve.{steuve.id}.{name}"
            first = users.setdefault(pin.upper(), key)
            if first != key:
                yield Problem(
                    code="E-CFG-015",
                    key=key,
                    line=line_of(lines, ("steuve", index, name)),
                    params={"pin": pin, "first": first, "second": key},
                )


def _addresses(site: Site, lines: Mapping[Path, int]) -> Iterator[Problem]:
    seen: dict[tuple[str, int | None, int | None], str] = {}
    devices = [("meter", i, device) for i, device in enumerate(site.meter)]
    for section, index, device in [
        *devices,
        *(("steuve", i, s) for i, s in enumerate(site.steuve)),
    ]:
        if device.host is None:
            continue
        address = (device.host.lower(), device.port, device.unit_id)
        first = seen.setdefault(address, device.id)
        meter_of_inverter = section == "steuve" and first in {meter.id for meter in site.meter}
        if first != device.id and not meter_of_inverter:
            told = ":".join(str(part) for part in address if part is not None)
            yield Problem(
                code="E-CFG-018",
                key=f"{section}.{device.id}.host",
                line=line_of(lines, (section, index, "host")),
                params={"first": first, "second": device.id, "address": told},
            )


def _circuit_limits(site: Site, lines: Mapping[Path, int]) -> Iterator[Problem]:
    circuits = {circuit.id: circuit for circuit in site.circuit}
    charging = {s.circuit for s in site.steuve if s.kind is LoadKind.WALLBOX}
    for index, circuit in enumerate(site.circuit):
        if (
            circuit.limit_a is not None
            and circuit.limit_a < CHARGE_MIN_A
            and circuit.id in charging
        ):
            yield Problem(
                code="W-CFG-104",
                key=f"circuit.{circuit.id}.limit_a",
                line=line_of(lines, ("circuit", index, "limit_a")),
                params={"id": circuit.id, "limit_a": f"{circuit.limit_a:g}"},
            )
        parent = circuits.get(circuit.parent or "")
        if parent is not None:
            yield from _above_parent(index, circuit, parent, lines)
    bare = [
        s.id
        for s in site.steuve
        if s.kind is LoadKind.WALLBOX and s.phases == 1 and s.rotation is None
    ]
    if len(bare) > 2:  # noqa: PLR2004  # allocation.md 1.8: "if more than two"
        yield Problem(code="W-CFG-105", key="steuve", params={"ids": ", ".join(bare)})


def _above_parent(
    index: int, circuit: Circuit, parent: Circuit, lines: Mapping[Path, int]
) -> Iterator[Problem]:
    pairs = (
        ("limit_a", circuit.limit_a, parent.limit_a, "A"),
        ("limit_w", circuit.limit_w, parent.limit_w, "W"),
    )
    for name, own, above, unit in pairs:
        if own is not None and above is not None and own > above:
            yield Problem(
                code="W-CFG-103",
                key=f"circuit.{circuit.id}.{name}",
                line=line_of(lines, ("circuit", index, name)),
                params={
                    "id": circuit.id,
                    "limit": f"{own:g} {unit}",
                    "parent": parent.id,
                    "parent_limit": f"{above:g} {unit}",
                },
            )


def _power(site: Site, lines: Mapping[Path, int]) -> Iterator[Problem]:
    connection_w = int(site.connection.fuse_a * site.connection.phases * NOMINAL_V)
    sum_w = sum(steuve.rated_w for steuve in site.steuve)
    if sum_w > connection_w:
        params = {"connection_w": str(connection_w), "sum_w": str(sum_w)}
        line = line_of(lines, ("connection", "fuse_a"))
        yield Problem(code="W-CFG-101", key="connection.fuse_a", line=line, params=params)
    for index, steuve in enumerate(site.steuve):
        if steuve.max_a is None:
            continue
        possible_w = int(steuve.max_a * steuve.phases * NOMINAL_V)
        if steuve.rated_w > possible_w * PLAUSIBLE:
            yield Problem(
                code="W-CFG-111",
                key=f"steuve.{steuve.id}.rated_w",
                line=line_of(lines, ("steuve", index, "rated_w")),
                params={
                    "value": str(steuve.rated_w),
                    "phases": str(steuve.phases),
                    "max_a": f"{steuve.max_a:g}",
                    "possible_w": str(possible_w),
                },
            )
