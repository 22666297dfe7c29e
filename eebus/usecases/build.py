"""From use cases to a device, and the composite a shell drives.

Entities and features are derived from the declarations: use cases with the same entity type and
actor share an entity (LPC and LPP do), every other gets its own, in the order given.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from eebus.spine.device import LocalDevice
from eebus.spine.specs import EntitySpec, FeatureSpec, FunctionSpec, UseCaseAnnouncement

if TYPE_CHECKING:
    from collections.abc import Sequence

    from eebus.spine.addresses import Entity, Peer
    from eebus.spine.specs import DeviceInfo
    from eebus.spine.timings import SpineTimings
    from eebus.usecases.spec import Serves, UseCase, UseCaseSpec
    from eebus.wire.ejson import JsonValue

CLIENT_FEATURE = "Generic"
"""One client feature of this type does all client work of an entity (guide L 3.3)."""


def build_device(
    info: DeviceInfo,
    use_cases: Sequence[UseCase],
    now: float,
    *,
    timings: SpineTimings | None = None,
) -> LocalDevice:
    """A device with one entity per group of use cases, each use case attached to its own."""
    groups = _groups([use_case.spec for use_case in use_cases])
    addresses: dict[tuple[str, str], Entity] = {
        key: (number,) for number, key in enumerate(groups, start=1)
    }
    device = LocalDevice(
        info,
        [
            EntitySpec(address=addresses[key], type=key[0], features=_features(specs))
            for key, specs in groups.items()
        ],
        use_cases=[
            _announcement(spec, addresses[key]) for key, specs in groups.items() for spec in specs
        ],
        timings=timings,
    )
    for use_case in use_cases:
        use_case.attach(device, addresses[_key(use_case.spec)], now)
    return device


class Actors:
    """A local device and its use cases as one sans-IO object with one owner.

    After every input the device's events go to all use cases until nothing is left.
    """

    def __init__(self, device: LocalDevice, use_cases: Sequence[UseCase]) -> None:
        self.device = device
        self.use_cases = tuple(use_cases)

    @property
    def deadline(self) -> float | None:
        """Earliest moment ``handle_timer`` must be called [s]."""
        parts = [self.device.deadline, *(use_case.deadline for use_case in self.use_cases)]
        return min((at for at in parts if at is not None), default=None)

    def connect(self, peer: Peer, now: float) -> None:
        """The SHIP data phase with ``peer`` is reached."""
        self.device.connect(peer, now)
        self.settle(now)

    def disconnect(self, peer: Peer, now: float) -> None:
        """The connection to ``peer`` ended."""
        self.device.disconnect(peer, now)
        self.settle(now)

    def receive(self, peer: Peer, payload: JsonValue, now: float) -> None:
        """A SPINE datagram came in."""
        self.device.receive(peer, payload, now)
        self.settle(now)

    def handle_timer(self, now: float) -> None:
        """Do what is due at ``now``."""
        self.device.handle_timer(now)
        for use_case in self.use_cases:
            use_case.handle_timer(now)
        self.settle(now)

    def settle(self, now: float) -> None:
        """Hand the device's events round until none is left; also after direct calls."""
        while events := self.device.take_events():
            for event in events:
                for use_case in self.use_cases:
                    use_case.handle(event, now)

    def take_datagrams(self) -> list[tuple[Peer, JsonValue]]:
        """Datagrams to send, in order."""
        return self.device.take_datagrams()

    def take_closures(self) -> list[tuple[Peer, str]]:
        """Peers whose link must be closed, with the reason."""
        return self.device.take_closures()

    def take_events(self) -> list[object]:
        """What the use cases tell, in order per use case."""
        return [event for use_case in self.use_cases for event in use_case.take_events()]


def _key(spec: UseCaseSpec) -> tuple[str, str]:
    return spec.entity_type, spec.actor


def _groups(specs: Sequence[UseCaseSpec]) -> dict[tuple[str, str], list[UseCaseSpec]]:
    groups: dict[tuple[str, str], list[UseCaseSpec]] = {}
    for spec in specs:
        groups.setdefault(_key(spec), []).append(spec)
    return groups


def _features(specs: Sequence[UseCaseSpec]) -> tuple[FeatureSpec, ...]:
    """The client feature first, then one server feature per type (guide P 3.4)."""
    by_type: dict[str, dict[str, list[Serves]]] = {}
    for serves in (serves for spec in specs for serves in spec.serves):
        functions = by_type.setdefault(serves.function.feature or "", {})
        functions.setdefault(serves.function.name, []).append(serves)
    servers = tuple(
        FeatureSpec(
            type=feature_type,
            role="server",
            functions=tuple(_function(rows) for rows in functions.values()),
        )
        for feature_type, functions in by_type.items()
    )
    if any(spec.needs_client for spec in specs):
        return (FeatureSpec(type=CLIENT_FEATURE, role="client"), *servers)
    return servers


def _function(rows: Sequence[Serves]) -> FunctionSpec:
    """A function declared by several use cases offers what any of them needs (H-21)."""
    return FunctionSpec(
        function=rows[0].function,
        read=any(row.read for row in rows),
        write=any(row.write for row in rows),
        partial=any(row.partial for row in rows),
    )


def _announcement(spec: UseCaseSpec, entity: Entity) -> UseCaseAnnouncement:
    return UseCaseAnnouncement(
        entity=entity,
        actor=spec.actor,
        name=spec.name,
        version=spec.version,
        sub_revision=spec.sub_revision,
        scenarios=spec.scenario_numbers,
        available=spec.available,
    )
