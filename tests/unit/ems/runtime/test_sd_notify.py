"""What systemd is told."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from ems.runtime.sd_notify import Systemd


def test_ready_and_watchdog_reach_the_socket(tmp_path: Path) -> None:
    path = tmp_path / "notify"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.bind(str(path))
        systemd = Systemd({"NOTIFY_SOCKET": str(path), "WATCHDOG_USEC": "10000000"})
        systemd.ready()
        systemd.alive()
        systemd.reloading()
        got = [listener.recv(100), listener.recv(100), listener.recv(100)]

    assert got == [b"READY=1", b"WATCHDOG=1", b"RELOADING=1"]
    assert systemd.watchdog_s == 10.0


def test_without_systemd_nothing_is_sent_and_nothing_fails() -> None:
    systemd = Systemd({})
    systemd.ready()

    assert systemd.watchdog_s is None


def test_a_vanished_socket_does_not_stop_the_service(tmp_path: Path) -> None:
    Systemd({"NOTIFY_SOCKET": str(tmp_path / "gone")}).alive()


@pytest.mark.invariant("I-08")
@pytest.mark.timeout(10)
def test_a_systemd_that_does_not_listen_never_holds_up_the_control_loop(tmp_path: Path) -> None:
    path = tmp_path / "notify"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.bind(str(path))
        systemd = Systemd({"NOTIFY_SOCKET": str(path)})
        for _ in range(2_000):  # far more than the kernel queues
            systemd.alive()
        first = listener.recv(100)

    assert first == b"WATCHDOG=1"
