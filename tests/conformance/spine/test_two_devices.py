"""A whole session between two of our devices, guard and system (spine.md 3.8)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from eebus.usecases.build import Actors, build_device
from eebus.usecases.lpc.client import EnergyGuard
from eebus.usecases.lpc.requests import Limit
from eebus.usecases.lpc.server import LpcServer, LpcServerConfig
from tests.kit.spine import BOX, EMS, SpinePair, info

START = 1_000.0
EPOCH = datetime(2026, 1, 1, tzinfo=UTC)


class Session:
    def __init__(self) -> None:
        self.server = LpcServer(
            LpcServerConfig(failsafe_w=Decimal(4_200), contract_max_w=Decimal(40_000)),
            START,
            utcnow=self._utcnow,
        )
        self.guard = EnergyGuard(utcnow=self._utcnow)
        ems: Any = Actors(build_device(info(EMS), [self.server], START), [self.server])
        box: Any = Actors(build_device(info(BOX), [self.guard], START), [self.guard])
        self.pair = SpinePair(ems, box, now=START)

    def _utcnow(self) -> datetime:
        return EPOCH + timedelta(seconds=self.pair.now if hasattr(self, "pair") else START)

    def write(self, value_w: int) -> None:
        limit = Limit(active=True, value_w=Decimal(value_w), duration_s=None)
        self.guard.set_limit(None, limit, self.pair.now)
        self.pair.run()


def functions(sent: list[Any], classifier: str) -> list[str]:
    return [
        next(name for name in reversed(one.cmd) if name not in {"function", "filter"})
        for one in sent
        if one.classifier == classifier
    ]


def test_limit_of_the_guard_reaches_the_system_and_is_acknowledged() -> None:
    session = Session()
    session.write(4_201)

    session.pair.connect()
    session.pair.advance_to(START + 120.0)

    box, ems = session.pair.right_sent, session.pair.left_sent
    assert functions(box, "write")[0] == "loadControlLimitListData"
    assert functions(box, "call").count("nodeManagementBindingRequestCall") == 2
    assert "deviceDiagnosisHeartbeatData" in functions(box, "notify")
    assert "deviceDiagnosisHeartbeatData" in functions(ems, "notify")
    assert [
        one.error_number for one in ems if one.classifier == "result" and one.error_number
    ] == []
    assert session.server.state.name == "LIMITED"


def test_requests_are_answered_once_and_nothing_else_is() -> None:
    session = Session()
    session.write(4_201)
    session.pair.connect()
    session.pair.advance_to(START + 60.0)

    for asking, answering in (
        (session.pair.left_sent, session.pair.right_sent),
        (session.pair.right_sent, session.pair.left_sent),
    ):
        asked = [
            one.header["msgCounter"]
            for one in asking
            if one.classifier == "read" or one.header.get("ackRequest")
        ]
        answered = [
            one.header["msgCounterReference"]
            for one in answering
            if one.classifier in {"reply", "result"}
        ]
        assert sorted(answered) == sorted(asked)


@pytest.mark.rule("TC_SPINE_DATA_001")
def test_counters_ascend_on_both_sides_of_a_session() -> None:
    session = Session()
    session.write(4_201)
    session.pair.connect()
    session.pair.advance_to(START + 60.0)

    for sent in (session.pair.left_sent, session.pair.right_sent):
        counters = [one.header["msgCounter"] for one in sent]
        assert counters == sorted(set(counters))


def test_nothing_survives_a_lost_connection_and_everything_comes_back() -> None:
    session = Session()
    session.write(4_201)
    session.pair.connect()
    session.pair.advance_to(START + 60.0)

    session.pair.disconnect()
    session.pair.right_sent.clear()
    session.pair.connect()
    session.write(3_300)
    session.pair.advance_to(START + 120.0)

    assert functions(session.pair.right_sent, "call").count("nodeManagementBindingRequestCall") == 2
    assert "loadControlLimitListData" in functions(session.pair.right_sent, "write")
    assert session.server.machine.limit.value_w == Decimal(3_300)
