"""From ``ems.toml`` to what control and drivers want: pure, without a connection."""

from __future__ import annotations

from typing import TYPE_CHECKING

from drivers.api import LoadKind
from drivers.config import LoadConfig, LoadOptions, MeterConfig, MeterOptions
from ems.control.grid_limit import Source
from ems.control.gzf import ControlMode, LegacyStatus, SteuVe, pmin, pmin_direct
from ems.control.plant import (
    Attribution,
    BelowPmin,
    Circuit,
    ClassMode,
    ControlTimings,
    Load,
    Plant,
    Policy,
    Rotation,
    SignalConfig,
)

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import date

    from drivers.api import Capability
    from ems.config import schema
    from ems.config.schema import Site
    from ems.control.gzf import Pmin

PMIN_WITHOUT_STEUVE_W = 4_200  # n = 0: a value is needed, nothing obeys it (R-14A-12)


def steuves_of(site: Site) -> tuple[SteuVe, ...]:
    """Every device that may count for §14a, in the order of the file."""
    return tuple(
        SteuVe(
            id=one.id,
            kind=one.kind,
            rated_w=one.rated_w,
            control=ControlMode(one.control),
            legacy=_legacy(one.legacy),
            commissioned=one.commissioned,
        )
        for one in site.steuve
    )


def _legacy(told: bool | str) -> LegacyStatus | None:  # noqa: FBT001  # the file says true or a word
    if isinstance(told, str):
        return LegacyStatus(told)
    return LegacyStatus.LEGACY_REDUCED_FEE if told else None


def pmin_of(site: Site, day: date) -> Pmin:
    """P_min,14a of the plant on ``day`` (Europe/Berlin)."""
    return pmin(steuves_of(site), date=day)


def watts_of(told: schema.PminOrWatts, owed: Pmin) -> int:
    """A value that may say "pmin" [W]."""
    if told != "pmin":
        return told
    return PMIN_WITHOUT_STEUVE_W if owed.pmin_14a_w is None else owed.pmin_14a_w


def load_configs(site: Site) -> tuple[LoadConfig, ...]:
    """What each driver needs, in the order of the file.

    Raises:
        pydantic.ValidationError: a value the driver cannot take; ``load_site`` has refused it.
    """
    return tuple(
        LoadConfig(
            id=one.id,
            kind=one.kind,
            device=one.device,
            host=one.host,
            port=one.port,
            unit_id=one.unit_id,
            phases=one.phases,
            rated_w=one.rated_w,
            max_ma=None if one.max_a is None else int(one.max_a * 1000),
            options=LoadOptions(
                failsafe_a=one.failsafe_a,
                failsafe_timeout_s=one.failsafe_timeout_s,
                min_w=one.min_w,
                grid_charge=one.grid_charge,
                pin_a=one.pin_a,
                pin_b=one.pin_b,
                active_high=one.active_high,
            ),
        )
        for one in site.steuve
    )


def meter_configs(site: Site) -> tuple[MeterConfig, ...]:
    """What each meter's driver needs, in the order of the file."""
    return tuple(
        MeterConfig(
            id=one.id,
            role=one.role,
            device=one.device,
            host=one.host,
            port=one.port,
            unit_id=one.unit_id,
            phases=one.phases,
            options=MeterOptions(invert=one.invert),
        )
        for one in site.meter
    )


def plant_of(
    site: Site, day: date, *, capabilities: Mapping[str, Capability] | None = None
) -> Plant:
    """The plant as the core sees it on ``day``.

    ``capabilities`` by load id; left out: what the device maps say
    (``drivers.registry.static_capability``).

    Raises:
        SetupError: a device map is unknown or of another kind.
    """
    known = static_capabilities(site) if capabilities is None else capabilities
    owed = pmin_of(site, day)
    counted = {member for group in owed.groups for member in group.members}
    caps = {
        member: owed_w
        for members, owed_w in pmin_direct(steuves_of(site), date=day).items()
        for member in members
    }
    return Plant(
        loads=tuple(
            _load(one, known[one.id], steuve=one.id in counted, cap_w=caps.get(one.id))
            for one in site.steuve
        ),
        signal=_signal(site.signal, owed),
        pmin=owed,
        has_grid_meter=any(meter.role == "grid" for meter in site.meter),
        circuits=_circuits(site),
        policy=Policy(
            strategy=site.control.strategy, class_mode=ClassMode(site.control.class_mode)
        ),
        timings=ControlTimings(
            credit_hold_s=site.control.credit_hold_s, meter_stale_s=site.control.meter_stale_s
        ),
        escalation=site.control.escalation,
    )


def static_capabilities(site: Site) -> dict[str, Capability]:
    """What each load can be told, from configuration and device map alone.

    Raises:
        SetupError: a device map is unknown or of another kind.
    """
    from drivers.registry import static_capability  # noqa: PLC0415  # loads the Modbus library

    return {config.id: static_capability(config) for config in load_configs(site)}


def _load(one: schema.Steuve, capability: Capability, *, steuve: bool, cap_w: int | None) -> Load:
    return Load(
        load_id=one.id,
        name=one.name or one.id,
        kind=one.kind,
        rated_w=one.rated_w,
        capability=capability,
        phases=one.phases,
        priority=one.priority,
        steuve=steuve,
        cap_w=cap_w,
        circuit=one.circuit or "",
        rotation=Rotation.UNKNOWN if one.rotation is None else Rotation(one.rotation),
        surplus_always=one.kind is LoadKind.BATTERY,
    )


def _signal(signal: schema.Signal, owed: Pmin) -> SignalConfig:
    contact_w = "pmin" if signal.contact is None else signal.contact.limit_w
    return SignalConfig(
        sources=tuple(Source(source) for source in signal.sources),
        contact_limit_w=watts_of(contact_w, owed),
        failsafe_limit_w=watts_of(signal.failsafe_limit_w, owed),
        failsafe_duration_s=float(signal.failsafe_duration_s),
        attribution=Attribution(signal.attribution.value),
        below_pmin=BelowPmin(signal.below_pmin.value),
    )


def _circuits(site: Site) -> tuple[Circuit, ...]:
    return tuple(
        Circuit(
            circuit_id=one.id,
            parent=one.parent or "",
            limit_ma=None if one.limit_a is None else _on_every_phase(int(one.limit_a * 1000)),
            limit_w=one.limit_w,
        )
        for one in site.circuit
    )


def _on_every_phase(limit_ma: int) -> tuple[int, int, int]:
    return (limit_ma, limit_ma, limit_ma)
