from __future__ import annotations

import pytest

from eebus.ship.bounds import InputBounds
from eebus.ship.events import Phase
from eebus.ship.frame import Unreadable, Unusable
from eebus.ship.messages import AccessMethodsRequest, Data, DataHeader
from eebus.ship.timings import ShipLimits

DATA = Data(header=DataHeader("ee1.0"))


def bounds() -> InputBounds:
    return InputBounds(ShipLimits())


@pytest.mark.parametrize(
    ("phase", "limit"),
    [(Phase.CMI, 4096), (Phase.HELLO, 4096), (Phase.PROTOCOL, 4096), (Phase.PIN, 102_400),
     (Phase.DATA, 102_400)],
)  # fmt: skip
def test_messages_have_a_size_per_phase(phase: Phase, limit: int) -> None:
    assert bounds().check_size(limit, phase) is None
    error = bounds().check_size(limit + 1, phase)
    assert error is not None
    assert error.close_code == 1009


def test_the_tenth_unusable_message_is_too_many() -> None:
    tested = bounds()
    for _ in range(9):
        assert tested.is_dropped(Unusable("x"), Phase.DATA)
        tested.is_dropped(AccessMethodsRequest(), Phase.DATA)
        assert tested.check_dropped() is None

    tested.is_dropped(Unusable("x"), Phase.DATA)

    error = tested.check_dropped()
    assert error is not None
    assert error.close_code == 1008


def test_three_unreadable_messages_count_only_in_a_row() -> None:
    tested = bounds()
    for received in (Unreadable("x"), Unreadable("x"), AccessMethodsRequest(), Unreadable("x")):
        tested.is_dropped(received, Phase.DATA)
    tested.is_dropped(Unreadable("x"), Phase.DATA)
    assert tested.check_dropped() is None

    tested.is_dropped(Unreadable("x"), Phase.DATA)

    assert tested.check_dropped() is not None


def test_handshakes_judge_unreadable_messages_themselves() -> None:
    assert not bounds().is_dropped(Unreadable("x"), Phase.HELLO)
    assert not bounds().is_dropped(Unusable("x"), Phase.CMI)


def test_early_data_is_kept_in_order_within_its_bounds() -> None:
    tested = bounds()
    assert [tested.keep_early(DATA, 100) for _ in range(32)] == [None] * 32
    assert len(tested.take_early()) == 32
    assert tested.take_early() == []

    assert tested.keep_early(DATA, 262_144) is None
    error = tested.keep_early(DATA, 1)
    assert error is not None
    assert error.close_code == 1008


def test_the_thirty_third_early_message_is_too_many() -> None:
    tested = bounds()
    for _ in range(32):
        tested.keep_early(DATA, 1)

    assert tested.keep_early(DATA, 1) is not None


def test_what_is_dropped_is_logged_in_one_short_line(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    tested = InputBounds(ShipLimits(), "ab" * 20)

    tested.is_dropped(Unreadable("not strict JSON: " + "x\n" * 5_000), Phase.DATA)
    tested.is_dropped(Unusable("message type 0x09"), Phase.HELLO)

    assert len(caplog.messages) == 2
    assert "not strict JSON" in caplog.messages[0]
    assert "0x09" in caplog.messages[1]
    assert all("ab" * 20 in line for line in caplog.messages)
    assert all(len(line) < 240 and "\n" not in line for line in caplog.messages)
