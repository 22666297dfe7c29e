"""The declarations a local device is made of; discovery and use case data are derived from them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from eebus.spine.addresses import Entity
    from eebus.spine.functions import AnyFunction

SPECIFICATION_VERSION: Final = "1.3.0"


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceInfo:
    """Who we are: the device address and the texts of the manufacturer data.

    ``address`` has the form ``d:_i:<enterprise number>_<unique>`` or ``d:_n:<vendor>_<unique>``
    and never changes. Texts must not hold brackets or braces, some peers damage them.
    """

    address: str
    device_type: str = "EnergyManagementSystem"
    brand: str = ""
    vendor: str = ""
    model: str = ""
    device_code: str = ""
    serial: str = ""
    software_revision: str = ""
    hardware_revision: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class FunctionSpec:
    """A function of a server feature and what peers may do with it.

    ``partial`` announces the restricted function exchange for the operations that are allowed.
    """

    function: AnyFunction
    read: bool = True
    write: bool = False
    partial: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class FeatureSpec:
    """A feature: at most one per type and role in an entity (guide P 3.4).

    ``max_response_delay_s`` is announced to peers; ``None`` announces nothing (10 s apply).
    ``writes_need_binding`` is false only for features whose specification asks for none (H-18).
    """

    type: str
    role: str
    functions: tuple[FunctionSpec, ...] = ()
    description: str = ""
    max_response_delay_s: int | None = None
    writes_need_binding: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class EntitySpec:
    """An entity with its features, numbered from 1 in the order given."""

    address: Entity
    type: str
    features: tuple[FeatureSpec, ...] = ()
    description: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class UseCaseAnnouncement:
    """One line of the use case data.

    ``available`` ``None`` leaves ``useCaseAvailable`` out, as the guide asks of server actors.
    """

    entity: Entity
    actor: str
    name: str
    version: str
    sub_revision: str
    scenarios: tuple[int, ...]
    available: bool | None = None
