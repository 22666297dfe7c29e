"""Proof that does not work stops nobody."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any, cast

import pytest

from ems.control.commands import Alarm
from ems.control.core import Core
from ems.control.events import Restored, TestLimitChanged
from ems.control.grid_limit import Limited, Source
from ems.journal.record import Kind
from ems.journal.store import Journal
from ems.runtime.controller import Controller
from ems.runtime.proof import Proof
from tests.kit.clock import FakeClock
from tests.kit.plant import first_plant


class BrokenEvidence:
    """Raises whatever it is asked."""

    open_events: tuple[str, ...] = ()

    def observe(self, *_: object) -> list[object]:
        raise KeyError("broken evidence")

    def note(self, *_: object) -> object:
        raise ZeroDivisionError("broken note")


def broken_proof(folder: Path) -> Proof:
    clock = FakeClock()
    journal = Journal(folder / "records.db", utc=clock.utcnow())
    evidence = cast("Any", BrokenEvidence())
    return Proof(evidence, journal, clock, opened=lambda _events: None)


@pytest.mark.invariant("I-08")
def test_broken_evidence_delays_no_decision(tmp_path: Path) -> None:
    proof, clock = broken_proof(tmp_path), FakeClock()
    controller = Controller(
        Core(first_plant(), clock.monotonic()),
        clock,
        remember=lambda _command: None,
        decided=proof.observe,
        alarmed=proof.alarm,
    )

    controller.submit(Restored(saved=None))
    controller.submit(TestLimitChanged(limit=Limited(0, Source.TEST)))
    controller.alarm(Alarm(code="E-DISK-002", subject="state", active=True))

    assert controller.decision.effective == Limited(0, Source.TEST)
    assert ("E-DISK-002", "state") in controller.alarms
    proof.journal.close()


def test_a_fault_that_repeats_is_logged_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    proof = broken_proof(tmp_path)

    with caplog.at_level(logging.ERROR):
        for _ in range(50):
            proof.note(Kind.BOOT, {})

    assert len([one for one in caplog.records if "evidence failed" in one.message]) == 1
    proof.journal.close()
