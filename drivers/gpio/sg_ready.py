"""Heat pumps switched by SG-Ready or utility-lock contacts: free or locked, nothing between.

The two relay outputs and their positions come from the map ``sg_ready``. A contact has no read-
back of the pump, only of the output; what the pump draws must be measured elsewhere.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from typing_extensions import override

from drivers.api import (
    Capability,
    ControlUnit,
    Driver,
    LoadKind,
    Measurement,
    RefusedError,
    Setpoint,
    SetupError,
    UnreachableError,
)
from drivers.gpio.why import reason_of
from drivers.modbus.mapfile import SetStep

if TYPE_CHECKING:
    from collections.abc import Callable

    from drivers.config import LoadConfig
    from drivers.gpio.outputs import Output
    from drivers.modbus.mapfile import Action, MapFile

T_REACT_S: Final = 120.0  # a pump may need its own stopping time


def _positions(mapfile: MapFile) -> tuple[Action, Action]:
    """Locked, free."""
    control = mapfile.control
    if control is None or not control.dim or not control.release:
        raise SetupError(f"{mapfile.id}: control.dim and control.release are needed")
    return control.dim, control.release


def sg_ready_capability(config: LoadConfig, mapfile: MapFile) -> Capability:
    """Free (rated power) or locked (0 W).

    Raises:
        SetupError: not a heat pump, or the map has no positions.
    """
    if config.kind not in (LoadKind.HEATPUMP, LoadKind.COOLING):
        raise SetupError(f"{config.id}: device {mapfile.id} is for heat pumps")
    _positions(mapfile)
    return Capability(
        control=ControlUnit.LEVELS,
        phases=config.phases,
        max_w=config.rated_w,
        levels_w=(0, config.rated_w),
        t_react_s=T_REACT_S,
        min_write_interval_s=mapfile.write_rules.min_hold_s or 0.0,
        measures_power=False,
    )


class SgReadyDriver(Driver):
    """Two outputs, or one where only the lock contact is wired."""

    def __init__(
        self,
        config: LoadConfig,
        mapfile: MapFile,
        make_output: Callable[[str], Output],
    ) -> None:
        """Take the outputs; nothing moves before the first order.

        Raises:
            SetupError: no pin configured, or not usable.
        """
        self._config = config
        self._capability = sg_ready_capability(config, mapfile)
        self._dim, self._free = _positions(mapfile)
        pins = {"out_a": config.options.pin_a, "out_b": config.options.pin_b}
        if pins["out_a"] is None:
            raise SetupError(f"{config.id}: options.pin_a is missing (output to terminal A, lock)")
        self._outputs = {name: make_output(pin) for name, pin in pins.items() if pin is not None}
        self._setpoint: Setpoint | None = None

    @property
    @override
    def capability(self) -> Capability:
        return self._capability

    @override
    async def limit(self, setpoint: Setpoint) -> None:
        locked = setpoint.power_w < self._config.rated_w
        self._move(self._dim if locked else self._free)
        self._setpoint = Setpoint(power_w=0 if locked else self._config.rated_w)

    def _move(self, action: Action) -> None:
        """Releases before closures, so that no third state is passed on the way."""
        wanted = {
            step.set: bool(step.value)
            for step in action
            if isinstance(step, SetStep) and step.set in self._outputs
        }
        for name, on in sorted(wanted.items(), key=lambda entry: entry[1]):
            if self._switch(name, on=on) is not on:
                raise RefusedError(f"{self._config.id}: output {name} does not follow")

    def _switch(self, name: str, *, on: bool) -> bool:
        """Move one output; what it shows afterwards."""
        output = self._outputs[name]
        try:
            output.on() if on else output.off()
            return bool(output.value)
        except Exception as error:  # a pin factory raises anything
            raise UnreachableError(f"{self._config.id}: {name}: {reason_of(error)}") from error

    @override
    async def release(self) -> None:
        self._move(self._free)
        self._setpoint = Setpoint(power_w=self._config.rated_w)

    @override
    async def stop(self) -> None:
        await self.limit(Setpoint(power_w=0))

    @override
    async def prepare(self) -> None:
        """Nothing to set: a contact has no watchdog."""

    @override
    async def keep_alive(self) -> None:
        """Nothing to refresh."""

    @override
    async def read(self) -> Measurement:
        return Measurement(setpoint=self._setpoint)

    def close(self) -> None:
        """Give the outputs back; what becomes of the relays is up to their owner."""
        for output in self._outputs.values():
            output.close()
