"""Real datagrams, bent at random, against both LPC actors: nothing raises, nothing comes apart."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from eebus.spine.model.load_control import LOAD_CONTROL_LIMIT_LIST_DATA
from eebus.usecases.build import Actors
from eebus.wire import ejson
from eebus.wire.errors import WireError
from tests.conformance.lpc.bench import BOX_SKI, NO_PERIOD, Bench, decimal
from tests.conformance.spine.test_two_devices import START, Session

ODD: tuple[Any, ...] = (
    None, True, False, 0, -1, 2**31, 2**63, -(2**63), 10**30, 1.5, 1e308, "", "x", "\x00", "[{}]",
    "PT1H", "P1Y", "-PT5S", "PT", "PT0S", "PT99999999999999999999S", "2026-01-01T00:00:00Z",
    [], {}, [[]], [{}], [0], [-1], [0] * 20, {"a": {}},
    "read", "write", "call", "notify", "reply", "result", "delete", "partial",
    "loadControlLimitListData", "deviceDiagnosisHeartbeatData", "resultData",
)  # fmt: skip
PAUSES_S = (0.0, 0.1, 1.0, 30.0, 61.0, 121.0, 7_300.0)
MANY = settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))


@dataclass(frozen=True)
class Bend:
    """What is done to a datagram at the place ``where`` (of all places, in a circle)."""

    where: int
    kind: str
    odd: Any = None
    other: int = 0


BENDS = st.builds(
    Bend,
    st.integers(0, 500),
    st.sampled_from(["replace", "remove", "double", "exchange", "rename"]),
    st.sampled_from(ODD),
    st.integers(0, 2_000),
)


@dataclass(frozen=True)
class Blow:
    """One datagram, which one, how bent, after which pause.

    ``ticks``: time is told before; ``cuts``: the link is lost and made anew before.
    """

    number: int
    bends: list[Bend]
    pause_s: float
    ticks: bool
    cuts: bool


BLOWS = st.lists(
    st.builds(
        Blow,
        st.integers(0, 100),
        st.lists(BENDS, max_size=3),
        st.sampled_from(PAUSES_S),
        st.booleans(),
        st.sampled_from([False, False, False, True]),
    ),
    min_size=1,
    max_size=12,
)


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    inner: list[tuple[Any, Any]] = []
    if isinstance(value, dict):
        inner = list(value.items())
    elif isinstance(value, list):
        inner = list(enumerate(value))
    for key, item in inner:
        yield (*path, key)
        yield from places(item, (*path, key))


def at(value: Any, path: tuple[Any, ...]) -> Any:
    for key in path:
        value = value[key]
    return value


def bent(corpus: list[Any], blow: Blow, counter: int) -> Any:
    message = copy.deepcopy(corpus[blow.number % len(corpus)])
    for part in message["datagram"][0]["header"]:
        if "msgCounter" in part:
            part["msgCounter"] = counter
    for bend in blow.bends:
        found = list(places(message))
        if found:
            apply(message, found[bend.where % len(found)], bend, corpus)
    return message


def apply(message: Any, path: tuple[Any, ...], bend: Bend, corpus: list[Any]) -> None:
    parent, key = at(message, path[:-1]), path[-1]
    match bend.kind:
        case "replace":
            parent[key] = copy.deepcopy(bend.odd)
        case "remove":
            del parent[key]
        case "double" if isinstance(parent, list):
            parent.insert(key, copy.deepcopy(parent[key]))
        case "exchange":
            donor = corpus[bend.other % len(corpus)]
            found = list(places(donor))
            parent[key] = copy.deepcopy(at(donor, found[bend.other % len(found)]))
        case _ if isinstance(parent, dict):
            parent[str(bend.odd)] = parent.pop(key)
        case _:
            pass


def on_the_wire(message: Any) -> Any | None:
    """As it would arrive; ``None``: the reader refuses the text."""
    try:
        return ejson.loads(ejson.dumps(message))
    except WireError:
        return None


class RecordingBench(Bench):
    """A bench that keeps what its box sends."""

    def __post_init__(self) -> None:
        self.kept: list[Any] = []
        super().__post_init__()
        receive = self.box.take_datagrams

        def take() -> list[tuple[str, Any]]:
            taken = receive()
            self.kept += [ejson.loads(ejson.dumps(payload)) for _, payload in taken]
            return taken

        self.box.take_datagrams = take  # type: ignore[method-assign]  # a tap on the line


@cache
def of_the_box() -> list[Any]:
    bench = RecordingBench()
    bench.connect()
    bench.beat()
    bench.limit(4_200, active=True, period="PT60S")
    bench.limit(100, active=True, period=NO_PERIOD)
    bench.failsafe(5_000, "PT3H")
    return bench.kept


@cache
def of_the_system() -> list[Any]:
    return [one.raw for one in limited_session().pair.left_sent]


def limited_session() -> Session:
    session = Session()
    session.write(4_201)
    session.pair.connect()
    session.pair.advance_to(START + 40.0)
    return session


def settled(actors: Actors, now: float) -> list[Any]:
    """What leaves the actors; it can be sent, and nothing that is due is left behind."""
    actors.handle_timer(now)
    assert actors.deadline is None or actors.deadline > now
    actors.take_events()
    return [ejson.loads(ejson.dumps(payload)) for _, payload in actors.take_datagrams()]


def test_the_corpora_hold_every_classifier_of_a_session() -> None:
    for corpus in (of_the_box(), of_the_system()):
        texts = [str(message) for message in corpus]
        for classifier in ("read", "reply", "notify", "call", "result"):
            assert any(f"'cmdClassifier': '{classifier}'" in text for text in texts)


@MANY
@given(blows=BLOWS, start=st.sampled_from(["init", "heard", "controlled", "limited"]))
@pytest.mark.invariant("I-04")
def test_whatever_a_box_sends_the_system_tells_what_its_machine_holds(
    blows: list[Blow], start: str
) -> None:
    bench = Bench()
    bench.connect()
    if start != "init":
        bench.beat()
    if start in {"controlled", "limited"}:
        assert bench.limit(4_200, active=start == "limited", period="PT60S") == 0
    limits = bench.ems.device.feature((1,), "LoadControl", "server")

    for counter, blow in enumerate(blows, start=5_000):
        bench.now += blow.pause_s
        if blow.ticks:
            bench.ems.handle_timer(bench.now)
        if blow.cuts:
            bench.ems.disconnect(BOX_SKI, bench.now)
            bench.ems.connect(BOX_SKI, bench.now)
        if (message := on_the_wire(bent(of_the_box(), blow, counter))) is not None:
            bench.ems.receive(BOX_SKI, message, bench.now)
        settled(bench.ems, bench.now)

        machine = bench.server.machine
        data = bench.ems.device.data(limits, LOAD_CONTROL_LIMIT_LIST_DATA)
        assert data is not None
        (entry,) = data.load_control_limit_data or ()
        assert (entry.limit_id, entry.is_limit_changeable) == (0, True)
        assert entry.is_limit_active is (machine.state == "limited")
        assert entry.value is not None
        assert decimal(entry.value) == machine.limit.value_w
        assert (entry.time_period is None) is (machine.limit.duration_s is None)


@MANY
@given(blows=BLOWS)
def test_whatever_a_system_sends_the_energy_guard_goes_on(blows: list[Blow]) -> None:
    session = limited_session()
    guard: Any = session.pair.right
    now = session.pair.now

    for counter, blow in enumerate(blows, start=5_000):
        now += blow.pause_s
        if blow.ticks:
            guard.handle_timer(now)
        if blow.cuts:
            guard.disconnect(session.pair.left_ski, now)
            guard.connect(session.pair.left_ski, now)
        if (message := on_the_wire(bent(of_the_system(), blow, counter))) is not None:
            guard.receive(session.pair.left_ski, message, now)
        settled(guard, now)

    assert session.guard.own_heartbeat_at is not None
    assert now - session.guard.own_heartbeat_at <= 30.0
