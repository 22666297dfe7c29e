"""Names of devices to addresses, without holding anybody up.

A name server that is silent keeps ``getaddrinfo`` busy for half a minute. In the threads of the
event loop that would fill the place where the state is written (I-07, I-08), and a stop would wait
for it. So each name has one thread of its own at most, and the process ends without it.
"""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import socket
from threading import Thread
from typing import Final

from drivers.api import UnreachableError

MAX_ADDRESSES: Final = 4


class HostName:
    """One host as it stands in the configuration."""

    def __init__(self, host: str) -> None:
        """``host``: an address, or a name to be asked for before each connection."""
        self._host = host
        self._asked: asyncio.Future[tuple[str, ...]] | None = None

    async def addresses(self, timeout_s: float) -> tuple[str, ...]:
        """Where the host may be now, likeliest first; waits ``timeout_s`` [real s] at most.

        Raises:
            UnreachableError: nobody knows the name, or nobody answers the question.
        """
        with contextlib.suppress(ValueError):
            return (str(ipaddress.ip_address(self._host)),)
        if self._asked is None:
            self._asked = self._ask()
        try:
            async with asyncio.timeout(timeout_s):
                found = await asyncio.shield(self._asked)
        except TimeoutError as error:  # the question goes on, the next attempt waits for it too
            raise UnreachableError(f"{self._host}: no answer from the name server") from error
        except (OSError, ValueError) as error:
            self._asked = None
            raise UnreachableError(f"{self._host}: {error}") from error
        self._asked = None
        return found

    def _ask(self) -> asyncio.Future[tuple[str, ...]]:
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[tuple[str, ...]] = loop.create_future()

        def tell(found: tuple[str, ...], error: Exception | None) -> None:
            if error is not None:
                answer.set_exception(error)
            else:
                answer.set_result(found)

        def ask() -> None:
            found: tuple[str, ...] = ()
            failed: Exception | None = None
            try:
                rows = socket.getaddrinfo(self._host, None, type=socket.SOCK_STREAM)
                found = tuple(dict.fromkeys(str(row[4][0]) for row in rows))[:MAX_ADDRESSES]
            except (OSError, ValueError) as error:
                failed = error
            with contextlib.suppress(RuntimeError):  # the loop is gone: nobody wants to know
                loop.call_soon_threadsafe(tell, found, failed)

        answer.add_done_callback(lambda done: done.exception())  # read, even if nobody waits
        Thread(target=ask, name=f"name {self._host}", daemon=True).start()
        return answer
