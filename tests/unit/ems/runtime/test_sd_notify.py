"""What systemd is told."""

from __future__ import annotations

import socket
from pathlib import Path

from ems.runtime.sd_notify import Systemd


def test_ready_and_watchdog_reach_the_socket(tmp_path: Path) -> None:
    path = tmp_path / "notify"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.bind(str(path))
        systemd = Systemd({"NOTIFY_SOCKET": str(path), "WATCHDOG_USEC": "10000000"})
        systemd.ready()
        systemd.alive()
        got = [listener.recv(100), listener.recv(100)]

    assert got == [b"READY=1", b"WATCHDOG=1"]
    assert systemd.watchdog_s == 10.0


def test_without_systemd_nothing_is_sent_and_nothing_fails() -> None:
    systemd = Systemd({})
    systemd.ready()

    assert systemd.watchdog_s is None


def test_a_vanished_socket_does_not_stop_the_service(tmp_path: Path) -> None:
    Systemd({"NOTIFY_SOCKET": str(tmp_path / "gone")}).alive()
