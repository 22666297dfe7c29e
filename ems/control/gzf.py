"""P_min,14a: the power the SteuVE of one connection may always draw, by the rules of §14a EnWG.

Classes, thresholds, factor and simultaneity factors (GZF) are data with a version, because the
decision itself expects them to change. Integer watts, rounded down. Nothing else computes P_min.
Source: BK6-22-300 Anlage 1, 2.4 and 4.5; 14a.md 1.1, 1.2 and 2.1.
"""

from __future__ import annotations

import datetime
from dataclasses import dataclass
from enum import StrEnum
from fractions import Fraction
from typing import TYPE_CHECKING

from drivers.api import LoadKind

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence


class ControlMode(StrEnum):
    """Who controls a SteuVE (BK6-22-300 Anlage 1, 4.4)."""

    EMS = "ems"
    DIRECT = "direct"


class LegacyStatus(StrEnum):
    """Regime of a device (14a.md 1.2)."""

    MANDATORY = "mandatory"
    LEGACY_REDUCED_FEE = "legacy_reduced_fee"
    LEGACY_NON_STEUVE = "legacy_non_steuve"
    NIGHT_STORAGE = "night_storage"
    OUT_OF_SCOPE = "out_of_scope"
    VOLUNTARY = "voluntary"
    EXEMPT = "exempt"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """The numbers of the decision, exchangeable as one versioned set (R-14A-08).

    ``gzf``: simultaneity factor in hundredths by number of SteuVE; the last one holds for more.
    """

    version: str
    threshold_w: int
    flat_min_w: int
    scale_limit_w: int
    scale_factor: Fraction
    gzf: tuple[tuple[int, int], ...]
    mandatory_from: datetime.date
    legacy_until: datetime.date

    def gzf_percent(self, n: int) -> int:
        """Simultaneity factor for ``n`` ≥ 2 SteuVE [%]."""
        return next(percent for least, percent in reversed(self.gzf) if n >= least)


