"""One link per endpoint, however many devices stand behind it."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from drivers.modbus.link import ModbusLink, Pacing

if TYPE_CHECKING:
    from collections.abc import Generator

    from drivers.api import Clock
    from drivers.modbus.mapfile import Transport


class LinkPool:
    """Lends links; the last user of an endpoint closes its connection."""

    def __init__(self, clock: Clock) -> None:
        """``clock``: for the pacing of every link."""
        self._clock = clock
        self._links: dict[tuple[str, int], tuple[ModbusLink, int]] = {}

    @contextmanager
    def lend(self, host: str, port: int, transport: Transport) -> Generator[ModbusLink]:
        """The endpoint's link; pacing is that of the first device that asked."""
        key = (host, port)
        link, users = self._links.get(key) or (
            ModbusLink(host, port, Pacing.of(transport), self._clock),
            0,
        )
        self._links[key] = (link, users + 1)
        try:
            yield link
        finally:
            users = self._links[key][1] - 1
            if users:
                self._links[key] = (link, users)
            else:
                del self._links[key]
                link.close()
