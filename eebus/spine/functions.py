"""SPINE functions as rows: name on the wire, data type, identifiers, filter types (SPINE 5.3.4).

The rows stand, typed, beside their data types in the generated modules, e.g.
``from eebus.spine.model.load_control import LOAD_CONTROL_LIMIT_LIST_DATA``. :func:`index` finds a
row by its wire name and imports only the module that holds it.
"""

from __future__ import annotations

from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING, Any, cast

from eebus.spine.function import Function
from eebus.spine.model.table import CONSTANTS

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

AnyFunction = Function[Any]

__all__ = ["AnyFunction", "Function", "FunctionIndex", "index"]


class FunctionIndex:
    """All functions by wire name; a row is imported when it is asked for first."""

    def __init__(self, constants: Mapping[str, tuple[str, str]]) -> None:
        self._constants = constants
        self._loaded: dict[str, AnyFunction] = {}

    def __contains__(self, name: object) -> bool:
        return name in self._constants

    def __iter__(self) -> Iterator[str]:
        return iter(self._constants)

    def __len__(self) -> int:
        return len(self._constants)

    def get(self, name: str) -> AnyFunction | None:
        """Return the function called ``name`` on the wire, or ``None``."""
        if name not in self._loaded:
            if name not in self._constants:
                return None
            module, constant = self._constants[name]
            loaded = getattr(import_module(f"eebus.spine.model.{module}"), constant)
            self._loaded[name] = cast("AnyFunction", loaded)
        return self._loaded[name]


@cache
def index() -> FunctionIndex:
    """Return the index of all functions of SPINE 1.3.0."""
    return FunctionIndex(CONSTANTS)
