"""Calls about peers: only the full SKI decides, and every answer says where it hangs."""

from __future__ import annotations

from collections.abc import Awaitable
from dataclasses import dataclass, field
from typing import Any, cast

import pytest

from eebus.node.events import Failure, Fault, Layers, PairError, PeerStatus
from eebus.ship.discovery import ServiceRecord
from eebus.ship.ski import Ski, parse_ski
from ems.runtime.pairing import Pairing
from ems.runtime.service import CallError
from tests.kit.aio import run
from tests.kit.clock import FakeClock

BOX, OTHER, OWN = parse_ski("b" * 40), parse_ski("c" * 40), parse_ski("f" * 40)
DATA = Layers(found=True, tls=True, hello=True, trusted=True, spine=True)


@dataclass
class FakeNode:
    """Keeps peers and remembers what it was told to do."""

    known: list[PeerStatus] = field(default_factory=list[PeerStatus])
    done: list[tuple[Any, ...]] = field(default_factory=list[tuple[Any, ...]])
    services: list[ServiceRecord] = field(default_factory=list[ServiceRecord])
    refusal: PairError | None = None
    window_until: float | None = None

    def peers(self) -> list[PeerStatus]:
        return self.known

    def discovered(self) -> list[ServiceRecord]:
        return self.services

    async def add(self, ski: Ski, *, host: str | None, port: int | None, role: str) -> None:
        self.done.append(("add", ski, host, port, role))

    async def accept(self, ski: Ski) -> None:
        if self.refusal is not None:
            raise self.refusal
        self.done.append(("accept", ski))

    async def reject(self, ski: Ski) -> None:
        self.done.append(("reject", ski))

    async def remove(self, ski: Ski) -> None:
        self.done.append(("remove", ski))

    async def open_window(self, seconds: float) -> None:
        self.window_until = 1_000.0 + seconds

    async def close_window(self) -> None:
        self.window_until = None


@dataclass
class FakeLpc:
    guard: tuple[Ski, Any] | None = None
    last_heartbeat_at: float | None = None


@dataclass
class FakeProof:
    noted: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])

    def note(self, _kind: Any, data: dict[str, Any]) -> None:
        self.noted.append(data)


@dataclass
class Bench:
    node: FakeNode = field(default_factory=FakeNode)
    lpc: FakeLpc = field(default_factory=FakeLpc)
    proof: FakeProof = field(default_factory=FakeProof)
    clock: FakeClock = field(default_factory=FakeClock)

    def call(self, name: str, **args: Any) -> Any:
        pairing = Pairing(
            cast("Any", self.node), cast("Any", self.lpc), OWN, self.clock, cast("Any", self.proof)
        )
        answers: list[Any] = []

        async def story() -> None:
            answer: Awaitable[Any] = pairing.table()[f"pair.{name}"](args)
            answers.append(await answer)

        run(story())
        return answers[0]

    def refused(self, name: str, **args: Any) -> str:
        with pytest.raises(CallError) as told:
            self.call(name, **args)
        return told.value.code


def peer(**facts: Any) -> PeerStatus:
    return PeerStatus(ski=BOX, **facts)


def test_the_list_shows_how_far_each_peer_got() -> None:
    bench = Bench(lpc=FakeLpc(guard=(BOX, 1), last_heartbeat_at=900.0))
    failure = Failure(fault=Fault.REJECTED_BY_PEER, reason="aborted", at=940.0)
    bench.node.known = [peer(trust="trusted", layers=DATA, ship_id="BOX-1", failure=failure)]
    bench.node.window_until = 1_060.0

    told = bench.call("list")

    assert told["window_s"] == 60.0
    (box,) = told["peers"]
    assert (box["ski"], box["ship_id"], box["trust"]) == (BOX, "BOX-1", "trusted")
    assert box["layers"] == {
        "found": True,
        "tls": True,
        "hello": True,
        "trusted": True,
        "spine": True,
        "lpc": True,
        "heartbeat": True,
    }
    assert box["failure"] == {"code": "E-PAIR-004", "reason": "aborted", "age_s": 60.0}


@pytest.mark.parametrize(("age_s", "fresh"), [(120.0, True), (120.1, False)])
def test_a_heartbeat_counts_for_two_minutes(*, age_s: float, fresh: bool) -> None:
    bench = Bench(lpc=FakeLpc(guard=(BOX, 1), last_heartbeat_at=1_000.0 - age_s))
    bench.node.known = [peer(trust="trusted", layers=DATA)]

    assert bench.call("wait", ski=BOX, state="heartbeat")["reached"] is fresh
    assert bench.call("wait", ski=BOX, state="lpc")["reached"] is True


def test_who_is_not_in_control_has_neither_lpc_nor_heartbeat() -> None:
    bench = Bench(lpc=FakeLpc(guard=(OTHER, 1), last_heartbeat_at=1_000.0))
    bench.node.known = [peer(trust="trusted", layers=DATA)]

    assert bench.call("wait", ski=BOX, state="lpc")["reached"] is False
    assert bench.call("wait", ski=OTHER, state="lpc") == {"reached": False, "layers": {}}


