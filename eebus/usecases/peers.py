"""Finding a partner's actor in what the peer announced, leniently (spine.md 3.4)."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from eebus.spine.addresses import Entity
    from eebus.spine.remote import RemoteDevice
    from eebus.usecases.spec import UseCaseSpec


def scenarios(remote: RemoteDevice | None, spec: UseCaseSpec) -> tuple[int, ...]:
    """Scenarios the peer announces as partner, sorted; duplicates and several entities joined."""
    if remote is None:
        return ()
    found = remote.use_case(spec.name, spec.peer_actors)
    return tuple(sorted({number for use_case in found for number in use_case.scenarios}))


def entities(remote: RemoteDevice | None, spec: UseCaseSpec) -> tuple[Entity, ...]:
    """Entities on which the partner's actor lives, in the order announced.

    Where the announcement names no entity (or one that is not there) every entity of an accepted
    type counts. ``useCaseAvailable`` is not looked at for server actors (guide P 2.2).
    """
    if remote is None:
        return ()
    places: dict[Entity, None] = {}
    for use_case in remote.use_case(spec.name, spec.peer_actors):
        named = use_case.entity
        candidates = (
            (named,) if named is not None and named in remote.entities else tuple(remote.entities)
        )
        for place in candidates:
            if remote.entities[place].type in spec.peer_entities:
                places[place] = None
    return tuple(places)
