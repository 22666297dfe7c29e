"""Limits, failsafe values, losses and restarts, live with the current eebus-go.

The protocol clock of our service runs ten times as fast; the box beats every 2 s on the wall,
which is every 20 s for us.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import pytest

from tests.kit.lab import BOX_PORT, CONTRACT_MAX_W, Lab, ask, ask_any
from tests.kit.netns import BOX_ADDRESS
from tests.kit.programs import Program

PEERS = ("peer-current",)
pytestmark = [pytest.mark.interop, pytest.mark.timeout(120)]

SPEED = 10.0
HEARTBEAT_LOST_S = 120.0 / SPEED  # LPC-911 on our clock, in seconds of the wall
FAILSAFE_W = 4_150
REFUSED = 7


class Pair:
    """Our service and a paired box; either may be killed and comes back."""

    def __init__(self, lab: Lab) -> None:
        self.lab = lab
        self._folder = _folder_with_ski(lab, larger=True)
        self.box = lab.go_peer("peer-current", folder=self._folder)
        self.ski = str(self.box.wait("started")["ski"])
        lab.wait_peer(self.ski, lambda peer: peer["trust"] == "pending")
        lab.ems.call("pair.accept", ski=self.ski)
        self.box.wait("limit", 40)

    def restart_box(self) -> Program:
        """The same box, after its process is gone."""
        self.box.stop()
        self.box = self.lab.go_peer("peer-current", folder=self._folder)
        self.box.wait("limit", 40)  # the last thing that it reads
        return self.box

    def wait_heartbeat(self) -> None:
        """Our service has heard the box lately: only then it may leave the failsafe state."""

        def is_fresh(status: dict[str, Any]) -> bool:
            age_s = (status["eebus"] or {}).get("last_heartbeat_age_s")
            return age_s is not None and age_s < 40

        self.lab.ems.wait_status(is_fresh)

    def make_free(self) -> None:
        """Connected, no limit, heartbeat on: where every test starts."""
        if self.box.process.poll() is not None:
            self.restart_box()
        self.lab.hosts.mend()
        ask(self.box, "heartbeat on", "heartbeat_switched")
        ends_at = time.perf_counter() + 60
        while ask_any(self.box, "release 0").get("error_number") != 0:  # not back yet, no beat yet
            assert time.perf_counter() < ends_at, "the box does not come back"
            time.sleep(0.2)
        self.lab.wait_signal(None, None)


def _folder_with_ski(lab: Lab, *, larger: bool) -> str:
    """An identity whose SKI is above ours, or below it.

    ship-go above us keeps a dead connection until it ends and turns our new one away. Below us it
    takes the new one, and forgets its partner when the old one ends (docs/interop.md, G-1).
    """
    for number in range(30):
        folder = f"box{number}"
        words = ["--port", str(BOX_PORT), "--identity", str(lab.folder / folder)]
        maker = lab.start("peer-current", *words, log="identity.log", stdin=False)
        ski = maker.wait("started")["ski"]
        maker.stop()
        if (ski > lab.ski) is larger:
            return folder
    raise AssertionError("thirty SKIs on one side of ours: is ours a constant?")


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    with Lab(tmp_path_factory.mktemp("limits"), speed=SPEED) as lab:
        yield Pair(lab)


@pytest.fixture
def box(pair: Pair) -> Program:
    pair.make_free()
    return pair.box


def test_limit_without_duration_is_accepted_and_read_back(pair: Pair, box: Program) -> None:
    assert ask(box, "limit 6000")["error_number"] == 0

    assert pair.lab.signal() == {
        "limited": True,
        "limit_w": 6_000,
        "source": "eebus",
        "restored": False,
    }
    state = ask(box, "state", "state")
    assert (state["active"], state["value_w"], state["duration_s"]) == (True, 6_000, 0)
    assert state["changeable"] is True


def test_limit_with_duration_ends_by_itself_and_the_box_is_told(pair: Pair, box: Program) -> None:
    mark = box.mark()

    assert ask(box, "limit 6100 40")["error_number"] == 0

    told = box.wait("limit", after=mark, active=True, value_w=6_100)
    assert 30 <= told["duration_s"] <= 40
    pair.lab.wait_signal(6_100, "eebus")
    box.wait("limit", 40 / SPEED + 5, after=mark, active=False)
    pair.lab.wait_signal(None, None)


def test_zero_watts_is_a_limit(pair: Pair, box: Program) -> None:
    assert ask(box, "limit 0")["error_number"] == 0

    signal = pair.lab.signal()
    assert (signal["limited"], signal["limit_w"]) == (True, 0)
    state = ask(box, "state", "state")
    assert (state["active"], state["value_w"]) == (True, 0)


def test_release_lifts_the_limit(pair: Pair, box: Program) -> None:
    ask(box, "limit 4200")
    mark = box.mark()

    assert ask(box, "release 4200")["error_number"] == 0

    box.wait("limit", after=mark, active=False)
    pair.lab.wait_signal(None, None)
    assert ask(box, "state", "state")["active"] is False


def test_negative_limit_is_refused_with_seven_and_changes_nothing(pair: Pair, box: Program) -> None:
    ask(box, "limit 6200")

    assert ask(box, "limit -1000")["error_number"] == REFUSED

    state = ask(box, "state", "state")
    assert (state["active"], state["value_w"]) == (True, 6_200)
    assert pair.lab.signal()["limit_w"] == 6_200


def test_failsafe_values_are_accepted_and_read_back(pair: Pair, box: Program) -> None:
    mark = box.mark()
    ask(box, "failsafe 4300", "failsafe_sent")
    box.wait("failsafe", after=mark, value_w=4_300)
    ask(box, "duration 7500", "duration_sent")
    box.wait("failsafe_duration", after=mark, duration_s=7_500)

    eebus = pair.lab.ems.call("status")["eebus"]
    assert (eebus["failsafe_w"], eebus["failsafe_duration_s"]) == (4_300, 7_500)
    state = ask(box, "state", "state")
    assert (state["failsafe_w"], state["failsafe_duration_s"]) == (4_300, 7_500)


def test_contractual_maximum_is_read_by_the_box(box: Program) -> None:
    assert ask(box, "state", "state")["nominal_max_w"] == CONTRACT_MAX_W


def test_our_heartbeat_is_in_time_for_the_box(box: Program) -> None:
    mark = box.mark()
    box.wait("heartbeat", 15, after=mark)

    assert ask(box, "state", "state")["heartbeat_ok"] is True


def test_silent_heartbeat_leads_to_failsafe_and_a_new_limit_leads_back(
    pair: Pair, box: Program
) -> None:
    mark = box.mark()
    ask(box, f"failsafe {FAILSAFE_W}", "failsafe_sent")
    box.wait("failsafe", after=mark, value_w=FAILSAFE_W)
    ask(box, "limit 9000")
    ask(box, "heartbeat off", "heartbeat_switched")

    pair.lab.wait_signal(FAILSAFE_W, "failsafe", HEARTBEAT_LOST_S + 10)
    assert pair.lab.ems.call("status")["eebus"]["lpc_state"] == "failsafe"
    ask(box, "heartbeat on", "heartbeat_switched")
    pair.wait_heartbeat()
    assert pair.lab.signal()["source"] == "failsafe", "a heartbeat alone does not lift it"

    assert ask(box, "limit 8000")["error_number"] == 0
    pair.lab.wait_signal(8_000, "eebus")
    state = ask(box, "state", "state")
    assert (state["active"], state["value_w"]) == (True, 8_000)


def test_killed_box_leaves_its_limit_in_force_and_comes_back(pair: Pair, box: Program) -> None:
    ask(box, "limit 7000")
    box.kill()
    pair.lab.wait_peer(pair.ski, lambda peer: not peer["layers"]["spine"])
    assert pair.lab.signal()["limit_w"] == 7_000

    back = pair.restart_box()

    back.wait("limit", active=True, value_w=7_000)  # it reads what still holds
    assert ask(back, "limit 7100")["error_number"] == 0
    pair.lab.wait_signal(7_100, "eebus")


def test_cut_cable_leads_to_failsafe_and_mended_back(pair: Pair, box: Program) -> None:
    ask(box, "limit 7200")
    mark = box.mark()
    pair.lab.hosts.cut()
    failsafe_w = pair.lab.ems.call("status")["eebus"]["failsafe_w"]
    pair.lab.wait_signal(failsafe_w, "failsafe", HEARTBEAT_LOST_S + 10)

    pair.lab.hosts.mend()

    box.wait("disconnected", 60, after=mark)
    box.wait("connected", 60, after=mark)
    box.wait("limit", 20, after=mark, active=False, value_w=7_200)  # what the failsafe state left
    pair.wait_heartbeat()
    assert ask(box, "limit 7300")["error_number"] == 0
    pair.lab.wait_signal(7_300, "eebus")


def test_limit_in_force_outlives_our_killed_process(pair: Pair, box: Program) -> None:
    ask(box, "limit 3000")  # below the failsafe limit, which rules at the start as well
    mark = box.mark()
    pair.lab.ems.kill()
    pair.lab.hosts.cut()  # so that the box cannot be back yet

    pair.lab.start_ems()

    pair.lab.ems.wait_status(lambda status: status["signal"]["limited"])
    first = pair.lab.signal()
    assert (first["limit_w"], first["restored"]) == (3_000, True)
    pair.lab.hosts.mend()
    box.wait("disconnected", 60, after=mark)
    again = box.wait_for(
        lambda line: bool(line.get("scenarios")), 60, after=mark, what="use case again"
    )
    box.wait("limit", after=box.lines.index(again), active=False)  # LPC-901: not stated by us
    pair.wait_heartbeat()
    still = pair.lab.signal()
    assert (still["limit_w"], still["restored"]) == (3_000, True), "only the box may lift it"
    assert ask(box, "limit 5600")["error_number"] == 0
    pair.lab.wait_signal(5_600, "eebus")


def test_box_that_forgot_us_over_a_double_connection_is_reached_again(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    with Lab(tmp_path_factory.mktemp("forgets"), speed=SPEED, mdns=False) as lab:
        box = lab.go_peer("peer-current", folder=_folder_with_ski(lab, larger=False))
        ski = box.wait("started")["ski"]
        lab.ems.call("pair.add", ski=ski, host=BOX_ADDRESS, port=BOX_PORT)
        box.wait("limit", 30)
        lab.hosts.cut()
        lab.wait_peer(ski, lambda peer: not peer["layers"]["spine"])
        mark = box.mark()

        lab.hosts.mend()

        box.wait("connected", 30, after=mark)
        box.wait("disconnected", 30, after=mark)  # before or after: the old connection
        ends_at = time.perf_counter() + 60
        while ask_any(box, "limit 4800").get("error_number") != 0:
            assert time.perf_counter() < ends_at, "the box does not know us any more"
            time.sleep(0.5)
        lab.wait_signal(4_800, "eebus")
