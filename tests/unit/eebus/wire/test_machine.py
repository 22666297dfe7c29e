from __future__ import annotations

from enum import Enum, auto

from eebus.wire.machine import Machine


class Door(Enum):
    OPEN = auto()
    SHUT = auto()


class DoorMachine(Machine[Door, bytes, str]):
    def push(self, now: float) -> None:
        self._frames.append(b"push")
        self._events.append("pushed")
        self._enter(Door.SHUT, deadline=now + 5.0)

    def rest(self) -> None:
        self._enter(Door.SHUT)


def test_frames_and_events_are_taken_once() -> None:
    door = DoorMachine(Door.OPEN)
    door.push(1.0)

    assert (door.take_frames(), door.take_events()) == ([b"push"], ["pushed"])
    assert (door.take_frames(), door.take_events()) == ([], [])


def test_entering_a_state_sets_or_clears_the_deadline() -> None:
    door = DoorMachine(Door.OPEN)
    assert door.deadline is None

    door.push(1.0)
    assert (door.state, door.deadline) == (Door.SHUT, 6.0)
    door.rest()

    assert door.deadline is None
