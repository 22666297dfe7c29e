"""Checks of a configuration that need the device maps and P_min.

Source: allocation.md 1.8, R-14A-54 (what the devices draw when the EMS is dead), R-14A-12.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from drivers.api import ControlUnit, SetupError
from drivers.modbus.mapfile import known_maps, load_map
from ems.config.lines import line_of
from ems.config.problem import Problem, guess_of
from ems.config.translate import pmin_of, static_capabilities, steuves_of
from ems.control.gzf import ControlMode, group

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from datetime import date

    from drivers.api import Capability
    from ems.config.lines import Path
    from ems.config.schema import Device, Site, Steuve
    from ems.control.gzf import Pmin

NOMINAL_V = 230


def check_devices(site: Site, lines: Mapping[Path, int]) -> list[Problem]:
    """Every device has a map of its kind and what that map needs to be reached."""
    found: list[Problem] = []
    for index, meter in enumerate(site.meter):
        found += _device(meter, ("meter", index), "meter", lines)
    for index, steuve in enumerate(site.steuve):
        found += _device(steuve, ("steuve", index), steuve.kind.value, lines)
    return found


def _device(
    device: Device, path: tuple[str, int], kind: str, lines: Mapping[Path, int]
) -> Iterator[Problem]:
    key, line = f"{path[0]}.{device.id}", line_of(lines, (*path, "device"))
    fitting = tuple(name for name, file in known_maps().items() if file.parent.name == kind)
    try:
        mapfile = load_map(device.device)
    except SetupError:
        mapfile = None
    if mapfile is None or (mapfile.kind != kind and mapfile.id not in fitting):
        yield Problem(
            code="E-CFG-016",
            key=f"{key}.device",
            line=line,
            params={"device": device.device},
            guess=guess_of(device.device, fitting),
            allowed=fitting,
        )
        return
    missing = "host"
    if mapfile.transport.type == "relay":
        missing = "pin_a"
    if getattr(device, missing, None) is None:
        params = {"missing": missing}
        yield Problem(code="E-CFG-017", key=key, line=line_of(lines, path), params=params)


def check_safety(site: Site, day: date) -> list[Problem]:
    """What an installer must know before handing over: P_min and the dead-man sum.

    Raises:
        SetupError: a device cannot be used as configured.
    """
    return [*check_pmin(site, day, {}), *check_dead_man(site, day)]


def check_pmin(site: Site, day: date, lines: Mapping[Path, int]) -> Iterator[Problem]:
    """Whether there is anything to control, and whether approved values fit to P_min."""
    owed = pmin_of(site, day)
    if owed.pmin_14a_w is None:
        if not group(steuves_of(site), date=day, control=ControlMode.DIRECT):
            yield Problem(code="W-CFG-109", key="steuve")
        return
    told: list[tuple[Path, int | str]] = [
        (("signal", "failsafe_limit_w"), site.signal.failsafe_limit_w)
    ]
    if site.signal.contact is not None:
        told.append((("signal", "contact", "limit_w"), site.signal.contact.limit_w))
    for path, value in told:
        if isinstance(value, int) and value < owed.pmin_14a_w:
            yield Problem(
                code="W-CFG-110",
                key=".".join(map(str, path)),
                line=line_of(lines, path),
                params={"value": str(value), "pmin_w": str(owed.pmin_14a_w)},
            )


def check_dead_man(
    site: Site, day: date, *, capabilities: Mapping[str, Capability] | None = None
) -> list[Problem]:
    """W-CFG-102 when the SteuVE may draw more than P_min while the EMS is dead (R-14A-54).

    Loads the drivers; for ``config check``, commissioning and the start of the service.

    Raises:
        SetupError: a device cannot be used as configured.
    """
    owed = pmin_of(site, day)
    if owed.pmin_14a_w is None:
        return []
    known = static_capabilities(site) if capabilities is None else capabilities
    counted = _counted(owed)
    sum_w, unknown = 0, list[str]()
    for steuve in site.steuve:
        if steuve.id not in counted:
            continue
        fallback_w = failsafe_w(steuve, known[steuve.id])
        sum_w += steuve.rated_w if fallback_w is None else fallback_w
        if fallback_w is None:
            unknown.append(steuve.id)
    if sum_w <= owed.pmin_14a_w:
        return []
    params = {
        "sum_w": str(sum_w),
        "pmin_w": str(owed.pmin_14a_w),
        "unknown": ", ".join(unknown) or "–",
    }
    return [Problem(code="W-CFG-102", key="steuve", params=params)]


def failsafe_w(steuve: Steuve, capability: Capability) -> int | None:
    """What the device draws at most when it hears nothing [W]; ``None``: it has no fall-back."""
    if capability.control is ControlUnit.CURRENT and capability.failsafe_ma is not None:
        return capability.failsafe_ma * steuve.phases * NOMINAL_V // 1000
    return capability.failsafe_w


def _counted(owed: Pmin) -> set[str]:
    return {member for one in owed.groups for member in one.members}
