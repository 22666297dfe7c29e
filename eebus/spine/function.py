"""The row that describes one SPINE function; apart, because the generated modules import it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Generic, TypeVar

import msgspec

D = TypeVar("D", bound=msgspec.Struct)


@dataclass(frozen=True, slots=True)
class Function(Generic[D]):
    """One SPINE function.

    ``items`` is the list field of a list container, ``entry`` its entry type; ``keys`` and
    ``sub_keys`` are the identifiers of an entry (Python field names). All are empty for functions
    whose entries cannot be addressed: those are exchanged in full only.
    """

    name: str
    data: type[D]
    feature: str | None = None
    items: str = ""
    entry: type[msgspec.Struct] | None = None
    keys: tuple[str, ...] = ()
    sub_keys: tuple[str, ...] = ()
    write_check: str = ""
    selectors_name: str = ""
    selectors: type[msgspec.Struct] | None = None
    elements_name: str = ""
    elements: type[msgspec.Struct] | None = None

    @property
    def identifiers(self) -> tuple[str, ...]:
        """All identifiers of an entry, primary first."""
        return self.keys + self.sub_keys
