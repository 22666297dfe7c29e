"""mDNS of a node: announce after the listener is bound, browse, stay bounded (ship.md 2).

Only hints come from here. Without multicast, with port 5353 taken, or with a peer that announces
nothing the node works all the same: it is dialled, or it dials the address it was told.
"""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Final, TypeAlias, cast

from zeroconf import (
    Error,
    InterfaceChoice,
    IPVersion,
    ServiceStateChange,
    Zeroconf,
)
from zeroconf.asyncio import AsyncServiceBrowser, AsyncServiceInfo, AsyncZeroconf

from eebus.node.addresses import own_addresses
from eebus.node.discovered import MAX_ADDRESSES, MAX_ENTRIES
from eebus.ship.discovery import SERVICE_TYPE, ServiceRecord, parse_txt
from eebus.wire.texts import is_printable, shown

if TYPE_CHECKING:
    from eebus.node.announcement import Announcement
    from eebus.node.clock import Clock

Register: TypeAlias = Callable[..., Awaitable[Awaitable[object]]]

LOGGER = logging.getLogger(__name__)

TTL_S: Final = 120  # SHIP 7
RESOLVE_MS: Final = 3000
REFRESH_S: Final = 60.0
RESOLVERS: Final = 4  # a name that nobody answers for must not hold up the others
MAX_LABEL_BYTES: Final = 63
MAX_NAME: Final = 255


class Mdns:
    """Announces and browses until cancelled; calls ``found`` and ``gone`` on the event loop."""

    def __init__(
        self,
        interfaces: tuple[str, ...],
        clock: Clock,
        *,
        found: Callable[[ServiceRecord], None],
        gone: Callable[[str], None],
    ) -> None:
        self.problem = ""
        """Why mDNS does not work at the moment; empty when it does."""
        self._interfaces = interfaces
        self._clock = clock
        self._found = found
        self._gone = gone
        self._asked: asyncio.Queue[str] = asyncio.Queue(MAX_ENTRIES)

    async def run(self, announcement: Announcement | None) -> None:
        """Keep announcing and browsing; starts anew when our addresses change."""
        while True:
            try:
                await self._serve(announcement, own_addresses(self._interfaces))
            except* (OSError, Error) as errors:  # a task group wraps what ends it
                self._tell(f"mDNS does not work: {errors.exceptions[0]}")
            await self._clock.sleep_until(self._clock.monotonic() + REFRESH_S)

    async def _serve(self, announcement: Announcement | None, addresses: list[str]) -> None:
        """One session, as long as our addresses stay as they are."""
        if not addresses:
            self._tell("mDNS does not work: no network address")
            return
        zeroconf = _open(self._interfaces, addresses)
        browser = AsyncServiceBrowser(zeroconf.zeroconf, SERVICE_TYPE, handlers=[self._on_change])
        try:
            async with asyncio.TaskGroup() as tasks:
                running = [tasks.create_task(self._resolve(zeroconf)) for _ in range(RESOLVERS)]
                if announcement is not None:
                    announcing = self._announce(zeroconf, announcement, addresses)
                    running.append(tasks.create_task(announcing))
                await self._watch(addresses)
                for task in running:
                    task.cancel()
        finally:
            await browser.async_cancel()
            await zeroconf.async_unregister_all_services()
            await zeroconf.async_close()

    async def _announce(
        self, zeroconf: AsyncZeroconf, announcement: Announcement, addresses: list[str]
    ) -> None:
        service = AsyncServiceInfo(
            SERVICE_TYPE,
            f"{_label(announcement.instance)}.{SERVICE_TYPE}",
            port=announcement.port,
            properties=announcement.txt,
            server=f"{_label(announcement.host_name)}.local.",
            parsed_addresses=addresses,
            host_ttl=TTL_S,
            other_ttl=TTL_S,
        )
        try:
            register = cast(  # the types of zeroconf leave out what is awaited
                "Register",
                zeroconf.async_register_service,  # pyright: ignore[reportUnknownMemberType]
            )
            await (await register(service, allow_name_change=True))
            self._tell("")
        except (OSError, Error) as error:
            self._tell(f"mDNS announcement failed: {error}")

    async def _watch(self, addresses: list[str]) -> None:
        while own_addresses(self._interfaces) == addresses:
            await self._clock.sleep_until(self._clock.monotonic() + REFRESH_S)

    def _on_change(
        self,
        zeroconf: Zeroconf,  # the names are zeroconf's: it passes them by keyword
        service_type: str,
        name: str,
        state_change: ServiceStateChange,
    ) -> None:
        if not _fits_into_dns(name):
            _forget(zeroconf, name)
        elif state_change is ServiceStateChange.Removed:
            self._gone(shown(name, MAX_NAME))
        elif not self._asked.full():  # a flood of names is dropped, later ones come again
            self._asked.put_nowait(name)

    async def _resolve(self, zeroconf: AsyncZeroconf) -> None:
        """Ask for names: a flood costs time, not memory."""
        while True:
            name = await self._asked.get()
            try:
                record = await _look_up(zeroconf, name)
            except (OSError, Error, ValueError) as error:
                # anybody may announce a name that is against the rules; it must cost nobody else
                LOGGER.debug("x %.80r cannot be resolved: %.80s", name, error)
            else:
                if record is not None:
                    self._found(record)

    def _tell(self, problem: str) -> None:
        if problem and problem != self.problem:
            LOGGER.warning("! %s", problem)
        self.problem = problem


