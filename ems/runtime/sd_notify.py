"""Tell systemd that the service is ready, alive or stopping (sd_notify(3), Type=notify)."""

from __future__ import annotations

import contextlib
import socket
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

MICROSECONDS = 1_000_000
KIND = socket.SOCK_DGRAM | socket.SOCK_CLOEXEC | socket.SOCK_NONBLOCK


class Systemd:
    """The notification socket; silent when the service was not started by systemd."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        """Read ``NOTIFY_SOCKET`` and ``WATCHDOG_USEC`` from ``environ``."""
        self._address = environ.get("NOTIFY_SOCKET", "")
        usec = environ.get("WATCHDOG_USEC", "")
        self.watchdog_s: float | None = int(usec) / MICROSECONDS if usec.isdigit() else None

    def ready(self) -> None:
        """Contact and control core run; EEBUS may still be connecting."""
        self._send("READY=1")

    def alive(self) -> None:
        """A control cycle was completed (I-12)."""
        self._send("WATCHDOG=1")

    def status(self, text: str) -> None:
        """One line for ``systemctl status``."""
        self._send(f"STATUS={text}")

    def reloading(self) -> None:
        """A new configuration takes over; :meth:`ready` ends this."""
        self._send("RELOADING=1")

    def stopping(self) -> None:
        """The process is on its way out; systemd kills it when its time to stop is over."""
        self._send("STOPPING=1")

    def _send(self, message: str) -> None:
        if not self._address:
            return
        path = "\0" + self._address[1:] if self._address.startswith("@") else self._address
        with (
            contextlib.suppress(OSError),  # systemd gone or busy: control never waits for it
            socket.socket(socket.AF_UNIX, KIND) as sock,
        ):
            sock.sendto(message.encode(), path)
