"""What the command line tells the service."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

SOCKET_NAME = "api.sock"


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """Options of ``ems run``.

    Attributes:
        socket: path of the service socket; ``None``: by environment, else in the state folder.
        speed, clock_epoch: protocol clock (see ``eebus.node.clock``).
    """

    config: Path
    socket: Path | None = None
    speed: float = 1.0
    clock_epoch: float = 0.0

    def socket_for(self, state_dir: Path) -> Path:
        """Where the service listens: ``--socket``, ``$EMS_SOCKET``, systemd, state folder."""
        if self.socket is not None:
            return self.socket
        if os.environ.get("EMS_SOCKET"):
            return Path(os.environ["EMS_SOCKET"])
        if os.environ.get("RUNTIME_DIRECTORY"):
            return Path(os.environ["RUNTIME_DIRECTORY"].partition(":")[0]) / SOCKET_NAME
        return state_dir / SOCKET_NAME
