"""Open requests to one peer: matching of answers, response time, repetition (guide P 2.6.2)."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Callable

    from eebus.spine.addresses import Entity, FeatureAddress
    from eebus.spine.functions import AnyFunction
    from eebus.wire.ejson import JsonValue

Json: TypeAlias = "JsonValue"


@dataclass(slots=True, eq=False)
class Request:
    """One request, however often it was sent.

    ``number`` is the counter of the first transmission, the name of the request; ``due`` [s] is
    when the response time of the latest transmission ends or, while ``waiting``, when it is sent
    again.
    """

    number: int
    classifier: str
    client: FeatureAddress
    server: FeatureAddress
    function: AnyFunction
    command: Json
    response_s: float
    due: float
    waits_s: tuple[float, ...] = ()
    waiting: bool = False
    restricted: bool = False
    relation: tuple[FeatureAddress, FeatureAddress] | None = None
    counters: set[int] = field(default_factory=set[int])

    def is_same(self, other: Request) -> bool:
        """Tell whether an answer to this one answers ``other``, too."""
        return (
            self.classifier == other.classifier
            and self.server == other.server
            and self.client == other.client
            and self.command == other.command
        )


class Requests:
    """The open requests of one connection."""

    def __init__(self) -> None:
        self._open: list[Request] = []

    def __len__(self) -> int:
        return len(self._open)

    @property
    def deadline(self) -> float | None:
        """When the next response time or wait ends."""
        return min((request.due for request in self._open), default=None)

    def same(self, request: Request) -> Request | None:
        """Return an open request that asks the same."""
        return next((one for one in self._open if one.is_same(request)), None)

    def add(self, request: Request) -> None:
        """Keep ``request`` until it is answered or given up."""
        self._open.append(request)

    def find(self, counter: int | None) -> Request | None:
        """Return the request that was sent with this counter, also in an earlier transmission."""
        return next((one for one in self._open if counter in one.counters), None)

    def close(self, request: Request) -> None:
        """Forget an answered request."""
        self._open.remove(request)

    def forget(self, is_gone: Callable[[Entity], bool]) -> list[Request]:
        """Drop and return requests to entities that are gone."""
        gone = [one for one in self._open if is_gone(one.server.entity)]
        self._open = [one for one in self._open if one not in gone]
        return gone

    def take_due(self, now: float) -> list[Request]:
        """Return the requests whose time has come; they stay open."""
        return [one for one in self._open if one.due <= now]
