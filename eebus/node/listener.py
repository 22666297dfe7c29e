"""The SHIP port: accepts within bounds and hands each connection to a task of its own."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from eebus.node.addresses import own_addresses

if TYPE_CHECKING:
    from eebus.node.admission import Admission
    from eebus.node.clock import Clock
    from eebus.node.tls import Judge, TlsContext, TlsStream

LOGGER = logging.getLogger(__name__)

Serve: TypeAlias = Callable[["TlsStream"], Coroutine[Any, Any, None]]
EVERYWHERE: Final = ("0.0.0.0", "::")  # noqa: S104  # boxes dial us, SHIP is there to be reached
RETRY_S: Final = 10.0


class Listener:
    """Owns the server sockets and the tasks of what they accepted."""

    def __init__(
        self,
        context: TlsContext,
        judge: Judge,
        admission: Admission,
        clock: Clock,
        *,
        serve: Serve,
        is_known_host: Callable[[str], bool],
    ) -> None:
        self.problem = ""
        """Why nobody can reach us; empty when the port is open."""
        self._context = context
        self._judge = judge
        self._admission = admission
        self._clock = clock
        self._serve = serve
        self._is_known_host = is_known_host
        self._tasks: asyncio.TaskGroup | None = None
        self._refused = 0
        self._is_open = True

    async def run(
        self, interfaces: tuple[str, ...], port: int, bound: Callable[[int], None]
    ) -> None:
        """Listen until cancelled; ``bound`` is told the port. A taken port is tried again."""
        async with AsyncExitStack() as servers, asyncio.TaskGroup() as self._tasks:
            while not (actual := await self._bind(servers, interfaces, port)):
                await self._clock.sleep_until(self._clock.monotonic() + RETRY_S)
            bound(actual)
            await asyncio.get_running_loop().create_future()

    def stop(self) -> None:
        """Let nobody in any more; what stands may end in good order."""
        self._is_open = False

    async def _bind(self, servers: AsyncExitStack, interfaces: tuple[str, ...], port: int) -> int:
        """Open the port on every address that has it; 0 when none has."""
        loop = asyncio.get_running_loop()
        hosts = own_addresses(interfaces) if interfaces else EVERYWHERE
        self.problem = "" if hosts else f"no address on {', '.join(interfaces)}"
        actual = 0
        for host in hosts:
            try:
                server = await loop.create_server(self._new_stream, host, actual or port)
            except OSError as error:  # IPv6 may be switched off: one address is enough
                self.problem = f"port {port} on {host}: {error.strerror or error}"
                continue
            servers.callback(server.close)
            actual = actual or server.sockets[0].getsockname()[1]
        if actual:
            self.problem = ""
        else:
            LOGGER.warning("! SHIP port is not open: %s", self.problem)
        return actual

    def _new_stream(self) -> TlsStream:
        return self._context.server(self._judge, made=self._made)

    def _made(self, stream: TlsStream) -> None:
        host = stream.peer_address[0]
        if self._tasks is None or not self._is_open:
            stream.abort("shutting down")
            return
        now = self._clock.monotonic()
        refusal = self._admission.admit(host, now, is_known=self._is_known_host(host))
        if refusal:
            self._refused += 1
            LOGGER.log(_level(self._refused), "x %s refused: %s", host, refusal)
            stream.abort(refusal)
            return
        self._tasks.create_task(self._serve(stream))


def _level(count: int) -> int:
    """A flood writes one line per power of two."""
    return logging.WARNING if count & (count - 1) == 0 else logging.DEBUG
