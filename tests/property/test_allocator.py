"""Promises of the allocator for any loads and any limits, with independent certificates."""

from __future__ import annotations

import dataclasses
from random import Random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from drivers.api import ControlUnit
from ems.control.allocator import Grant, LoadDemand, Resource, allocate
from ems.control.plant import Circuit, ClassMode, Policy, Rotation
from ems.control.reasons import ReasonCode
from ems.control.resources import Place, circuit_resources, steuve_budget

FEW = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
CIRCUITS = (
    Circuit(circuit_id="main", limit_ma=(63_000,) * 3),
    Circuit(circuit_id="garage", parent="main", limit_ma=(32_000, 25_000, 40_000), limit_w=15_000),
)

demands = st.builds(
    LoadDemand,
    load_id=st.just(""),
    control=st.just(ControlUnit.CURRENT),
    uw_per_x=st.sampled_from([230_000, 460_000, 690_000, 702_000]),
    min_x=st.sampled_from([6_000, 6_000, 9_200, 1_000]),
    max_x=st.integers(5_000, 40_000),
    step_x=st.sampled_from([1, 100, 1_000]),
    priority=st.integers(0, 2),
    weight=st.sampled_from([1, 1, 2]),
    phases=st.sampled_from([1, 2, 3]),
    pinned_x=st.one_of(st.none(), st.none(), st.none(), st.integers(0, 20_000)),
) | st.builds(
    LoadDemand,
    load_id=st.just(""),
    control=st.just(ControlUnit.POWER),
    uw_per_x=st.just(1_000_000),
    min_x=st.sampled_from([0, 1_500]),
    max_x=st.integers(0, 12_000),
    step_x=st.sampled_from([1, 10, 100]),
    priority=st.integers(-1, 2),
) | st.builds(
    LoadDemand,
    load_id=st.just(""),
    control=st.just(ControlUnit.LEVELS),
    uw_per_x=st.just(1_000_000),
    levels=st.sampled_from([(0, 6_000), (0, 2_000, 4_000, 6_000)]),
    max_x=st.just(6_000),
    priority=st.integers(0, 2),
)  # fmt: skip

policies = st.builds(
    Policy,
    strategy=st.sampled_from(["equal", "equal", "focus"]),
    class_mode=st.sampled_from(list(ClassMode)),
    fair_unit=st.sampled_from(["power", "current"]),
)


@st.composite
def problems(draw: st.DrawFn) -> tuple[list[LoadDemand], list[Resource], Policy]:
    loads = [
        dataclasses.replace(load, load_id=f"d{n:02d}", rank=n)
        for n, load in enumerate(draw(st.lists(demands, max_size=7)))
    ]
    places = {
        load.load_id: Place(
            steuve=draw(st.booleans()),
            circuit=draw(st.sampled_from(["", "main", "garage"])),
            rotation=draw(st.sampled_from(list(Rotation))),
        )
        for load in loads
    }
    resources = circuit_resources(loads, places, CIRCUITS)
    budget_w = draw(st.one_of(st.none(), st.integers(-1_000, 60_000)))
    if budget_w is not None:
        resources.append(steuve_budget(loads, places, budget_w))
    return loads, resources, draw(policies)


def xs_of(loads: list[LoadDemand], grants: dict[str, Grant]) -> dict[str, int]:
    result: dict[str, int] = {}
    for load in loads:
        setpoint = grants[load.load_id].setpoint
        if setpoint is None:
            result[load.load_id] = load.pinned_x or 0
        else:
            ma = setpoint.current_ma
            result[load.load_id] = setpoint.power_w if ma is None else ma
    return result


def used(resource: Resource, xs: dict[str, int]) -> int:
    return sum(c * xs[load_id] for load_id, c in resource.coefficients.items())


def room(resource: Resource) -> int:
    return max(resource.capacity, 0) * 1_000_000


@pytest.mark.invariant("I-01")
@FEW
@given(problems())
def test_no_resource_is_exceeded_and_every_value_is_one_the_device_knows(
    problem: tuple[list[LoadDemand], list[Resource], Policy],
) -> None:
    loads, resources, policy = problem

    grants = allocate(loads, resources, policy)

    xs = xs_of(loads, grants)
    free = [load for load in loads if load.pinned_x is None]
    for resource in resources:
        pinned = used(resource, {i: 0 if any(f.load_id == i for f in free) else x
                                 for i, x in xs.items()})  # fmt: skip
        assert used(resource, xs) <= max(room(resource), pinned)
    for load in free:
        x = xs[load.load_id]
        if load.levels:
            assert x in load.levels
        else:
            assert x == 0 or load.min_x <= x <= load.max_x
            assert x % load.step_x == 0