BK6_22_300 = Rules(
    version="BK6-22-300/2023-11-27",
    threshold_w=4_200,
    flat_min_w=4_200,
    scale_limit_w=11_000,
    scale_factor=Fraction(2, 5),
    gzf=((2, 80), (3, 75), (4, 70), (5, 65), (6, 60), (7, 55), (8, 50), (9, 45)),
    mandatory_from=datetime.date(2024, 1, 1),
    legacy_until=datetime.date(2028, 12, 31),
)
"""In force since 2024-01-01."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SteuVe:
    """A device that may be a SteuVE, one entry per charge point and per storage.

    Attributes:
        rated_w: electrical connection power [W], of heat pumps including every heating rod.
        control: through the EMS, or directly by a relay of its own.
        legacy: regime; ``None``: derived from ``commissioned``.
        commissioned: day of commissioning (Europe/Berlin); ``None``: new.
    """

    id: str
    kind: LoadKind
    rated_w: int
    control: ControlMode = ControlMode.EMS
    legacy: LegacyStatus | None = None
    commissioned: datetime.date | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """What counts as one SteuVE: a charge point, a storage, or all devices of a summed class."""

    kind: LoadKind
    rated_w: int
    members: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Pmin:
    """Minimum power under EMS control.

    Attributes:
        pmin_14a_w: [W]; ``None``: n = 0, there is nothing to control (R-14A-12).
        n: number of SteuVE after grouping.
        gzf: simultaneity factor as text, for example ``"0.65"``; empty for n < 2.
        base_w, rest_w: the first SteuVE (or the scaled heat) and the others.
        groups: what was counted.
        rules_version: which numbers were used.
    """

    pmin_14a_w: int | None
    n: int
    gzf: str
    base_w: int
    rest_w: int
    scaled: bool
    groups: tuple[Group, ...]
    rules_version: str


NOTHING_TO_CONTROL = Pmin(
    pmin_14a_w=None,
    n=0,
    gzf="",
    base_w=0,
    rest_w=0,
    scaled=False,
    groups=(),
    rules_version=BK6_22_300.version,
)

_SUMMED = (LoadKind.HEATPUMP, LoadKind.COOLING)


def counts(device: SteuVe, date: datetime.date, rules: Rules = BK6_22_300) -> bool:
    """Whether the device is under the new rules on that day (14a.md 1.2)."""
    match _status(device, rules):
        case LegacyStatus.MANDATORY | LegacyStatus.VOLUNTARY:
            return True
        case LegacyStatus.LEGACY_REDUCED_FEE:
            return date > rules.legacy_until
        case _:
            return False


def group(
    devices: Iterable[SteuVe],
    *,
    date: datetime.date,
    control: ControlMode,
    rules: Rules = BK6_22_300,
) -> tuple[Group, ...]:
    """SteuVE after grouping: heat pumps and cooling summed per class, strictly above 4.2 kW."""
    under = [d for d in devices if d.control is control and counts(d, date, rules)]
    groups = [
        Group(kind=d.kind, rated_w=d.rated_w, members=(d.id,))
        for d in under
        if d.kind not in _SUMMED
    ]
    for kind in _SUMMED:
        members = [d for d in under if d.kind is kind]
        total_w = sum(d.rated_w for d in members)
        groups.append(Group(kind=kind, rated_w=total_w, members=tuple(d.id for d in members)))
    return tuple(g for g in groups if g.rated_w > rules.threshold_w)


def pmin(devices: Iterable[SteuVe], *, date: datetime.date, rules: Rules = BK6_22_300) -> Pmin:
    """Minimum power of all SteuVE behind the EMS together (BK6-22-300 Anlage 1, 4.5.2)."""
    groups = group(devices, date=date, control=ControlMode.EMS, rules=rules)
    n = len(groups)
    if n == 0:
        return NOTHING_TO_CONTROL
    heat = [g for g in groups if g.kind in _SUMMED]
    scaled = any(g.rated_w > rules.scale_limit_w for g in heat)
    base = Fraction(rules.flat_min_w)
    if scaled:
        base = max(rules.scale_factor * g.rated_w for g in heat)
    percent = rules.gzf_percent(n) if n > 1 else 0
    rest = (n - 1) * Fraction(percent, 100) * rules.flat_min_w
    return Pmin(
        pmin_14a_w=int(base + rest),
        n=n,
        gzf=f"{percent / 100:.2f}" if n > 1 else "",
        base_w=int(base),
        rest_w=int(rest),
        scaled=scaled,
        groups=groups,
        rules_version=rules.version,
    )


class DirectHeatRule(StrEnum):
    """Heat pump and cooling both under direct control; the sources disagree (14a.md 2.1)."""

    PER_CLASS = "per_class"
    SUM = "sum"


def pmin_direct(
    devices: Iterable[SteuVe],
    *,
    date: datetime.date,
    heat_rule: DirectHeatRule = DirectHeatRule.PER_CLASS,
    rules: Rules = BK6_22_300,
) -> dict[tuple[str, ...], int]:
    """Minimum power [W] of each directly controlled SteuVE, by the ids it consists of.

    BK6-22-300 Anlage 1, 4.5.1. With ``SUM`` heat pump and cooling share one value.
    """
    groups = list(group(devices, date=date, control=ControlMode.DIRECT, rules=rules))
    if heat_rule is DirectHeatRule.SUM:
        groups = _heat_as_one(groups)
    return {g.members: _direct_w(g, rules) for g in groups}


def _heat_as_one(groups: Sequence[Group]) -> list[Group]:
    heat = [g for g in groups if g.kind in _SUMMED]
    others = [g for g in groups if g.kind not in _SUMMED]
    if not heat:
        return others
    members = tuple(member for g in heat for member in g.members)
    total_w = sum(g.rated_w for g in heat)
    return [*others, Group(kind=LoadKind.HEATPUMP, rated_w=total_w, members=members)]


def _direct_w(one: Group, rules: Rules) -> int:
    if one.kind in _SUMMED and one.rated_w > rules.scale_limit_w:
        return int(rules.scale_factor * one.rated_w)
    return rules.flat_min_w


def _status(device: SteuVe, rules: Rules) -> LegacyStatus:
    if device.legacy is not None:
        return device.legacy
    if device.commissioned is not None and device.commissioned < rules.mandatory_from:
        return LegacyStatus.OUT_OF_SCOPE
    return LegacyStatus.MANDATORY
