"""What a node is told at its start."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from eebus.node.admission import AdmissionLimits
from eebus.node.keepalive import KeepaliveTimings
from eebus.node.tls import TlsLimits
from eebus.node.ws import WsLimits
from eebus.ship.timings import DEFAULT_TIMINGS, ShipTimings

DEFAULT_PORT: Final = 4712
DEFAULT_PATH: Final = "/ship/"
CATEGORY_EMS: Final = 2  # ship.md 2.2


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeConfig:
    """Names, addresses and bounds; everything not said has the value of ship.md 0.4 and 9.1."""

    port: int = DEFAULT_PORT
    """0 lets the system choose; ``Node.port`` tells."""
    interfaces: tuple[str, ...] = ()
    """Addresses or interface names to listen and announce on; empty: all."""
    path: str = DEFAULT_PATH
    brand: str = "EMS"
    model: str = "ems"
    device_type: str = "EnergyManagementSystem"
    serial: str = ""
    """Empty: the serial of the identity."""
    ship_id: str = ""
    """Empty: the SHIP ID of the identity."""
    categories: tuple[int, ...] = (CATEGORY_EMS,)
    instance_name: str = ""
    """mDNS name shown to people; empty: brand-model-serial."""
    mdns: bool = True
    announce: bool = True
    listen: bool = True
    is_server_only: bool = False
    """Never dial, only be dialled."""
    stop_s: float = 2.0
    """Real seconds for saying goodbye to all peers."""
    dial_s: float = 5.0
    """Real seconds for one TCP connection attempt."""
    pending_links: int = 4
    tls: TlsLimits = field(default_factory=TlsLimits)
    ws: WsLimits = field(default_factory=WsLimits)
    ship: ShipTimings = DEFAULT_TIMINGS
    keepalive: KeepaliveTimings = field(default_factory=KeepaliveTimings)
    admission: AdmissionLimits = field(default_factory=AdmissionLimits)
