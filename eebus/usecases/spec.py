"""What a use case consists of, as a declaration: scenarios, what we serve, what the peer serves.

Discovery, use case data and client features are derived from it (:mod:`eebus.usecases.build`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from eebus.spine.addresses import Entity
    from eebus.spine.device import LocalDevice
    from eebus.spine.events import SpineEvent
    from eebus.spine.functions import AnyFunction


@dataclass(frozen=True, slots=True)
class Serves:
    """A function of a server feature of ours; ``partial`` announces the restricted exchange."""

    function: AnyFunction
    read: bool = True
    write: bool = False
    partial: bool = False


@dataclass(frozen=True, slots=True)
class Scenario:
    """One scenario of the use case document.

    ``peer_serves``: feature types the peer must offer as server for this scenario.
    """

    number: int
    mandatory: bool = True
    serves: tuple[Serves, ...] = ()
    peer_serves: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class UseCaseSpec:
    """One actor of one use case, as announced and as looked for at peers.

    Attributes:
        peer_entities: entity types on which the peer's actor is accepted.
        available: ``useCaseAvailable`` as sent; ``None`` leaves it out, as the guide (P 2.2) asks
            of server actors.
    """

    name: str
    actor: str
    version: str = "1.0.0"
    sub_revision: str = "release"
    entity_type: str
    peer_actors: tuple[str, ...]
    peer_entities: tuple[str, ...]
    scenarios: tuple[Scenario, ...]
    available: bool | None = None

    @property
    def scenario_numbers(self) -> tuple[int, ...]:
        """All scenarios, the heartbeat included: some peers drop us without it (F-25)."""
        return tuple(scenario.number for scenario in self.scenarios)

    @property
    def mandatory_numbers(self) -> tuple[int, ...]:
        """The scenarios without which this actor cannot work."""
        return tuple(scenario.number for scenario in self.scenarios if scenario.mandatory)

    @property
    def serves(self) -> tuple[Serves, ...]:
        """Everything we serve, in order of the scenarios."""
        return tuple(serves for scenario in self.scenarios for serves in scenario.serves)

    @property
    def needs_client(self) -> bool:
        """Whether any scenario reads or writes at the peer."""
        return any(scenario.peer_serves for scenario in self.scenarios)


class UseCase(Protocol):
    """One actor at work; synchronous, owned by :class:`eebus.usecases.build.Actors`."""

    spec: UseCaseSpec

    @property
    def deadline(self) -> float | None:
        """Earliest moment ``handle_timer`` must be called [s]; ``None``: never."""
        ...

    def attach(self, device: LocalDevice, entity: Entity, now: float) -> None:
        """Take over the data points of ``entity`` of ``device``."""
        ...

    def handle(self, event: SpineEvent, now: float) -> None:
        """Take in what the device tells; events of others are ignored."""
        ...

    def handle_timer(self, now: float) -> None:
        """Do what is due at ``now``."""
        ...

    def take_events(self) -> list[object]:
        """Hand over what happened, in order, as the use case's own frozen events."""
        ...
