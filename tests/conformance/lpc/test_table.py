"""Every row of the LPC table, by rule: the row is taken, and without it its scenario fails."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from eebus.usecases import power_limit
from eebus.usecases.limit_values import LPC, LPP, Profile
from eebus.usecases.power_limit import EDGES, PowerLimit, State, Trigger
from tests.conformance.lpc.machine import autonomous, controlled, failed, limited, started, write

Scenario = Callable[[Profile], PowerLimit]

UC, LI = State.UNLIMITED_CONTROLLED, State.LIMITED
FS, UA = State.FAILSAFE, State.UNLIMITED_AUTONOMOUS


def last_rule(machine: PowerLimit) -> tuple[str, int]:
    step = machine.take_events()[-1]
    return step.rule, step.edge.number


def init_deactivated(profile: Profile) -> PowerLimit:
    machine = started(profile)
    machine.heartbeat(0.0)
    assert write(machine, 5_000, 60.0, active=False).accepted
    assert (machine.state, machine.in_force_w) == (UC, None)
    assert last_rule(machine) == (f"{profile.rule_prefix}-905", 1)
    return machine


def init_refused(profile: Profile) -> PowerLimit:
    machine = started(profile)
    machine.heartbeat(0.0)
    ruling = write(machine, -1_000, 1.0, active=True)
    assert (ruling.error_number, ruling.rule) == (7, f"{profile.rule_prefix}-902")
    assert machine.state is UC
    assert machine.limit.value_w == 0
    return machine


def init_limited(profile: Profile) -> PowerLimit:
    machine = started(profile)
    machine.heartbeat(0.0)
    assert write(machine, 5_000, 1.0, active=True, duration_s=60.0).accepted
    assert (machine.state, machine.in_force_w) == (LI, 5_000)
    assert last_rule(machine) == (f"{profile.rule_prefix}-904", 2)
    return machine


def init_alone(profile: Profile) -> PowerLimit:
    machine = started(profile)
    machine.handle_timer(120.0)
    assert (machine.state, machine.in_force_w) == (State.INIT, 4_200)
    machine.handle_timer(120.1)
    assert (machine.state, machine.in_force_w) == (UA, None)
    assert last_rule(machine) == (f"{profile.rule_prefix}-906", 3)
    return machine


def controlled_limited(profile: Profile) -> PowerLimit:
    machine = controlled(profile)
    assert write(machine, 0, 90.0, active=True).accepted
    assert (machine.state, machine.in_force_w) == (LI, 0)
    assert last_rule(machine) == (f"{profile.rule_prefix}-910", 4)
    return machine


def controlled_stored(profile: Profile) -> PowerLimit:
    machine = controlled(profile)
    ruling = write(machine, 3_000, 90.0, active=False)
    assert (ruling.error_number, ruling.rule) == (0, f"{profile.rule_prefix}-008")
    assert machine.state is UC
    assert machine.limit.value_w == 3_000 * profile.sign
    return machine


def controlled_refused(profile: Profile) -> PowerLimit:
    machine = controlled(profile)
    ruling = write(machine, -1_000, 90.0, active=True)
    assert (ruling.error_number, ruling.rule) == (7, f"{profile.rule_prefix}-907/1")
    assert machine.state is UC
    assert machine.limit.value_w == 5_000 * profile.sign
    return machine


def controlled_lost(profile: Profile) -> PowerLimit:
    machine = controlled(profile)
    machine.handle_timer(120.0)
    assert machine.state is UC
    machine.handle_timer(120.1)
    assert (machine.state, machine.in_force_w) == (FS, 4_200)
    assert last_rule(machine) == (f"{profile.rule_prefix}-911", 5)
    return machine


def limited_expired(profile: Profile) -> PowerLimit:
    machine = started(profile)
    machine.heartbeat(0.0)
    write(machine, 5_000, 1.0, active=True, duration_s=60.0)
    machine.handle_timer(60.9)
    assert machine.state is LI
    machine.handle_timer(61.0)
    assert (machine.state, machine.in_force_w, machine.limit.duration_s) == (UC, None, None)
    assert last_rule(machine) == (f"{profile.rule_prefix}-908", 6)
    return machine


def limited_deactivated(profile: Profile) -> PowerLimit:
    machine = limited(profile)
    assert write(machine, 5_000, 90.0, active=False).accepted
    assert (machine.state, machine.in_force_w) == (UC, None)
    assert last_rule(machine) == (f"{profile.rule_prefix}-909", 6)
    return machine


def limited_interrupted(profile: Profile) -> PowerLimit:
    machine = limited(profile)
    machine.interrupt("self-protection", 10.0)
    assert (machine.state, machine.in_force_w) == (UC, None)
    assert last_rule(machine) == (f"{profile.rule_prefix}-923", 6)
    return machine


def limited_anew(profile: Profile) -> PowerLimit:
    machine = limited(profile)
    assert write(machine, 3_000, 90.0, active=True).accepted
    assert (machine.state, machine.in_force_w) == (LI, 3_000)
    return machine


def limited_refused(profile: Profile) -> PowerLimit:
    machine = limited(profile)
    ruling = write(machine, -1_000, 90.0, active=True)
    assert (ruling.error_number, ruling.rule) == (7, f"{profile.rule_prefix}-907/2")
    assert (machine.state, machine.in_force_w) == (LI, 5_000)
    return machine


def limited_lost(profile: Profile) -> PowerLimit:
    machine = limited(profile)
    machine.handle_timer(120.0)
    assert machine.state is LI
    machine.handle_timer(120.1)
    assert (machine.state, machine.in_force_w) == (FS, 4_200)
    assert last_rule(machine) == (f"{profile.rule_prefix}-912", 7)
    return machine


def failsafe_deactivated(profile: Profile) -> PowerLimit:
    machine = failed(profile)
    machine.heartbeat(300.0)
    assert machine.state is FS
    assert write(machine, 5_000, 301.0, active=False).accepted
    assert machine.state is UC
    assert last_rule(machine) == (f"{profile.rule_prefix}-920", 8)
    return machine


def failsafe_refused(profile: Profile) -> PowerLimit:
    machine = failed(profile)
    machine.heartbeat(300.0)
    ruling = write(machine, -1_000, 301.0, active=True)
    assert (ruling.error_number, ruling.rule) == (7, f"{profile.rule_prefix}-918")
    assert machine.state is UC
    return machine


def failsafe_limited(profile: Profile) -> PowerLimit:
    machine = failed(profile)
    machine.heartbeat(300.0)
    assert write(machine, 3_000, 360.0, active=True).accepted
    assert (machine.state, machine.in_force_w) == (LI, 3_000)
    assert last_rule(machine) == (f"{profile.rule_prefix}-919", 9)
    return machine


def failsafe_over(profile: Profile) -> PowerLimit:
    machine = failed(profile)
    machine.handle_timer(120.0 + 7_199.0)
    assert machine.state is FS
    machine.handle_timer(120.0 + 7_201.0)
    assert (machine.state, machine.in_force_w) == (UA, None)
    assert last_rule(machine) == (f"{profile.rule_prefix}-922", 10)
    return machine


def failsafe_unspoken(profile: Profile) -> PowerLimit:
    machine = failed(profile)
    for at in (300.0, 330.0, 360.0, 390.0, 420.0):
        machine.heartbeat(at)
    assert machine.state is FS
    machine.handle_timer(420.1)
    assert (machine.state, machine.in_force_w) == (UA, None)
    assert last_rule(machine) == (f"{profile.rule_prefix}-921", 10)
    return machine


def autonomous_deactivated(profile: Profile) -> PowerLimit:
    machine = autonomous(profile)
    machine.heartbeat(300.0)
    assert write(machine, 5_000, 301.0, active=False).accepted
    assert machine.state is UC
    assert last_rule(machine) == (f"{profile.rule_prefix}-920", 11)
    return machine


def autonomous_refused(profile: Profile) -> PowerLimit:
    machine = autonomous(profile)
    machine.heartbeat(300.0)
    ruling = write(machine, -1_000, 301.0, active=True)
    assert (ruling.error_number, ruling.rule) == (7, f"{profile.rule_prefix}-918")
    assert machine.state is UC
    return machine


def autonomous_limited(profile: Profile) -> PowerLimit:
    machine = autonomous(profile)
    machine.heartbeat(300.0)
    assert write(machine, 3_000, 301.0, active=True).accepted
    assert (machine.state, machine.in_force_w) == (LI, 3_000)
    assert last_rule(machine) == (f"{profile.rule_prefix}-919", 12)
    return machine


SCENARIOS: dict[tuple[State, Trigger], Scenario] = {
    (State.INIT, Trigger.LIMIT_OFF): init_deactivated,
    (State.INIT, Trigger.LIMIT_REFUSED): init_refused,
    (State.INIT, Trigger.LIMIT_ON): init_limited,
    (State.INIT, Trigger.NOBODY_CAME): init_alone,
    (UC, Trigger.LIMIT_ON): controlled_limited,
    (UC, Trigger.LIMIT_OFF): controlled_stored,
    (UC, Trigger.LIMIT_REFUSED): controlled_refused,
    (UC, Trigger.HEARTBEAT_LOST): controlled_lost,
    (LI, Trigger.LIMIT_EXPIRED): limited_expired,
    (LI, Trigger.LIMIT_OFF): limited_deactivated,
    (LI, Trigger.INTERRUPTED): limited_interrupted,
    (LI, Trigger.LIMIT_ON): limited_anew,
    (LI, Trigger.LIMIT_REFUSED): limited_refused,
    (LI, Trigger.HEARTBEAT_LOST): limited_lost,
    (FS, Trigger.LIMIT_OFF): failsafe_deactivated,
    (FS, Trigger.LIMIT_REFUSED): failsafe_refused,
    (FS, Trigger.LIMIT_ON): failsafe_limited,
    (FS, Trigger.FAILSAFE_OVER): failsafe_over,
    (FS, Trigger.NO_LIMIT_FOLLOWED): failsafe_unspoken,
    (UA, Trigger.LIMIT_OFF): autonomous_deactivated,
    (UA, Trigger.LIMIT_REFUSED): autonomous_refused,
    (UA, Trigger.LIMIT_ON): autonomous_limited,
}
# Written from the document: a scenario keeps its name when its row is gone from the table.
RULES: dict[tuple[State, Trigger], tuple[int, tuple[str, ...]]] = {
    (State.INIT, Trigger.LIMIT_OFF): (1, ("905",)),
    (State.INIT, Trigger.LIMIT_REFUSED): (1, ("902",)),
    (State.INIT, Trigger.LIMIT_ON): (2, ("904",)),
    (State.INIT, Trigger.NOBODY_CAME): (3, ("906",)),
    (UC, Trigger.LIMIT_ON): (4, ("910",)),
    (UC, Trigger.LIMIT_OFF): (0, ("008",)),
    (UC, Trigger.LIMIT_REFUSED): (0, ("907/1",)),
    (UC, Trigger.HEARTBEAT_LOST): (5, ("911",)),
    (LI, Trigger.LIMIT_EXPIRED): (6, ("908", "007")),
    (LI, Trigger.LIMIT_OFF): (6, ("909",)),
    (LI, Trigger.INTERRUPTED): (6, ("923",)),
    (LI, Trigger.LIMIT_ON): (0, ("002/1",)),
    (LI, Trigger.LIMIT_REFUSED): (0, ("907/2",)),
    (LI, Trigger.HEARTBEAT_LOST): (7, ("912",)),
    (FS, Trigger.LIMIT_OFF): (8, ("920", "916")),
    (FS, Trigger.LIMIT_REFUSED): (8, ("918",)),
    (FS, Trigger.LIMIT_ON): (9, ("919",)),
    (FS, Trigger.FAILSAFE_OVER): (10, ("922",)),
    (FS, Trigger.NO_LIMIT_FOLLOWED): (10, ("921",)),
    (UA, Trigger.LIMIT_OFF): (11, ("920",)),
    (UA, Trigger.LIMIT_REFUSED): (11, ("918",)),
    (UA, Trigger.LIMIT_ON): (12, ("919",)),
}
ROWS = [
    pytest.param(
        key,
        id="-".join((*key[0].value.split("_"), key[1].name.lower())),
        marks=[pytest.mark.rule(f"LPC-{rule}") for rule in rules],
    )
    for key, (_, rules) in RULES.items()
]


def test_the_table_has_the_rows_of_the_document_and_each_has_a_scenario() -> None:
    assert {key: (edge.number, edge.rules) for key, edge in EDGES.items()} == RULES
    assert set(SCENARIOS) == set(RULES)


@pytest.mark.parametrize("profile", [LPC, LPP], ids=["lpc", "lpp"])
@pytest.mark.parametrize("key", ROWS)
def test_the_row_leads_where_its_rule_says(key: tuple[State, Trigger], profile: Profile) -> None:
    machine = SCENARIOS[key](profile)

    assert key in EDGES
    assert machine.state is EDGES[key].target


@pytest.mark.parametrize("key", ROWS)
def test_without_the_row_the_scenario_of_its_rule_fails(
    key: tuple[State, Trigger], monkeypatch: pytest.MonkeyPatch
) -> None:
    rest = {other: edge for other, edge in EDGES.items() if other != key}
    monkeypatch.setattr(power_limit, "EDGES", rest)

    with pytest.raises((AssertionError, IndexError)):
        SCENARIOS[key](LPC)
