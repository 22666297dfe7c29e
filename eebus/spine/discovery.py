"""Reading the detailed discovery and use case data of a peer (spine.md 3.2 to 3.4). Pure.

Tolerant: entries that cannot be used are skipped, unknown types are kept as strings, an address
that names another device is ignored. Partial notifies change only the entities they name (H-30).
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from eebus.spine.addresses import FeatureAddress, is_within
from eebus.spine.remote import Operations, RemoteEntity, RemoteFeature, RemoteUseCase
from eebus.wire.errors import WireError
from eebus.wire.times import parse_duration

if TYPE_CHECKING:
    from collections.abc import Iterable

    from eebus.spine.addresses import Entity
    from eebus.spine.model.common_data_types import (
        EntityAddress,
        FunctionProperty,
        PossibleOperations,
    )
    from eebus.spine.model.common_data_types import FeatureAddress as WireFeatureAddress
    from eebus.spine.model.network_management import (
        NetworkManagementEntityDescriptionData,
        NetworkManagementFeatureDescriptionData,
    )
    from eebus.spine.model.node_management import (
        NodeManagementDetailedDiscoveryData,
        NodeManagementUseCaseData,
    )
    from eebus.spine.timings import SpineTimings

Tree = dict[tuple[int, ...], RemoteEntity]

REMOVED: Final = "removed"
MAX_TEXT: Final = 4096  # strings have no bound in the schema (spine.md 5.4)


def device_of(data: NodeManagementDetailedDiscoveryData) -> tuple[str | None, str]:
    """Return device address and device type as the payload tells them."""
    information = data.device_information
    description = information.description if information else None
    if description is None:
        return None, ""
    address = description.device_address
    return (address.device if address else None), _text(description.device_type)


def read_tree(
    data: NodeManagementDetailedDiscoveryData, device: str | None, bounds: SpineTimings
) -> Tree:
    """Return the complete tree of a reply or full notify."""
    tree: Tree = {}
    for entity in _entities(data, device)[: bounds.max_entities]:
        tree[_place(entity)] = _entity(entity)
    return _with_features(tree, data, device, bounds)


def change_tree(
    tree: Tree,
    data: NodeManagementDetailedDiscoveryData,
    device: str | None,
    bounds: SpineTimings,
) -> tuple[Tree, list[Entity]]:
    """Return the tree after a partial notify, and the entities it removed."""
    changed, removed = dict(tree), list[tuple[int, ...]]()
    for entity in _entities(data, device):
        place = _place(entity)
        if entity.last_state_change == REMOVED:
            removed.append(place)
            changed = {key: old for key, old in changed.items() if not is_within(key, place)}
        elif place in changed or len(changed) < bounds.max_entities:
            known = changed.get(place)
            changed[place] = replace(_entity(entity), features=known.features if known else ())
    return _with_features(changed, data, device, bounds), removed


def _entities(
    data: NodeManagementDetailedDiscoveryData, device: str | None
) -> list[NetworkManagementEntityDescriptionData]:
    described = (information.description for information in data.entity_information or ())
    return [d for d in described if d is not None and _is_ours(d.entity_address, device)]


def _is_ours(address: EntityAddress | WireFeatureAddress | None, device: str | None) -> bool:
    if address is None or not address.entity:
        return False
    return address.device is None or device is None or address.device == device


def _place(entity: NetworkManagementEntityDescriptionData) -> Entity:
    address = entity.entity_address
    return (address.entity if address else None) or ()


def _entity(entity: NetworkManagementEntityDescriptionData) -> RemoteEntity:
    return RemoteEntity(_place(entity), _text(entity.entity_type), _text(entity.description))


def _with_features(
    tree: Tree,
    data: NodeManagementDetailedDiscoveryData,
    device: str | None,
    bounds: SpineTimings,
) -> Tree:
    """Lay the features of the message into the tree; those of undeclared entities are ignored."""
    total = sum(len(entity.features) for entity in tree.values())
    for information in data.feature_information or ():
        raw = information.description
        if raw is None or not _is_ours(raw.feature_address, device):
            continue
        feature = _feature(raw, device, bounds)
        entity = tree.get(feature.address.entity) if feature else None
        if feature is None or entity is None or total >= bounds.max_features:
            continue
        others = (f for f in entity.features if f.address.feature != feature.address.feature)
        tree[entity.address] = replace(entity, features=(*others, feature))
        total += 1
    return tree


def _feature(
    raw: NetworkManagementFeatureDescriptionData, device: str | None, bounds: SpineTimings
) -> RemoteFeature | None:
    address = raw.feature_address
    if address is None or not address.entity or address.feature is None:
        return None
    return RemoteFeature(
        address=FeatureAddress(device, address.entity, address.feature),
        type=_text(raw.feature_type),
        role=_text(raw.role),
        functions=_functions(raw.supported_function or ()),
        description=_text(raw.description),
        max_response_delay_s=_delay(raw.max_response_delay, bounds),
    )


def _functions(properties: Iterable[FunctionProperty]) -> dict[str, Operations]:
    return {p.function: _operations(p.possible_operations) for p in properties if p.function}


def _operations(raw: PossibleOperations | None) -> Operations:
    read, write = (raw.read, raw.write) if raw else (None, None)
    return Operations(
        read=read is not None,
        read_partial=read is not None and read.partial is not None,
        write=write is not None,
        write_partial=write is not None and write.partial is not None,
    )


def _delay(text: str | None, bounds: SpineTimings) -> float | None:
    if text is None:
        return None
    try:
        seconds = float(parse_duration(text))
    except WireError:
        return None
    return min(seconds, bounds.max_response_s) if seconds > 0 else None


def _text(text: str | None) -> str:
    return (text or "")[:MAX_TEXT]


def read_use_cases(
    data: NodeManagementUseCaseData, bounds: SpineTimings
) -> tuple[RemoteUseCase, ...]:
    """Return the use cases, duplicates united (Kostal, SMA).

    The device in an address is not looked at: a peer tells its own use cases here.
    """
    found: dict[tuple[Entity | None, str, str], RemoteUseCase] = {}
    for information in data.use_case_information or ():
        address = information.address
        if information.actor is None:
            continue
        entity = (address.entity or None) if address else None
        for support in information.use_case_support or ():
            if support.use_case_name is None:
                continue
            use_case = RemoteUseCase(
                entity=entity,
                actor=_text(information.actor),
                name=_text(support.use_case_name),
                version=_text(support.use_case_version),
                available=support.use_case_available is not False,
                scenarios=support.scenario_support or (),
            )
            key = (entity, use_case.actor, use_case.name)
            if key in found or len(found) < bounds.max_features:
                found[key] = _united(found.get(key), use_case)
    return tuple(found.values())


def _united(known: RemoteUseCase | None, new: RemoteUseCase) -> RemoteUseCase:
    if known is None:
        return new
    scenarios = tuple(sorted({*known.scenarios, *new.scenarios}))
    return replace(new, available=known.available or new.available, scenarios=scenarios)
