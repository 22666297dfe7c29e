"""Our own addresses: where to listen and what to announce."""

from __future__ import annotations

from ipaddress import ip_address

import ifaddr


def own_addresses(interfaces: tuple[str, ...]) -> list[str]:
    """Addresses to announce, sorted; loopback only where it was asked for."""
    chosen: set[str] = set()
    for adapter in ifaddr.get_adapters():
        for entry in adapter.ips:
            address = entry.ip if isinstance(entry.ip, str) else entry.ip[0]
            if interfaces:
                is_wanted = adapter.name in interfaces or address in interfaces
            else:
                is_wanted = not ip_address(address).is_loopback
            if is_wanted:
                chosen.add(address)
    return sorted(chosen)
