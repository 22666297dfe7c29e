from __future__ import annotations

import pytest

from eebus.ship.cmi import CmiHandshake, CmiState
from eebus.ship.events import Failed, Passed, Role
from eebus.ship.frame import Init, Unusable
from eebus.wire.errors import ShipTimeoutError

CMI = b"\x00\x00"


def test_client_speaks_first_and_passes_on_the_answer() -> None:
    cmi = CmiHandshake(Role.CLIENT)
    cmi.start(now=100.0)
    assert cmi.take_frames() == [CMI]

    cmi.receive(Init(0), now=101.0)

    assert cmi.take_events() == [Passed()]
    assert cmi.take_frames() == []
    assert cmi.deadline is None


def test_server_speaks_only_when_asked() -> None:
    cmi = CmiHandshake(Role.SERVER)
    cmi.start(now=100.0)
    assert cmi.take_frames() == []

    cmi.receive(Init(0), now=101.0)

    assert cmi.take_frames() == [CMI]
    assert cmi.take_events() == [Passed()]


@pytest.mark.parametrize("role", list(Role))
def test_silence_fails_after_thirty_seconds(role: Role) -> None:
    cmi = CmiHandshake(role)
    cmi.start(now=100.0)
    cmi.take_frames()
    assert cmi.deadline == 130.0

    cmi.handle_timer(now=129.9)
    assert cmi.take_events() == []
    cmi.handle_timer(now=130.0)

    (failed,) = cmi.take_events()
    assert isinstance(failed, Failed)
    assert isinstance(failed.error, ShipTimeoutError)
    assert cmi.take_frames() == []


@pytest.mark.parametrize(("role", "answer"), [(Role.SERVER, [CMI]), (Role.CLIENT, [])])
@pytest.mark.parametrize("wrong", [Init(1), Unusable("no message value")])
def test_a_wrong_cmi_fails_and_only_the_server_answers(
    role: Role, answer: list[bytes], wrong: Init | Unusable
) -> None:
    cmi = CmiHandshake(role)
    cmi.start(now=0.0)
    cmi.take_frames()

    cmi.receive(wrong, now=1.0)

    assert cmi.take_frames() == answer
    assert cmi.state is CmiState.FAILED
    assert cmi.deadline is None


def test_nothing_happens_before_the_start_or_after_the_end() -> None:
    cmi = CmiHandshake(Role.SERVER)
    cmi.receive(Init(0), now=0.0)
    cmi.handle_timer(now=1e9)

    assert cmi.state is CmiState.START
    assert cmi.take_frames() == []
    assert cmi.take_events() == []