def test_a_discovered_service_is_shown_with_its_address() -> None:
    bench = Bench()
    bench.node.services = [
        ServiceRecord(
            ski=BOX, ship_id="BOX-1", host="box.local", port=4712, addresses=("192.0.2.7",)
        ),
        ServiceRecord(ski=OTHER, ship_id="BOX-2", host="other.local", port=4713),
    ]

    told = bench.call("discover", seconds=0)["services"]

    assert [(one["host"], one["port"]) for one in told] == [
        ("192.0.2.7", 4712),
        ("other.local", 4713),
    ]


def test_trust_in_advance_takes_address_and_role_and_is_recorded() -> None:
    bench = Bench()

    bench.call("add", ski="B" * 40, host="192.0.2.7", port=4711, role="device")
    bench.call("add", ski=OTHER)

    assert bench.node.done == [
        ("add", BOX, "192.0.2.7", 4711, "device"),
        ("add", OTHER, None, None, "control_box"),
    ]
    assert [note["what"] for note in bench.proof.noted] == ["added", "added"]


@pytest.mark.parametrize(
    "args",
    [
        {"host": "192.0.2.7", "port": 0},
        {"host": "192.0.2.7", "port": 70_000},
        {"host": "two words"},
        {"host": "a/b"},
        {"host": "x" * 254},
        {"role": "king"},
    ],
)
def test_an_address_that_is_none_is_never_stored(args: dict[str, Any]) -> None:
    bench = Bench()

    assert bench.refused("add", ski=BOX, **args) == "E-SRV-004"
    assert bench.node.done == []


@pytest.mark.parametrize(
    ("ski", "code"), [("b" * 39, "E-PAIR-003"), ("", "E-PAIR-003"), (OWN, "E-PAIR-002")]
)
@pytest.mark.parametrize("name", ["add", "accept", "reject", "remove", "wait", "why"])
def test_what_is_no_foreign_ski_is_refused_by_every_call(name: str, ski: str, code: str) -> None:
    assert Bench().refused(name, ski=ski) == code


@pytest.mark.parametrize("name", ["accept", "reject", "remove"])
def test_nobody_decides_about_a_peer_that_never_came(name: str) -> None:
    assert Bench().refused(name, ski=BOX) == "E-PAIR-009"


def test_accept_trusts_who_is_pending_and_leaves_who_is_trusted() -> None:
    bench = Bench()
    bench.node.known = [peer(trust="pending")]
    assert bench.call("accept", ski=BOX) == {"ski": BOX}
    bench.node.known = [peer(trust="trusted")]
    bench.call("accept", ski=BOX)

    assert bench.node.done == [("accept", BOX)]
    assert [note["what"] for note in bench.proof.noted] == ["accepted"]


@pytest.mark.parametrize(
    ("fault", "code"),
    [
        (Fault.NOT_FOUND, "E-PAIR-012"),
        (Fault.SLOT_TAKEN, "E-PAIR-008"),
        (Fault.OTHER, "E-PAIR-009"),
    ],
)
def test_a_decision_the_node_refuses_carries_its_code(fault: Fault, code: str) -> None:
    bench = Bench()
    bench.node.known, bench.node.refusal = [peer(trust="unknown")], PairError(fault, "no")

    assert bench.refused("accept", ski=BOX) == code
    assert bench.proof.noted == []


def test_reject_and_remove_are_recorded_and_only_the_trusted_are_removed() -> None:
    bench = Bench()
    bench.node.known = [peer(trust="pending")]
    bench.call("reject", ski=BOX)
    assert bench.refused("remove", ski=BOX) == "E-PAIR-013"
    bench.node.known = [peer(trust="trusted")]
    bench.call("remove", ski=BOX)

    assert bench.node.done == [("reject", BOX), ("remove", BOX)]
    assert [note["what"] for note in bench.proof.noted] == ["rejected", "removed"]


@pytest.mark.parametrize(("asked", "given"), [(900, 900.0), (0, 1.0), (1e9, 7_200.0)])
def test_a_pairing_window_is_bounded(asked: float, given: float) -> None:
    bench = Bench()

    assert bench.call("window", open=True, seconds=asked) == {"window_s": given}
    assert bench.call("window", open=False) == {"window_s": 0.0}
    assert [note["what"] for note in bench.proof.noted] == ["window open", "window closed"]


@pytest.mark.parametrize(
    ("known", "code", "words"),
    [
        ([], "E-PAIR-009", "nothing is known"),
        ([peer(trust="pending", layers=Layers(found=True))], "E-PAIR-005", "your decision"),
        (
            [peer(trust="trusted", failure=Failure(fault=Fault.OTHER_SKI, reason="other", at=1.0))],
            "E-PAIR-006",
            "other",
        ),
        ([peer(trust="trusted", layers=Layers(found=True, tls=True))], "", "waits for hello"),
        ([peer(trust="trusted", layers=DATA)], "", "nothing is missing"),
    ],
)
def test_why_says_in_one_line_where_it_hangs(
    known: list[PeerStatus], code: str, words: str
) -> None:
    bench = Bench(lpc=FakeLpc(guard=(BOX, 1), last_heartbeat_at=1_000.0))
    bench.node.known = known

    told = bench.call("why", ski=BOX)

    assert told["code"] == code
    assert words in told["message"]
