"""The fault switches of a simulated device and the words for them."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Fault(StrEnum):
    """What can go wrong with a device."""

    NONE = "none"
    IGNORE_SETPOINT = "ignore-setpoint"
    OFFLINE = "offline"
    SLOW = "slow"
    GARBAGE = "garbage"


@dataclass(frozen=True, slots=True)
class FaultOrder:
    """Set this fault at that device."""

    device: str
    fault: Fault


def parse_fault(text: str) -> FaultOrder:
    """``garage:ignore-setpoint``.

    Raises:
        ValueError: no colon, or an unknown fault.
    """
    device, colon, fault = text.partition(":")
    if not colon or not device:
        raise ValueError(f"a fault reads ID:FAULT, not {text!r}")
    return FaultOrder(device, _fault(fault))


def _fault(word: str) -> Fault:
    try:
        return Fault(word)
    except ValueError:
        known = ", ".join(fault.value for fault in Fault)
        raise ValueError(f"unknown fault {word!r}; known: {known}") from None


def fault_order(device: str, word: str) -> FaultOrder:
    """The same from two words.

    Raises:
        ValueError: an unknown fault.
    """
    return FaultOrder(device, _fault(word))
