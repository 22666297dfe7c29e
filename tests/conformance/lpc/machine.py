"""The bare state machine, brought into each of its states by the inputs of the document."""

from __future__ import annotations

from decimal import Decimal

from eebus.usecases.limit_values import Failsafe, LimitWrite, Profile, Settings
from eebus.usecases.power_limit import PowerLimit, Ruling


def started(profile: Profile) -> PowerLimit:
    failsafe = Failsafe(limit_w=Decimal(4_200), duration_s=7_200.0)
    return PowerLimit(profile, Settings(failsafe=failsafe, value_w=Decimal(0)), 0.0)


def write(
    machine: PowerLimit,
    magnitude: int,
    now: float,
    *,
    active: bool,
    duration_s: float | None = None,
) -> Ruling:
    limit = LimitWrite(
        value_w=Decimal(magnitude * machine.profile.sign), active=active, duration_s=duration_s
    )
    ruling = machine.judge_limit(limit, now)
    machine.apply_limit(limit, ruling, now)
    return ruling


def controlled(profile: Profile) -> PowerLimit:
    """UC at 1 s, heartbeat at 0 s."""
    machine = started(profile)
    machine.heartbeat(0.0)
    write(machine, 5_000, 1.0, active=False)
    return machine


def limited(profile: Profile) -> PowerLimit:
    """LI with 5,000 W without end at 1 s, heartbeat at 0 s."""
    machine = started(profile)
    machine.heartbeat(0.0)
    write(machine, 5_000, 1.0, active=True)
    return machine


def failed(profile: Profile) -> PowerLimit:
    """FS since 120 s."""
    machine = controlled(profile)
    machine.handle_timer(121.0)
    return machine


def autonomous(profile: Profile) -> PowerLimit:
    """UA since 120 s."""
    machine = started(profile)
    machine.handle_timer(121.0)
    return machine
