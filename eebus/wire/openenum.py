"""Open enumerations: strings with named constants, where an unknown value survives (SPINE 5.3).

A peer may send a name that a later version of the standard, or a vendor, has added. It stays what
it is, compares as a string and can be reported.
"""

from __future__ import annotations

from typing import Final, Self, TypeVar

from typing_extensions import override

E = TypeVar("E", bound="OpenEnum")


class named:  # noqa: N801  # reads as a keyword in declarations
    """Declares a constant of an :class:`OpenEnum`: ``READ = named("read")``."""

    def __init__(self, value: str) -> None:
        self.value: Final = value

    def __get__(self, instance: object, owner: type[E]) -> E:
        return owner(self.value)


class OpenEnum(str):
    """Base class; ``Classifier("read") == "read"``, ``Classifier.READ`` is a ``Classifier``."""

    __slots__ = ()

    @override
    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        for name, constant in list(vars(cls).items()):
            if isinstance(constant, named):
                setattr(cls, name, cls(constant.value))

    @classmethod
    def constants(cls) -> tuple[Self, ...]:
        """All named values, in order of declaration."""
        return tuple(value for value in vars(cls).values() if isinstance(value, cls))

    @property
    def is_known(self) -> bool:
        """Whether the value is one of the named constants."""
        return self in self.constants()

    @override
    def __repr__(self) -> str:
        return f"{type(self).__name__}({str.__repr__(self)})"
