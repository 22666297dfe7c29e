"""Dials trusted peers that are not connected: one task per SKI, backoff, never in anybody's way.

A dead peer costs its own task only (H-45). Addresses are tried in order, 5 s each; literal ones
keep their zone (F-08) and need no name resolution (I-07), names are asked for in threads of their
own.
"""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Protocol, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Sequence

    from eebus.node.clock import Clock
    from eebus.ship.ski import Ski

LOGGER = logging.getLogger(__name__)

RESOLVER_THREADS: Final = 2
MAX_ADDRESSES: Final = 4
SockAddr: TypeAlias = tuple[Any, ...]  # what the socket module calls an address


@dataclass(frozen=True, slots=True)
class Target:
    """One way to a peer."""

    host: str
    port: int
    path: str
    server_name: str = ""


class DialPlan(Protocol):
    """Whom to dial and when; the peer book knows."""

    def wanted(self) -> list[Ski]:
        """Trusted peers that we may dial."""
        ...

    def is_linked(self, ski: Ski) -> bool:
        """Whether a connection of ``ski`` stands in any phase after TLS."""
        ...

    def targets(self, ski: Ski) -> list[Target]:
        """Ways to ``ski``, best first; empty while none is known."""
        ...

    def due_at(self, ski: Ski) -> float:
        """When to dial next [protocol s]."""
        ...

    def found_no_way(self, ski: Ski, now: float) -> None:
        """Nothing could be dialled; moves ``due_at`` on."""
        ...


Dial: TypeAlias = Callable[["Ski", Target], Awaitable[bool]]
"""Connects and runs the link to its end; ``False``: this way did not lead to the peer."""


class Dialer:
    """Keeps every wanted peer dialled until cancelled."""

    def __init__(self, plan: DialPlan, dial: Dial, clock: Clock) -> None:
        self._plan = plan
        self._dial = dial
        self._clock = clock
        self._kicks: dict[Ski, asyncio.Event] = {}
        self._bell = asyncio.Event()

    def kick(self, ski: Ski | None = None) -> None:
        """Something changed for ``ski`` (or anybody): look again, try at once."""
        for known, event in self._kicks.items():
            if ski in (None, known):
                event.set()
        self._bell.set()

    async def run(self) -> None:
        """Own one task per wanted peer."""
        async with asyncio.TaskGroup() as tasks:
            while True:
                self._bell.clear()
                for ski in self._plan.wanted():
                    if ski not in self._kicks:
                        self._kicks[ski] = asyncio.Event()
                        tasks.create_task(self._keep_dialled(ski))
                await self._bell.wait()

    async def _keep_dialled(self, ski: Ski) -> None:
        kick = self._kicks[ski]
        try:
            while ski in self._plan.wanted():
                if self._plan.is_linked(ski):
                    await self._until(kick, None)
                    continue
                if self._clock.monotonic() < self._plan.due_at(ski):
                    await self._until(kick, self._plan.due_at(ski))
                    continue
                await self._try_all(ski)
                if self._plan.due_at(ski) <= self._clock.monotonic():
                    self._plan.found_no_way(ski, self._clock.monotonic())
        finally:
            del self._kicks[ski]

    async def _until(self, kick: asyncio.Event, deadline: float | None) -> None:
        await self._clock.wait_for(kick.wait(), until=deadline)
        kick.clear()

    async def _try_all(self, ski: Ski) -> None:
        for target in self._plan.targets(ski):
            if self._plan.is_linked(ski) or ski not in self._plan.wanted():
                return
            if await self._dial(ski, target):
                return


class Resolver:
    """Host and port to socket addresses; a resolver that hangs blocks only itself."""

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(RESOLVER_THREADS, thread_name_prefix="resolve")

    async def resolve(self, host: str, port: int) -> Sequence[tuple[int, SockAddr]]:
        """Return (family, address) pairs; ``OSError`` when there is none."""
        try:
            literal = host.encode("utf-8", "replace")  # octets need no IDNA tables
            found = _ask(literal, port, socket.AI_NUMERICHOST)
        except socket.gaierror:
            loop = asyncio.get_running_loop()
            found = await loop.run_in_executor(self._threads, _ask, host, port, 0)
        return [(family, address) for family, _, _, _, address in found][:MAX_ADDRESSES]

    def close(self) -> None:
        """Give the threads up without waiting for them."""
        self._threads.shutdown(wait=False, cancel_futures=True)


async def connect(resolver: Resolver, target: Target, timeout_s: float) -> socket.socket:
    """Return a connected TCP socket; ``OSError`` when no address answers in time."""
    last: OSError = OSError(f"no address for {target.host}")
    async with asyncio.timeout(timeout_s):
        addresses = await resolver.resolve(target.host, target.port)
    for family, address in addresses:
        sock = socket.socket(family, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
        try:
            async with asyncio.timeout(timeout_s):
                await asyncio.get_running_loop().sock_connect(sock, address)
        except OSError as error:  # TimeoutError is one of them
            sock.close()
            last = error
        except asyncio.CancelledError:
            sock.close()
            raise
        else:
            return sock
    raise last


def _ask(
    host: str | bytes, port: int, flags: int
) -> list[tuple[socket.AddressFamily, socket.SocketKind, int, str, SockAddr]]:
    try:
        return list(socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=flags))
    except UnicodeError:  # empty or overlong labels; mDNS and users may say anything
        raise OSError("no host name") from None
