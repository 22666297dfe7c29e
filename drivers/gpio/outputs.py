"""GPIO outputs that outlive the driver that moves them.

A relay whose pin is closed falls to its rest position and would free, or lock, a heat pump in the
middle of a limit. So the process owns the outputs, and drivers borrow them: who gives one back
leaves its level as it is, and the next driver finds it so.
"""

from __future__ import annotations

import importlib
import logging
from typing import TYPE_CHECKING, Protocol, cast

from drivers.api import SetupError
from drivers.gpio.why import reason_of

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

LOGGER = logging.getLogger(__name__)


class Output(Protocol):
    """The part of ``gpiozero.OutputDevice`` that is used."""

    @property
    def value(self) -> int: ...

    def on(self) -> None: ...

    def off(self) -> None: ...

    def close(self) -> None: ...


def open_output(pin: str, *, active_high: bool, pin_factory: object | None = None) -> Output:
    """A relay output, off at first; ``pin_factory``: ``None`` takes gpiozero's default.

    "Off" is said and not left to the library: lgpio makes every fresh output low, which is "on" for
    a relay board that closes on low.

    Raises:
        SetupError: no GPIO on this machine, or no such pin.
    """
    try:
        gpiozero = importlib.import_module("gpiozero")
        output = gpiozero.OutputDevice(
            pin, active_high=active_high, initial_value=False, pin_factory=pin_factory
        )
    except Exception as error:
        raise SetupError(f"GPIO output {pin}: {reason_of(error)}") from error
    return cast("Output", output)


class OutputPool:
    """Every GPIO output of this process, by pin."""

    def __init__(self, make: Callable[..., Output] = open_output) -> None:
        """``make(pin, active_high=…)`` opens an output that is not held yet."""
        self._make = make
        self._held: dict[str, tuple[bool, Output]] = {}

    def lend(self, pin: str, *, active_high: bool) -> Output:
        """The output on ``pin``; closing it gives it back and changes nothing.

        Raises:
            SetupError: no GPIO on this machine, or no such pin.
        """
        held = self._held.get(pin)
        if held is not None and held[0] is active_high and _lives(held[1]):
            return _Lent(held[1])
        if held is not None:  # dead, or wired the other way round: the level means something else
            self._give_back(pin)
        output = self._make(pin, active_high=active_high)
        self._held[pin] = (active_high, output)
        return _Lent(output)

    def keep_only(self, pins: Collection[str]) -> None:
        """Give back every pin that a new configuration does not name."""
        for pin in [pin for pin in self._held if pin not in pins]:
            self._give_back(pin)

    def _give_back(self, pin: str) -> None:
        output = self._held.pop(pin)[1]
        try:
            output.close()
        except Exception as error:  # noqa: BLE001  # a dead pin factory raises anything
            LOGGER.warning("! GPIO output %s: %s", pin, reason_of(error))

    def close(self) -> None:
        """Give all pins back; the relays fall to their rest position."""
        self.keep_only(())


def _lives(output: Output) -> bool:
    try:
        return output.value in (0, 1)
    except Exception:  # noqa: BLE001  # a dead pin factory raises anything
        return False


class _Lent:
    """An output in the hands of a driver."""

    def __init__(self, output: Output) -> None:
        self._output = output

    @property
    def value(self) -> int:
        return self._output.value

    def on(self) -> None:
        self._output.on()

    def off(self) -> None:
        self._output.off()

    def close(self) -> None:
        """Give it back as it is."""
