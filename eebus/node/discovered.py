"""What mDNS has shown: hints where a SKI may be reached, never a reason to trust it."""

from __future__ import annotations

from ipaddress import ip_address
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Container

    from eebus.ship.discovery import ServiceRecord
    from eebus.ship.ski import Ski

MAX_ENTRIES: Final = 128
MAX_ADDRESSES: Final = 8


class Discovered:
    """Records by instance name, bounded; one SKI may appear under several names."""

    def __init__(self, own: Ski) -> None:
        self._own = own
        self._records: dict[str, ServiceRecord] = {}

    def found(self, record: ServiceRecord, *, trusted: Container[Ski] = ()) -> bool:
        """Take a new or changed entry; ``False`` when it is ours (H-04) or there is no room.

        For a trusted SKI a stranger makes room: whoever floods the net must not hide the box.
        """
        if record.ski == self._own:
            return False
        if record.name not in self._records and len(self._records) >= MAX_ENTRIES:
            strangers = (name for name, old in self._records.items() if old.ski not in trusted)
            loser = next(strangers, None) if record.ski in trusted else None
            if loser is None:
                return False
            del self._records[loser]
        self._records[record.name] = record
        return True

    def gone(self, name: str) -> None:
        """An entry expired; what was learnt from it stays with the trusted peer."""
        self._records.pop(name, None)

    def of(self, ski: Ski) -> list[ServiceRecord]:
        """All places where ``ski`` announces itself."""
        return [record for record in self._records.values() if record.ski == ski]

    def all(self) -> list[ServiceRecord]:
        """Everything that is announced now, without ourselves."""
        return list(self._records.values())


def hosts_of(record: ServiceRecord) -> list[str]:
    """Where to dial, in order: IPv4, IPv6, scoped link-local, the host name last (ship.md 2.6)."""
    usable = [address for address in record.addresses if is_dialable(address)]
    return [*sorted(usable, key=_rank), *([record.host] if record.host else [])]


def is_dialable(address: str) -> bool:
    """Link-local IPv6 needs its zone, otherwise dialling must fail (F-08)."""
    bare, _, scope = address.partition("%")
    try:
        parsed = ip_address(bare)
    except ValueError:
        return False
    return not parsed.is_link_local or parsed.version == 4 or bool(scope)  # noqa: PLR2004  # IPv4


def _rank(address: str) -> tuple[int, str]:
    parsed = ip_address(address.partition("%")[0])
    if parsed.version == 4:  # noqa: PLR2004  # IPv4
        return (1 if parsed.is_link_local else 0), address
    return (3 if parsed.is_link_local else 2), address
