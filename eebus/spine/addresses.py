"""Feature addresses as values (SPINE 2.1): device, entity path, feature number.

Compared completely and case sensitively; device names are opaque. ``0`` is an ordinary number
everywhere (entity ``(0,)`` and feature ``0`` are the node management).
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass, replace
from typing import Final, TypeAlias

from typing_extensions import override

Peer: TypeAlias = str
"""Key of a connected peer: its SKI, opaque to SPINE."""

Entity: TypeAlias = tuple[int, ...]
"""Entity path from the root, e.g. ``(1,)`` or its child ``(1, 1)``."""

MAX_DEVICE_LENGTH: Final = 256  # SPINE resource specification, AddressDeviceType
MAX_ENTITY_DEPTH: Final = 15  # deeper paths may be discarded silently (spine.md 2.1)

DEVICE_INFORMATION: Final[Entity] = (0,)
NODE_MANAGEMENT_FEATURE: Final = 0

_NOT_IN_NAMES = re.compile(r"[^A-Za-z0-9-]+")
_ENTERPRISE_NUMBER = re.compile(r"[1-9][0-9]*")
_OWN_ADDRESS = re.compile(r"d:_(?:i:[1-9][0-9]*|n:[a-zA-Z0-9-]+)_.+")


@dataclass(frozen=True, slots=True, order=True)
class FeatureAddress:
    """One feature of one device; ``device`` is ``None`` only while it is not known yet."""

    device: str | None
    entity: Entity
    feature: int

    def on(self, device: str | None) -> FeatureAddress:
        """Return the same place on ``device``."""
        return replace(self, device=device)

    @override
    def __str__(self) -> str:
        path = ".".join(str(part) for part in self.entity)
        return f"{self.device or '?'}[{path}]/{self.feature}"


def node_management(device: str | None) -> FeatureAddress:
    """Return the address of the primary node management of ``device``."""
    return FeatureAddress(device, DEVICE_INFORMATION, NODE_MANAGEMENT_FEATURE)


def is_usable_device(name: str) -> bool:
    """Tell whether a received device address may be stored and shown.

    Real devices send names outside the pattern of the specification, so only emptiness, length
    and control, format or separator characters are refused (H-66).
    """
    return 0 < len(name) <= MAX_DEVICE_LENGTH and not any(
        unicodedata.category(char) in {"Cc", "Cf", "Zl", "Zp", "Zs"} for char in name
    )


def own_device_address(brand: str, serial: str, vendor_number: str = "") -> str:
    """Return an address for ourselves: ``d:_i:<IANA number>_…`` or ``d:_n:<brand>_<serial>``.

    What the form does not allow in a name (blanks, dots) becomes a hyphen.
    """
    name = _NOT_IN_NAMES.sub("-", brand)
    if _ENTERPRISE_NUMBER.fullmatch(vendor_number):
        return f"d:_i:{vendor_number}_{name}-{serial}"
    return f"d:_n:{name}_{serial}"


def is_conformant_device(name: str) -> bool:
    """Tell whether ``name`` has the form we may announce as our own (SPINE 2.1)."""
    return is_usable_device(name) and _OWN_ADDRESS.fullmatch(name) is not None


def is_within(entity: Entity, ancestor: Entity) -> bool:
    """Tell whether ``entity`` is ``ancestor`` or one of its descendants."""
    return entity[: len(ancestor)] == ancestor
