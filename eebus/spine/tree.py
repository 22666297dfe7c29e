"""Our own tree: entities and features from their declarations, with the data of the servers."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from eebus.spine.addresses import DEVICE_INFORMATION, FeatureAddress, is_conformant_device
from eebus.spine.functions import index
from eebus.spine.model.device_classification import (
    DEVICE_CLASSIFICATION_MANUFACTURER_DATA,
    DeviceClassificationManufacturerData,
)
from eebus.spine.specs import EntitySpec, FeatureSpec, FunctionSpec
from eebus.wire.errors import LocalUseError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    import msgspec

    from eebus.spine.addresses import Entity
    from eebus.spine.functions import AnyFunction
    from eebus.spine.guards import BindingJudge, Judge, View
    from eebus.spine.specs import DeviceInfo

NM_READABLE = (
    "nodeManagementDetailedDiscoveryData",
    "nodeManagementUseCaseData",
    "nodeManagementSubscriptionData",
    "nodeManagementBindingData",
    "nodeManagementDestinationListData",
)
NM_CALLS = (
    "nodeManagementSubscriptionRequestCall",
    "nodeManagementSubscriptionDeleteCall",
    "nodeManagementBindingRequestCall",
    "nodeManagementBindingDeleteCall",
)


@dataclass(slots=True, eq=False)
class LocalFeature:
    """A feature of ours; clients hold no functions."""

    address: FeatureAddress
    spec: FeatureSpec
    functions: dict[str, FunctionSpec]
    data: dict[str, msgspec.Struct] = field(default_factory=dict[str, Any])
    judges: dict[str, Judge] = field(default_factory=dict[str, Any])
    views: dict[str, View] = field(default_factory=dict[str, Any])
    binding_judge: BindingJudge | None = None

    def shown(self, name: str, data: msgspec.Struct, now: float) -> msgspec.Struct:
        """Return the data of a function as peers see it at ``now``."""
        view = self.views.get(name)
        return data if view is None else view(data, now)


class LocalTree:
    """Entities in the order of declaration, ``[0]`` first; addresses never change."""

    def __init__(self, info: DeviceInfo, entities: Sequence[EntitySpec]) -> None:
        if not is_conformant_device(info.address):
            raise LocalUseError(f"no device address: {info.address!r}")
        self.info = info
        self.device = info.address
        self.entities: dict[Entity, EntitySpec] = {}
        self._features: dict[FeatureAddress, LocalFeature] = {}
        self.add(_device_information())
        manufacturer = self.find(DEVICE_INFORMATION, "DeviceClassification", "server")
        manufacturer.data[DEVICE_CLASSIFICATION_MANUFACTURER_DATA.name] = _manufacturer(info)
        for entity in entities:
            self.add(entity)

    def add(self, entity: EntitySpec) -> None:
        """Add an entity; its parent must be there.

        Raises:
            LocalUseError: the address is taken or has no parent, or one type and role twice.
        """
        parent = entity.address[:-1]
        if entity.address in self.entities or (parent and parent not in self.entities):
            raise LocalUseError(f"no place for an entity at {entity.address}")
        kinds = [(feature.type, feature.role) for feature in entity.features]
        if len(set(kinds)) != len(kinds):  # guide P 3.4
            raise LocalUseError(f"two features of one type and role in {entity.address}")
        self.entities[entity.address] = entity
        first = 0 if entity.address == DEVICE_INFORMATION else 1
        for number, spec in enumerate(entity.features, start=first):
            address = FeatureAddress(self.device, entity.address, number)
            functions = _by_name(spec.functions) if spec.role != "client" else {}
            self._features[address] = LocalFeature(address, spec, functions)

    def remove(self, entity: Entity) -> None:
        """Remove an entity and its children."""
        depth = len(entity)
        for place in [place for place in self.entities if place[:depth] == entity]:
            del self.entities[place]
        for address in [one for one in self._features if one.entity[:depth] == entity]:
            del self._features[address]

    def features(self, entity: Entity | None = None) -> Iterator[LocalFeature]:
        """Return all features, or those of one entity, in order."""
        return (f for a, f in self._features.items() if entity is None or a.entity == entity)

    def at(self, address: FeatureAddress) -> LocalFeature | None:
        """Return the feature at an address; a missing device means ours."""
        return self._features.get(address.on(address.device or self.device))

    def find(self, entity: Entity, feature_type: str, role: str) -> LocalFeature:
        """Return a feature by type and role.

        Raises:
            LocalUseError: it was not declared.
        """
        for feature in self.features(entity):
            if (feature.spec.type, feature.spec.role) == (feature_type, role):
                return feature
        raise LocalUseError(f"entity {entity} has no {role} {feature_type}")

    def serving(self, address: FeatureAddress, function: AnyFunction) -> LocalFeature:
        """Return the server feature that was declared with ``function``.

        Raises:
            LocalUseError: there is none at this address.
        """
        feature = self.at(address)
        if feature is None or function.name not in feature.functions:
            raise LocalUseError(f"{address} does not serve {function.name}")
        return feature


def _by_name(functions: Iterable[FunctionSpec]) -> dict[str, FunctionSpec]:
    """Index by name; a function declared twice keeps the wider permission (H-21)."""
    found: dict[str, FunctionSpec] = {}
    for spec in functions:
        known = found.get(spec.function.name)
        found[spec.function.name] = spec if known is None else _wider(known, spec)
    return found


def _wider(one: FunctionSpec, other: FunctionSpec) -> FunctionSpec:
    return FunctionSpec(
        function=one.function,
        read=one.read or other.read,
        write=one.write or other.write,
        partial=one.partial or other.partial,
    )


def _device_information() -> EntitySpec:
    """Return the skeleton every device has (spine.md 2.2)."""
    functions = [(name, True) for name in NM_READABLE] + [(name, False) for name in NM_CALLS]
    rows = [(index().get(name), is_readable) for name, is_readable in functions]
    return EntitySpec(
        address=DEVICE_INFORMATION,
        type="DeviceInformation",
        features=(
            FeatureSpec(
                type="NodeManagement",
                role="special",
                functions=tuple(FunctionSpec(function=f, read=r) for f, r in rows if f),
            ),
            FeatureSpec(
                type="DeviceClassification",
                role="server",
                functions=(FunctionSpec(function=DEVICE_CLASSIFICATION_MANUFACTURER_DATA),),
            ),
        ),
    )


def _manufacturer(info: DeviceInfo) -> DeviceClassificationManufacturerData:
    return DeviceClassificationManufacturerData(
        device_name=info.model or None,
        device_code=info.device_code or None,
        serial_number=info.serial or None,
        software_revision=info.software_revision or None,
        hardware_revision=info.hardware_revision or None,
        vendor_name=info.vendor or None,
        brand_name=info.brand or None,
    )
