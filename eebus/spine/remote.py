"""What a peer told about itself: entities, features, use cases, and the data of its servers."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, TypeAlias, TypeVar, cast

import msgspec

from eebus.spine.addresses import Entity, FeatureAddress, Peer, is_within

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from eebus.spine.functions import AnyFunction, Function

D = TypeVar("D", bound=msgspec.Struct)

GENERIC: Final = "Generic"

_Place: TypeAlias = "tuple[Entity, int, str]"
"""Entity, feature and function."""


@dataclass(frozen=True, slots=True)
class Operations:
    """What a server announced for one function."""

    read: bool = False
    read_partial: bool = False
    write: bool = False
    write_partial: bool = False


@dataclass(frozen=True, slots=True)
class RemoteFeature:
    """A feature as announced; types and roles we do not know are kept as they came."""

    address: FeatureAddress
    type: str
    role: str
    functions: Mapping[str, Operations]
    description: str = ""
    max_response_delay_s: float | None = None


@dataclass(frozen=True, slots=True)
class RemoteEntity:
    """An entity as announced, with its features."""

    address: Entity
    type: str
    description: str = ""
    features: tuple[RemoteFeature, ...] = ()


@dataclass(frozen=True, slots=True)
class RemoteUseCase:
    """One use case of one actor; ``entity`` is ``None`` where the peer names the device only."""

    entity: Entity | None
    actor: str
    name: str
    version: str
    available: bool
    scenarios: tuple[int, ...]


@dataclass(slots=True)
class RemoteDevice:
    """The picture of one peer. Use cases read it; only the local device changes it."""

    peer: Peer
    address: str | None = None
    device_type: str = ""
    entities: dict[Entity, RemoteEntity] = field(default_factory=dict[Entity, RemoteEntity])
    use_cases: tuple[RemoteUseCase, ...] = ()
    _data: dict[_Place, msgspec.Struct] = field(default_factory=dict["_Place", msgspec.Struct])
    _sizes: dict[_Place, int] = field(default_factory=dict["_Place", int])

    def features(
        self, *, entity: Entity | None = None, role: str | None = None
    ) -> Iterator[RemoteFeature]:
        """Return the features, optionally of one entity (without its children) or one role."""
        for place, found in self.entities.items():
            if entity is None or place == entity:
                yield from (f for f in found.features if role is None or f.role == role)

    def feature_at(self, address: FeatureAddress) -> RemoteFeature | None:
        """Return the feature at an address; its device is not looked at."""
        entity = self.entities.get(address.entity)
        features = entity.features if entity else ()
        return next((f for f in features if f.address.feature == address.feature), None)

    def server(self, entity: Entity, feature_type: str) -> RemoteFeature | None:
        """Return the server feature of a type in an entity."""
        servers = self.features(entity=entity, role="server")
        return next((f for f in servers if f.type == feature_type), None)

    def server_of(self, entity: Entity, function: AnyFunction) -> RemoteFeature | None:
        """Return the server feature that offers ``function``, a Generic one included (KEO, Elli).

        The feature of the function's own type is preferred; one of that type that lists no
        functions at all counts, too.
        """
        servers = list(self.features(entity=entity, role="server"))
        typed = [f for f in servers if f.type == function.feature]
        listed = [f for f in (*typed, *servers) if function.name in f.functions]
        silent = [f for f in typed if not f.functions]
        return next(iter((*listed, *silent)), None)

    def use_case(self, name: str, actors: Iterable[str]) -> tuple[RemoteUseCase, ...]:
        """Return the announcements of a use case by one of the accepted actors."""
        accepted = frozenset(actors)
        return tuple(u for u in self.use_cases if u.name == name and u.actor in accepted)

    def data(self, address: FeatureAddress, function: Function[D]) -> D | None:
        """Return the merged data of a remote server feature, ``None`` if it never told any."""
        found = self._data.get((address.entity, address.feature, function.name))
        return cast("D | None", found)

    def store(
        self,
        address: FeatureAddress,
        function: AnyFunction,
        data: msgspec.Struct,
        max_chars: int,
    ) -> bool:
        """Keep data unless all data of this peer would be too long; for the local device only."""
        place = (address.entity, address.feature, function.name)
        size = len(repr(data))
        if sum(self._sizes.values()) - self._sizes.get(place, 0) + size > max_chars:
            return False
        self._data[place], self._sizes[place] = data, size
        return True

    def cached(self) -> int:
        """Return how many functions are held."""
        return len(self._data)

    def forget(self, entity: Entity) -> None:
        """Drop an entity, its children and their data; for the local device only."""
        for place in [place for place in self.entities if is_within(place, entity)]:
            del self.entities[place]
        for key in [key for key in self._data if is_within(key[0], entity)]:
            del self._data[key], self._sizes[key]
