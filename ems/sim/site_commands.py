"""The words that the site simulator understands on its standard input; pure.

``sun 6000`` · ``kettle on|off`` · ``plug garage`` · ``unplug garage`` · ``fault garage offline`` ·
``quit``. Faults: ignore-setpoint, offline, slow, garbage, none.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from ems.sim.faults import FaultOrder, fault_order

SUN_MAX_W = 1_000_000


@dataclass(frozen=True, slots=True)
class Sun:
    """Let the sun lead to this generation [W]."""

    power_w: int


@dataclass(frozen=True, slots=True)
class Kettle:
    """Boil water, or stop."""

    on: bool


@dataclass(frozen=True, slots=True)
class Plug:
    """Plug a car in, or out."""

    device: str
    plugged: bool


@dataclass(frozen=True, slots=True)
class Quit:
    """End the simulator."""


Command: TypeAlias = Sun | Kettle | Plug | FaultOrder | Quit


def parse_command(line: str) -> Command:
    """One line of standard input.

    Raises:
        ValueError: not a command; the text says what is wrong.
    """
    match line.split():
        case ["sun", power]:
            return Sun(_watts(power))
        case ["kettle", "on" | "off" as word]:
            return Kettle(word == "on")
        case ["plug" | "unplug" as word, device]:
            return Plug(device, word == "plug")
        case ["fault", device, word]:
            return fault_order(device, word)
        case ["quit"]:
            return Quit()
        case _:
            raise ValueError(f"unknown command {line.strip()!r}")


def _watts(word: str) -> int:
    if not word.isdecimal() or int(word) > SUN_MAX_W:
        raise ValueError(f"watts from 0 to {SUN_MAX_W}, not {word!r}")
    return int(word)