def _fits_into_dns(name: str) -> bool:
    return all(len(label.encode()) <= MAX_LABEL_BYTES for label in name.split("."))


def _forget(zeroconf: Zeroconf, name: str) -> None:
    """Drop a name that no packet can hold: the next question would name it and end all questions.

    Octets that are no UTF-8 grow threefold when they are read.
    """
    cache = zeroconf.cache
    records = cache.async_entries_with_name(SERVICE_TYPE)
    cache.async_remove_records([rec for rec in records if getattr(rec, "alias", None) == name])


async def _look_up(zeroconf: AsyncZeroconf, name: str) -> ServiceRecord | None:
    info = AsyncServiceInfo(SERVICE_TYPE, name)
    if not await info.async_request(zeroconf.zeroconf, RESOLVE_MS):
        return None
    return record_of(name, info)


def record_of(name: str, info: AsyncServiceInfo) -> ServiceRecord | None:
    """Return the entry, ``None`` when its TXT record or its port is of no use."""
    record = parse_txt(info.text or b"")
    if record is None or not info.port:
        return None
    host = (info.server or "").rstrip(".")
    return replace(
        record,
        name=shown(name, MAX_NAME),  # it reaches logs and screens
        host=host if is_printable(host) else "",
        port=info.port,
        addresses=tuple(info.parsed_scoped_addresses(IPVersion.All)[:MAX_ADDRESSES]),
    )


def _open(interfaces: tuple[str, ...], addresses: list[str]) -> AsyncZeroconf:
    if interfaces:
        version = (
            IPVersion.All if any(":" in address for address in addresses) else IPVersion.V4Only
        )
        return AsyncZeroconf(interfaces=list(addresses), ip_version=version)
    version = IPVersion.All if socket.has_ipv6 else IPVersion.V4Only
    try:
        return AsyncZeroconf(interfaces=InterfaceChoice.All, ip_version=version)
    except OSError:  # IPv6 is compiled in but switched off
        return AsyncZeroconf(interfaces=InterfaceChoice.All, ip_version=IPVersion.V4Only)


def _label(text: str) -> str:
    """One DNS label: no dots, at most 63 bytes."""
    return text.replace(".", "-").encode()[:MAX_LABEL_BYTES].decode("utf-8", "ignore") or "ems"