@FEW
@given(problems(), st.randoms(use_true_random=False))
def test_the_result_does_not_depend_on_the_order_of_loads(
    problem: tuple[list[LoadDemand], list[Resource], Policy], chance: Random
) -> None:
    loads, resources, policy = problem
    shuffled = chance.sample(loads, k=len(loads))

    assert allocate(shuffled, resources, policy) == allocate(loads, resources, policy)


@FEW
@given(problems())
def test_a_refused_load_really_does_not_fit_beside_better_ranked_minima(
    problem: tuple[list[LoadDemand], list[Resource], Policy],
) -> None:
    loads, resources, policy = problem
    if policy.strategy == "focus":
        policy = dataclasses.replace(policy, strategy="equal")

    grants = allocate(loads, resources, policy)

    xs = xs_of(loads, grants)
    for load in loads:
        grant = grants[load.load_id]
        if grant.setpoint is None or grant.reason.code not in {
            ReasonCode.NO_STEUVE, ReasonCode.NO_PHASE, ReasonCode.NO_POWER
        } or grant.reason.resource == "cap":  # fmt: skip
            continue
        low = load.levels[1] if load.levels else -(-load.min_x // load.step_x) * load.step_x
        with_it = {**xs, load.load_id: max(low, load.step_x)}
        assert any(used(r, with_it) > room(r) for r in resources)


@FEW
@given(problems())
def test_nobody_could_take_one_more_step(
    problem: tuple[list[LoadDemand], list[Resource], Policy],
) -> None:
    loads, resources, policy = problem

    grants = allocate(loads, resources, policy)

    xs = xs_of(loads, grants)
    for load in loads:
        x = xs[load.load_id]
        if grants[load.load_id].setpoint is None or (x == 0 and load.min_x > 0) or load.levels:
            continue
        if x + load.step_x <= load.max_x // load.step_x * load.step_x:
            more = {**xs, load.load_id: x + load.step_x}
            assert any(used(r, more) > room(r) for r in resources)


@FEW
@given(problems(), st.data())
def test_more_of_a_resource_never_costs_the_first_load_that_notices(
    problem: tuple[list[LoadDemand], list[Resource], Policy], data: st.DataObject
) -> None:
    loads, resources, _ = problem
    if not resources:
        return
    policy = Policy(strategy="focus")
    chosen = data.draw(st.integers(0, len(resources) - 1))
    more = data.draw(st.integers(0, 30_000))
    raised = [
        dataclasses.replace(r, capacity=max(r.capacity, 0) + more) if n == chosen else r
        for n, r in enumerate(resources)
    ]

    before = xs_of(loads, allocate(loads, resources, policy))
    after = xs_of(loads, allocate(loads, raised, policy))

    ranked = sorted(loads, key=lambda load: (-load.priority, load.rank, load.load_id))
    changed = [i for i in (load.load_id for load in ranked) if before[i] != after[i]]
    assert not changed or after[changed[0]] > before[changed[0]]


@given(st.integers(1, 12), st.integers(0, 80_000), st.sampled_from([1, 100, 1_000]))
def test_equal_loads_differ_by_one_step_at_most_and_rank_decides(
    count: int, budget_w: int, step: int
) -> None:
    loads = [
        LoadDemand(
            load_id=f"d{n:02d}", control=ControlUnit.CURRENT, uw_per_x=690_000, min_x=6_000,
            max_x=16_000, step_x=step, rank=n,
        )
        for n in range(count)
    ]  # fmt: skip
    places = {load.load_id: Place() for load in loads}

    grants = allocate(loads, [steuve_budget(loads, places, budget_w)], Policy())

    xs = list(xs_of(loads, grants).values())
    running = [x for x in xs if x]
    assert xs == sorted(xs, reverse=True)
    assert not running or max(running) - min(running) <= step
    assert len(running) == min(count, budget_w // 4_140)


@FEW
@given(problems())
def test_without_a_budget_nobody_gets_less_and_zero_gives_the_steuve_nothing(
    problem: tuple[list[LoadDemand], list[Resource], Policy],
) -> None:
    loads, resources, policy = problem
    loads = [dataclasses.replace(load, pinned_x=None) for load in loads]
    places = {load.load_id: Place() for load in loads}
    zero = steuve_budget(loads, places, 0)

    grants = allocate(loads, [*(r for r in resources if r.name != "steuve"), zero], policy)

    assert all(x == 0 for x in xs_of(loads, grants).values())


@FEW
@given(problems())
def test_a_redundant_limit_changes_nothing(
    problem: tuple[list[LoadDemand], list[Resource], Policy],
) -> None:
    loads, resources, policy = problem
    places = {load.load_id: Place() for load in loads}
    roomy = dataclasses.replace(steuve_budget(loads, places, 10_000_000), name="roomy")

    with_it = allocate(loads, [*resources, roomy], policy)

    assert xs_of(loads, with_it) == xs_of(loads, allocate(loads, resources, policy))
