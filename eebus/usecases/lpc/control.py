"""Who is in control of a controllable system: one entity owns the group of bound features.

LoadControl and DeviceConfiguration belong together (guide L 3.5): the entity that binds one owns
both, another one is refused. Its DeviceDiagnosis, and no other, gives the heartbeat (L 3.8).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from eebus.spine.guards import Accept, BindingRequest, Refuse, Verdict

if TYPE_CHECKING:
    from eebus.spine.addresses import Entity, FeatureAddress, Peer
    from eebus.spine.device import LocalDevice

SECOND_BINDING_WAIT_S: Final = 10.0
"""An energy guard that binds LoadControl only is followed after this wait (K-07)."""


class BindingGroup:
    """Features whose bindings are granted to one entity at a time.

    ``features``: the first is the one that decides (LoadControl).
    """

    def __init__(self, device: LocalDevice, features: tuple[FeatureAddress, ...]) -> None:
        self.features = features
        self._device = device
        for feature in features:
            device.bind_guard(feature, self._judge)

    @property
    def owner(self) -> tuple[Peer, Entity] | None:
        """Peer and entity that hold any binding of the group."""
        owners = self._owners(self.features)
        return next(iter(owners), None)

    @property
    def is_decided(self) -> bool:
        """The first feature is bound."""
        return bool(self._owners(self.features[:1]))

    @property
    def is_complete(self) -> bool:
        """Every feature is bound."""
        return all(self._owners((feature,)) for feature in self.features)

    def _owners(self, features: tuple[FeatureAddress, ...]) -> list[tuple[Peer, Entity]]:
        return [
            (peer, client.entity)
            for feature in features
            for peer, client in self._device.bound(feature)
        ]

    def _judge(self, request: BindingRequest, now: float) -> Verdict:
        owner = self.owner
        if owner is None or owner == (request.peer, request.client.entity):
            return Accept()
        return Refuse(7, "another entity holds LoadControl and DeviceConfiguration")
