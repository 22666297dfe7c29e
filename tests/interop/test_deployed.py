"""The generation of eebus-go that most installations run (v0.7.0): the slim set."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.kit.lab import Lab, ask
from tests.kit.programs import Program

PEERS = ("peer-deployed",)
pytestmark = [pytest.mark.interop, pytest.mark.timeout(120)]


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    with Lab(tmp_path_factory.mktemp("deployed")) as lab:
        yield lab


@pytest.fixture(scope="module")
def box(lab: Lab) -> Iterator[Program]:
    box = lab.go_peer("peer-deployed")
    ski = box.wait("started")["ski"]
    lab.wait_peer(ski, lambda peer: peer["trust"] == "pending")
    lab.ems.call("pair.accept", ski=ski)
    box.wait("limit", 40)  # the last thing that it reads
    yield box
    box.kill()  # this generation takes SIGTERM for itself and goes on


def test_box_connects_and_sees_all_scenarios(lab: Lab, box: Program) -> None:
    found = box.wait("use_case", ski=lab.ski)

    assert sorted(found["scenarios"]) == [1, 2, 3, 4]
    box.wait("connected", ski=lab.ski)


def test_limit_is_accepted_with_and_without_duration(lab: Lab, box: Program) -> None:
    assert ask(box, "limit 4200")["error_number"] == 0
    assert lab.signal()["limit_w"] == 4_200
    mark = box.mark()
    assert ask(box, "limit 4300 3600")["error_number"] == 0
    assert lab.signal()["limit_w"] == 4_300

    told = box.wait("limit", after=mark, active=True, value_w=4_300)
    assert 3_590 <= told["duration_s"] <= 3_600


def test_failsafe_values_are_accepted_and_read_back(lab: Lab, box: Program) -> None:
    mark = box.mark()
    ask(box, "failsafe 4250", "failsafe_sent")
    ask(box, "duration 7500", "duration_sent")

    box.wait("failsafe", after=mark, value_w=4_250)
    box.wait("failsafe_duration", after=mark, duration_s=7_500)
    eebus = lab.ems.call("status")["eebus"]
    assert (eebus["failsafe_w"], eebus["failsafe_duration_s"]) == (4_250, 7_500)


def test_release_lifts_the_limit(lab: Lab, box: Program) -> None:
    ask(box, "limit 4400")
    mark = box.mark()

    assert ask(box, "release 4400")["error_number"] == 0

    box.wait("limit", after=mark, active=False)
    assert ask(box, "state", "state")["active"] is False
    lab.wait_signal(None, None)
