"""Restricted function exchange (SPINE 5.3.4): filters, merge and selection. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    import msgspec


@dataclass(frozen=True, slots=True)
class Filter:
    """One filter of a command: what it does, to which entries, to which of their elements.

    ``selectors`` are alternatives (OR); the elements inside one are combined with AND.
    """

    control: Literal["delete", "partial"]
    selectors: tuple[msgspec.Struct, ...] = ()
    elements: msgspec.Struct | None = None


PARTIAL = Filter("partial")
